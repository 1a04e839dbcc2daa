"""Lab 01, Convolution: cases, right answers and known mistakes.

The right answers come from torch, or from the chapter's verified functions where torch is missing,
and by another road than a student's (autograd, a backward pass, a gradient that counts), so that
no mistake is made twice. The wrong ones are written as plainly as a student would write them.
"""

import numpy as np

from unrolled.convolution import conv1d, conv1d_backward, output_length

from .exercise import Exercise, Misconception, Question, Source, numbers, one_at_a_time
from .lab import Lab


def _windows(x, n, stride=1, dilation=1):
    """Every window of the last axis: (..., T) -> (..., positions, n)."""
    wide = np.lib.stride_tricks.sliding_window_view(x, (n - 1) * dilation + 1, axis=-1)
    return wide[..., ::stride, ::dilation]


def _conv(x, w, **options):
    """The chapter's conv1d without bias, output only."""
    return conv1d(x, w, np.zeros(len(w)), **options)[0]


def _torch_conv(x, w, **options):
    import torch

    return torch.nn.functional.conv1d(torch.from_numpy(x), torch.from_numpy(w), **options).numpy()


LAYER = "The layer: channels, batch, stride, padding, dilation, groups"
OURS = "unrolled.convolution.conv1d"
TORCH = "torch.nn.functional.conv1d"


# --------------------------------------------------------------------------- warm-up: equation (1)
def _correlate_cases(rng):
    sizes = [(4, 2), (5, 5), *one_at_a_time({"T": 9, "n": 4}, n=1, T=11), (20, 6)]
    return [{"x": numbers(rng, T), "m": numbers(rng, n)} for T, n in sizes]


CORRELATE = Exercise(
    name="correlate",
    points=1,
    section="Forward: one filter, one signal",
    cases=_correlate_cases,
    shapes={"x": "T", "m": "n"},
    returns={"c": "a float64 array (T - n + 1,)"},
    reference=Source(OURS, lambda x, m: _conv(x[None, None], m[None, None])[0, 0]),
    oracle=Source(TORCH, lambda x, m: _torch_conv(x[None, None], m[None, None])[0, 0]),
    misconceptions=(
        Misconception(
            "flipped filter",
            lambda x, m: _windows(x, len(m)) @ m[::-1],
            "This is what you get if the filter is flipped: m_n meets the first sample of the "
            "window. Signal processing calls that convolution, and `np.convolve` does it; "
            "equation (1) lets m_1 meet the first sample.",
            section="Convolution or correlation?",
        ),
        Misconception(
            "last window forgotten",
            lambda x, m: (_windows(x, len(m)) @ m)[:-1],
            "The last window is missing: there are T - n + 1 places for the filter, not T - n. "
            "Try T = n: the filter fits exactly once.",
        ),
        Misconception(
            "last place left empty",
            lambda x, m: np.append((_windows(x, len(m)) @ m)[:-1], 0.0),
            "All is right but the last number, which is still 0: the loop ends one step early. "
            "There are T - n + 1 places, and range(T - n) visits T - n of them.",
        ),
        Misconception(
            "padded to the input's length",
            lambda x, m: np.correlate(np.pad(x, (0, len(m) - 1)), m),
            "The result is as long as the signal, because zeros were added at its end. "
            "Equation (1) uses the places where the whole filter fits, and no others.",
        ),
        Misconception(
            "padded on both sides",
            lambda x, m: np.correlate(x, m, "full"),
            "Zeros were added on both sides (the mode 'full'). Equation (1) uses the places where "
            "the whole filter fits, and no others.",
        ),
        Misconception(
            "windows side by side",
            lambda x, m: _windows(x, len(m), stride=len(m)) @ m,
            "The windows do not overlap: the filter jumps by its own length. In equation (1) it "
            "moves on by one sample, so neighbouring windows share n - 1 samples.",
        ),
        Misconception(
            "means removed",
            lambda x, m: np.correlate(x, m - m.mean()),
            "The mean of each window was taken off before the product, as statistics does. "
            "Equation (1) takes the samples as they are.",
        ),
    ),
)


# --------------------------------------------------------------------------- length and field
def _geometry_cases(rng):
    # n, stride, padding, dilation: each option first alone, then layers that mix them
    chosen = [
        [(3, 1, 0, 1)],
        [(3, 2, 0, 1)],
        [(2, 1, 1, 1)],
        [(3, 1, 0, 2)],
        [(3, 2, 1, 1), (2, 1, 0, 3)],
        [(2, 3, 1, 2), (3, 2, 0, 1)],
    ]
    for depth in (2, 3, 5):
        n, stride = rng.integers(2, 5, depth), rng.integers(1, 4, depth)
        padding, dilation = rng.integers(0, 3, depth), rng.integers(1, 4, depth)
        chosen.append(list(zip(n, stride, padding, dilation, strict=True)))
    # An odd number of samples more than one window needs: with stride 2 one sample is left over.
    drawn = [
        {"L": _field(layers) + 2 * int(rng.integers(0, 5 * len(layers))) + 1, "layers": layers}
        for layers in map(np.array, chosen)
    ]
    fixed = [
        (3, [(5, 1, 2, 1)]),  # the window is longer than the signal: a field cut at L
        (11, [(3, 3, 0, 1)]),  # 2.67 steps fit: rounded to the nearest, or up
        (20, [(3, 2, 0, 1), (4, 1, 0, 1)]),  # the field with its layers in the wrong order
    ]
    return [*drawn, *({"L": L, "layers": np.array(layers)} for L, layers in fixed)]


def _length(L, n, stride, padding, dilation):
    """The chapter's formula, without its refusals: known mistakes may leave its domain."""
    return (L + 2 * padding - dilation * (n - 1) - 1) // stride + 1


def _chained(L, layers, length=_length):
    for n, stride, padding, dilation in layers.tolist():
        L = length(L, n, stride, padding, dilation)
    return L


def _field(layers):
    """Receptive field, from the last layer back to the input."""
    field = 1
    for n, stride, _, dilation in layers.tolist()[::-1]:
        field = (field - 1) * stride + dilation * (n - 1) + 1
    return field


def _geometry(L, layers, length=output_length):
    return _chained(L, layers, length), _field(layers)


def _counted_by_torch(L, layers):
    """Run the stack for its length; for its field, ask which inputs the first output depends on."""
    import torch

    def through(x, padded):
        for n, stride, padding, dilation in layers.tolist():
            x = torch.nn.functional.conv1d(
                x, torch.ones(1, 1, n), None, stride, padding * padded, dilation
            )
        return x

    length = through(torch.zeros(1, 1, L), padded=True).shape[-1]
    probe = torch.zeros(1, 1, L + 2 * int(layers[:, 2].sum()), requires_grad=True)
    through(probe, padded=False)[0, 0, 0].backward()
    return length, int(probe.grad.nonzero()[-1, -1]) + 1


def _wrong_length(length):
    return lambda L, layers: _geometry(L, layers, length)


def _with_layers(changed):
    """Length and field of a stack in which every layer was taken for another."""

    def geometry(L, layers):
        return _geometry(L, np.array([changed(*layer) for layer in layers.tolist()]), _length)

    return geometry


def _wrong_field(field):
    return lambda L, layers: (_chained(L, layers), field(layers))


def _less_padding(layers):
    field = 1
    for n, stride, padding, dilation in layers.tolist()[::-1]:
        field = (field - 1) * stride + dilation * (n - 1) + 1 - 2 * padding
    return field


def _jumps(layers):
    """Distance in input samples between neighbouring numbers before each layer, and after all."""
    return np.concatenate([[1], np.cumprod(layers[:, 1])])


def _strides_added(layers):
    field, apart = 1, 1
    for n, stride, _, dilation in layers.tolist():
        field, apart = field + dilation * (n - 1) * apart, apart + stride
    return field


def _dilations_multiplied(layers):
    field, apart = 1, 1
    for n, stride, _, dilation in layers.tolist():
        field, apart = field + dilation * (n - 1) * apart, apart * stride * dilation
    return field


def _one_at_each_layer(layers):
    return _field(layers) + len(layers) - 1


GEOMETRY = Exercise(
    name="stack_geometry",
    points=3,
    section=LAYER,
    cases=_geometry_cases,
    shapes={},
    returns={"length": "an int", "field": "an int"},
    reference=Source("unrolled.convolution.output_length", _geometry),
    oracle=Source(f"{TORCH}, run and counted", _counted_by_torch),
    misconceptions=(
        Misconception(
            "off-by-one length",
            _wrong_length(lambda L, n, s, p, d: (L + 2 * p - d * (n - 1) - 1) // s),
            "Each length is one too small: after counting the steps that fit, the starting place "
            "itself counts too. Try n = 1, stride = 1: the length must not change.",
        ),
        Misconception(
            "padding counted once",
            _wrong_length(lambda L, n, s, p, d: (L + p - d * (n - 1) - 1) // s + 1),
            "The padding was added once; it is added on both sides, so the padded signal has "
            "L + 2 * padding samples.",
        ),
        Misconception(
            "dilation counted as stride",
            _with_layers(lambda n, s, p, d: (n, s * d, p, 1)),
            "The dilation was taken for a stride: it made the filter's steps larger. Dilation "
            "spreads the filter itself: its n weights reach over `dilation * (n - 1) + 1` samples.",
        ),
        Misconception(
            "dilation ignored",
            _with_layers(lambda n, s, p, d: (n, s, p, 1)),
            "The dilation has no effect on your result. It spreads the filter: its n weights reach "
            "over `dilation * (n - 1) + 1` samples.",
        ),
        Misconception(
            "filter reaches dilation * n",
            _with_layers(lambda n, s, p, d: (d * n, s, p, 1)),
            "The dilated filter was given dilation * n samples. There are only n - 1 gaps between "
            "n weights, so it reaches over `dilation * (n - 1) + 1`.",
        ),
        Misconception(
            "length rounded up",
            _wrong_length(lambda L, n, s, p, d: -(-(L + 2 * p - d * (n - 1) - 1) // s) + 1),
            "The number of steps was rounded up. A last step that does not fit completely is not "
            "made: round down, with //.",
        ),
        Misconception(
            "field ignores stride",
            _wrong_field(lambda layers: 1 + int((layers[:, 3] * (layers[:, 0] - 1)).sum())),
            "The lengths are right, but the field adds up the filters as if all strides were 1. "
            "After a layer of stride 2, neighbouring numbers lie two input samples apart.",
        ),
        Misconception(
            "field counts a layer's own stride",
            _wrong_field(
                lambda layers: (
                    1 + int((layers[:, 3] * (layers[:, 0] - 1) * _jumps(layers)[1:]).sum())
                )
            ),
            "The lengths are right, but a layer's own stride was counted in its field. Its weights "
            "lie as far apart as the layers before it have made the samples; its own stride "
            "matters only to the layers after it.",
        ),
        Misconception(
            "field in the wrong order",
            _wrong_field(lambda layers: _field(layers[::-1])),
            "The lengths are right, but the field was built from the first layer to the last. The "
            "rule `(field - 1) * stride + reach` walks from one output number back to the input: "
            "begin at the last layer.",
        ),
        Misconception(
            "windows added",
            _wrong_field(
                lambda layers: int(sum(d * (n - 1) + 1 for n, _, _, d in layers.tolist()))
            ),
            "`length` is right. The field is the sum of the windows. Neighbouring windows share "
            "samples, and a stride sets them further apart: go from the last layer back to the "
            "input.",
        ),
        Misconception(
            "windows multiplied",
            _wrong_field(
                lambda layers: int(np.prod([d * (n - 1) + 1 for n, _, _, d in layers.tolist()]))
            ),
            "`length` is right. The field is the product of the windows, as if they lay side by "
            "side. They overlap, unless the stride says otherwise: go from the last layer back to "
            "the input.",
        ),
        Misconception(
            "padding taken off the field",
            _wrong_field(_less_padding),
            "`length` is right. The padding was taken off the field. It moves the windows, and "
            "makes none of them smaller: the field may hang over the edge.",
        ),
        Misconception(
            "strides added",
            _wrong_field(_strides_added),
            "`length` is right. In the field the strides of the layers below were added up. Two "
            "layers that each halve the signal leave every fourth sample: strides multiply.",
        ),
        Misconception(
            "dilation taken for a stride",
            _wrong_field(_dilations_multiplied),
            "`length` is right. In the field the dilation of a layer spreads the layers above it, "
            "too. A dilation spreads the weights of its own layer only; the numbers that come out "
            "lie as far apart as the stride says.",
        ),
        Misconception(
            "field cut at the signal",
            lambda L, layers: (_chained(L, layers), min(_field(layers), L)),
            "`length` is right. The field was cut at the length of the signal. It may hang over "
            "the edge into the padding, and is counted in full.",
        ),
        Misconception(
            "widest layer only",
            _wrong_field(lambda layers: int((layers[:, 3] * (layers[:, 0] - 1)).max()) + 1),
            "`length` is right. The field is that of the widest layer alone. Each layer below "
            "sees more for every number that the one above needs.",
        ),
        Misconception(
            "field one short",
            _wrong_field(lambda layers: _field(layers) - 1),
            "`length` is right, and the field is one too small: this is how far the last sample "
            "is from the first. Both are counted in.",
        ),
        Misconception(
            "one added at each layer",
            _wrong_field(_one_at_each_layer),
            "`length` is right. In the field each layer adds a sample of its own. All layers "
            "share the one they start from: there it is counted once.",
        ),
        Misconception(
            "window not taken off whole",
            _wrong_length(lambda L, n, s, p, d: (L + 2 * p - d * (n - 1)) // s + 1),
            "`field` is right. In `length` the last 1 under the fraction is missing: the first "
            "window fits on d(n - 1) + 1 samples.",
        ),
        Misconception(
            "padding left out of the length",
            _wrong_length(lambda L, n, s, p, d: (L - d * (n - 1) - 1) // s + 1),
            "`field` is right. In `length` the padding is missing: there is some at either side.",
        ),
        Misconception(
            "dilation left out of the length",
            _wrong_length(lambda L, n, s, p, d: (L + 2 * p - n) // s + 1),
            "`field` is right. In `length` the dilation has no effect: a window of n weights "
            "reaches over d(n - 1) + 1 samples.",
        ),
        Misconception(
            "d n samples in the length",
            _wrong_length(lambda L, n, s, p, d: (L + 2 * p - d * n) // s + 1),
            "`field` is right. In `length` the window was given d n samples. Between n weights "
            "there are only n - 1 gaps, so it reaches over d(n - 1) + 1.",
        ),
    ),
)


# --------------------------------------------------------------------------- causal and dilated
def _causal_cases(rng):
    sizes = [(3, 2, 1), (4, 2, 2), (4, 3, 2), (7, 4, 1), (15, 4, 4)]
    sizes += one_at_a_time({"T": 8, "n": 3, "dilation": 2}, n=1, dilation=1, T=9)
    sizes.append((5, 4, 3))  # reaches further back than the signal is long
    return [{"x": numbers(rng, T), "m": numbers(rng, n), "dilation": d} for T, n, d in sizes]


def _padded(x, m, dilation, left, right):
    return _windows(np.pad(x, (left, right)), len(m), dilation=dilation) @ m


def _reach(m, dilation):
    return (len(m) - 1) * dilation


def _causal(x, m, dilation):
    padded = np.pad(x, (_reach(m, dilation), 0))[None, None]
    return padded, m[None, None], {"dilation": dilation}


def _causal_by(convolve):
    def causal(x, m, dilation):
        padded, w, options = _causal(x, m, dilation)
        return convolve(padded, w, **options)[0, 0]

    return causal


def _late_beginning(x, m, dilation):
    out = _causal_by(_conv)(x, m, dilation)
    return np.where(np.arange(len(x)) < _reach(m, dilation), 0.0, out)


def _in_place(x, m, dilation):
    c = x.copy()
    for t in range(len(c)):
        back = [t - k * dilation for k in range(len(m) - 1, -1, -1)]
        c[t] = sum(weight * c[s] for weight, s in zip(m, back, strict=True) if s >= 0)
    return c


CAUSAL = Exercise(
    name="causal_conv",
    points=3,
    section=LAYER,
    cases=_causal_cases,
    shapes={"x": "T", "m": "n"},
    returns={"c": "a float64 array (T,)"},
    reference=Source(OURS, _causal_by(_conv)),
    oracle=Source(TORCH, _causal_by(_torch_conv)),
    misconceptions=(
        Misconception(
            "flipped filter",
            lambda x, m, dilation: _padded(x, m[::-1], dilation, _reach(m, dilation), 0),
            "This is what you get if the filter is flipped: the first weight meets the newest "
            "sample. Here, as in equation (1), the weights keep the order of time: the last "
            "weight meets `x_t`. (`np.convolve` flips.)",
        ),
        Misconception(
            "sees the future",
            lambda x, m, dilation: _padded(x, m, dilation, 0, _reach(m, dilation)),
            "The zeros stand on the wrong side: your `c_t` uses `x_t` and what comes after it. It "
            "sees the future. Put all of them in front of the signal.",
        ),
        Misconception(
            "padded on both sides",
            lambda x, m, dilation: _padded(
                x, m, dilation, _reach(m, dilation) // 2, -(-_reach(m, dilation) // 2)
            ),
            "The zeros were shared between both sides, so half of every window lies in the future. "
            "Put all of them in front of the signal.",
        ),
        Misconception(
            "negative index",
            lambda x, m, dilation: (
                _windows(
                    np.take(x, np.arange(-_reach(m, dilation), len(x)), mode="wrap"),
                    len(m),
                    dilation=dilation,
                )
                @ m
            ),
            "The first numbers take samples from the end of the signal: `x[-1]` is Python's last "
            "element, not a zero. Where the index is negative, the sample counts as 0.",
        ),
        Misconception(
            "dilation counted as stride",
            lambda x, m, dilation: _padded(x, m, 1, len(m) - 1, 0)[::dilation],
            "The dilation was taken for a stride: the filter jumps, and the result is shorter. "
            "Dilation spreads the weights `dilation` samples apart; the filter still moves by one.",
        ),
        Misconception(
            "dilation ignored",
            lambda x, m, dilation: _padded(x, m, 1, len(m) - 1, 0),
            "The dilation has no effect on your result. The weights meet samples that lie "
            "`dilation` apart: `x[t]`, `x[t - dilation]`, `x[t - 2 * dilation]`, ...",
        ),
        Misconception(
            "too few zeros",
            lambda x, m, dilation: _padded(
                x, m, dilation, max(len(m) - 1, _reach(m, dilation) + 1 - len(x)), 0
            ),
            "There are n - 1 zeros in front. The dilated filter reaches back (n - 1) * dilation "
            "samples, so it needs that many.",
        ),
        Misconception(
            "one step late",
            lambda x, m, dilation: _padded(x, m, dilation, _reach(m, dilation) + 1, 0)[:-1],
            "Everything comes one step late: your `c_t` ends at `x_(t-1)`. Causal means "
            "nothing after t; `x_t` itself belongs to it.",
        ),
        Misconception(
            "beginning left at zero",
            _late_beginning,
            "The outputs whose filter reaches before the beginning are 0. They are sums, too: of "
            "the terms that exist.",
        ),
        Misconception(
            "weights repeated",
            lambda x, m, dilation: np.convolve(x, np.repeat(m, dilation)[::-1])[: len(x)],
            "Each weight was repeated `dilation` times. A dilation leaves holes: between two "
            "weights there are dilation - 1 samples that are not read.",
        ),
        Misconception(
            "reads its own output",
            _in_place,
            "The output was written into x, or its copy, and then read as input: later samples see "
            "earlier outputs. Write into an array of its own.",
        ),
    ),
)


# --------------------------------------------------------------------------- the adjoint
def _transposed_cases(rng):
    sizes = [(1, 1, 2, 1, 4), (1, 1, 2, 2, 7), (1, 1, 3, 2, 6), (2, 1, 3, 1, 6), (1, 2, 3, 4, 16)]
    # with a sample left over at the end, but for stride 1
    base = {"K": 2, "C": 3, "n": 4, "stride": 2, "L": 13}
    sizes += [*one_at_a_time(base, K=1, C=1, n=1, stride=1, L=15), (3, 2, 4, 3, 17)]
    return [
        {
            "y": numbers(rng, K, output_length(L, n, stride)),
            "w": numbers(rng, K, C, n),
            "stride": stride,
            "L": L,
        }
        for K, C, n, stride, L in sizes
    ]


def _transposed_by_backward(y, w, stride, L):
    _, cache = conv1d(np.zeros((1, w.shape[1], L)), w, np.zeros(len(w)), stride=stride)
    return conv1d_backward(y[None], cache)[0][0]


def _transposed_by_torch(y, w, stride, L):
    import torch

    rest = L - ((y.shape[1] - 1) * stride + w.shape[2])
    y, w = torch.from_numpy(y[None]), torch.from_numpy(w)
    out = torch.nn.functional.conv_transpose1d(y, w, stride=stride, output_padding=rest)
    return out[0].numpy()


def _spread(y, w, stride, L, overwrite=False):
    """The adjoint, window by window; or with each window overwriting the one before."""
    x = np.zeros((w.shape[1], L))
    for j in range(y.shape[1]):
        window = x[:, j * stride : j * stride + w.shape[2]]
        window[:] = np.tensordot(y[:, j], w, axes=1) + (0 if overwrite else window)
    return x


def _overlaps(y, w, stride, L):
    """How many windows cover each sample, at least 1."""
    return np.maximum(_spread(np.ones((1, y.shape[1])), np.ones((1, 1, w.shape[2])), stride, L), 1)


def _inverted(y, w, stride, L):
    """The smallest x whose convolution comes closest to y."""
    basis = np.eye(w.shape[1] * L).reshape(-1, w.shape[1], L)
    matrix = _conv(basis, w, stride=stride).reshape(len(basis), -1).T  # (K * positions, C * L)
    return (np.linalg.pinv(matrix) @ y.ravel()).reshape(-1, L)


def _repeated(y, w, stride, L):
    y = np.repeat(y, stride, axis=1)[:, : L - w.shape[2] + 1]
    return _spread(y, w, 1, L)


TRANSPOSED = Exercise(
    name="transposed_conv",
    points=4,
    section="Backward: one filter, one signal",
    cases=_transposed_cases,
    shapes={"y": "K L_out", "w": "K C n"},
    returns={"x": "a float64 array (C, L)"},
    reference=Source("unrolled.convolution.conv1d_backward", _transposed_by_backward),
    oracle=Source("torch.nn.functional.conv_transpose1d", _transposed_by_torch),
    misconceptions=(
        Misconception(
            "flipped filter",
            lambda y, w, stride, L: _spread(y, w[:, :, ::-1], stride, L),
            "This is what you get if the filters are flipped. The adjoint uses the same lines in "
            "the other direction: weight j joined sample `stride * l + j` to response l, so it "
            "carries `y_l` back to that sample. (Whoever puts zeros between the `y_l` and slides "
            "the filter over them as in equation (1) gets this.)",
        ),
        Misconception(
            "overlap overwritten",
            lambda y, w, stride, L: _spread(y, w, stride, L, overwrite=True),
            "Where windows overlap, the later one overwrote the earlier. A sample that helped two "
            "outputs hears from both: add (+=), do not assign (=).",
        ),
        Misconception(
            "overlap averaged",
            lambda y, w, stride, L: _spread(y, w, stride, L) / _overlaps(y, w, stride, L),
            "Where windows overlap, their mean was taken. The adjoint is a transposed matrix, and "
            "a product with a matrix sums: nothing is divided.",
        ),
        Misconception(
            "stride ignored",
            lambda y, w, stride, L: _spread(y, w, 1, L),
            "The windows lie one sample apart, whatever the stride. Response l was computed from "
            "the window that begins at `stride * l`; that is where `y_l` goes.",
        ),
        Misconception(
            "remainder dropped",
            lambda y, w, stride, L: _spread(y, w, stride, (y.shape[1] - 1) * stride + w.shape[2]),
            "The result ends with the last window. The signal has L samples; those at the end that "
            "no window reached get 0, but they are there.",
        ),
        Misconception(
            "inverse instead of adjoint",
            _inverted,
            "This undoes the convolution (a pseudo-inverse). The adjoint does not undo anything: "
            "it is the transposed matrix, and costs no more than the convolution. The name "
            "'deconvolution', often heard for it, is misleading.",
        ),
        Misconception(
            "only the last filter",
            lambda y, w, stride, L: _spread(y[-1:], w[-1:], stride, L),
            "Only the last filter's share is there. Every filter k reads the same signal, so every "
            "y_k sends something back: sum over k.",
        ),
        Misconception(
            "responses repeated",
            _repeated,
            "Each response was repeated `stride` times, and the filter laid on at every sample. "
            "What lies between the windows of a stride is 0, not the response before.",
        ),
    ),
)


# --------------------------------------------------------------------------- separable
def _separable_cases(rng):
    sizes = [(1, 1, 4, 2, 6), (1, 2, 1, 4, 8)]
    sizes += one_at_a_time({"B": 2, "C": 4, "K": 5, "n": 6, "L": 13}, B=1, C=1, K=1, n=1)
    return [
        {
            "x": numbers(rng, B, C, L),
            "w_depth": numbers(rng, C, n),
            "w_point": numbers(rng, K, C),
        }
        for B, C, K, n, L in sizes
    ]


def _separable_by(convolve):
    def separable(x, w_depth, w_point):
        each = convolve(x, w_depth[:, None], groups=len(w_depth))
        return convolve(each, w_point[:, :, None]), *_counts(w_depth, w_point)

    return separable


def _counts(w_depth, w_point):
    return w_depth.size + w_point.size, w_point.size * w_depth.shape[1]


def _wrong_counts(counts):
    """The right output with other counts, computed from C, n, K and the number of positions."""

    def separable(x, w_depth, w_point):
        (C, n), K = w_depth.shape, len(w_point)
        return _mixed(x, w_depth, w_point), *counts(C, n, K, x.shape[2] - n + 1)

    return separable


def _mixed(x, w_depth, w_point):
    each = np.einsum("bcjn,cn->bcj", _windows(x, w_depth.shape[1]), w_depth)
    return np.einsum("kc,bcj->bkj", w_point, each)


def _summed(x, w_depth, w_point):
    each = np.einsum("bcjn,cn->bcj", _windows(x, w_depth.shape[1]), w_depth)
    alike = np.broadcast_to(each.sum(axis=1, keepdims=True), each.shape)
    return np.einsum("kc,bcj->bkj", w_point, alike), *_counts(w_depth, w_point)


def _reshaped_between(x, w_depth, w_point):
    each = _conv(x, w_depth[:, None], groups=len(w_depth))
    rows = each.reshape(len(x), each.shape[2], each.shape[1])
    return (rows @ w_point.T).swapaxes(1, 2), *_counts(w_depth, w_point)


SEPARABLE = Exercise(
    name="separable_conv",
    points=3,
    section=LAYER,
    cases=_separable_cases,
    shapes={"x": "B C L", "w_depth": "C n", "w_point": "K C"},
    returns={
        "out": "a float64 array (B, K, L - n + 1)",
        "separable": "an int",
        "full": "an int",
    },
    reference=Source(OURS, _separable_by(_conv)),
    oracle=Source(f"{TORCH} with groups", _separable_by(_torch_conv)),
    misconceptions=(
        Misconception(
            "groups summed",
            _summed,
            "The first step summed over the channels, as an ordinary convolution does. Depthwise "
            "means one group per channel: each keeps its own result, and only w_point mixes them.",
        ),
        Misconception(
            "one filter for all channels",
            lambda x, w_depth, w_point: (
                _mixed(x, np.broadcast_to(w_depth[:1], w_depth.shape), w_point),
                *_counts(w_depth, w_point),
            ),
            "Every channel was filtered with `w_depth[0]`. Channel c has a filter of its "
            "own, `w_depth[c]`.",
        ),
        Misconception(
            "flipped filter",
            lambda x, w_depth, w_point: (
                _mixed(x, w_depth[:, ::-1], w_point),
                *_counts(w_depth, w_point),
            ),
            "This is what you get if the filters are flipped, as `np.convolve` does. Equation (1) "
            "lets the first weight meet the first sample of the window.",
        ),
        Misconception(
            "batch and filters exchanged",
            lambda x, w_depth, w_point: (
                _mixed(x, w_depth, w_point).swapaxes(0, 1),
                *_counts(w_depth, w_point),
            ),
            "The numbers are right, but the axes stand as (K, B, positions); the batch comes "
            "first. `np.tensordot` puts the axes of its first argument in front.",
        ),
        Misconception(
            "counts multiplied",
            _wrong_counts(lambda C, n, K, M: (C * n * K * C, K * C * n)),
            "The output is right, but the sizes of the two steps were multiplied. The two arrays "
            "lie beside each other in memory: their numbers add up.",
        ),
        Misconception(
            "biases counted",
            _wrong_counts(lambda C, n, K, M: (C * n + C + K * C + K, K * C * n + K)),
            "The output is right, but biases were counted. The layers here have none: count the "
            "numbers in the weights.",
        ),
        Misconception(
            "one depth filter counted",
            _wrong_counts(lambda C, n, K, M: (n + K * C, K * C * n)),
            "The output is right, but w_depth was counted as one filter of n weights. It holds one "
            "for each of the C channels.",
        ),
        Misconception(
            "multiplications counted",
            _wrong_counts(lambda C, n, K, M: ((C * n + K * C) * M, K * C * n * M)),
            "The output is right, but these are multiplications: they grow with the signal. The "
            "parameters are shared by all positions, so each counts once.",
        ),
        Misconception(
            "counts swapped",
            _wrong_counts(lambda C, n, K, M: (K * C * n, C * n + K * C)),
            "The output is right, but the two counts are swapped: the separable layer's comes "
            "first, then the full convolution's.",
        ),
        Misconception(
            "mixing weights left out",
            _wrong_counts(lambda C, n, K, positions: (C * n, K * C * n)),
            "`out` and `full` are right. Counted are the filters of the first step only; "
            "`w_point`, which mixes the channels, holds weights as well.",
        ),
        Misconception(
            "channels left out of the full count",
            _wrong_counts(lambda C, n, K, positions: (C * n + K * C, K * n)),
            "`out` and `separable` are right. In `full` the channels are missing: each filter of "
            "an ordinary convolution has a window of weights for every channel it reads.",
        ),
        Misconception(
            "reshaped between the steps",
            _reshaped_between,
            "`separable` and `full` are right. Between the two steps channels and positions were "
            "exchanged by a reshape, which only reads on row by row. Swap the axes.",
        ),
    ),
)


# --------------------------------------------------------------------------- gradient
def _gradient_cases(rng):
    sizes = [(1, 1, 4, 2, 1), (1, 1, 6, 2, 2), (2, 1, 6, 3, 1), (4, 3, 20, 5, 2)]
    base = {"B": 2, "C": 4, "L": 17, "n": 5, "stride": 2}
    sizes += one_at_a_time(base, B=1, C=1, n=1, stride=1)
    return [
        {
            "x": numbers(rng, B, C, L),
            "dc": numbers(rng, B, C, output_length(L, n, stride)),
            "n": n,
            "stride": stride,
        }
        for B, C, L, n, stride in sizes
    ]


def _gradient_by_backward(x, dc, n, stride):
    each = x.reshape(-1, 1, x.shape[-1])  # the filter treats channels like recordings
    _, cache = conv1d(each, np.zeros((1, 1, n)), np.zeros(1), stride=stride)
    return conv1d_backward(dc.reshape(len(each), 1, -1), cache)[1][0, 0]


def _gradient_by_torch(x, dc, n, stride):
    import torch

    each = torch.from_numpy(x.reshape(-1, 1, x.shape[-1]))
    m = torch.zeros(1, 1, n, dtype=each.dtype, requires_grad=True)
    out = torch.nn.functional.conv1d(each, m, stride=stride)
    out.backward(torch.from_numpy(dc).reshape(out.shape))
    return m.grad[0, 0].numpy()


def _each_gradient(x, dc, n, stride):
    """One gradient per recording and channel, (B, C, n): not summed."""
    return np.einsum("bcj,bcjn->bcn", dc, _windows(x, n, stride))


GRADIENT = Exercise(
    name="shared_filter_gradient",
    points=4,
    section="Backward: the layer",
    cases=_gradient_cases,
    shapes={"x": "B C L", "dc": "B C L_out"},
    returns={"dm": "a float64 array (n,)"},
    reference=Source("unrolled.convolution.conv1d_backward", _gradient_by_backward),
    oracle=Source("torch.autograd", _gradient_by_torch),
    misconceptions=(
        Misconception(
            "not summed over the batch",
            lambda x, dc, n, stride: _each_gradient(x, dc, n, stride).sum(axis=1),
            "There is one gradient per recording. The loss is one number, and every recording in "
            "the batch moves it through the same m: sum over the batch.",
        ),
        Misconception(
            "not summed over the channels",
            lambda x, dc, n, stride: _each_gradient(x, dc, n, stride).sum(axis=0),
            "There is one gradient per channel, as if each had a filter of its own. They share m, "
            "so their gradients add up.",
        ),
        Misconception(
            "summed over positions only",
            _each_gradient,
            "There is one gradient per recording and channel. All of them share m, so all of them "
            "add up: sum over the batch and the channels, too.",
        ),
        Misconception(
            "averaged over the batch",
            lambda x, dc, n, stride: _each_gradient(x, dc, n, stride).sum(axis=1).mean(axis=0),
            "The gradient was averaged over the batch. The chain rule only sums; a mean belongs to "
            "a loss that is a mean, and then its 1/B is in dc already.",
        ),
        Misconception(
            "averaged over the channels",
            lambda x, dc, n, stride: _each_gradient(x, dc, n, stride).mean(axis=1).sum(axis=0),
            "The gradient was averaged over the channels. The chain rule only sums: every path "
            "from m to the loss counts in full.",
        ),
        Misconception(
            "last recording only",
            lambda x, dc, n, stride: _each_gradient(x, dc, n, stride)[-1].sum(axis=0),
            "Only the last recording's share is there: in the loop, dm is assigned (=) where it "
            "should be added to (+=), or set to zero anew for each recording.",
        ),
        Misconception(
            "stride ignored",
            lambda x, dc, n, stride: np.einsum(
                "bcj,bcjn->n", dc, _windows(x, n)[:, :, : dc.shape[2]]
            ),
            "The stride was ignored: response l was computed from the window that begins at "
            "`stride * l`, not at l.",
        ),
        Misconception(
            "flipped filter",
            lambda x, dc, n, stride: _each_gradient(x, dc, n, stride).sum(axis=(0, 1))[::-1],
            "The numbers are right and in reverse order: the filter was flipped on the way. "
            "`dm_j` collects `dc_l` times the sample that met `m_j`: sample `stride * l + j`.",
        ),
        Misconception(
            "sums multiplied",
            lambda x, dc, n, stride: _windows(x, n, stride).sum(axis=(0, 1, 2)) * dc.sum(),
            "The samples that a weight meets and the gradients were added up by themselves, and "
            "the sums multiplied. Each response gives a product of its own, and the products are "
            "added.",
        ),
    ),
)


LAB = Lab(
    number=1,
    title="Convolution",
    chapter="01_convolution",
    exercises=(CORRELATE, GEOMETRY, CAUSAL, TRANSPOSED, SEPARABLE, GRADIENT),
    questions=(Question("spikes", points=2),),
)
check, ready, summary = LAB.check, LAB.ready, LAB.summary
