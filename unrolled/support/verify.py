"""Two independent checks of every hand-derived gradient: central differences, and torch.

Each check returns a `Comparison`, which a notebook shows as a table of the largest errors, and
raises AssertionError when one exceeds its tolerance: a page cannot be built on a wrong formula.
"""

import inspect
from dataclasses import dataclass
from html import escape

import numpy as np

STEP = 1e-5  # balances truncation, O(STEP**2), against rounding, O(1e-16 / STEP)
DIFFERENCES_TOLERANCE = 1e-7
TORCH_TOLERANCE = 1e-10


@dataclass(frozen=True)
class Row:
    """One compared array: its name, shape, and the largest error, relative above 1."""

    name: str
    shape: tuple
    error: float
    tolerance: float

    @property
    def passed(self):
        return self.error <= self.tolerance  # False for NaN


@dataclass(frozen=True)
class Comparison:
    """What was compared against what; displays as one line, which opens to a table."""

    title: str
    rows: tuple

    @property
    def summary(self):
        """One line: what, how many arrays, the largest error, and whether all passed."""
        sign = "✓" if all(row.passed for row in self.rows) else "✗"
        arrays = f"{len(self.rows)} array{'' if len(self.rows) == 1 else 's'}"
        largest = max(row.error for row in self.rows)
        shown = f"{largest:.0e}" if largest else "0"
        return f"{sign} {self.title}: {arrays}, largest error {shown}"

    def _cells(self):
        for row in self.rows:
            verdict = "≤" if row.passed else ">"
            shape = " × ".join(map(str, row.shape)) or "scalar"
            yield row.name, shape, f"{row.error:.1e}", f"{verdict} {row.tolerance:.0e}"

    def __str__(self):
        lines = [("array", "shape", "largest error", "tolerance"), *self._cells()]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        table = ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) for line in lines]
        return "\n".join([self.title, *(line.rstrip() for line in table)])

    __repr__ = __str__

    def _repr_html_(self):
        body = "".join(
            f'<tr><th scope="row"><code>{escape(name)}</code></th><td>{escape(shape)}</td>'
            f"<td>{error}</td><td>{escape(tolerance)}</td></tr>"
            for name, shape, error, tolerance in self._cells()
        )
        head = "".join(
            f'<th scope="col">{title}</th>'
            for title in ("array", "shape", "largest error", "tolerance")
        )
        return (
            f'<details class="comparison"><summary>{escape(self.summary)}</summary>'
            f'<table class="unrolled-table"><caption>{escape(self.title)}</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></details>"
        )


def compare(title, got, expected, tolerance=TORCH_TOLERANCE):
    """Compare arrays by name: `got` and `expected` are dicts with the same keys.

    The error of an array is the largest |got - expected|, divided by the largest |expected| where
    that exceeds 1. torch tensors are accepted on either side.

    Raises ValueError when the names differ or nothing is compared, AssertionError when a shape
    differs or an error exceeds `tolerance` or is not a number.
    """
    if not expected or list(got) != list(expected):
        raise ValueError(
            f"{title}: the same names expected on both sides, in the same order, "
            f"got {list(got)} against {list(expected)}"
        )
    rows = []
    for name in expected:
        a, b = _array(got[name]), _array(expected[name])
        if a.shape != b.shape:
            raise AssertionError(f"{title}: {name} has shape {a.shape}, {b.shape} expected")
        error = 0.0
        if a.size:
            error = float(np.max(np.abs(a - b)) / max(1.0, np.max(np.abs(b))))
        rows.append(Row(name, a.shape, error, tolerance))
    comparison = Comparison(title, tuple(rows))
    if not all(row.passed for row in rows):
        raise AssertionError(f"an error exceeds its tolerance\n{comparison}")
    return comparison


def numerical_gradient(loss, array, step=STEP):
    """Central differences of the scalar function `loss` at `array`, which it changes in place.

    (loss(a + step) - loss(a - step)) / (2 step) for each element a; `array` is float64 and comes
    back as it was. Its error is O(step**2) in theory, and about 1e-9 in float64.

    Raises ValueError for an array that is not float64: in float32 the difference is all rounding.
    """
    if array.dtype != np.float64:
        raise ValueError(f"array: float64 expected for central differences, got {array.dtype}")
    gradient = np.empty_like(array)
    for index in np.ndindex(array.shape):
        kept = array[index]
        array[index] = kept + step
        above = loss()
        array[index] = kept - step
        below = loss()
        array[index] = kept
        gradient[index] = (above - below) / (2 * step)
    return gradient


def against_differences(
    forward, backward, arguments, rng, tolerance=DIFFERENCES_TOLERANCE, **options
):
    """Check `backward` by central differences of ℓ = Σ dout · out, with a random `dout`.

    `forward(*arguments.values(), **options)` returns (out, cache), `backward(dout, cache)` the
    gradients in the order of `arguments` (one array, or a tuple). `out` may be a tuple of arrays;
    `dout` is then one too. All arrays are float64.
    """
    arrays = {name: np.array(value) for name, value in arguments.items()}
    out, cache = forward(*arrays.values(), **options)
    dout = _random_like(out, rng)

    def loss():
        return _inner(dout, forward(*arrays.values(), **options)[0])

    got = _gradients(arrays, backward(dout, cache))
    expected = {f"d{name}": numerical_gradient(loss, array) for name, array in arrays.items()}
    return compare(f"{forward.__name__} against central differences", got, expected, tolerance)


def against_torch(
    forward, backward, reference, arguments, rng, tolerance=TORCH_TOLERANCE, **options
):
    """Check the value and every gradient against torch's autograd, with a random `dout`.

    `reference(*tensors, **options)` computes the same as `forward` on float64 tensors in the
    order of `arguments`. `out` may be a tuple of arrays on both sides.
    """
    import torch

    out, cache = forward(*arguments.values(), **options)
    dout = _random_like(out, rng)
    got = _named("out", out) | _gradients(arguments, backward(dout, cache))

    tensors = [torch.tensor(value, requires_grad=True) for value in arguments.values()]
    expected_out = reference(*tensors, **options)
    torch.autograd.backward(
        list(_named("out", expected_out).values()),
        [torch.from_numpy(d) for d in _named("out", dout).values()],
    )
    expected = _named("out", expected_out) | _gradients(arguments, [t.grad for t in tensors])
    title = f"{forward.__name__} against {_torch_name(reference)}"
    return compare(title, got, expected, tolerance)


def _torch_name(reference):
    # many of torch's functions are built in, and know their name but not their place
    found = inspect.getmodule(reference)
    known = found and found.__name__.startswith("torch")
    return f"torch's {reference.__name__}" if known or not found else "torch"


def _array(value):
    if hasattr(value, "detach"):  # a torch tensor, without importing torch
        value = value.detach().numpy()
    return np.asarray(value)


def _named(name, value):
    """{name: value}, or {name 1: …, name 2: …} for a tuple."""
    if isinstance(value, tuple):
        return {f"{name} {i}": part for i, part in enumerate(value, start=1)}
    return {name: value}


def _gradients(arguments, gradients):
    if not isinstance(gradients, (tuple, list)):
        gradients = [gradients]
    if len(gradients) != len(arguments):
        raise ValueError(
            f"backward: {len(arguments)} gradients expected, one for each of "
            f"{', '.join(arguments)}, got {len(gradients)}"
        )
    return {f"d{name}": gradient for name, gradient in zip(arguments, gradients, strict=True)}


def _random_like(out, rng):
    if isinstance(out, tuple):
        return tuple(_random_like(part, rng) for part in out)
    return rng.standard_normal(np.shape(out))


def _inner(a, b):
    if isinstance(a, tuple):
        return sum(_inner(p, q) for p, q in zip(a, b, strict=True))
    return float(np.sum(a * b))
