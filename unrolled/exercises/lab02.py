"""Lab 02, Pooling: cases, right answers and known mistakes.

The right answers come from torch (autograd for the gradients), or from the chapter's verified
functions where torch is missing. The wrong ones are written as plainly as a student would.
"""

import numpy as np

from unrolled.convolution import conv1d
from unrolled.pooling import avg_pool1d, avg_pool1d_backward, max_over_time, max_pool1d

from .exercise import Exercise, Misconception, Question, Source, numbers, one_at_a_time
from .lab import Lab


def _windows(x, n, stride):
    """Every window of the last axis: (..., L) -> (..., windows, n)."""
    return np.lib.stride_tricks.sliding_window_view(x, n, axis=-1)[..., ::stride, :]


def _count(L, n, stride):
    return (L - n) // stride + 1


BACKWARD = "Backward: who gets the gradient"
FORWARD = "Forward: three summaries of a window"
OVER_TIME = "Max over time, and padding that must not win"


# --------------------------------------------------------------------------- warm-up: minimum
def _min_cases(rng):
    sizes = [(1, 1, 3, 2, 1), (1, 1, 4, 2, 2), (1, 2, 7, 3, 3)]
    base = {"B": 2, "C": 3, "L": 11, "n": 4, "stride": 3}
    sizes += one_at_a_time(base, B=1, C=1, n=1, stride=1)
    drawn = [{"x": numbers(rng, B, C, L), "n": n, "stride": s} for B, C, L, n, s in sizes]
    # windows without a negative number, and without a positive one: a minimum that starts at 0
    fixed = np.array([[[3.0, 7.0, 5.0, -2.0, -4.0]]])
    return [*drawn, {"x": fixed, "n": 2, "stride": 1}]


def _min_by_torch(x, n, stride):
    import torch

    return -torch.nn.functional.max_pool1d(-torch.from_numpy(x), n, stride).numpy()


MINIMUM = Exercise(
    name="min_pool",
    points=1,
    section=FORWARD,
    cases=_min_cases,
    shapes={"x": "B C L"},
    returns={"out": "a float64 array (B, C, windows)"},
    reference=Source(
        "unrolled.pooling.max_pool1d", lambda x, n, stride: -max_pool1d(-x, n, stride)[0]
    ),
    oracle=Source("torch.nn.functional.max_pool1d", _min_by_torch),
    misconceptions=(
        Misconception(
            "inner sign forgotten",
            lambda x, n, stride: -_windows(x, n, stride).max(axis=-1),
            "This is minus the maximum. The smallest number becomes the largest when the signal "
            "changes its sign: there are two minus signs, one before and one after.",
        ),
        Misconception(
            "outer sign forgotten",
            lambda x, n, stride: _windows(-x, n, stride).max(axis=-1),
            "This is the maximum of -x. It is found in the right place, but has the wrong sign: "
            "turn it back.",
        ),
        Misconception(
            "maximum instead of minimum",
            lambda x, n, stride: _windows(x, n, stride).max(axis=-1),
            "This is the maximum of each window.",
        ),
        Misconception(
            "smallest size instead of smallest",
            lambda x, n, stride: np.abs(_windows(x, n, stride)).min(axis=-1),
            "This is the smallest absolute value. -3 is smaller than 1.",
        ),
        Misconception(
            "windows side by side",
            lambda x, n, stride: _windows(x, n, n).min(axis=-1),
            "The windows lie side by side, whatever the stride. Window l begins at `stride * l`, "
            "and where the stride is smaller than n, windows overlap.",
        ),
        Misconception(
            "minimum over the channels, too",
            lambda x, n, stride: np.broadcast_to(
                _windows(x, n, stride).min(axis=(1, 3))[:, None],
                (len(x), x.shape[1], _count(x.shape[2], n, stride)),
            ),
            "The minimum was taken over the channels, too. Each channel is pooled by itself.",
        ),
        Misconception(
            "place of the minimum",
            lambda x, n, stride: _windows(x, n, stride).argmin(axis=-1).astype(float),
            "These are the places of the smallest numbers in their windows (`argmin`). Asked are "
            "the numbers.",
        ),
        Misconception(
            "end of the window left out",
            lambda x, n, stride: _windows(x, n, stride)[..., : max(n - 1, 1)].min(axis=-1),
            "The last sample of each window was not looked at. A window holds n samples, from s l "
            "to s l + n - 1; in a slice the end is not included.",
        ),
    ),
)


# --------------------------------------------------------------------------- honest average
def _average_cases(rng):
    # B, C, L, n, stride, padding
    sizes = [(1, 1, 4, 2, 1, 0), (1, 1, 4, 2, 2, 1), (1, 1, 5, 3, 1, 1), (1, 2, 6, 4, 3, 2)]
    sizes += [(1, 1, 3, 5, 2, 2)]  # a window longer than the signal, cut on both sides
    sizes += [(3, 2, 12, 4, 3, 1)]  # a sample at the end that no window covers
    base = {"B": 2, "C": 4, "L": 13, "n": 5, "stride": 3, "padding": 2}
    sizes += one_at_a_time(base, B=1, C=1, stride=1, padding=0)
    return [
        {
            "dout": numbers(rng, B, C, _count(L + 2 * p, n, s)),
            "n": n,
            "stride": s,
            "padding": p,
            "L": L,
        }
        for B, C, L, n, s, p in sizes
    ]


def _average_by_chapter(dout, n, stride, padding, L):
    real, cache = avg_pool1d(np.ones((1, 1, L)), n, stride, padding)  # share of each window
    _, cache = avg_pool1d(np.zeros((*dout.shape[:2], L)), n, stride, padding)
    return avg_pool1d_backward(dout / real, cache)


def _average_by_torch(dout, n, stride, padding, L):
    import torch

    x = torch.zeros(*dout.shape[:2], L, dtype=torch.float64, requires_grad=True)
    out = torch.nn.functional.avg_pool1d(x, n, stride, padding, count_include_pad=False)
    out.backward(torch.from_numpy(dout))
    return x.grad.numpy()


def _shared(dout, n, stride, padding, L, share=None, overwrite=False, cut=True):
    """The average's gradient, window by window, with the mistakes one can make on the way."""
    dx = np.zeros((*dout.shape[:2], L + 2 * padding))
    for j in range(dout.shape[2]):
        start = j * stride
        real = min(start + n, padding + L) - max(start, padding)
        part = dout[:, :, j, None] * (1 / real if share is None else share)
        window = dx[:, :, start : start + n]
        window[:] = part + (0 if overwrite else window)
    return dx[:, :, padding : padding + L] if cut else dx[:, :, :L]


def _covering(n, stride, padding, L, positions):
    """How many windows cover each sample, at least 1."""
    ones = np.ones((1, 1, positions))
    return np.maximum(_shared(ones, n, stride, padding, L, share=1.0), 1)


def _moved_not_cut(dout, n, stride, padding, L):
    dx = np.zeros((*dout.shape[:2], L))
    for l in range(dout.shape[2]):
        start = max(stride * l - padding, 0)
        stop = min(start + n, L)
        dx[:, :, start:stop] += dout[:, :, l, None] / (stop - start)
    return dx


def _by_edges(dout, n, stride, padding, L, counted):
    """Window by window, each divided by `counted(start, stop)`, which may lie in the padding."""
    dx = np.zeros((*dout.shape[:2], L))
    for l in range(dout.shape[2]):
        start, stop = stride * l - padding, stride * l - padding + n
        dx[:, :, max(start, 0) : min(stop, L)] += dout[:, :, l, None] / counted(start, stop)
    return dx


def _round_to_the_end(dout, n, stride, padding, L):
    dx = np.zeros((*dout.shape[:2], L))
    for l in range(dout.shape[2]):
        start = stride * l - padding
        stop = min(start + n, L)
        for t in range(start, stop):
            dx[:, :, t % L] += dout[:, :, l] / (stop - max(start, 0))
    return dx


def _sliced_from_below_zero(dout, n, stride, padding, L):
    dx = np.zeros((*dout.shape[:2], L))
    for l in range(dout.shape[2]):
        start = stride * l - padding
        real = min(start + n, L) - max(start, 0)
        dx[:, :, start : start + n] += dout[:, :, l, None] / real
    return dx


AVERAGE = Exercise(
    name="avg_pool_backward",
    points=3,
    section=BACKWARD,
    cases=_average_cases,
    shapes={"dout": "B C L_out"},
    returns={"dx": "a float64 array (B, C, L)"},
    reference=Source("unrolled.pooling.avg_pool1d_backward", _average_by_chapter),
    oracle=Source("torch.autograd", _average_by_torch),
    misconceptions=(
        Misconception(
            "overlap overwritten",
            lambda dout, n, stride, padding, L: _shared(
                dout, n, stride, padding, L, overwrite=True
            ),
            "Where windows overlap, the later one overwrote the earlier. A sample that helped two "
            "windows hears from both: add (+=), do not assign (=).",
        ),
        Misconception(
            "padding counted",
            lambda dout, n, stride, padding, L: _shared(dout, n, stride, padding, L, share=1 / n),
            "Every window was divided by n. At the ends some of the n samples are padding, and "
            "the average here is over the real ones only: divide by their number.",
        ),
        Misconception(
            "not divided",
            lambda dout, n, stride, padding, L: _shared(dout, n, stride, padding, L, share=1.0),
            "Each sample got the whole gradient of its window, as if the window had been summed. "
            "A sample enters the average with the factor 1/(number of real samples).",
        ),
        Misconception(
            "overlap averaged",
            lambda dout, n, stride, padding, L: (
                _shared(dout, n, stride, padding, L)
                / _covering(n, stride, padding, L, dout.shape[2])
            ),
            "Where windows overlap, the mean of what they send was taken. The chain rule adds; "
            "the only division is the one inside each window.",
        ),
        Misconception(
            "padding not cut off",
            lambda dout, n, stride, padding, L: _shared(dout, n, stride, padding, L, cut=False),
            "The result is shifted by the padding: the first samples of the padded signal are not "
            "x[0]. Cut off `padding` samples at the beginning, and keep L.",
        ),
        Misconception(
            "first sample takes all",
            lambda dout, n, stride, padding, L: _first_takes_all(dout, n, stride, padding, L),
            "All of the gradient went to the first real sample of the window. That is how a "
            "maximum pays its winner; an average has none and shares.",
        ),
        Misconception(
            "first windows moved, not cut",
            _moved_not_cut,
            "The first windows were moved to begin at 0, with all their n samples. They are cut: "
            "window l still ends at `stride * l - padding + n`.",
        ),
        Misconception(
            "left edge not cut",
            lambda dout, n, stride, padding, L: _by_edges(
                dout, n, stride, padding, L, lambda start, stop: min(stop, L) - start
            ),
            "At the right edge the padding is not counted, at the left edge it is: windows that "
            "begin before sample 0 were divided by too much.",
        ),
        Misconception(
            "right edge not cut",
            lambda dout, n, stride, padding, L: _by_edges(
                dout, n, stride, padding, L, lambda start, stop: stop - max(start, 0)
            ),
            "At the left edge the padding is not counted, at the right edge it is: windows that "
            "hang over the end were divided by too much.",
        ),
        Misconception(
            "divided by the windows on each sample",
            lambda dout, n, stride, padding, L: (
                _shared(dout, n, stride, padding, L, share=1.0)
                / _covering(n, stride, padding, L, dout.shape[2])
            ),
            "Each sample was divided by the number of windows that cover it. What divides is the "
            "number of samples in each window, before the windows are added up.",
        ),
        Misconception(
            "padding comes round to the end",
            _round_to_the_end,
            "What falls into the padding on the left was added at the end of the signal: `dx[:, "
            ":, -1]` is the last sample. It belongs nowhere.",
        ),
        Misconception(
            "negative start of a slice",
            _sliced_from_below_zero,
            "The number of real samples is right, but a window that begins before the signal was "
            "cut out with a negative start, which counts from the other end. Begin at 0 there.",
        ),
    ),
)


def _first_takes_all(dout, n, stride, padding, L):
    dx = np.zeros((*dout.shape[:2], L))
    for j in range(dout.shape[2]):
        dx[:, :, max(j * stride - padding, 0)] += dout[:, :, j]
    return dx


# --------------------------------------------------------------------------- fair ties
def _tie_cases(rng):
    sizes = [(1, 1, 2, 2, 1), (1, 1, 4, 3, 1), (1, 1, 5, 3, 2), (1, 3, 6, 4, 2)]
    sizes += one_at_a_time({"B": 2, "C": 3, "L": 14, "n": 4, "stride": 3}, B=1, C=1, stride=1)
    cases = []
    for B, C, L, n, s in sizes:
        x = rng.integers(0, 3, (B, C, L)).astype(float)
        x[..., 0] = x[..., 1] = 3.0  # a tie in the first window at least, and one that wins
        cases.append({"dout": numbers(rng, B, C, _count(L, n, s)), "x": x, "n": n, "stride": s})
    x = rng.integers(-2, 2, (3, 2, 14)).astype(float)
    x[..., 5:7] = 2.0  # more than one window sees it
    cases.append({"dout": numbers(rng, 3, 2, _count(14, 5, 2)), "x": x, "n": 5, "stride": 2})
    for row in (
        [0.0, 0.0, -1.0],  # a tie at 0: zeros that get nothing, as behind a ReLU
        [-3.0, -2.0, -2.0],  # all negative: a maximum that starts at 0 has no winner
        [2.0, -2.0, 1.0],  # the winner with its sign: a maximum of sizes
        [1.0, 1.0 + 1e-9, 0.0],  # nearly a tie: np.isclose
    ):
        x = np.array([[row]]) * 1.0
        cases.append({"dout": numbers(rng, 1, 1, 1), "x": x, "n": 3, "stride": 1})
    return cases


def _ties_by_torch(dout, x, n, stride):
    import torch

    tensor = torch.from_numpy(x).requires_grad_()
    tensor.unfold(2, n, stride).amax(dim=3).backward(torch.from_numpy(dout))
    return tensor.grad.numpy()


def _paid(dout, x, n, stride, weights, overwrite=False):
    """dx when window j pays its samples with `weights(window)`: (B, C, n) -> (B, C, n)."""
    dx = np.zeros_like(x)
    for j in range(dout.shape[2]):
        part = dx[:, :, j * stride : j * stride + n]
        got = weights(x[:, :, j * stride : j * stride + n]) * dout[:, :, j, None]
        part[:] = got + (0 if overwrite else part)
    return dx


def _winners(window):
    return (window == window.max(axis=-1, keepdims=True)).astype(float)


def _fair(window):
    return _winners(window) / _winners(window).sum(axis=-1, keepdims=True)


def _first(window):
    return np.eye(window.shape[-1])[window.argmax(axis=-1)]


def _last(window):
    return _first(window[..., ::-1])[..., ::-1]


def _fair_by_chapter(dout, x, n, stride):
    """The winners of each window are those that equal the chapter's maximum."""
    best, _ = max_pool1d(x, n, stride)
    dx = np.zeros_like(x)
    for j in range(best.shape[2]):
        here = slice(j * stride, j * stride + n)
        won = x[:, :, here] == best[:, :, j, None]
        dx[:, :, here] += won * (dout[:, :, j] / won.sum(axis=2))[:, :, None]
    return dx


def _winners_of_all(window):
    won = window == window.max(axis=(1, 2), keepdims=True)
    return won / np.maximum(won.sum(axis=-1, keepdims=True), 1)


TIES = Exercise(
    name="fair_max_backward",
    points=3,
    section="Ties",
    cases=_tie_cases,
    shapes={"dout": "B C L_out", "x": "B C L"},
    returns={"dx": "a float64 array (B, C, L)"},
    reference=Source("unrolled.pooling.max_pool1d, winners counted", _fair_by_chapter),
    oracle=Source("torch.amax and autograd", _ties_by_torch),
    misconceptions=(
        Misconception(
            "ties routed twice",
            lambda dout, x, n, stride: _paid(dout, x, n, stride, _winners),
            "Each of the tied winners got the whole gradient. Their shares have to sum to 1, or "
            "what comes back is not a subgradient: divide by the number of winners.",
        ),
        Misconception(
            "first winner takes all",
            lambda dout, x, n, stride: _paid(dout, x, n, stride, _first),
            "The first of the tied winners got everything. That is what the chapter's max pooling "
            "does, and a subgradient, too; here the winners share evenly.",
        ),
        Misconception(
            "last winner takes all",
            lambda dout, x, n, stride: _paid(dout, x, n, stride, _last),
            "The last of the tied winners got everything (a comparison with >= in a loop does "
            "that). Here the winners share evenly.",
        ),
        Misconception(
            "overlap overwritten",
            lambda dout, x, n, stride: _paid(dout, x, n, stride, _fair, overwrite=True),
            "Where windows overlap, the later one overwrote the earlier. A sample that wins in two "
            "windows is paid twice: add (+=), do not assign (=).",
        ),
        Misconception(
            "winner of the whole signal",
            lambda dout, x, n, stride: _paid_globally(dout, x, n, stride),
            "Samples were compared with the largest of the whole signal. Every window has a "
            "largest of its own.",
        ),
        Misconception(
            "shared by all",
            lambda dout, x, n, stride: _paid(
                dout, x, n, stride, lambda window: np.ones_like(window) / n
            ),
            "Every sample of the window got a share. That is average pooling; a sample that did "
            "not win has derivative 0.",
        ),
        Misconception(
            "overwritten, ties routed twice",
            lambda dout, x, n, stride: _paid(dout, x, n, stride, _winners, overwrite=True),
            "Two mistakes at once. Where windows overlap, the later one overwrote the earlier: add "
            "(+=), do not assign (=). And each of the tied winners got the whole gradient: divide "
            "by their number.",
        ),
        Misconception(
            "overwritten, first winner takes all",
            lambda dout, x, n, stride: _paid(dout, x, n, stride, _first, overwrite=True),
            "Two mistakes at once. Where windows overlap, the later one overwrote the earlier: add "
            "(+=), do not assign (=). And the first of the tied winners got everything: here they "
            "share evenly.",
        ),
        Misconception(
            "softmax",
            lambda dout, x, n, stride: _paid(dout, x, n, stride, lambda w: _softmax(w, axis=2)),
            "Every sample of a window was paid, by a softmax of the window. Only the largest are: "
            "a maximum does not move when a smaller sample does.",
        ),
        Misconception(
            "largest of all channels",
            lambda dout, x, n, stride: _paid(dout, x, n, stride, _winners_of_all),
            "A sample wins here only if it is the largest of all channels of its window. Each "
            "channel is pooled by itself.",
        ),
        Misconception(
            "ties get nothing",
            lambda dout, x, n, stride: _paid(
                dout,
                x,
                n,
                stride,
                lambda w: _winners(w) * (_winners(w).sum(axis=-1, keepdims=True) == 1),
            ),
            "Where several samples tie, none of them gets anything. They share what the window "
            "hands back.",
        ),
        Misconception(
            "divided by the windows won",
            lambda dout, x, n, stride: (
                _paid(dout, x, n, stride, _winners)
                / np.maximum(_paid(np.ones_like(dout), x, n, stride, _winners), 1)
            ),
            "Each sample's sum was divided by the number of windows in which it wins. Divide "
            "within each window, by the number of its winners, and add what the windows give.",
        ),
        Misconception(
            "first and last winner",
            lambda dout, x, n, stride: _paid(
                dout, x, n, stride, lambda window: (_first(window) + _last(window)) / 2
            ),
            "The first and the last winner of a window got half each. There may be more than two: "
            "all of them share.",
        ),
    ),
)


def _paid_globally(dout, x, n, stride):
    best = x == x.max(axis=2, keepdims=True)
    counts = _windows(best, n, stride).sum(axis=-1)  # (B, C, windows)
    dx = np.zeros_like(x)
    for j in range(dout.shape[2]):
        here = slice(j * stride, j * stride + n)
        dx[:, :, here] += best[:, :, here] * (dout / np.maximum(counts, 1))[:, :, j, None]
    return dx


# --------------------------------------------------------------------------- k-max pooling
def _kmax_cases(rng):
    sizes = [(1, 1, 3, 2), (1, 1, 4, 2), (1, 2, 5, 3), (2, 3, 6, 4)]
    sizes += [*one_at_a_time({"B": 3, "C": 4, "L": 11, "k": 5}, B=1, C=1, k=1), (2, 3, 4, 4)]
    cases = []
    for B, C, L, k in sizes:
        x = rng.permuted(np.broadcast_to(np.arange(1.0, L + 1), (B, C, L)), axis=2)
        x *= rng.choice([-1.0, 1.0], x.shape)  # different numbers: no ties
        cases.append({"x": x if L < 9 else x + rng.normal(size=x.shape) / 10, "k": k})
    # in every row of the smallest case order and size disagree
    cases[0]["x"] = np.array([[[2.0, -1.0, 3.0]]]) * rng.integers(1, 4)
    return cases


def _kmax(x, k):
    places = np.sort(np.argpartition(x, -k, axis=2)[:, :, -k:], axis=2)
    return np.take_along_axis(x, places, axis=2)


def _kmax_by_torch(x, k):
    import torch

    x = torch.from_numpy(x)
    return x.gather(2, x.topk(k, dim=2).indices.sort(dim=2).values).numpy()


KMAX = Exercise(
    name="k_max_pool",
    points=3,
    section=OVER_TIME,
    cases=_kmax_cases,
    shapes={"x": "B C L"},
    returns={"out": "a float64 array (B, C, k)"},
    reference=Source("numpy.argpartition", _kmax),
    oracle=Source("torch.topk", _kmax_by_torch),
    misconceptions=(
        Misconception(
            "largest first",
            lambda x, k: np.sort(x, axis=2)[:, :, ::-1][:, :, :k],
            "The right numbers, sorted from the largest to the smallest. What is asked for is the "
            "order of time: sort their positions, not the numbers.",
        ),
        Misconception(
            "smallest first",
            lambda x, k: np.sort(x, axis=2)[:, :, -k:],
            "The right numbers, sorted by size. What is asked for is the order of time: sort "
            "their positions, not the numbers.",
        ),
        Misconception(
            "positions instead of values",
            lambda x, k: np.sort(np.argsort(x, axis=2)[:, :, -k:], axis=2).astype(float),
            "These are the positions of the k largest, in the right order. Return the numbers that "
            "stand there (np.take_along_axis reads them).",
        ),
        Misconception(
            "k smallest",
            lambda x, k: -_kmax(-x, k),
            "These are the k smallest, in the order of time: argsort sorts upwards, so the largest "
            "are at its end.",
        ),
        Misconception(
            "largest in size",
            lambda x, k: np.take_along_axis(
                x, np.sort(np.argsort(np.abs(x), axis=2)[:, :, -k:], axis=2), axis=2
            ),
            "The k numbers largest without their sign were kept. -5 is smaller than 1.",
        ),
        Misconception(
            "positions of the first channel",
            lambda x, k: x[:, :, np.sort(np.argsort(x[0, 0])[-k:])],
            "All channels are read at the positions of the first. Each channel of each text has k "
            "largest of its own.",
        ),
        Misconception(
            "the largest left out",
            lambda x, k: np.take_along_axis(
                x,
                np.sort(np.argsort(x, axis=2)[:, :, max(x.shape[2] - k - 1, 0) : -1], axis=2),
                axis=2,
            ),
            "The largest of each channel is missing, and the one after the k-th has come in: the "
            "slice of the sorted positions ends one too early.",
        ),
        Misconception(
            "same moments for all channels",
            lambda x, k: np.take_along_axis(
                x, np.sort(np.argsort(x.sum(axis=1, keepdims=True), axis=2)[:, :, -k:], axis=2), 2
            ),
            "All channels of a signal give up the same moments, those at which their sum is "
            "largest. Each channel has a k-max of its own.",
        ),
        Misconception(
            "ranks for positions",
            lambda x, k: np.take_along_axis(
                x, np.sort((-x).argsort(axis=2).argsort(axis=2)[:, :, :k], axis=2), axis=2
            ),
            "These are the numbers that stand at the ranks of the first k. The positions of the "
            "largest are what `argsort` gives when it is taken once.",
        ),
        Misconception(
            "largest of k parts",
            lambda x, k: np.stack(
                [part.max(axis=2) for part in np.array_split(x, k, axis=2)], axis=2
            ),
            "The signal was cut into k parts, and each gave its largest. The k largest may all "
            "stand in one part.",
        ),
        Misconception(
            "looked up in the whole",
            lambda x, k: np.take(x, np.sort(np.argsort(x, axis=2)[:, :, -k:], axis=2)),
            "The positions were looked up in all numbers of x in a row (`np.take` without an "
            "axis), so every channel got those of the first. Use `np.take_along_axis`.",
        ),
    ),
)


# --------------------------------------------------------------------------- masked maximum
def _masked_cases(rng):
    # B, K, L (of the texts, padding included), n, the lengths
    sizes = [
        (1, 1, 4, 2, (4,)),
        (1, 1, 5, 3, (3,)),
        (3, 1, 5, 2, (3, 1, 5)),
        (3, 4, 10, 4, (5, 10, 3)),
        (1, 4, 10, 4, (5,)),
        (3, 1, 10, 4, (5, 10, 3)),
        (3, 4, 7, 1, (5, 7, 0)),
        (4, 3, 9, 4, (9, 6, 3, 4)),
        # no symbol at all, and n - 2: a negative end of a slice leaves most of the row in
        (4, 3, 9, 4, (0, 2, 9, 1)),
        (1, 4, 9, 4, (2,)),  # the only text is too short
    ]
    cases = []
    for B, K, L, n, lengths in sizes:
        c = -rng.integers(2, 6, (B, K, L - n + 1)).astype(float)  # often tied, and all negative
        for row, length in zip(c, lengths, strict=True):
            row[:, max(length - n + 1, 0) :] = rng.integers(
                -1, 6, row[:, max(length - n + 1, 0) :].shape
            )
        cases.append({"c": c, "lengths": np.array(lengths), "n": n})
    cases[3]["c"][0, 0, 1] = 0.0  # a largest response of 0, which is not the same as none
    return cases


def _masked(c, lengths, n, mask=None, fill=0.0, place=-1):
    """The masked maximum and its first place; `fill` and `place` where nothing is allowed."""
    positions = np.arange(c.shape[2])
    mask = positions < (lengths - n + 1)[:, None] if mask is None else mask  # (B, L_out)
    allowed = np.where(mask[:, None], c, -np.inf)
    none = ~mask.any(axis=1)[:, None]
    value = np.where(none, fill, allowed.max(axis=2))
    return value, np.where(none, place, allowed.argmax(axis=2))


def _masked_by_chapter(c, lengths, n):
    value, position = np.zeros(c.shape[:2]), np.full(c.shape[:2], -1)
    for b, length in enumerate(lengths.tolist()):
        if length >= n:
            here = c[b : b + 1, :, : length - n + 1]
            value[b], (_, winner) = max_over_time(here, np.ones((1, length - n + 1), dtype=bool))
            position[b] = winner[0, :, 0]
    return value, position


def _masked_by_torch(c, lengths, n):
    import torch

    value = torch.zeros(c.shape[:2], dtype=torch.float64)
    position = torch.full(c.shape[:2], -1)
    for b, length in enumerate(lengths.tolist()):
        if length >= n:
            here = torch.from_numpy(c[b, :, : length - n + 1])
            value[b] = here.amax(dim=1)
            position[b] = (here == value[b, :, None]).int().argmax(dim=1)
    return value.numpy(), position.numpy()


def _last_winner(c, lengths, n):
    value, position = _masked(c, lengths, n)
    allowed = np.arange(c.shape[2]) < (lengths - n + 1)[:, None, None]
    last = c.shape[2] - 1 - ((c == value[..., None]) & allowed)[..., ::-1].argmax(axis=2)
    return value, np.where(position < 0, -1, last)


def _zeroed(c, lengths, n):
    mask = np.arange(c.shape[2]) < (lengths - n + 1)[:, None]
    return (c * mask[:, None]).max(axis=2), (c * mask[:, None]).argmax(axis=2)


def _all_symbols(c, lengths, n):
    """Too many windows, but none for texts that are too short."""
    mask = np.arange(c.shape[2]) < lengths[:, None]
    return _masked(c, lengths, n, mask & (lengths >= n)[:, None])


def _place_in_all(c, lengths, n):
    value, position = _masked(c, lengths, n)
    return value, np.where(position < 0, -1, c.argmax(axis=2))


def _negative_end(c, lengths, n):
    ends = lengths - n + 1
    ends = np.where(ends < 0, np.maximum(c.shape[2] + ends, 0), ends)
    return _masked(c, lengths, n, np.arange(c.shape[2]) < ends[:, None])


def _zero_for_nothing(c, lengths, n):
    value, position = _masked(c, lengths, n)
    return value, np.where(value == 0, -1, position)


MASKED = Exercise(
    name="masked_max",
    points=4,
    section=OVER_TIME,
    cases=_masked_cases,
    shapes={"c": "B K L_out", "lengths": "B"},
    returns={"u": "a float64 array (B, K)", "position": "an int array (B, K)"},
    reference=Source("unrolled.pooling.max_over_time", _masked_by_chapter),
    oracle=Source("torch.amax", _masked_by_torch),
    misconceptions=(
        Misconception(
            "padding wins the max",
            lambda c, lengths, n: (c.max(axis=2), c.argmax(axis=2)),
            "Padding wins: the lengths have no effect on your result. Responses to windows that "
            "hold padding must be ruled out before the maximum is taken.",
        ),
        Misconception(
            "windows hang over the end",
            lambda c, lengths, n: _masked(c, lengths, n, np.arange(c.shape[2]) < lengths[:, None]),
            "The first `length` positions are allowed. But the window at the last of them hangs "
            "n - 1 symbols over the end: only `length - n + 1` windows hold no padding.",
        ),
        Misconception(
            "one window too few",
            lambda c, lengths, n: _masked(
                c, lengths, n, np.arange(c.shape[2]) < (lengths - n)[:, None]
            ),
            "The last real window is missing: there are length - n + 1 of them, not length - n. "
            "A text of n symbols has one.",
        ),
        Misconception(
            "zero instead of minus infinity",
            _zeroed,
            "Responses to padding were set to 0. Where all real responses are negative, 0 is the "
            "largest: rule them out with -np.inf.",
        ),
        Misconception(
            "last winner",
            _last_winner,
            "The values are right. Of several equal winners you return the last position; asked "
            "for is the first, as the chapter and torch's pooling have it.",
        ),
        Misconception(
            "position 0 for short texts",
            lambda c, lengths, n: _masked(c, lengths, n, place=0),
            "`u` is right. A text with fewer than n symbols has no window, so nothing stands at "
            "position 0: the statement asks for -1 there.",
        ),
        Misconception(
            "short texts at minus infinity",
            lambda c, lengths, n: _masked(c, lengths, n, fill=-np.inf, place=0),
            "A text with fewer than n symbols has no window at all, and -inf would poison every "
            "number after it. The statement asks for value 0 and position -1.",
        ),
        Misconception(
            "as many windows as symbols",
            _all_symbols,
            "Short texts are right. In the others the first `length` positions are allowed, and "
            "the last of them hang over the end: `length - n + 1` windows hold no padding.",
        ),
        Misconception(
            "position among all windows",
            _place_in_all,
            "The values are right. The positions are those of the largest of all responses, "
            "padding included: look for them among the allowed ones, too.",
        ),
        Misconception(
            "position at the window's end",
            lambda c, lengths, n: (
                _masked(c, lengths, n)[0],
                (p := _masked(c, lengths, n)[1]) + (n - 1) * (p >= 0),
            ),
            "The values are right. The positions are those of the window's last symbol; asked is "
            "the number of the response.",
        ),
        Misconception(
            "at least one window",
            lambda c, lengths, n: _masked(
                c, lengths, n, np.arange(c.shape[2]) < np.maximum(lengths - n + 1, 1)[:, None]
            ),
            "A text with fewer than n symbols got its first response. That window holds padding: "
            "such a text has no allowed response, so its value is 0 and its position -1.",
        ),
        Misconception(
            "negative end of a slice",
            _negative_end,
            "For texts much shorter than n the number of allowed responses comes out below 0, and "
            "a slice with a negative end counts from the other end. It is never less than 0.",
        ),
        Misconception(
            "shortest text for all",
            lambda c, lengths, n: _masked(c, np.full_like(lengths, lengths.min()), n),
            "All texts were treated as if they were as short as the shortest. Each has a length "
            "of its own.",
        ),
        Misconception(
            "0 taken for nothing",
            _zero_for_nothing,
            "Where the largest response is exactly 0 the position is -1, as if there were none. 0 "
            "is a response like any other; ask `lengths`.",
        ),
    ),
)


# --------------------------------------------------------------------------- the slide's network
def _network_cases(rng):
    # B, L, D, windows, classes
    sizes = [(1, 3, 1, 3, 4), (1, 5, 1, 3, 4), (3, 9, 4, 6, 5)]
    sizes += one_at_a_time({"B": 3, "L": 7, "D": 5, "n": 4, "Q": 6}, B=1, L=9, D=1, n=1)
    cases = []
    for B, L, D, n, classes in sizes:
        case = {"x": (B, L, D), "w_a": (D, 2), "w_b": (D, n), "W_o": (classes, 2 * D)}
        cases.append({name: rng.normal(size=shape) for name, shape in case.items()})
    large = dict(cases[2], W_o=1000.0 * cases[2]["W_o"])  # scores whose exponential overflows
    return [*cases, large]


def _squashed(x, w):
    """tanh of each dimension, convolved by itself: (B, D, L-n+1), for x: (B, D, L)."""
    return np.tanh(np.einsum("bdlj,dj->bdl", _windows(x, w.shape[1], 1), w))


def _softmax(a, axis=1):
    e = np.exp(a - a.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def _overflowing(a, axis=1):
    with np.errstate(over="ignore", invalid="ignore"):
        e = np.exp(a)
        return e / e.sum(axis=axis, keepdims=True)


def _network(
    x, w_a, w_b, W_o, *, arrange=None, respond=_squashed, pool=None, axis=1, order=1, last=_softmax
):
    """The slide's network, with a place for every mistake."""
    x = x.swapaxes(1, 2) if arrange is None else arrange(x)
    pool = pool or (lambda c: c.max(axis=2))
    z = np.concatenate([pool(respond(x, w)) for w in (w_a, w_b)[::order]], axis=1)
    return last(z @ W_o.T, axis)


def _network_by_chapter(x, w_a, w_b, W_o):
    B, _, D = x.shape
    pooled = []
    for w in (w_a, w_b):
        c, _ = conv1d(x.swapaxes(1, 2), w[:, None], np.zeros(D), groups=D)
        pooled.append(max_over_time(c, np.ones((B, c.shape[2]), dtype=bool))[0])
    return _softmax(np.tanh(np.concatenate(pooled, axis=1)) @ W_o.T)


def _network_by_torch(x, w_a, w_b, W_o):
    import torch

    x, W_o = torch.from_numpy(x).transpose(1, 2), torch.from_numpy(W_o)
    pooled = []
    for w in (w_a, w_b):
        c = torch.nn.functional.conv1d(x, torch.from_numpy(w)[:, None], groups=len(w))
        pooled.append(torch.tanh(c).amax(dim=2))
    return torch.softmax(torch.cat(pooled, dim=1) @ W_o.T, dim=1).numpy()


def _mixed(x, w):
    """An ordinary convolution: every filter reads the sum of all dimensions."""
    each = np.einsum("bdlj,kj->bkl", _windows(x, w.shape[1], 1), w)
    return np.tanh(each)


def _interleaved(x, w_a, w_b, W_o):
    D = len(w_a)
    return _network(x, w_a, w_b, W_o[:, np.arange(2 * D).reshape(D, 2).T.ravel()])


NETWORK = Exercise(
    name="slide_textcnn",
    points=4,
    section="TextCNN",
    cases=_network_cases,
    shapes={"x": "B L D", "w_a": "D 2", "w_b": "D n", "W_o": "Q 2D"},
    returns={"P": "a float64 array (B, classes)"},
    reference=Source("unrolled.convolution.conv1d with groups", _network_by_chapter),
    oracle=Source("torch.nn.functional.conv1d with groups", _network_by_torch),
    misconceptions=(
        Misconception(
            "softmax over the batch",
            lambda x, w_a, w_b, W_o: _network(x, w_a, w_b, W_o, axis=0),
            "The probabilities sum to 1 over the batch, not over the classes: the softmax runs "
            "along the wrong axis. Each row has to sum to 1.",
        ),
        Misconception(
            "reshaped instead of transposed",
            lambda x, w_a, w_b, W_o: _network(
                x, w_a, w_b, W_o, arrange=lambda x: x.reshape(len(x), x.shape[2], x.shape[1])
            ),
            "The text was reshaped to (B, D, L). That has the right shape and the wrong numbers in "
            "it: a reshape reads on row by row. Swap the axes.",
            section="The input is a 3-D tensor",
        ),
        Misconception(
            "all dimensions together",
            lambda x, w_a, w_b, W_o: _network(x, w_a, w_b, W_o, respond=_mixed),
            "Each response sums over all dimensions, as an ordinary convolution does. Here filter "
            "d reads dimension d alone.",
            section="Each dimension by itself, or all together?",
        ),
        Misconception(
            "tanh forgotten",
            lambda x, w_a, w_b, W_o: _network(
                x,
                w_a,
                w_b,
                W_o,
                respond=lambda x, w: np.einsum("bdlj,dj->bdl", _windows(x, w.shape[1], 1), w),
            ),
            "There is no tanh between the convolution and the linear layer.",
        ),
        Misconception(
            "flipped filter",
            lambda x, w_a, w_b, W_o: _network(x, w_a[:, ::-1], w_b[:, ::-1], W_o),
            "This is what you get if the filters are flipped, as `np.convolve` does. The first "
            "weight meets the first vector of the window.",
        ),
        Misconception(
            "mean over time",
            lambda x, w_a, w_b, W_o: _network(x, w_a, w_b, W_o, pool=lambda c: c.mean(axis=2)),
            "The responses were averaged over time. TextCNN keeps the largest.",
        ),
        Misconception(
            "max over the dimensions",
            lambda x, w_a, w_b, W_o: _network(
                x,
                w_a,
                w_b,
                W_o,
                pool=lambda c: np.broadcast_to(c.max(axis=(1, 2))[:, None], c.shape[:2]),
            ),
            "The maximum ran over the dimensions, too. Each keeps its own largest response: the "
            "maximum is over time alone.",
        ),
        Misconception(
            "exponential overflows",
            lambda x, w_a, w_b, W_o: _network(x, w_a, w_b, W_o, last=_overflowing),
            "The formula is right, but `np.exp` overflows for scores of 1000, and infinity over "
            "infinity is nan. Subtract the largest score of each text first.",
        ),
        Misconception(
            "largest before its sign",
            lambda x, w_a, w_b, W_o: _network(
                x, w_a, w_b, W_o, pool=lambda c: np.abs(c).max(axis=2)
            ),
            "The largest response without its sign was kept. A strongly negative response is "
            "a small one.",
        ),
        Misconception(
            "last position left out",
            lambda x, w_a, w_b, W_o: _network(
                x, w_a, w_b, W_o, pool=lambda c: c[:, :, : max(c.shape[2] - 1, 1)].max(axis=2)
            ),
            "The last position of each filter is missing: there are L - n + 1 of them, and "
            "`range` leaves its end out by itself.",
        ),
        Misconception(
            "positions of the wider filter for both",
            lambda x, w_a, w_b, W_o: _network(
                x,
                w_a,
                w_b,
                W_o,
                pool=lambda c: c[:, :, : x.shape[1] - max(w_a.shape[1], w_b.shape[1]) + 1].max(
                    axis=2
                ),
            ),
            "Both filters were moved over as many positions as the wider one has. Each has its "
            "own: L - 2 + 1 for `w_a`, L - n + 1 for `w_b`.",
        ),
        Misconception(
            "softmax over the batch, too",
            lambda x, w_a, w_b, W_o: _network(
                x, w_a, w_b, W_o, last=lambda a, axis: _softmax(a, axis=None)
            ),
            "The probabilities of all texts together sum to one. Each text has a softmax of its "
            "own.",
        ),
        Misconception(
            "sigmoid for softmax",
            lambda *arguments: _network(
                *arguments, last=lambda a, axis: 1 / (1 + np.exp(-np.clip(a, -700, 700)))
            ),
            "Each score went through a sigmoid by itself. The probabilities of a text have to sum "
            "to one over the classes.",
        ),
        Misconception(
            "dimensions interleaved",
            _interleaved,
            "The two maxima of a dimension stand side by side here. W_o expects all of w_a's "
            "dimensions first, then all of w_b's.",
        ),
    ),
)


LAB = Lab(
    number=2,
    title="Pooling",
    chapter="02_pooling",
    exercises=(MINIMUM, AVERAGE, TIES, KMAX, MASKED, NETWORK),
    questions=(Question("letters", points=2),),
)
check, ready, summary = LAB.check, LAB.ready, LAB.summary
