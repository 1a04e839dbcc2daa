"""Where submissions are graded: here, in processes of this machine, or on a Dask cluster.

Each executor has one method, `run(function, tasks)`, which yields (index of the task, result) in
the order in which they end. A task whose process died is tried again, TRIES times in all, and then
ends as a Stop. An exception of the function itself is raised, and the rest is given up.
"""

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

from unrolled.grading.model import Ending, GradingError, Stop
from unrolled.grading.run import kit

TRIES = 2


class Here:
    """In this process, one after the other."""

    def run(self, function, tasks):
        for index, task in enumerate(tasks):
            yield index, function(task)


class Processes:
    """In processes of this machine."""

    def __init__(self, workers):
        self.workers = workers

    def run(self, function, tasks):
        waiting, tries = dict(enumerate(tasks)), dict.fromkeys(range(len(tasks)), 0)
        suspects = []  # were at work when a process died: each gets a pool for itself
        while waiting:
            alone = suspects[:1]
            batch = alone or list(waiting)
            broke = False
            for index, result in self._pool(function, {i: waiting[i] for i in batch}):
                if isinstance(result, Stop):
                    broke = True
                    continue
                del waiting[index]
                suspects = [i for i in suspects if i != index]
                yield index, result
            if not broke:
                continue
            if not alone:  # any of those that were left, and most likely the first ones
                suspects = sorted(waiting)[: 2 * self.workers]
                continue
            tries[alone[0]] += 1
            if tries[alone[0]] == TRIES:
                del waiting[alone[0]]
                suspects = suspects[1:]
                says = f"The process that graded it died {TRIES} times."
                yield alone[0], Stop(Ending.CRASHED, says)

    def _pool(self, function, tasks):
        context = multiprocessing.get_context("spawn")  # no copy of our threads and locks
        workers = min(self.workers, len(tasks))
        pool = ProcessPoolExecutor(workers, context, _begin, (os.getpid(), kit.folder()))
        futures, died = {}, Stop(Ending.CRASHED, "The process that graded it died.")
        try:
            for index, task in tasks.items():
                try:
                    futures[pool.submit(function, task)] = index
                except BrokenProcessPool:  # by a task before it
                    yield index, died
            for future in as_completed(futures):
                try:
                    yield futures[future], future.result()
                except BrokenProcessPool:
                    yield futures[future], died
        except BaseException:
            _stop(pool)
            raise
        finally:
            pool.shutdown(cancel_futures=True)


def _stop(pool):
    """End the processes of a pool at once; their sandboxes end with them."""
    for process in list((pool._processes or {}).values()):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            process.kill()


def _begin(parent, folder):
    """In each process: leave interruptions to the parent, and do not outlive it."""
    kit.use(folder)
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch():
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


class Dask:
    """On the workers of a Dask cluster, each with Unrolled and its dependencies installed."""

    def __init__(self, address):
        self.address = address

    def run(self, function, tasks):
        from distributed import Client
        from distributed import as_completed as completed

        try:
            client = Client(self.address, timeout="20s", set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            says = f"no Dask scheduler answers at {self.address}: {error}"
            raise GradingError(says) from None
        with client:
            if not client.scheduler_info()["workers"]:
                raise GradingError(f"the Dask scheduler at {self.address} has no workers")
            futures = {
                client.submit(function, task, pure=False, retries=TRIES - 1): index
                for index, task in enumerate(tasks)
            }
            try:
                for future in completed(list(futures), loop=client.loop):
                    index, error = futures[future], future.exception()
                    if error is None:
                        yield index, future.result()
                    elif type(error).__name__ in ("KilledWorker", "CancelledError"):
                        yield index, Stop(Ending.CRASHED, "The Dask workers that graded it died.")
                    else:
                        raise error
            except BaseException:
                client.cancel(list(futures))
                raise


def choose(workers=None, scheduler=None):
    """The executor for so many processes (None: one for each core), or for a Dask scheduler."""
    if scheduler is not None:
        return Dask(scheduler)
    workers = workers or len(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else [0])
    return Here() if workers == 1 else Processes(workers)
