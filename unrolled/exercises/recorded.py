"""Checks from recorded values: what a hand-out has in place of a lab's references and mistakes.

For some seeds the cases are kept, and for each the right results and what every named misconception
gives, as arrays. So a check still says what is wrong, and names a mistake, but there is no program
to copy; what it cannot say is which alteration of a right program gives an answer.
"""

import zlib
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path

from numpy import ascontiguousarray, errstate

from ..common import wire
from .exercise import Exercise, Misconception, Question, Source
from .lab import Lab

SEEDS = 4  # a check uses the first, and another where it is asked for: check(name, answer, seed=1)
COPIED = ("name", "points", "section", "shapes", "returns", "tolerance", "floor", "time_limit")


@dataclass(frozen=True)
class Recorded(Exercise):
    """An Exercise whose results are looked up; a misconception's `function` is its name.

    drawn: {seed: the cases}
    known: {digest of a case: {"": the right result, name of a misconception: its result}}
    """

    drawn: dict = field(default_factory=dict, repr=False)
    known: dict = field(default_factory=dict, repr=False)

    def draw(self, seed=0):
        """The cases of a seed; ValueError where it is not among the recorded ones."""
        if seed not in self.drawn:
            raise ValueError(
                f"seed is {seed!r}; this hand-out has the cases of seeds 0 to {len(self.drawn) - 1}"
            )
        return [dict(case) for case in self.drawn[seed]]

    def expected(self, cases):
        """(the recorded right results, the name of what computed them)."""
        return self.results("", cases), self.reference.name

    def results(self, function, cases):
        """The recorded results of a misconception, by its name."""
        return [self.known[_digest(case)][function] for case in cases]


def record(lab, seeds=SEEDS):
    """The bytes of a Lab's recorded values."""
    told = {"number": lab.number, "title": lab.title, "chapter": lab.chapter}
    told["questions"] = [asdict(one) for one in lab.questions.values()]
    with errstate(all="ignore"):  # known mistakes may divide by zero
        told["exercises"] = [_told(one, seeds) for one in lab.exercises.values()]
    return zlib.compress(wire.pack(told), 9)


def _told(exercise, seeds):
    draws = [exercise.draw(seed) for seed in range(seeds)]
    (source,) = {exercise.expected(cases)[1] for cases in draws}
    return {name: getattr(exercise, name) for name in COPIED} | {
        "source": source,
        "misconceptions": [
            {"name": one.name, "says": one.says, "section": one.section}
            for one in exercise.misconceptions
        ],
        "seeds": [
            {
                "cases": cases,
                "right": exercise.expected(cases)[0],
                "wrong": [exercise.results(one.function, cases) for one in exercise.misconceptions],
            }
            for cases in draws
        ],
    }


def open_lab(path, carried_out):
    """The Lab of a file of recorded values.

    carried_out: {exercise: its carry_out} of the exercises whose answers are run by the check
    """
    told = wire.unpack(zlib.decompress(Path(path).read_bytes()))
    exercises = [_exercise(one, carried_out.get(one["name"])) for one in told["exercises"]]
    questions = [Question(**one) for one in told["questions"]]
    return Lab(told["number"], told["title"], told["chapter"], exercises, questions)


def _exercise(told, carry_out):
    drawn, known = {}, {}
    names = [one["name"] for one in told["misconceptions"]]
    for seed, one in enumerate(told["seeds"]):
        drawn[seed] = one["cases"]
        for i, case in enumerate(one["cases"]):
            known[_digest(case)] = {"": one["right"][i]} | {
                name: results[i] for name, results in zip(names, one["wrong"], strict=True)
            }
    return Recorded(
        **{name: told[name] for name in COPIED},
        cases=_digest,  # nothing is drawn
        reference=Source(told["source"], None),
        misconceptions=tuple(
            Misconception(function=one["name"], **one) for one in told["misconceptions"]
        ),
        carry_out=carry_out,
        drawn=drawn,
        known=known,
    )


def _digest(case):
    """Tells one case from another by its values alone."""
    found = sha256()
    for name, value in case.items():
        array = ascontiguousarray(value)
        found.update(f"{name} {array.dtype.str} {array.shape} ".encode() + array.tobytes())
    return found.digest()
