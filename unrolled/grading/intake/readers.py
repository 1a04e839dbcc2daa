"""Reads students' files in processes of their own, so that none of them can stop the others.

A file that takes too long, or too much memory, or breaks the process that reads it, has a problem
for a person to look at; the next one is read by another process.
"""

import atexit
import json
import os
import pickle
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from numpy import frombuffer, uint8

from unrolled.common.files import ROOT
from unrolled.grading.intake.answers import Taken
from unrolled.grading.model import Cell, Ending, GradingError, Stop
from unrolled.grading.run.process import START, Process

SECONDS, SECONDS_PER_MB = 4.0, 0.1  # of computing, for one file
MEMORY_MB = 3072
TRIES = 2  # at a file at which the process that read it broke down
OUTPUT_MB = 64
SCRIPT = Path(__file__).with_name("reader.py")
ENVIRONMENT = {"PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONHASHSEED": "0"}
ENVIRONMENT |= {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR")}

_idle, _changing = [], threading.Lock()  # processes that wait for the next class


class Readers:
    """As many processes as there are cores; `read` has one of them read a file.

    handout: the Handout of the notebook that was handed out
    """

    def __init__(self, handout):
        self.handout = frombuffer(pickle.dumps(handout), uint8)
        workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
        self.pool = ThreadPoolExecutor(workers)
        self.slots = threading.Semaphore(2 * workers)  # files that are in memory at once

    def read(self, data):
        """A Future of (the Taken of a file's bytes or None, a problem or None)."""
        self.slots.acquire()
        future = self.pool.submit(self._read, data)
        future.add_done_callback(lambda _: self.slots.release())
        return future

    def _read(self, data):
        seconds = SECONDS + SECONDS_PER_MB * len(data) / 2**20
        for number in range(TRIES):
            reply = self._asked(data, seconds, fresh=number > 0)
            if not isinstance(reply, Stop) or reply.ending is not Ending.CRASHED:
                break
        if isinstance(reply, Stop):
            return None, _stopped(reply, seconds)
        if reply["type"] == "taken":
            return _taken(reply), None
        says = {
            "memory": f"reading it takes more than {MEMORY_MB:,} MB of memory",
            "fault": f"it could not be taken apart ({reply.get('says')})",
        }
        return None, says.get(reply["type"], reply.get("says"))

    def _asked(self, data, seconds, fresh):
        """What a process says to a file, or a Stop; `fresh`: one that has not read before."""
        process = _started() if fresh else self._waiting() or _started()
        handout = None if process.knows is self.handout else self.handout
        reply = process.ask({"handout": handout}, seconds, data)
        if isinstance(reply, Stop):
            return reply
        if reply["type"] == "memory":  # it may have stopped anywhere
            process.close()
            return reply
        process.knows = self.handout
        with _changing:
            _idle.append(process)
        return reply

    def _waiting(self):
        """A process that waits, if possible one that knows the hand-out; None where none does."""
        with _changing:
            _idle.sort(key=lambda one: one.knows is self.handout)
            return _idle.pop() if _idle else None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.pool.shutdown(cancel_futures=True)


def _started():
    limits = {"memory": MEMORY_MB << 20, "file": 0, "seconds": 24 * 3600}
    paths = [str(ROOT), *(path for path in sys.path if path)]
    given = json.dumps({"limits": limits, "paths": paths})
    process = Process([sys.executable, "-I", "-B", str(SCRIPT), given], ENVIRONMENT, OUTPUT_MB)
    process.knows = None
    reply = process.ask(None, START)
    if isinstance(reply, Stop):
        raise GradingError(f"the process that reads notebooks does not start: {reply.says}")
    return process


@atexit.register
def close():
    """End the processes that wait."""
    with _changing:
        while _idle:
            _idle.pop().close()


def _stopped(stop, seconds):
    """Why a file could not be read, for the student and the instructor."""
    if stop.ending is Ending.TIMED_OUT:
        return f"reading it takes more than {seconds:.0f} s, as no notebook should"
    if stop.ending is Ending.ERROR:
        return f"what was found in it has more than {OUTPUT_MB} MB"
    return "the process that read it broke down"


def _taken(reply):
    return Taken(
        cells=tuple(Cell(source, exercise) for source, exercise in reply["cells"]),
        endings={name: Stop(Ending(end), says) for name, (end, says) in reply["endings"].items()},
        doubts=reply["doubts"],
        texts=reply["texts"],
        notes=reply["notes"],
        relevant=reply["relevant"],
        untouched=reply["untouched"],
    )
