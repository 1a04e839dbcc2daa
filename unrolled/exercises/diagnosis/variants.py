"""The wrong answers that alterations of a right program give, and which of them an answer is.

Variants are made when an answer is wrong, not before; those of one exercise and seed are kept, so
that a class of students, or one student's second try, costs no more than the first.
"""

import contextlib
import gc
from collections import OrderedDict
from copy import deepcopy
from dataclasses import dataclass, field
from hashlib import blake2b
from importlib import import_module
from importlib.util import find_spec
from itertools import combinations

import numpy as np

from ..comparing import arranged
from ..plain import NotPlain
from ..weights import CannotRun
from .alterations import alterations, both, legible, likelihood
from .answers import evidence, same
from .relations import FEWEST
from .worlds import World

MOST = 2500  # variants of one exercise that are tried
MOST_PAIRS = 1000  # of two changes together
MOST_TOGETHER = 2200  # with the single ones
SINGLE = 2  # the highest rank of a change that is made together with another
LARGEST = 600  # numbers in the case on which all are tried first
ELSEWHERE = (101, 102)  # seeds of further cases, on which variants that agree are compared
MOST_ELSEWHERE = 8
COMPARED = 12
KEPT = 24  # exercises and seeds whose variants are kept

_tables = OrderedDict()


@dataclass
class Variant:
    """One alteration, as a code to run, and the results it has given so far, by case."""

    says: str
    rank: int
    member: object
    code: object
    change: object = None
    results: dict = field(default_factory=dict)


@dataclass
class Table:
    """All variants of an exercise's programs on given cases."""

    exercise: object
    cases: tuple
    right: tuple
    probe: int
    worlds: list
    variants: list
    pairs: list | None = None

    def result(self, world, variant, case):
        """What the variant gives in a case, as parts in a tuple, or None."""
        if case not in variant.results:
            with variant.member.code(variant.code):
                value = world.call(self.cases[case].values())
            variant.results[case] = self.parts(value, self.cases[case])
        return variant.results[case]

    def parts(self, value, case):
        """What is compared of a result, as a tuple of arrays, or None where it is no such thing."""
        if value is None:
            return None
        right = self.right[0]
        try:
            value = arranged(self.exercise.result(value, case), right)
        except (NotPlain, CannotRun):
            return None
        value = value if type(value) is tuple else (value,)
        fits = len(value) == (len(right) if type(right) is tuple else 1)
        return value if fits and all(type(part) is np.ndarray for part in value) else None


def table(exercise, cases, right):
    """The Table of an exercise and its cases, made once."""
    digest = blake2b(exercise.name.encode())
    for case, value in zip(cases, right, strict=True):
        for array in (*case.values(), *(value if type(value) is tuple else (value,))):
            digest.update(np.asarray(array).tobytes())
    key = digest.digest()
    if key not in _tables:
        with _uncollected():
            _tables[key] = _made(exercise, tuple(deepcopy(cases)), tuple(right))
        while len(_tables) > KEPT:
            _tables.popitem(last=False)
    _tables.move_to_end(key)
    return _tables[key]


@contextlib.contextmanager
def _uncollected():
    """No search for cycles meanwhile: many nodes are made, and none is in a cycle."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def programs(exercise):
    """Right answers written as programs: those kept for the exercise, or else its reference.

    The reference often goes another way than a student, through functions whose lines the student
    has never seen; so what is kept comes first.
    """
    return [*_kept(exercise, "PROGRAMS", ())] or [exercise.reference.function]


def held(exercise):
    """{name in the exercise's programs: what it holds, in words}, of names no statement has."""
    return _kept(exercise, "HOLDS", {})


def _kept(exercise, table, otherwise):
    """What the module of programs for the exercise's lab has for it in a table."""
    module = exercise.cases.__module__.rpartition(".")[2]
    name = f"{__package__}.programs.{module}"
    if not module.isidentifier() or find_spec(name) is None:
        return otherwise
    return getattr(import_module(name), table, {}).get(exercise.name, otherwise)


def _made(exercise, cases, right):
    sizes = [_size(case) for case in cases]
    small = [i for i, size in enumerate(sizes) if size <= LARGEST] or [int(np.argmin(sizes))]
    probe = max(small, key=lambda i: (sizes[i], i))
    found = Table(exercise, cases, right, probe, [], [])
    for function in programs(exercise):
        if not hasattr(function, "__code__"):
            continue
        world = World(function, alter_all=function is exercise.reference.function)
        for i, case in enumerate(cases):
            value = found.parts(world.call(case.values()), case)
            expected = right[i] if type(right[i]) is tuple else (right[i],)
            if value is None or not all(map(_near, value, expected)):
                break
        else:
            world.bound()
            found.worlds.append(world)
            _add_variants(found, world, exercise)
    return found


def _near(one, other):
    return same(one, other, 1e-7)


def _add_variants(found, world, exercise):
    shapes = world.shapes(found.cases[found.probe].values())
    for member in world.functions:
        returns = () if member.helper else tuple(exercise.returns)
        clear = legible(member.tree, exercise.returns, held(exercise))
        for one in alterations(member.tree, shapes.get(member.name, {}), returns):
            if len(found.variants) >= MOST:
                return
            with one.made():
                code = member.compiled()
            if code is not None:
                says = clear(one.sentence)
                if says and member.helper:
                    says = f"in the function `{member.name}`, {says}"
                variant = Variant(says, one.rank + 2 * member.helper, member, code, one)
                found.variants.append((world, variant))


def pairs_of(known, exercise):
    """The variants of a Table with two changes, made when no single one explains an answer."""
    if known.pairs is None:
        with _uncollected():
            known.pairs = list(_pairs(known, exercise))
    return known.pairs


def _pairs(known, exercise):
    """Pairs of changes that make a difference and that can be told, the simplest first."""
    candidates = []
    for world in known.worlds:
        for member in world.functions:
            clear = legible(member.tree, exercise.returns, held(exercise))
            singles = combinations(_telling(known, world, member), 2)
            candidates += [(likelihood(*pair), world, member, clear, pair) for pair in singles]
    candidates.sort(key=lambda candidate: candidate[0])
    room = min(MOST_PAIRS, MOST_TOGETHER - len(known.variants))
    for _, world, member, clear, (one, other) in candidates:
        pair = both(member.tree, one, other) if room > 0 else None
        if pair is None:
            continue
        room -= 1
        with pair.made():
            code = member.compiled()
        if code is not None:
            says = clear(pair.sentence)
            yield world, Variant(says, pair.rank + 2 * member.helper, member, code)


def _telling(known, world, member):
    """The changes of a function that are not far-fetched, of those with one effect the first."""
    effects, right = {}, known.right[known.probe]
    right = right if type(right) is tuple else (right,)
    for its_world, variant in known.variants:
        if its_world is not world or variant.member is not member or not variant.says:
            continue
        value = known.result(world, variant, known.probe) if variant.rank <= SINGLE else None
        if value is None or all(map(_near, value, right)):
            continue
        key = tuple((part.shape, np.round(part.astype("float64"), 9).tobytes()) for part in value)
        effects.setdefault(key, variant.change)
    return list(effects.values())


@dataclass(frozen=True)
class Match:
    """Variants that give what an answer gives.

    says:    their sentences, the least far-fetched first; one where that is beyond doubt
    cases:   in how many cases the answer is wrong
    changes: how many each of them makes
    """

    says: tuple
    cases: int
    changes: int = 1


def matches(exercise, cases, parts, right, changes=1):
    """The best Match of the answer's Parts with variants, and the best of each wrong one by itself.

    changes: how many changes a variant makes, 1 or 2
    Returns (None, {}) where there is none; else (Match or None, {number of the Part: Match}).
    """
    known = table(exercise, cases, right)
    wrong = [i for i, part in enumerate(parts) if any(part.wrong)]
    if not known.variants or not wrong or not all(part.comparable for part in parts):
        return None, {}
    tried = known.variants if changes == 1 else pairs_of(known, exercise)
    whole, partial = [], {i: [] for i in wrong}
    failing = [
        i for i, states in enumerate(zip(*(p.wrong for p in parts), strict=True)) if any(states)
    ]
    probe = known.probe
    if probe not in failing:  # where the answer is right, most variants agree with it
        probe = min(failing, key=lambda i: _size(known.cases[i]))
    for world, variant in tried:
        value = known.result(world, variant, probe)
        if value is None:
            continue
        agrees = [
            i for i, part in enumerate(parts) if same(part.got[probe], value[i], part.tolerance)
        ]
        if not any(i in agrees for i in wrong):
            continue
        agrees = _verified(known, world, variant, parts, agrees, probe)
        if len(agrees) == len(parts):
            whole.append((world, variant))
        for i in wrong:
            if i in agrees:
                partial[i].append((len(agrees), world, variant))
    if whole and _enough(parts, wrong, changes):
        return Match(_told(known, whole), len(failing), changes), {}
    alone = {}
    for i in wrong:
        if partial[i] and _enough(parts, [i], changes):
            most = max(count for count, *_ in partial[i])
            best = [(world, one) for count, world, one in partial[i] if count == most]
            alone[i] = Match(_told(known, best), len(failing), changes)
    return None, alone


def _verified(known, world, variant, parts, agrees, probe):
    """Those of the parts in which the variant gives the answer in every case."""
    for case in range(len(known.cases)):
        if not agrees:
            break
        if case == probe:
            continue
        value = known.result(world, variant, case)
        if value is None:
            return []
        agrees = [i for i in agrees if same(parts[i].got[case], value[i], parts[i].tolerance)]
    return agrees


def _enough(parts, which, changes):
    """Whether the answer is wrong in so many numbers that agreement is no accident."""
    given = (evidence(parts[i].got, parts[i].right, parts[i].tolerance) for i in which)
    return sum(given) >= FEWEST * changes


def _told(known, variants):
    """The sentences of variants, the least far-fetched first, one of each kind.

    Variants that agree on other cases, too, are one program written differently, and one sentence
    will do; those that do not only happen to agree here. Where one of them has no sentence that a
    student could read, nothing is told.
    """
    ordered = sorted(variants, key=lambda pair: (not pair[1].says, pair[1].rank, len(pair[1].says)))
    others = [case for seed in ELSEWHERE for case in known.exercise.draw(seed)]
    others = [case for case in others if _size(case) <= LARGEST][-MOST_ELSEWHERE:]
    told, kinds = [], []
    for world, variant in ordered[:COMPARED]:
        with variant.member.code(variant.code):
            results = [known.parts(world.call(case.values()), case) for case in others]
        if not any(_alike(results, kind) for kind in kinds):
            kinds.append(results)
            told.append(variant.says)
    return tuple(told) if all(told) else ()


def _size(case):
    return sum(np.size(value) for value in case.values())


def _alike(results, others):
    return all(
        (one is None and other is None)
        or (one is not None and other is not None and all(map(_near, one, other)))
        for one, other in zip(results, others, strict=True)
    )
