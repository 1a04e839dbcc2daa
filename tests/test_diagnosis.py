"""The diagnosis engine: what it says of wrong answers, and that it never misleads or fails."""

from importlib import import_module

import pytest

from unrolled.exercises import judge, load, names, run

EXERCISES = {
    (lab, exercise.name): exercise for lab in names() for exercise in load(lab).exercises.values()
}
PROGRAMS = [
    pytest.param(exercise, program, id=f"{lab}-{name}-{i}")
    for (lab, name), exercise in EXERCISES.items()
    for i, program in enumerate(
        import_module(f"unrolled.exercises.diagnosis.programs.{lab}").PROGRAMS.get(name, ())
    )
]


def verdict(exercise, answer, seed=0):
    cases = exercise.draw(seed)
    return judge(exercise, cases, run(answer, cases, exercise.time_limit))


# --------------------------------------------------------------------------- the programs
def test_every_exercise_has_a_program():
    with_programs = {parameter.values[0].name for parameter in PROGRAMS}
    assert with_programs == {name for _, name in EXERCISES}


@pytest.mark.parametrize(("exercise", "program"), PROGRAMS)
def test_programs_are_right(exercise, program):
    for seed in range(4):
        result = verdict(exercise, program, seed)
        assert result.passed, result
