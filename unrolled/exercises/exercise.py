"""What an exercise is: the cases it is tried on, the right answers, and the wrong ones we know."""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from zlib import crc32

from numpy import ndarray
from numpy.random import default_rng

from .comparing import Allowed, compare
from .plain import plain

FEWEST_MISCONCEPTIONS = 3
BY_HAND = 12  # numbers
# Tolerance of a gradient that is to be derived. Right answers, however written, err by 2e-15 (the
# worst of all, by 1.5e-14), the best central differences by 9e-13, plain ones by 2e-11. Whoever
# computes in float32 on the way errs by 1e-7: the statements ask for float64.
DERIVED = 2e-13


class ExerciseError(ValueError):
    """A fault in how an exercise or a lab is written; str(error) is one line."""


@dataclass(frozen=True)
class Source:
    """A function whose results count as right, and the name under which a verdict cites it."""

    name: str
    function: Callable


@dataclass(frozen=True)
class Misconception:
    """A plausible wrong answer.

    name:     two to four words, for statistics over a class: "flipped filter"
    function: the wrong answer, with the exercise's arguments
    says:     one or two sentences to the student: what they did, and why it is not asked for
    section:  the chapter's section to read again; None for the exercise's own
    """

    name: str
    function: Callable
    says: str
    section: str | None = None


@dataclass(frozen=True)
class Question:
    """A question answered in words and graded by hand."""

    name: str
    points: int

    def __post_init__(self):
        _require_name_and_points("question", self.name, self.points)


@dataclass(frozen=True)
class Exercise:
    """An exercise and everything needed to check an answer to it.

    cases:      f(rng) -> list of dicts {argument: int, float or array}, in the signature's order
    shapes:     {argument: its dimensions by letter, as in "B C L"}, for the arrays
    returns:    {name: what it is, as in "a float64 array (B, K, M)"}; several when the answer is a
                tuple
    reference:  our own verified function; `oracle` is preferred where its import succeeds
    tolerance:  largest allowed error, relative to the largest expected number (at least `floor`)
    floor:      below 1 where a case may hold small numbers only, which have to be right, too
    time_limit: seconds for all cases together
    section:    the chapter's section the exercise follows from, exactly as in its heading
    points:     the one place where they are set
    carry_out:  f(plain value, **case) -> what is compared, where the answer is weights, which the
                check runs; CannotRun where it cannot
    explain:    f(plain value, **case) -> a sentence on wrong weights, "" where it knows none
    """

    name: str
    points: int
    section: str
    cases: Callable
    shapes: dict
    returns: dict
    reference: Source
    misconceptions: tuple
    oracle: Source | None = None
    tolerance: float = 1e-9
    time_limit: float = 10.0
    carry_out: Callable | None = None
    floor: float = 1.0
    explain: Callable | None = None

    def __post_init__(self):
        _require_name_and_points("exercise", self.name, self.points)
        found = len(self.misconceptions)
        if found < FEWEST_MISCONCEPTIONS:
            raise ExerciseError(
                f'exercise "{self.name}" names {found} misconceptions and needs at least '
                f"{FEWEST_MISCONCEPTIONS}: add plausible wrong answers, each as a Misconception"
            )
        names = [misconception.name for misconception in self.misconceptions]
        for name in names:
            if names.count(name) > 1:
                raise ExerciseError(
                    f'exercise "{self.name}" has two misconceptions "{name}": rename one'
                )
        if not self.returns:
            raise ExerciseError(
                f'exercise "{self.name}" does not say what it returns: fill returns'
            )

    @property
    def allowed(self):
        """The error that is allowed, as `compare` takes it."""
        return Allowed(self.tolerance, self.floor)

    def draw(self, seed=0):
        """The cases of a seed, smallest first, so that a failing case is shown at its smallest."""
        rng = default_rng([seed, crc32(self.name.encode())])
        return sorted(self.cases(rng), key=_size)

    def expected(self, cases):
        """(right answers as plain values, the name of what computed them).

        Raises RuntimeError when oracle and reference disagree: one of them has been tampered with.
        """
        ours = self.results(self.reference.function, cases)
        if self.oracle is None:
            return ours, self.reference.name
        try:
            theirs = self.results(self.oracle.function, cases)
        except ImportError:
            return ours, self.reference.name
        for one, other in zip(ours, theirs, strict=True):
            if compare(one, other, self.allowed) is not None:
                raise RuntimeError(f"{self.oracle.name} and {self.reference.name} disagree")
        return theirs, self.oracle.name

    def results(self, function, cases):
        """What is compared of a function of ours, for each case."""
        return [self.result(plain(function(*case.values())), case) for case in cases]

    def result(self, value, case):
        """What is compared of a plain value; raises CannotRun where it cannot be carried out."""
        return value if self.carry_out is None else plain(self.carry_out(value, **case))


def numbers(rng, *shape):
    """Random float64 numbers: whole ones, never 0, in arrays small enough to follow by hand."""
    if prod(shape) > BY_HAND:
        return rng.normal(size=shape)
    return rng.integers(1, 10, shape) * rng.choice([-1.0, 1.0], shape)


def one_at_a_time(base, **others):
    """The sizes of `base`, {name: size}, then for each keyword these with that one changed.

    All but one thing being equal, an answer that is right with `B = 1` alone has B for a reason.
    Returns a list of tuples, in the order of `base`.
    """
    return [tuple(base.values()), *(tuple((base | {n: s}).values()) for n, s in others.items())]


def _size(case):
    """How much there is to read in a case."""
    return sum(value.size if type(value) is ndarray else abs(value) for value in case.values())


def _require_name_and_points(kind, name, points):
    if not (isinstance(name, str) and name.isidentifier()):
        raise ExerciseError(f"{kind} {name!r}: its name has to be a Python identifier")
    if type(points) is not int or points < 1:
        raise ExerciseError(f'{kind} "{name}": points are {points!r} and have to be an int >= 1')
