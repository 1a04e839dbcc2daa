"""Why an answer is wrong: what an exercise names, what the answer is relative to the right one, or
which alteration of a right program gives it.

`answers` takes answers apart, `known` recognises named misconceptions, `relations` knows signs,
factors, orders and sources, `weighing` compares weights, `alterations` changes programs in `worlds`
of their own and `variants` compares what they give, `places` says where and by how little an answer
is wrong. Whatever is said holds in every case; what is not certain is not said.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from .answers import listed, parts
from .known import gives_part, recognise, recognise_where_finite
from .places import by_case, by_place, precision
from .relations import exchanged, loose_relation, partial_relation
from .relations import relation as _exact
from .variants import matches
from .weighing import only_wrong

__all__ = ["Diagnosis", "Kind", "diagnose", "recognise"]

OTHER_RIGHT = re.compile(
    r"^(?:[^.,]*|(?:`\w+`,? (?:and )?)+)\b(?:is|are) right(?:\.|, (?:but|and)) "
    r"(?:But )?([a-z](?=[a-z]))?"
)
MORE = "its numbers come from a known mistake, made here alone: "
OTHERS = 4  # alterations that give the same numbers: where there are more, none is told


class Kind(StrEnum):
    """By what a diagnosis was found."""

    MISCONCEPTION = "misconception"
    RELATION = "relation"
    ALTERATION = "alteration"
    PRECISION = "precision"
    PLACE = "place"
    CASES = "cases"


@dataclass(frozen=True)
class Diagnosis:
    """What can be said of a wrong answer.

    says: whole sentences, or "" where nothing is certain
    kind: by what it was found; name, section: of the misconception, where it was one
    """

    says: str = ""
    kind: Kind | None = None
    name: str | None = None
    section: str | None = None


def diagnose(exercise, cases, got, right, returned=None):
    """The Diagnosis of answers that are wrong; got and right hold a plain value for each case.

    returned: what the answer gave, where that was carried out and is not what is compared
    """
    with np.errstate(all="ignore"):  # wrong answers hold any numbers
        return _diagnosed(exercise, cases, got, right, returned)


def _diagnosed(exercise, cases, got, right, returned):
    known = _named(recognise(exercise, cases, got))
    if known:
        return known
    pieces = parts(exercise, cases, got, right)
    if not any(any(piece.wrong) for piece in pieces):  # another number of results, or dtypes only
        return Diagnosis()
    explained = _explained(exercise, cases, pieces, returned)
    if explained:
        return explained
    nearly = precision(exercise, pieces) if all(p.comparable for p in pieces) else ""
    if nearly:
        return Diagnosis(nearly, Kind.PRECISION)
    return (
        _named_by_part(exercise, cases, pieces)
        or _related(pieces)
        or _weighed(exercise, cases, returned)
        or _altered(exercise, cases, pieces, right)
        or _related(pieces, loose_relation)
        or _altered(exercise, cases, pieces, right, changes=2)
        or _related(pieces, partial_relation)
        or _named(recognise_where_finite(exercise, cases, got, right))
        or _placed(exercise, cases, pieces)
        or Diagnosis()
    )


def _named(known):
    if not known:
        return None
    says = known[0].says
    for other in known[1:]:
        says += f' The same numbers come from another mistake, "{other.name}": {other.says}'
    return Diagnosis(says, Kind.MISCONCEPTION, known[0].name, known[0].section)


def _named_by_part(exercise, cases, pieces):
    """A misconception in each wrong result: mistakes made together match none as a whole."""
    wrong = [piece for piece in pieces if any(piece.wrong)]
    if len(pieces) == 1:
        return None
    known = []
    for piece in wrong:
        found = _by_part(exercise, cases, pieces, piece)
        if len(found) != 1:
            return None
        known.append(found[0])
    clauses = [_alone(one) if one not in known[:i] else "the same." for i, one in enumerate(known)]
    says = _told(pieces, wrong, clauses)
    return Diagnosis(says, Kind.MISCONCEPTION, known[0].name, known[0].section)


def _by_part(exercise, cases, pieces, piece):
    """The misconceptions that give one wrong result.

    One that spoils a result that is right here is another mistake.
    """
    right = [other for other in pieces if not any(other.wrong)]
    return [
        one
        for one in recognise(exercise, cases, piece.got, pieces.index(piece))
        if all(gives_part(exercise, cases, one, p.right, pieces.index(p)) for p in right)
    ]


def _known_in_one(exercise, cases, pieces, wrong):
    """(a wrong result, the one misconception that gives it), or (None, None)."""
    for piece in wrong if len(pieces) > 1 else ():
        found = _by_part(exercise, cases, pieces, piece) if piece.comparable else []
        if len(found) == 1:
            return piece, found[0]
    return None, None


def _alone(misconception):
    """What it says without a word on the other results, which are told of by themselves."""
    return OTHER_RIGHT.sub(lambda found: (found[1] or "").upper(), misconception.says)


def _related(pieces, relation=_exact):
    """A fact that holds of the whole answer: results exchanged, or a relation in each wrong one."""
    order = exchanged(pieces) if relation is _exact else ""
    if order:
        return Diagnosis(order, Kind.RELATION)
    wrong = [piece for piece in pieces if any(piece.wrong)]
    clauses = [relation(piece, pieces) for piece in wrong]
    if not all(clauses):
        return None
    return Diagnosis(_told(pieces, wrong, clauses), Kind.RELATION)


def _explained(exercise, cases, pieces, returned):
    """What the exercise itself says of wrong weights, where it is the same in all cases."""
    if not exercise.explain or not returned:
        return None
    fails = [any(states) for states in zip(*(piece.wrong for piece in pieces), strict=True)]
    says = {
        exercise.explain(weights, **case)
        for case, weights, wrong in zip(cases, returned, fails, strict=True)
        if wrong
    }
    return Diagnosis(says.pop(), Kind.RELATION) if len(says) == 1 and says != {""} else None


def _weighed(exercise, cases, returned):
    """Which of the weights returned is not that of a right answer, where all others are."""
    says = only_wrong(exercise, cases, returned) if exercise.carry_out and returned else ""
    return Diagnosis(says, Kind.RELATION) if says else None


def _altered(exercise, cases, pieces, right, changes=1):
    """The alteration that gives the whole answer, or what is known of its wrong results.

    changes: 2 for two alterations together, after single ones have not explained all
    """
    wrong = [piece for piece in pieces if any(piece.wrong)]
    if exercise.explain or not any(_finite_somewhere(piece) for piece in wrong):
        return None  # weights are not made step by step; and many alterations give nan alone
    match, alone = matches(exercise, cases, pieces, right, changes)
    if match:
        says = _comes_out(match)
        if says:
            begin = _right([piece for piece in pieces if piece not in wrong])
            piece, known = _known_in_one(exercise, cases, pieces, wrong)
            if not known:
                return Diagnosis(f"{begin}{_capital(says)}", Kind.ALTERATION)
            says = f"{begin}In `{piece.name}`: {_alone(known)} Taken together, {says}"
            return Diagnosis(says, Kind.MISCONCEPTION, known.name, known.section)
    if len(pieces) == 1:
        return None
    if changes > 1:
        alone = alone | matches(exercise, cases, pieces, right)[1]
    clauses, kinds, known = [], [], None
    for piece in wrong:
        i = pieces.index(piece)
        named = recognise(exercise, cases, piece.got, i) if piece.comparable else []
        clause = _exact(piece, pieces) or loose_relation(piece, pieces)
        if clause:
            clauses.append(clause)
            kinds.append(Kind.RELATION)
        elif i in alone and _comes_out(alone[i]):
            says = _comes_out(alone[i])
            clauses.append(says if says not in clauses else "the same")
            kinds.append(Kind.ALTERATION)
        elif len(named) == 1:
            fits = named == _by_part(exercise, cases, pieces, piece)
            known = known or (named[0] if fits else None)
            clauses.append(("" if fits else MORE) + _alone(named[0]))
            kinds.append(Kind.MISCONCEPTION)
        else:
            clauses.append("")
            kinds.append(None)
    if not (any(clauses) if changes > 1 else all(clauses)):
        return None
    if kinds[0] is not Kind.MISCONCEPTION:
        known = None
    first = next(kind for kind in kinds if kind)
    name, section = (known.name, known.section) if known else (None, None)
    return Diagnosis(_told(pieces, wrong, clauses), first, name, section)


def _finite_somewhere(piece):
    """Whether a wrong answer holds a finite number, in any case."""
    wrong = (one for one, fails in zip(piece.got, piece.wrong, strict=True) if fails)
    return not piece.comparable or any(np.isfinite(one).any() for one in wrong)


def _comes_out(match):
    """The clause for a Match: the first alteration, and whether others give the same.

    Numbers tell what would give them, not what the student wrote.
    """
    if not 0 < len(match.says) <= OTHERS:
        return ""
    first, *rest = match.says
    here = "in the one case that fails, " if match.cases == 1 else ""
    changes = "one change" if match.changes == 1 else "two changes"
    says = f"{here}this is also what a right answer would give with {changes}: {first}"
    return f"{says}. Or with another: {rest[0]}." if rest else f"{says}."


def _told(pieces, wrong, clauses):
    """Sentences on the wrong results, each with its name, after a word on those that are right."""
    told = [_right([piece for piece in pieces if piece not in wrong])]
    for piece, clause in zip(wrong, clauses, strict=True):
        if not clause:
            continue
        clause = clause if clause.endswith((".", "?")) else f"{clause}."
        if not piece.name:
            told.append(f"{_capital(clause)} ")
        elif clause.startswith(f"In `{piece.name}` "):
            told.append(f"{clause} ")
        else:
            told.append(f"In `{piece.name}`: {clause} ")
    left = [p for p, clause in zip(wrong, clauses, strict=True) if not clause]
    if left:
        names = listed(f"`{piece.name}`" for piece in left)
        told.append(f"{names} {'is' if len(left) == 1 else 'are'} wrong, too. ")
    return "".join(told).strip()


def _right(pieces):
    """ "`dw` and `dc_0` are right. ", or nothing."""
    if not pieces:
        return ""
    names = listed(f"`{piece.name}`" for piece in pieces)
    return f"{names} {'is' if len(pieces) == 1 else 'are'} right. "


def _capital(clause):
    return clause[:1].upper() + clause[1:]


def _placed(exercise, cases, pieces):
    """Where the answer is wrong, when nothing says why."""
    wrong = [piece for piece in pieces if any(piece.wrong)]
    with_nan = [piece for piece in wrong if piece.comparable and piece.holds_nan]
    told_of = with_nan or wrong  # what made a nan spoils other results, too
    clauses = [by_place(p) if p.comparable and p in told_of else "" for p in wrong]
    agreed = [not any(states) for states in zip(*(p.wrong for p in pieces), strict=True)]
    count = by_case(exercise, cases, agreed)
    named = [piece.name for piece in pieces if piece not in wrong]
    if any(clauses):
        says = _told(pieces, wrong, clauses)
        return Diagnosis(f"{says} {count}".strip(), Kind.PLACE)
    if named:
        says = _right([piece for piece in pieces if piece not in wrong]).strip()
        return Diagnosis(f"{says} {count}".strip(), Kind.PLACE)
    return Diagnosis(count, Kind.CASES) if count else None
