"""What a notebook says of a Failure."""

from .failure import Failure, Kind


def of_failure(failure: Failure, exercise, arguments=()):
    """Sentences on a failed run of an answer to `exercise`.

    arguments: the names of what the answer was called with; empty where it was not called
    """
    return (
        _FIRST.get(failure.kind, _raised)(failure, exercise, arguments),
        *_more(failure, exercise),
    )


def _more(failure, exercise):
    if failure.kind in (Kind.RETURNED_NOTHING, Kind.NOT_NUMBERS):
        parts = ", ".join(f"`{name}` ({what})" for name, what in exercise.returns.items())
        return (f"Expected is {parts}.",)
    return ()


def _not_callable(failure, exercise, arguments):
    return f"check needs the function itself, without parentheses, and got {failure.detail}."


def _not_written(failure, exercise, arguments):
    if failure.names:
        return f"It calls `{failure.names[0]}`, which is not written yet: begin there."
    return "Replace `raise NotImplementedError(...)` by your own lines, then run both cells."


def _replaced(failure, exercise, arguments):
    names = ", ".join(f"`{name}`" for name in failure.names[:5])
    return (
        f"Your code replaced {names}; it has been put back. "
        "Use another name for functions of your own."
    )


def _changed_input(failure, exercise, arguments):
    names = " and ".join(f"`{name}`" for name in failure.names)
    first = failure.names[0] if failure.names else "x"
    return (
        f"It changed {names} in place. "
        f"Work on a copy (`{first} = {first}.copy()`) or fill a new array."
    )


def _timed_out(failure, exercise, arguments):
    says = f"It did not finish within {exercise.time_limit:g} s. Is there a loop that never ends?"
    if failure.kind is Kind.RUNS_ON:
        says += " It could not be stopped either: restart the kernel before going on."
    return says


def _raised(failure, exercise, arguments):
    what = failure.exception
    if failure.exception == "RecursionError":
        what = "RecursionError: a function calls itself without end"
    elif failure.detail:
        what = f"{failure.exception}: {failure.detail}"
    return _placed(what, failure, arguments)


def _exited(failure, exercise, arguments):
    what = "It ends the program (exit) instead of returning a result"
    return _placed(what, failure, arguments)


def _placed(what, failure, arguments):
    """`what`, with the line it happened in; where there is none, how the answer was called."""
    if failure.line is None:
        called = f" The check calls your function with ({', '.join(arguments)}), in this order."
        return f"{what}.{called if arguments else ''}"
    place = f", in line {failure.line} of {failure.file or 'your cell'}"
    return f"{what}{place}" + (f": `{failure.source}`" if failure.source else ".")


def _ended_process(failure, exercise, arguments):
    return "It ends the whole process (as os._exit does) instead of returning a result."


def _killed_process(failure, exercise, arguments):
    return (
        f"It brought the whole process down ({failure.exception}). That happens when memory runs "
        "out, or when memory is written to that is not its own."
    )


_FIRST = {
    Kind.NOT_CALLABLE: _not_callable,
    Kind.NOT_WRITTEN: _not_written,
    Kind.EXITED: _exited,
    Kind.REPLACED: _replaced,
    Kind.CHANGED_INPUT: _changed_input,
    Kind.RETURNED_NOTHING: lambda failure, exercise, arguments: (
        "It returned None: is the return statement missing?"
    ),
    Kind.NOT_NUMBERS: lambda failure, exercise, arguments: f"It returned {failure.detail}.",
    Kind.TIMED_OUT: _timed_out,
    Kind.RUNS_ON: _timed_out,
    Kind.ENDED_PROCESS: _ended_process,
    Kind.KILLED_PROCESS: _killed_process,
}
