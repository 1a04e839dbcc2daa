"""A lab: its exercises, and the three functions its notebook uses: check, ready and summary."""

import os
from dataclasses import replace

from . import browser, guard
from .apart import run_apart
from .exercise import ExerciseError
from .judging import judge
from .verdict import Line, Status, Summary

# nbgrader sets this while it grades or validates. It takes a cell for right unless it raises, so
# there, and only there, a check that is not passed raises. Read before any student's code runs.
RAISE = bool(os.environ.get("NBGRADER_EXECUTION"))


class CheckFailed(AssertionError):
    """A check that is not passed, where nbgrader runs the notebook."""


class Lab:
    """The exercises and questions of one notebook, in order, and what has been checked so far.

    `chapter` is the file name of the chapter it follows, without its ending.
    """

    def __init__(self, number, title, chapter, exercises, questions=()):
        self.number, self.title, self.chapter = number, title, chapter
        self.exercises, self.questions = {}, {}
        for entry in exercises:
            self._add(self.exercises, entry)
        for entry in questions:
            self._add(self.questions, entry)
        self._verdicts = {}
        self._assigned = None  # the names that count; None: all
        guard.watch_package(__name__.partition(".")[0])

    def _add(self, entries, entry):
        if entry.name in self.exercises or entry.name in self.questions:
            raise ExerciseError(f'the name "{entry.name}" is used twice in this lab: rename one')
        entries[entry.name] = entry

    def assign(self, **points):
        """Count these exercises and questions only, with these points; a hand-out calls this.

        What is not assigned can still be checked, for practice.
        """
        for name in points:
            if name not in self.exercises and name not in self.questions:
                raise ValueError(f"lab {self.number} has no exercise or question {name!r}")
        for entries in (self.exercises, self.questions):
            for name in entries:
                if name in points:
                    entries[name] = replace(entries[name], points=points[name])
        self._assigned = frozenset(points)

    def check(self, name, answer, seed=0):
        """Try `answer` on the exercise's cases and return the Verdict, which a notebook displays.

        Another seed draws other cases. Raises ValueError when there is no exercise of this name.
        """
        exercise = self._exercise(name)
        repaired = guard.restore()
        cases = exercise.draw(seed)
        with browser.announced(name, exercise.time_limit):
            outcome = run_apart(answer, cases, exercise.time_limit)
        verdict = judge(exercise, cases, outcome).noting(repaired)
        self._verdicts[name] = verdict
        if RAISE and not verdict.passed:
            raise CheckFailed(str(verdict))
        return verdict

    def ready(self, name):
        """Whether the latest check of the exercise passed; if not, prints what to do first."""
        self._exercise(name)
        verdict = self._verdicts.get(name)
        if verdict is not None and verdict.passed:
            return True
        print(f'This cell comes to life when check("{name}", …) has passed above.')
        return False

    def summary(self):
        """The score of every exercise, and in total."""
        lines = []
        for exercise in self.exercises.values():
            verdict = self._verdicts.get(exercise.name)
            result = verdict.result if verdict else Status.NOT_ATTEMPTED.value
            score = verdict.score if verdict else 0
            lines.append(Line(exercise.name, result, score, exercise.points))
        for question in self.questions.values():
            lines.append(Line(question.name, "in words", None, question.points))
        if self._assigned is not None:
            lines = [line for line in lines if line.name in self._assigned]
        return Summary(f"Lab {self.number}, {self.title}", tuple(lines))

    def _exercise(self, name):
        if name not in self.exercises:
            names = ", ".join(self.exercises)
            raise ValueError(f"lab {self.number} has no exercise {name!r}; it has {names}")
        return self.exercises[name]
