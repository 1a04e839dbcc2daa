"""What a wrong result is, relative to the right one: its sign, factor, order, place, source.

Each relation is a fact that holds in every case, told in a sentence that begins in lower case.
"""

from itertools import permutations, product

import numpy as np

from unrolled.unfolding import sigmoid

from ..comparing import differs
from .answers import evidence, facts, listed, same

FEWEST = 3  # different wrong numbers that have to be explained


def relation(part, others=()):
    """The first relation that holds of the part in all cases, or ""; others: the other Parts."""
    if not part.comparable:
        return _joined(part)
    if evidence(part.got, part.right, part.tolerance) < 1:
        return ""
    with np.errstate(all="ignore"):
        clause = next((says for says, f in _relations(part, others) if _holds(part, f)), "")
        return clause or _factor(part)


def loose_relation(part, others=()):
    """A relation less telling than an alteration that gives the same: shifts, sums, offsets."""
    if not part.comparable or evidence(part.got, part.right, part.tolerance) < FEWEST / 2:
        return ""
    with np.errstate(all="ignore"):
        tried = _loose(part, part.right[-1].ndim)
        clause = next((says for says, f in tried if _holds(part, f)), "")
        return clause or _offset(part, others) or _moved(part)


def partial_relation(part, others=()):
    """What holds wherever the part is wrong, though not where it is right, or ""."""
    if not part.comparable or part.right[0].dtype.kind not in "fiu":
        return ""
    pairs = list(zip(part.got, part.right, strict=True))
    if any(one.shape != other.shape for one, other in pairs):
        return ""
    got = np.concatenate([one.ravel().astype("float64") for one, _ in pairs])
    right = np.concatenate([other.ravel().astype("float64") for _, other in pairs])
    wrong = differs(got, right, part.tolerance)
    if wrong.all() or len(set(right[wrong].tolist())) < FEWEST:
        return ""
    which = "where it is wrong" if part.right[-1].ndim else "in the cases that are wrong"
    vague = which
    for sign, word in ((1, "positive"), (-1, "negative")):
        if (wrong == (sign * right > 0)).all():
            which = f"where the expected number is {word}"
    with np.errstate(all="ignore"):
        for says, value in (
            ("it has the wrong sign", -right),
            ("it is 1 too small", right - 1),
            ("it is 1 too large", right + 1),
            ("it is 0", 0 * right if which != vague else right),
            ("it is 1 minus the expected number", 1 - right),
            ("it is 1 divided by the expected number", 1 / right),
            ("it is twice the expected number", 2 * right),
            ("it is half the expected number", right / 2),
        ):
            apart = differs(value, right, part.tolerance)
            idle = (apart & ~wrong).sum()  # what is right although the relation would change it
            if not differs(value[wrong], got[wrong], part.tolerance).any() and idle:
                return f"{which}, {says}; all else is right"
    return ""


def exchanged(parts):
    """What to say where all results are right but in another order, or ""."""
    count = len(parts)
    if count < 2 or not all(part.comparable for part in parts):
        return ""
    orders = permutations(range(count)) if count <= 4 else _swaps(count)
    for order in orders:
        pairs = [(parts[i], parts[j]) for i, j in enumerate(order)]
        moved = [one.name for one, other in pairs if one is not other]
        if moved and all(_equal(one.got, other.right, one.tolerance) for one, other in pairs):
            if len(moved) == 2:
                return (
                    f"`{moved[0]}` and `{moved[1]}` are exchanged: each holds the other's numbers."
                )
            names = ", ".join(f"`{other.name}`" for _, other in pairs)
            return f"The results are right but come in another order: {names}."
    return ""


def _swaps(count):
    for i in range(count):
        for j in range(i + 1, count):
            order = list(range(count))
            order[i], order[j] = j, i
            yield order


def _equal(got, right, tolerance):
    return all(same(a, b, tolerance) for a, b in zip(got, right, strict=True))


def _holds(part, transform):
    """Whether transform(right, case) gives the result in every case; most fail in the last."""
    changed, finite, count = False, 0, 0
    for one, other, case in reversed(list(zip(part.got, part.right, part.cases, strict=True))):
        try:
            value = transform(other, case)
        except (ValueError, IndexError, TypeError, ZeroDivisionError, np.linalg.LinAlgError):
            return False
        if value is None or not same(one, np.asarray(value), part.tolerance):
            return False
        if np.isfinite(other).all():
            finite, count = finite + np.isfinite(value).sum(), count + np.size(value)
        changed = changed or not same(one, other, part.tolerance)
    return changed and finite >= 0.9 * count  # a logarithm of 0 now and then is no reason to doubt


def _relations(part, others):
    """(sentence, f(right, case)) for every relation that is tried, the simplest first."""
    ndim = part.right[-1].ndim
    if part.right[0].dtype.kind == "b":
        yield "True and False are exchanged", lambda r, c: ~r
    if all(same(one, 0 * one, 0) for one in part.got):
        word = "every number is 0" if ndim else "it is 0"
        yield f"{word}: is something never filled, or multiplied by 0?", lambda r, c: 0 * r
    counts = part.right[0].dtype.kind in "iu" and len({n for r in part.right for n in r.flat}) > 2
    if counts:
        says = "it says whether the expected number is other than 0, not which number it is"
        yield says, lambda r, c: r != 0
    yield "every number has the wrong sign" if ndim else "it has the wrong sign", lambda r, c: -r
    for other in others:
        if other is not part and other.right[0].ndim == ndim:
            yield f"these are the numbers of `{other.name}`", _of(part, other)
    yield from _unreduced(part)
    yield from _inputs(part)
    yield from _elementwise(part)
    if ndim:
        yield from _orders(part, ndim)
        yield from _ends(part, ndim)
    yield from _reduced(part)
    yield from _begun(part)


def _begun(part):
    """As many items as asked for from the beginning or the end of an argument."""
    for name in part.cases[0]:
        if not np.ndim(part.cases[-1][name]) == part.right[-1].ndim > 0:
            continue
        for axis in range(part.right[-1].ndim):
            where = part.along(axis) if part.right[-1].ndim > 1 else ""
            for word, i in (("first", 0), ("last", 1)):
                yield (
                    f"these are the {word} items of `{name}` {where}".rstrip(),
                    lambda r, c, n=name, a=axis, i=i: _cut(c[n], r.shape[a], a, i),
                )


def _cut(values, size, axis, at_end):
    places = np.arange(size) + at_end * (values.shape[axis] - size)
    return np.take(values, places, axis)


def _of(part, other):
    by_case = {id(case): value for case, value in zip(part.cases, other.right, strict=True)}
    return lambda r, c: by_case[id(c)]


def _inputs(part):
    """The result is one of the arguments, as it came or with one change."""
    for name in part.cases[0]:
        if np.ndim(part.cases[-1][name]) != part.got[-1].ndim:
            continue
        yield f"it is `{name}` itself, unchanged", lambda r, c, n=name: np.asarray(c[n])
        yield f"it is `{name}` with the other sign", lambda r, c, n=name: -np.asarray(c[n])
        if part.got[-1].ndim:
            yield f"it is `{name}` without its first item", lambda r, c, n=name: c[n][1:]
            yield f"it is `{name}` without its last item", lambda r, c, n=name: c[n][:-1]
            yield f"it is `{name}` turned round", lambda r, c, n=name: c[n][::-1]
            yield f"it is `{name}`, transposed", lambda r, c, n=name: c[n].T
    for name in part.cases[0]:
        if np.ndim(part.cases[-1][name]) == part.got[-1].ndim + 1:
            yield f"it is the first item of `{name}`", lambda r, c, n=name: c[n][0]
            yield f"it is the last item of `{name}`", lambda r, c, n=name: c[n][-1]
    if part.right[0].dtype.kind == "f" and part.right[-1].ndim:
        yield from _positions(part)


def _positions(part):
    """Whole numbers where values are asked for: the places at which the values stand."""
    for name in part.cases[0]:
        if np.ndim(part.cases[-1][name]) == part.right[-1].ndim + 1:
            for axis in range(np.ndim(part.cases[-1][name])):
                for pick in (np.argmax, np.argmin):
                    yield (
                        f"these are positions in `{name}` (as from `np.{pick.__name__}`), not the "
                        "values that stand there",
                        lambda r, c, n=name, a=axis, p=pick: p(c[n], axis=a),
                    )


def _elementwise(part):
    if part.right[0].dtype.kind != "f":
        return
    if evidence(part.got, part.right, part.tolerance) < FEWEST:
        return
    mixed = any((r > 0).any() for r in part.right) and any((r < 0).any() for r in part.right)
    yield "it is 1 minus the expected number", lambda r, c: 1 - r
    yield "it is 1 divided by the expected number", lambda r, c: 1 / r
    yield (
        "it is e to the expected number: `exp` was applied, or `log` forgotten",
        lambda r, c: np.exp(r),
    )
    yield "it is the logarithm of the expected number", lambda r, c: np.log(r)
    yield (
        "it is log(1 - p) where log(p) is expected: the logarithm of the opposite case",
        lambda r, c: np.log1p(-np.exp(r)),
    )
    yield "it is minus the logarithm of the expected number", lambda r, c: -np.log(r)
    yield "it is 2 to the expected number", lambda r, c: 2.0**r
    yield "it is the logarithm to base 2 of the expected number", lambda r, c: np.log2(r)
    yield "it is the logarithm to base 10 of the expected number", lambda r, c: np.log10(r)
    yield "it is the square root of the expected number", lambda r, c: np.sqrt(r)
    yield "it is the square of the expected number: is a root missing?", lambda r, c: r**2
    yield "its signs are lost: every number is the size of the expected one", lambda r, c: np.abs(r)
    yield "it is tanh of the expected number", lambda r, c: np.tanh(r)
    yield "a tanh is missing at the end", lambda r, c: np.arctanh(r)
    yield "it is the sigmoid of the expected number", lambda r, c: sigmoid(r)
    yield "a sigmoid is missing at the end", lambda r, c: np.log(r) - np.log1p(-r)
    if mixed:
        yield "what is negative has become 0", lambda r, c: np.maximum(r, 0)
        yield "what is positive has become 0", lambda r, c: np.minimum(r, 0)
    yield "it is cut off to whole numbers", lambda r, c: np.trunc(r)
    yield "it is rounded down to whole numbers", lambda r, c: np.floor(r)
    yield "it is rounded to whole numbers", lambda r, c: np.rint(r)
    for digits in range(1, 9):
        yield f"it is rounded to {digits} decimals", lambda r, c, d=digits: np.round(r, d)
    for base, name in ((2, "2"), (10, "10")):
        k = float(np.log(base))
        text = "the logarithm is {} base {}: it is the expected number {} ln {}"
        twice = "2, or was converted to it once too often" if name == "2" else name
        yield text.format("to", twice, "divided by", name), lambda r, c, k=k: r / k
        yield text.format("natural, not to", name, "times", name), lambda r, c, k=k: r * k


def _orders(part, ndim):
    if ndim == 2:
        yield "it is transposed", lambda r, c: r.T
    if ndim > 2:
        for i, j in ((0, 1), (1, 2), (0, 2)):
            yield f"axes {i} and {j} are exchanged", lambda r, c, i=i, j=j: r.swapaxes(i, j)
    if ndim == 1:
        yield (
            "the numbers are right, their order along the last axis is reversed",
            lambda r, c: r[::-1],
        )
    else:
        for axis in range(ndim):
            yield (
                f"the numbers are right, their order {part.along(axis)} is reversed",
                lambda r, c, a=axis: np.flip(r, a),
            )
    for axis in range(ndim):
        for count in _blocks(part, axis):
            for order in permutations(range(count)):
                if list(order) != list(range(count)):
                    words = ", ".join(_ordinal(i) for i in order)
                    yield (
                        f"the {count} blocks {part.along(axis)} are right, but stand in the order "
                        f"{words}",
                        lambda r, c, a=axis, o=order: _permuted(r, a, o),
                    )
            yield from _signed_blocks(part, axis, count)
    for axis in range(ndim):
        yield (
            f"the numbers are right but sorted {part.along(axis)}",
            lambda r, c, a=axis: np.sort(r, a),
        )
        yield (
            f"the numbers are right but sorted {part.along(axis)}, the largest first",
            lambda r, c, a=axis: np.flip(np.sort(r, a), a),
        )
    if ndim > 1:
        yield (
            "the numbers are right but read in another order: `reshape` does not exchange axes, "
            "`transpose` does",
            lambda r, c: r.T.reshape(r.shape),
        )


def _blocks(part, axis):
    """How many blocks an axis such as "3 * H" is made of."""
    name = part.axes[axis] if axis < len(part.axes) else ""
    factor = name.replace(" ", "").partition("*")[0]
    return [int(factor)] if factor in ("2", "3", "4") and "*" in name else []


def _permuted(r, axis, order):
    blocks = np.split(r, len(order), axis)
    return np.concatenate([blocks[i] for i in order], axis)


def _signed_blocks(part, axis, count):
    for signs in product((1, -1), repeat=count):
        if 0 < signs.count(-1) < count:
            which = listed(_ordinal(i) for i, sign in enumerate(signs) if sign < 0)
            plural = "s" if signs.count(-1) > 1 else ""
            yield (
                f"the {which} block{plural} {part.along(axis)} {'have' if plural else 'has'} the "
                "wrong sign, the rest is right",
                lambda r, c, a=axis, s=signs: np.concatenate(
                    [k * b for k, b in zip(s, np.split(r, len(s), a), strict=True)], a
                ),
            )


def _ordinal(i):
    return ("first", "second", "third", "fourth")[i]


def _ends(part, ndim):
    """Items missing, added, emptied or moved at the ends of an axis."""
    for axis in range(ndim):
        where = part.along(axis) if ndim > 1 else ""
        where = f" {where}" if where else ""

        def at(r, cut, axis=axis):
            return r[(slice(None),) * axis + (cut,)]

        def zero(r, axis=axis, at=at):
            return np.zeros_like(at(r, slice(0, 1)))

        for text, cut in (
            ("the last item{} is missing, the rest is right", slice(0, -1)),
            ("the first item{} is missing, the rest is right", slice(1, None)),
            ("the last two items{} are missing, the rest is right", slice(0, -2)),
            ("the first item{} and the last are missing, the rest is right", slice(1, -1)),
        ):
            yield text.format(where), lambda r, c, at=at, cut=cut: at(r, cut)
        for text, front, back in (
            ("there is a 0 too many{} at the front, the rest is right", True, False),
            ("there is a 0 too many{} at the end, the rest is right", False, True),
            ("there are zeros too many{} at both ends, the rest is right", True, True),
        ):
            yield (
                text.format(where),
                lambda r, c, z=zero, f=front, b=back, a=axis: np.concatenate(
                    [z(r)] * f + [r] + [z(r)] * b, a
                ),
            )
        for text, kept, front in (
            ("the last item{} is 0, the rest is right", slice(0, -1), False),
            ("the first item{} is 0, the rest is right", slice(1, None), True),
        ):
            yield (
                text.format(where),
                lambda r, c, at=at, z=zero, k=kept, f=front, a=axis: np.concatenate(
                    [z(r), at(r, k)] if f else [at(r, k), z(r)], a
                ),
            )


def _shifts(part, ndim):
    """Everything moved by one place along an axis, or one item instead of all."""
    for axis in range(ndim):
        where = f" {part.along(axis)}" if ndim > 1 else ""

        def at(r, cut, axis=axis):
            return r[(slice(None),) * axis + (cut,)]

        def zero(r, axis=axis, at=at):
            return np.zeros_like(at(r, slice(0, 1)))

        first, last = slice(0, 1), slice(-1, None)
        late = "all comes one place too late{}: what belongs to one index stands at the next"
        early = (
            "all comes one place too early{}: what belongs to one index stands at the one before"
        )
        for text, pieces in (
            (late + ", and the first is 0", lambda r, at=at, z=zero: [z(r), at(r, slice(0, -1))]),
            (early + ", and the last is 0", lambda r, at=at, z=zero: [at(r, slice(1, None)), z(r)]),
            (
                late + ", and the last has come round to the front",
                lambda r, at=at: [at(r, slice(-1, None)), at(r, slice(0, -1))],
            ),
            (
                early + ", and the first has come round to the end",
                lambda r, at=at: [at(r, slice(1, None)), at(r, slice(0, 1))],
            ),
            (
                late + ", and the first stands there twice",
                lambda r, at=at: [at(r, slice(0, 1)), at(r, slice(0, -1))],
            ),
            (
                early + ", and the last stands there twice",
                lambda r, at=at: [at(r, slice(1, None)), at(r, slice(-1, None))],
            ),
        ):
            yield text.format(where), lambda r, c, p=pieces, a=axis: np.concatenate(p(r), a)
        for text, f in (
            ("largest", np.max),
            ("smallest", np.min),
            ("sum", np.sum),
            ("mean", np.mean),
        ):
            yield (
                f"every item{where} is the {text} of those asked for",
                lambda r, c, f=f, a=axis: np.broadcast_to(f(r, axis=a, keepdims=True), r.shape),
            )
        for text, chosen in (
            ("every item{} is the last one: was one array appended again and again?", last),
            ("every item{} is the first one: is the state carried on?", first),
        ):
            yield (
                text.format(where),
                lambda r, c, at=at, k=chosen: np.broadcast_to(at(r, k), r.shape),
            )


def _loose(part, ndim):
    yield from _shifts(part, ndim)
    yield from _along(part, ndim)
    yield from _times_argument(part)


def _times_argument(part):
    """A factor that changes from number to number: an argument of the same shape or for an axis."""
    if part.right[0].dtype.kind != "f":
        return
    for name in part.cases[0]:
        letters = part.shapes.get(name, "").split()
        for axis, letter in enumerate(part.axes):
            if letters == [letter]:
                yield from _times(name, axis)
        if np.ndim(part.cases[-1][name]) == part.right[-1].ndim > 0:
            yield from _times(name, None)


def _times(name, axis):
    def spread(r, c):
        a = np.asarray(c[name])
        if axis is None:
            return a if a.shape == r.shape else None
        return np.expand_dims(a, [i for i in range(r.ndim) if i != axis])

    for says, f in (
        (f"times `{name}`", lambda r, a: r * a),
        (f"divided by `{name}`", lambda r, a: r / a),
        (f"times `1 - {name}`", lambda r, a: r * (1 - a)),
        (f"divided by `1 - {name}`", lambda r, a: r / (1 - a)),
        (f"times the slope `1 - {name}**2`", lambda r, a: r * (1 - a**2)),
        (f"times the slope `{name} * (1 - {name})`", lambda r, a: r * a * (1 - a)),
    ):

        def transform(r, c, f=f):
            a = spread(r, c)
            return None if a is None else f(r, a)

        yield f"every number is the expected one {says}", transform


def _moved(part):
    """The right numbers or the right items in another order, which is not said."""
    pairs = list(zip(part.got, part.right, strict=True))
    if any(one.shape != other.shape or not other.ndim for one, other in pairs):
        return ""
    for axis in range(part.right[-1].ndim):
        if all(same(_sorted(a, axis), _sorted(b, axis), part.tolerance) for a, b in pairs):
            if part.right[-1].ndim == 1:
                return "the numbers are right, but stand in another order"
            return f"the items {part.along(axis)} are right, but stand in another order"
    return ""


def _sorted(values, axis):
    """The items along an axis, as rows, in an order of their own."""
    rows = np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1).astype("float64")
    return rows[np.lexsort(np.round(rows, 9).T[::-1])] if rows.size else rows


def _joined(part):
    """Several arrays where one is asked for, which they would be if they were put together."""
    if not all(type(one) is tuple and one for one in part.got):
        return ""
    if not all(type(piece) is np.ndarray for one in part.got for piece in one):
        return ""
    try:
        joined = [np.concatenate(one) for one in part.got]
    except ValueError:
        return ""
    if not _equal(joined, part.right, part.tolerance):
        return ""
    return "joined by `np.concatenate`, your result would be right: one array is asked for"


def _along(part, ndim):
    """Sums, differences and scales along one axis."""
    for axis in range(ndim):
        where = part.along(axis) if ndim > 1 else "from the first on"
        yield (
            f"it is added up {where}: these are running sums",
            lambda r, c, a=axis: np.cumsum(r, a),
        )
        yield (
            f"it is added up {where}, from the end: these are running sums",
            lambda r, c, a=axis: np.flip(np.cumsum(np.flip(r, a), a), a),
        )
        yield (
            f"these are differences {where}: the numbers have not been added up",
            lambda r, c, a=axis: np.diff(r, axis=a, prepend=0),
        )
        yield (
            f"these are running maxima {where}",
            lambda r, c, a=axis: np.maximum.accumulate(r, a),
        )
        if ndim > 1 or part.right[0].dtype.kind == "f":
            yield (
                f"it is divided by its sum {where}",
                lambda r, c, a=axis: r / r.sum(a, keepdims=True),
            )
            yield f"a softmax {where} was taken of it", lambda r, c, a=axis: _softmax(r, a)
            yield (
                f"it is scaled to length 1 {where}",
                lambda r, c, a=axis: r / np.sqrt((r**2).sum(a, keepdims=True)),
            )


def _softmax(r, axis):
    e = np.exp(r - r.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def _reduced(part):
    """The result has been summed, averaged or cut along an axis that is asked for."""
    if part.got[-1].shape == part.right[-1].shape:
        return
    ndim = part.right[-1].ndim
    for axis in range(ndim):
        where = part.along(axis) if ndim > 1 else ""
        single = "" if ndim > 1 else " to one number"
        for word, f in (
            (f"summed{single}", np.sum),
            (f"averaged{single}", np.mean),
            ("reduced to its largest number", np.max),
        ):
            for keep in (False, True):
                yield (
                    f"it is right but {word} {where}".rstrip(),
                    lambda r, c, a=axis, f=f, k=keep: f(r, axis=a, keepdims=k),
                )
        for word, i in (("last", -1), ("first", 0)):
            for keep in (False, True):
                yield (
                    f"only the {word} item {where} is there; all are asked for".replace("  ", " "),
                    lambda r, c, a=axis, i=i, k=keep: np.take(r, [i] if k else i, a),
                )
    if ndim > 1:
        for word, f in (("summed", np.sum), ("averaged", np.mean)):
            yield f"it is right but {word} over all axes", lambda r, c, f=f: f(r)
    for axis in range(ndim + 1):
        yield (
            "the numbers are right, but there is an axis of length 1 too many",
            lambda r, c, a=axis: np.expand_dims(r, a),
        )
    for axis in range(ndim):
        yield (
            "the numbers are right, but an axis of length 1 is missing",
            lambda r, c, a=axis: np.squeeze(r, a),
        )
    by_case = {id(c): one.shape for c, one in zip(part.cases, part.got, strict=True)}
    yield (
        "the numbers are right, and only their shape is not",
        lambda r, c: r.reshape(by_case[id(c)]),
    )
    values = {id(c): one for c, one in zip(part.cases, part.got, strict=True)}
    yield (
        "the numbers are right, but zeros stand between them: leave out what is not asked for",
        lambda r, c: (
            values[id(c)] if _same_but_for_zeros(values[id(c)], r, part.tolerance) else None
        ),
    )
    yield (
        "the numbers are right, but they stand there several times: something was broadcast",
        lambda r, c: np.broadcast_to(r, by_case[id(c)]) if r.size else None,
    )


def _same_but_for_zeros(one, other, tolerance):
    kept = one[one != 0]
    return one.ndim == other.ndim and same(kept, other.ravel(), tolerance)


def _unreduced(part):
    """The right result is what becomes of this one when an axis is summed or an item taken."""
    if part.got[-1].ndim != part.right[-1].ndim + 1:
        return
    by_case = {id(c): one for c, one in zip(part.cases, part.got, strict=True)}
    for axis in range(part.got[-1].ndim):
        if all(one.shape[axis] == 1 for one in part.got if one.ndim > axis):
            continue
        for says, f in (
            ("summed over axis {}, your result would be right: the sum is missing", np.sum),
            ("averaged over axis {}, your result would be right: the mean is missing", np.mean),
            (
                "the last item along axis {} of your result is right: only that is asked for",
                lambda v, axis: np.take(v, -1, axis),
            ),
            (
                "the first item along axis {} of your result is right: only that is asked for",
                lambda v, axis: np.take(v, 0, axis),
            ),
            ("the largest numbers along axis {} of your result are right", np.max),
        ):

            def transform(r, c, f=f, axis=axis):
                value = f(by_case[id(c)], axis=axis)
                return by_case[id(c)] if same(np.asarray(value), r, part.tolerance) else None

            yield says.format(axis), transform


# ------------------------------------------------------------------------- factors and offsets
def _factor(part):
    """A factor common to all numbers: a constant, or a number of the case, by name."""
    ratios = []
    for one, other in zip(part.got, part.right, strict=True):
        if one.shape != other.shape or other.dtype.kind not in "fiu" or not other.size:
            return ""
        at = np.unravel_index(
            np.abs(np.nan_to_num(other, posinf=0, neginf=0)).argmax(), other.shape
        )
        if not other[at]:
            if same(one, other, part.tolerance):
                ratios.append(np.nan)
                continue
            return ""
        ratio = float(one[at]) / float(other[at])
        if not np.isfinite(ratio):
            return ""
        if not same(one, ratio * other, part.tolerance):
            return ""
        ratios.append(ratio)
    ratios = np.array(ratios)
    known = ~np.isnan(ratios)
    if known.sum() < 2 or np.allclose(ratios[known], 1, rtol=1e-9):
        return ""
    word = "every number" if part.right[-1].ndim else "it"
    if np.allclose(ratios[known], ratios[known][0], rtol=1e-8, atol=0):
        enough = known.sum() > 2 or evidence(part.got, part.right, part.tolerance) >= FEWEST
        factor = ratios[known][0]
        return f"{word} is {factor:.4g} times the expected one" if enough and factor else ""
    for name, values in _named_numbers(part):
        if np.allclose(ratios[known], values[known], rtol=1e-8, atol=0):
            return f"{word} is {name} times the expected one"
        if np.allclose(ratios[known] * values[known], 1, rtol=1e-8, atol=0):
            return f"{word} is the expected one divided by {name}"
    if part.right[-1].ndim and evidence(part.got, part.right, part.tolerance) >= 2 * FEWEST:
        shown = listed(dict.fromkeys(f"{ratio:.3g}" for ratio in ratios[known][:4]))
        return (
            f"{word} is the expected one times a factor that changes from case to case ({shown}, "
            "...)"
        )
    return ""


def _named_numbers(part):
    """(name, its value in each case) of what could be a factor or an offset."""
    tables = [facts(case, part.shapes) for case in part.cases]
    names = [n for n in tables[0] if all(n in table for table in tables)]
    columns = {name: np.array([table[name] for table in tables]) for name in names}
    for name, values in part.cases[0].items():
        if isinstance(values, np.ndarray) and values.ndim == 1 and values.dtype.kind in "iu":
            given = [case[name] for case in part.cases]
            columns[f"the sum of `{name}`"] = np.array([float(v.sum()) for v in given])
            columns[f"the largest of `{name}`"] = np.array([float(v.max(initial=0)) for v in given])
    columns = {name: c for name, c in columns.items() if np.ptp(c) > 0}
    yield from columns.items()
    for name, c in columns.items():
        yield f"({name} - 1)", c - 1
        yield f"({name} + 1)", c + 1
        yield f"(1 - {name})", 1 - c
        yield f"{name} squared", c**2
        yield f"the root of {name}", np.sqrt(np.abs(c))
    items = list(columns.items())
    for i, (one, a) in enumerate(items):
        for other, b in items[i + 1 :]:
            yield f"{one} times {other}", a * b
            yield f"{one} divided by {other}", a / np.where(b, b, np.nan)


def _offset(part, others):
    """What was added to all numbers: a constant, a number of the case, or an array of it."""
    pairs = list(zip(part.got, part.right, strict=True))
    if any(a.shape != b.shape or b.dtype.kind not in "fiu" or not b.size for a, b in pairs):
        return ""
    gaps = [one.astype("float64") - other.astype("float64") for one, other in pairs]
    if not all(np.isfinite(gap).all() for gap in gaps):
        return ""
    firsts = np.array([gap.ravel()[0] for gap in gaps])
    pieces = zip(gaps, firsts, pairs, strict=True)
    if all(same(gap, np.full(gap.shape, k), part.tolerance) for gap, k, _ in pieces):
        word = "every number" if part.right[-1].ndim else "it"
        if np.allclose(firsts, firsts[0], rtol=1e-8, atol=1e-12) and len(firsts) > 2:
            how = "large" if firsts[0] > 0 else "small"
            return f"{word} is {abs(firsts[0]):.4g} too {how}"
        for name, values in _named_numbers(part):
            for sign, how in ((1, "large"), (-1, "small")):
                if np.allclose(firsts, sign * values, rtol=1e-8, atol=1e-10):
                    return f"{word} is too {how} by {name}"
    return _added_array(part, gaps, others)


def _added_array(part, gaps, others):
    if part.right[-1].ndim == 0:
        return ""
    sources = [(name, [case[name] for case in part.cases]) for name in part.cases[0]]
    sources += [(other.name, other.right) for other in others if other is not part]
    for name, values in sources:
        for word, f in (
            ("", np.asarray),
            ("[0]", lambda v: np.asarray(v)[0]),
            ("[-1]", lambda v: np.asarray(v)[-1]),
            (", transposed", np.transpose),
            (", summed over its first axis", lambda v: np.sum(v, axis=0)),
        ):
            try:
                arrays = [f(value) for value in values]
            except (TypeError, ValueError, IndexError):
                continue
            if any(a.dtype.kind not in "fiu" or not a.any() for a in arrays):
                continue
            for sign, verb in ((1, "was added to it"), (-1, "was taken away from it")):
                pairs = zip(gaps, arrays, strict=True)
                if all(same(gap, sign * 1.0 * a, part.tolerance) for gap, a in pairs):
                    item = f"`{name}{word}`" if word.startswith("[") else f"`{name}`{word}"
                    return f"{item} {verb}: the rest is right"
    return ""
