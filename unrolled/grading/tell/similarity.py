"""Submissions that look alike, for a person to judge; a likeness is not a proof of anything."""

from collections import Counter
from dataclasses import dataclass
from itertools import combinations

ALIKE = 0.8  # of what two submissions do not share with the class
FEWEST = 12  # fingerprints that have to be left, or there is too little to compare
COMMON = 0.25  # of the class: what so many share came from the lab, the book or the exercise
COMMON_AT_LEAST = 4  # students; in a small class two or three alike are no custom


@dataclass(frozen=True)
class Pair:
    """Two students, the part of their own code that they share, and how many runs that is."""

    one: str
    other: str
    share: float
    runs: int


def pairs(results, handed_out=(), groups=None):
    """The Pairs that are near-identical, the closest first.

    handed_out: fingerprints of the code that all were given
    groups:     {student: group}; who handed in together is no pair
    """
    groups = groups or {}
    prints = {result.student: frozenset(result.fingerprint) for result in results}
    counts = Counter(one for found in prints.values() for one in found)
    most = max(COMMON_AT_LEAST, COMMON * len(prints) + 1)
    common = {one for one, count in counts.items() if count >= most} | {*handed_out}
    own = {student: found - common for student, found in prints.items()}
    found = []
    for one, other in combinations(sorted(own), 2):
        if groups.get(one) and groups.get(one) == groups.get(other):
            continue
        both = own[one] & own[other]
        either = own[one] | own[other]
        if len(both) >= FEWEST and len(both) >= ALIKE * len(either):
            found.append(Pair(one, other, len(both) / len(either), len(both)))
    return sorted(found, key=lambda pair: (-pair.share, pair.one, pair.other))
