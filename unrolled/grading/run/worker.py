"""The process in the sandbox: it runs one student's cells, then their answers on given cases.

It is started as a script, by path, and talks in frames (a length, then what wire.pack makes) on
its standard input and output. Nothing here knows what is right. A student's code shares this
process and can make it say anything; what it says is only ever read as an answer to be judged.
"""

import json
import os
import sys


def main():
    requests, replies = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):  # what the cells print goes nowhere, and costs nothing
        os.dup2(null, number)
    given = json.loads(sys.argv[1])
    sys.path[:0] = [given["package"]]
    sys.path += [path for path in given["paths"] if path not in sys.path]
    confine = _load_confine(given["package"])
    confine.limit_resources(**given["limits"])
    confined = confine.deny_system_calls()
    serve(Channel(requests, replies), confined)


def _load_confine(package):
    """The module by path: importing it by name would import NumPy first."""
    import importlib.util

    path = os.path.join(package, "unrolled", "grading", "run", "confine.py")
    spec = importlib.util.spec_from_file_location("confine", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Channel:
    """Frames to and from the supervisor."""

    def __init__(self, requests, replies):
        from unrolled.common import wire

        self.requests, self.replies = requests, replies
        self.pack, self.unpack, self.length = wire.pack, wire.unpack, wire.LENGTH
        self.read, self.write, self.too_much = os.read, os.write, MemoryError
        # ready before it is needed: nothing can be made when memory has run out
        self.no_memory = self._frame({"type": "memory"})

    def receive(self):
        return self.unpack(self.receive_bytes())

    def receive_bytes(self):
        (size,) = self.length.unpack(self._exactly(self.length.size))
        return self._exactly(size)

    def send(self, message):
        try:
            frame = self._frame(message)
        except self.too_much:
            frame = self.no_memory
        self._all(frame)

    def _frame(self, message):
        data = self.pack(message)
        return self.length.pack(len(data)) + data

    def _exactly(self, size):
        parts = []
        while size:
            part = self.read(self.requests, min(size, 1 << 20))
            if not part:
                os._exit(0)  # the supervisor has gone
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _all(self, frame):
        while frame:
            frame = frame[self.write(self.replies, frame) :]


def serve(channel, confined):
    """Run the cells that come first, then answer one request after the other."""
    from unrolled.exercises import guard
    from unrolled.exercises.running import run

    channel.send({"type": "ready", "confined": confined})
    request = channel.receive()
    answers, failures = execute(request["cells"], set(request["skip"]), channel)
    channel.send({"type": "started"})
    restore = guard.restore
    while True:
        request = channel.receive()
        name = request["exercise"]
        if name not in answers:
            failure = failures.get(name)
            if failure is None:
                channel.send({"type": "undefined"})
            else:
                channel.send({"type": "outcome", "failure": failure.as_plain()})
            continue
        restore()  # what was replaced before; `run` reports what is replaced during the run
        outcome = run(answers[name], request["cases"], request["seconds"])
        channel.send(
            {
                "type": "outcome",
                "values": list(outcome.values),
                "failure": outcome.failure and outcome.failure.as_plain(),
                "case": outcome.case,
                "printed": str.__str__(outcome.printed)[:4000],
            }
        )


def execute(cells, skip, channel):
    """Execute the cells in order, each by itself.

    `cells` are pairs (source, exercise or None). Returns the answers, {exercise: what its name
    stands for when the next exercise begins}, as a check below it would see it, and the failures,
    {exercise: Failure}.
    """
    import types

    module = types.ModuleType("__main__")
    module.__dict__.update(display=_nothing, get_ipython=_nothing)
    sys.modules["__main__"] = module
    _seed()
    namespace, answers, failures, now = module.__dict__, {}, {}, None
    for index, (source, exercise) in enumerate(cells):
        if exercise is not None and exercise != now:
            _keep(now, namespace, answers)
            now = exercise
        if index in skip:
            continue
        channel.send({"type": "cell", "index": index})
        failure = _execute(source, index, namespace)
        if failure and exercise is not None:
            failures[exercise] = failure
    _keep(now, namespace, answers)
    for exercise in {exercise for _, exercise in cells} - {None} - set(answers):
        _keep(exercise, namespace, answers)  # defined further down
    return answers, failures


def _keep(exercise, namespace, answers):
    if exercise is not None and exercise in namespace:
        answers[exercise] = namespace[exercise]


def _execute(source, index, namespace):
    """None, or the Failure that the cell ended with."""
    import linecache

    from unrolled.exercises.failure import Failure, Kind
    from unrolled.exercises.running import explain

    name = f"<cell {index}>"
    linecache.cache[name] = len(source), None, source.splitlines(keepends=True), name
    try:
        exec(compile(source, name, "exec"), namespace)
    except SyntaxError as error:
        line = error.lineno if error.filename == name else None
        text = linecache.getline(name, line or 0).strip()[:100]
        return Failure(Kind.SYNTAX, type(error).__name__, line, text, detail=str(error.msg))
    except BaseException as error:  # SystemExit, and whatever else: the next cell may be right
        try:
            return explain(error)
        except BaseException:
            return Failure(Kind.RAISED)
    return None


def _seed():
    """The same random numbers each time, for answers that use those of a global generator."""
    import random

    import numpy

    random.seed(0)
    numpy.random.seed(0)


def _nothing(*arguments, **options):
    return None


if __name__ == "__main__":
    main()
