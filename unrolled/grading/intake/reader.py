"""The process that reads students' files: a file's bytes come in, what was found in it goes out.

It is started as a script, by path, gives up what confine.py takes, and reads one file after the
other. It runs nothing of them; but a parser can be kept busy, or broken, by what it reads, and then
only this process is, which `readers` replaces.
"""

import json
import os
import pickle
import sys


def main():
    requests, replies = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    given = json.loads(sys.argv[1])
    sys.path[:] = given["paths"]
    from unrolled.grading.run import confine
    from unrolled.grading.run.worker import Channel

    confine.limit_resources(**given["limits"])
    confine.deny_system_calls()
    serve(Channel(requests, replies))


def serve(channel):
    """Answer one request after the other: {"handout": what was handed out, pickled, if it is
    another one than before}, then the file as it is."""
    from unrolled.grading.intake import answers, reading

    handout = None
    channel.send({"type": "ready"})
    while True:
        try:
            request, data = channel.receive(), channel.receive_bytes()
            if request["handout"] is not None:
                handout = pickle.loads(request["handout"].tobytes())  # ours, not a student's
            raw, notes = reading.cells(data)
            del data
            reply = _told(answers.take(raw, handout), notes)
        except reading.Unreadable as problem:
            reply = {"type": "unreadable", "says": str(problem)}
        except MemoryError:
            reply = {"type": "memory"}
        except Exception as error:  # a fault of ours, and then no other student's
            reply = {"type": "fault", "says": type(error).__name__}
        channel.send(reply)


def _told(taken, notes):
    """A Taken as plain data."""
    return {
        "type": "taken",
        "cells": [[cell.source, cell.exercise] for cell in taken.cells],
        "endings": {name: [str(stop.ending), stop.says] for name, stop in taken.endings.items()},
        "doubts": taken.doubts,
        "texts": taken.texts,
        "notes": [*notes, *taken.notes],
        "relevant": taken.relevant,
        "untouched": taken.untouched,
    }


if __name__ == "__main__":
    main()
