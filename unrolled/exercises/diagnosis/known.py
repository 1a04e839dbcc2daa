"""The misconceptions an exercise names, recognised in an answer or in a part of one."""

from ..comparing import compare


def recognise(exercise, cases, got, part=None):
    """The misconceptions which give exactly these answers, in every case.

    With `part`, the answers are that part of a tuple, and so are the misconceptions'.
    """
    return [
        misconception
        for misconception in exercise.misconceptions
        if gives_part(exercise, cases, misconception, got, part)
    ]


def gives_part(exercise, cases, misconception, got, part):
    """Whether the misconception gives these answers, or that part of them, in every case."""

    def gives(case, answer):
        (value,) = exercise.results(misconception.function, [case])
        value = value if part is None else value[part]
        return compare(answer, value, exercise.allowed) is None

    return all(gives(case, one) for case, one in zip(cases, got, strict=True))
