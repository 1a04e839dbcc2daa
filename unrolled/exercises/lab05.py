"""Lab 05, Backpropagation through time: cases, right answers and known mistakes.

The right answers come from torch's autograd, or from the chapter's verified functions where torch
is missing; a student writes the recursions by hand.
"""

import numpy as np

from unrolled.bptt import rnn_backward
from unrolled.language_models import (
    cross_entropy,
    cross_entropy_backward,
    embed,
    embed_backward,
    softmax,
    softmax_backward,
)
from unrolled.unfolding import readout, readout_backward, rnn_forward

from .exercise import DERIVED, Exercise, Misconception, Question, Source, numbers, one_at_a_time
from .lab import Lab

TORCH = "torch's autograd"
OURS = "unrolled.bptt.rnn_backward"


def _small(rng, *shape):
    """Numbers between -1 and 1, with one decimal: tanh of their sums is not saturated."""
    return rng.integers(1, 10, shape) / 10 * rng.choice([-1.0, 1.0], shape)


def _by_torch(loss, *wanted):
    """Gradients of loss(*tensors) with respect to the arrays `wanted`, by autograd."""
    import torch

    tensors = [torch.tensor(array, requires_grad=True) for array in wanted]
    loss(torch, *tensors).backward()
    return [t.grad.numpy() for t in tensors]


# --------------------------------------------------------------------------- warm-up: W_o
def _output_cases(rng):
    sizes = [(2, 1, 3), (3, 2, 4), *one_at_a_time({"T": 5, "H": 3, "V": 6}, T=1, H=1)]
    return [
        {"h": numbers(rng, T, H), "z": _small(rng, T, V), "y": rng.integers(V, size=T)}
        for T, H, V in sizes
    ]


def _dz(z, y):
    p, _ = softmax(z)
    return p - np.eye(z.shape[1])[y]


def _output_ours(h, z, y):
    _, read = readout(h, np.zeros((z.shape[1], h.shape[1])))
    _, judged = cross_entropy(z, y)
    return readout_backward(cross_entropy_backward(1.0, judged), read)[1]


def _output_torch(h, z, y):
    def loss(torch, W):
        scores = torch.tensor(z) + torch.tensor(h) @ W.T
        return torch.nn.functional.cross_entropy(scores, torch.tensor(y), reduction="sum")

    return _by_torch(loss, np.zeros((z.shape[1], h.shape[1])))[0]


def _softmax_over_time(h, z, y):
    return (softmax(z.T)[0].T - np.eye(z.shape[1])[y]).T @ h


def _true_rows_assigned(h, z, y):
    dz, dW_o = _dz(z, y), np.zeros((z.shape[1], h.shape[1]))
    for t, word in enumerate(y):
        dW_o[word] = dz[t, word] * h[t]
    return dW_o


OUTPUT = Exercise(
    name="output_gradient",
    points=1,
    section="What the slide leaves open: output weights and embeddings",
    cases=_output_cases,
    shapes={"h": "T H", "z": "T V", "y": "T"},
    returns={"dW_o": "a float64 array (V, H)"},
    reference=Source("unrolled.unfolding.readout_backward", _output_ours),
    oracle=Source(TORCH, _output_torch),
    tolerance=DERIVED,
    misconceptions=(
        Misconception(
            "mean over time",
            lambda h, z, y: _dz(z, y).T @ h / len(h),
            "This is the gradient of the mean loss. The loss of the slides is a sum over time, "
            "equation (10), so nothing is divided by T.",
        ),
        Misconception(
            "softmax once more",
            lambda h, z, y: softmax_backward(_dz(z, y), softmax(z)[0]).T @ h,
            "P - onehot(y) was sent through the softmax once more. It is the gradient of the "
            "scores already: the softmax is in it.",
        ),
        Misconception(
            "last step only",
            lambda h, z, y: np.outer(_dz(z, y)[-1], h[-1]),
            "Only the last step's share is there: in the loop, dW_o is assigned (=) where it "
            "should be added to (+=).",
        ),
        Misconception(
            "target forgotten",
            lambda h, z, y: softmax(z)[0].T @ h,
            "The probabilities are all there, but the 1 of the true word was not subtracted: "
            "dz = P - onehot(y).",
        ),
        Misconception(
            "state before",
            lambda h, z, y: _dz(z, y)[1:].T @ h[:-1],
            "Step t was paired with the state before it. Here h[t] is the state from which z[t] "
            "was computed.",
            section="Setting",
        ),
        Misconception(
            "softmax over time",
            _softmax_over_time,
            "The softmax was taken over the steps (axis 0). At each step the probabilities of the "
            "V words add up to one: it goes along the last axis.",
        ),
        Misconception(
            "true rows only",
            lambda h, z, y: (_dz(z, y) * np.eye(z.shape[1])[y]).T @ h,
            "Only the rows of the true words got a gradient. The scores of all words are in the "
            "softmax: the row of each word gets its probability times h, at every step.",
        ),
        Misconception(
            "gradient of the probability of the true word",
            lambda h, z, y: (
                (
                    -np.eye(z.shape[1])[y]
                    / np.sum(softmax(z)[0] * np.eye(z.shape[1])[y], 1)[:, None]
                ).T
                @ h
            ),
            "-1 / P is the gradient with respect to the probability of the true word. Between it "
            "and the scores stands the softmax: through it, it becomes P - onehot(y).",
        ),
        Misconception(
            "scores for probabilities",
            lambda h, z, y: (z - np.eye(z.shape[1])[y]).T @ h,
            "The 1 of the true word was subtracted from the scores. It belongs to the "
            "probabilities: a softmax is missing.",
        ),
        Misconception(
            "softmax over everything",
            lambda h, z, y: (
                (np.exp(z - z.max()) / np.exp(z - z.max()).sum() - np.eye(z.shape[1])[y]).T @ h
            ),
            "The exponentials were divided by the sum over all steps. At each step the "
            "probabilities of the V words add up to one.",
        ),
        Misconception(
            "slopes of the states",
            lambda h, z, y: _dz(z, y).T @ (1 - h**2),
            "In place of the states stand their slopes, 1 - h². Between h and the scores is no "
            "tanh: the score is W_o h, and its derivative by a weight is h itself.",
        ),
        Misconception(
            "true rows assigned",
            _true_rows_assigned,
            "Each step wrote the row of its own word only, over what was there. Every row of W_o "
            "takes part in the softmax of every step, and what the steps give is added.",
        ),
        Misconception(
            "sigmoid for softmax",
            lambda h, z, y: (1 / (1 + np.exp(-z)) - np.eye(z.shape[1])[y]).T @ h,
            "Each score went through a sigmoid by itself. The softmax divides by the sum over all "
            "words, so that the probabilities of a step sum to one.",
        ),
    ),
)


# --------------------------------------------------------------------------- paths by their start
def _paths_cases(rng):
    sizes = [(2, 1, 1), (3, 1, 2), (6, 2, 5)]
    sizes += one_at_a_time({"T": 4, "H": 3, "N": 2}, T=1, H=1, N=1)
    return [
        {
            "v": numbers(rng, T, H),
            "J": _small(rng, T, H, H),
            "U": numbers(rng, T, H, N),
        }
        for T, H, N in sizes
    ]


def _rows(v, J):
    """δ_t = v_t + δ_{t+1} J_{t+1}: (T, H)."""
    delta = v.copy()
    for t in reversed(range(len(v) - 1)):
        delta[t] += delta[t + 1] @ J[t + 1]
    return delta


def _at(rows, U):
    return np.einsum("th,thn->tn", rows, U)


def _paths_torch(v, J, U):
    def loss(torch, thetas):  # a copy of the parameter for each step: its gradient is by start
        h, total = torch.zeros(v.shape[1], dtype=torch.float64), 0.0
        for t in range(len(v)):
            h = torch.tensor(J[t]) @ h + torch.tensor(U[t]) @ thetas[t]
            total = total + torch.tensor(v[t]) @ h
        return total

    return _by_torch(loss, np.zeros((len(v), U.shape[2])))[0]


def _totals(J, U):
    """S_t = U_t + J_t S_{t-1}."""
    S = U.copy()
    for t in range(1, len(U)):
        S[t] += J[t] @ S[t - 1]
    return S


def _early(v, J):
    delta = v.copy()
    for t in reversed(range(len(v) - 1)):
        delta[t] += delta[t + 1] @ J[t]
    return delta


def _only_last(v):
    alone = np.zeros_like(v)
    alone[-1] = v[-1]
    return alone


def _jacobians_added(v, J, U):
    T, H = v.shape
    rows = [
        v[i] + sum((v[t] @ J[i + 1 : t + 1].sum(axis=0) for t in range(i + 1, T)), np.zeros(H))
        for i in range(T)
    ]
    return _at(np.array(rows), U)


PATHS = Exercise(
    name="gradient_by_start",
    points=3,
    section="Backward: the recursion",
    cases=_paths_cases,
    shapes={"v": "T H", "J": "T H H", "U": "T H N"},
    returns={"G": "a float64 array (T, N)"},
    reference=Source("the chapter's recursion", lambda v, J, U: _at(_rows(v, J), U)),
    oracle=Source(TORCH, _paths_torch),
    misconceptions=(
        Misconception(
            "transposed Jacobian",
            lambda v, J, U: _at(_rows(v, J.swapaxes(1, 2)), U),
            "The Jacobians were transposed. The row that goes back stands to the left of J: "
            "`delta @ J`, or `J.T @ delta`, not `J @ delta`.",
        ),
        Misconception(
            "Jacobian one step early",
            lambda v, J, U: _at(_early(v, J), U),
            "From step i+1 to step i the row was multiplied by J[i]. The Jacobian that joins the "
            "two is J[i+1], the derivative of h[i+1] by h[i].",
        ),
        Misconception(
            "one Jacobian too many",
            lambda v, J, U: np.einsum("th,thk,tkn->tn", _rows(v, J), J, U),
            "Each row was multiplied by J[i] before it met U[i]. A path that begins at step i ends "
            "with J[i+1] and U[i]: J[i] is on the way to the steps before.",
        ),
        Misconception(
            "own loss only",
            lambda v, J, U: _at(v, U),
            "Each row is v[i] @ U[i]: the path that begins at step i and ends at once. The paths "
            "to all later losses belong to it, too.",
            section="The sum over paths",
        ),
        Misconception(
            "last loss only",
            lambda v, J, U: _at(_rows(_only_last(v), J), U),
            "Only the paths to the last loss are there. On its way back, the row picks up v[i] at "
            "every step.",
        ),
        Misconception(
            "sorted by loss",
            lambda v, J, U: _at(v, _totals(J, U)),
            "Your row t holds the paths that END at loss t; asked for are those that BEGIN at "
            "step i. (The sum over all rows is the same.)",
        ),
        Misconception(
            "total for immediate derivative",
            lambda v, J, U: _at(_rows(v, J), _totals(J, U)),
            "The last factor is the total derivative S[i], which holds the earlier paths, too: "
            "they are counted again and again. At the start of a path stands U[i] alone.",
            section="What if the last factor is the total derivative?",
        ),
        Misconception(
            "running total",
            lambda v, J, U: np.cumsum(_at(_rows(v, J), U)[::-1], axis=0)[::-1],
            "Your row i is a running total: it holds all paths that begin at step i or later. "
            "Write down each step's share, not the sum so far.",
        ),
        Misconception(
            "Jacobians added",
            _jacobians_added,
            "Between a loss and the start of its path the Jacobians were added up. A path runs "
            "through one after the other: multiply them.",
        ),
    ),
)


# --------------------------------------------------------------------------- tied embedding
def _tied_cases(rng):
    sizes = [(3, 1, 2, 1), (3, 1, 4, 2), (6, 3, 5, 4)]
    sizes += one_at_a_time({"T": 4, "B": 3, "V": 7, "D": 2}, T=1, B=1, D=1)
    cases = []
    for T, B, V, D in sizes:
        # the last word is never read, but scored: X has more rows than the tokens tell
        tokens = rng.integers(V - 1, size=(T, B))
        tokens[-1, -1] = tokens[0, 0]  # a word that comes twice
        each = {"dx": (T, B, D), "dz": (T, B, V), "h": (T, B, D)}
        cases.append({"tokens": tokens} | {n: numbers(rng, *shape) for n, shape in each.items()})
    return cases


def _looked_up(tokens, dx, dz):
    X = np.zeros((dz.shape[2], dx.shape[2]))
    return embed_backward(dx, embed(X, tokens)[1])


def _scored(dz, h):
    return np.einsum("tbv,tbd->vd", dz, h)


def _tied_torch(tokens, dx, dz, h):
    def loss(torch, X):
        read = (torch.tensor(dx) * X[torch.tensor(tokens)]).sum()
        return read + (torch.tensor(dz) * (torch.tensor(h) @ X.T)).sum()

    return _by_torch(loss, np.zeros((dz.shape[2], dx.shape[2])))[0]


def _assigned(tokens, dx, dz, h):
    dX = _scored(dz, h)
    dX[tokens] += dx
    return dX


def _counts(tokens, V):
    return np.maximum(np.bincount(tokens.ravel(), minlength=V), 1)[:, None]


def _score_of_the_word_read(tokens, dx, dz, h):
    dX = _looked_up(tokens, dx, dz)
    scores = np.take_along_axis(dz, tokens[..., None], axis=2)
    np.add.at(dX, tokens, scores * h)
    return dX


def _first_occurrence(tokens, dx, dz, h):
    dX = _scored(dz, h)
    words, places = np.unique(tokens, return_index=True)
    dX[words] += dx.reshape(-1, dx.shape[2])[places]
    return dX


TIED = Exercise(
    name="tied_gradient",
    points=2,
    section="What the slide leaves open: output weights and embeddings",
    cases=_tied_cases,
    shapes={"tokens": "T B", "dx": "T B D", "dz": "T B V", "h": "T B D"},
    returns={"dX": "a float64 array (V, D)"},
    reference=Source(
        "unrolled.language_models.embed_backward",
        lambda tokens, dx, dz, h: _looked_up(tokens, dx, dz) + _scored(dz, h),
    ),
    oracle=Source(TORCH, _tied_torch),
    misconceptions=(
        Misconception(
            "assignment instead of scatter-add",
            _assigned,
            "Of a repeated word only one place was counted. `dX[tokens] += dx` gathers, adds and "
            "writes back once, so the last place wins. Use np.add.at, or a loop.",
        ),
        Misconception(
            "reshaped instead of transposed",
            lambda tokens, dx, dz, h: (
                _looked_up(tokens, dx, dz) + dz.reshape(dz.shape[2], -1) @ h.reshape(-1, h.shape[2])
            ),
            "In the product of dz and h, dz was reshaped to (V, T B). That has the right shape and "
            "the wrong numbers in it: reshape to (T B, V), and transpose.",
        ),
        Misconception(
            "output part forgotten",
            lambda tokens, dx, dz, h: _looked_up(tokens, dx, dz),
            "Only the lookup is there. X is used a second time, for the scores z = X h: "
            "find every place where a parameter is used, and add.",
        ),
        Misconception(
            "input part forgotten",
            lambda tokens, dx, dz, h: _scored(dz, h),
            "Only the scores are there. X is used a second time, as the table of embeddings: "
            "find every place where a parameter is used, and add.",
        ),
        Misconception(
            "lookup alone, assigned",
            lambda tokens, dx, dz, h: _assigned(tokens, dx, dz, 0 * h),
            "Two things: only the lookup is there, though X also makes the scores z = X h; and of "
            "a repeated word only one place was counted (`dX[tokens] += dx` writes back once).",
        ),
        Misconception(
            "averaged over occurrences",
            lambda tokens, dx, dz, h: (
                _looked_up(tokens, dx, dz) / _counts(tokens, dz.shape[2]) + _scored(dz, h)
            ),
            "A repeated word got the mean over its places. The chain rule adds up: each "
            "place counts in full.",
        ),
        Misconception(
            "last step only",
            lambda tokens, dx, dz, h: (
                _looked_up(tokens[-1:], dx[-1:], dz) + _scored(dz[-1:], h[-1:])
            ),
            "Only the last step is there: in the loop over time, dX is assigned (=) or set to zero "
            "anew where it should be added to (+=).",
        ),
        Misconception(
            "first sequence only",
            lambda tokens, dx, dz, h: (
                _looked_up(tokens[:, :1], dx[:, :1], dz) + _scored(dz[:, :1], h[:, :1])
            ),
            "Only the first sequence of the batch is there. All sequences share X: sum over the "
            "batch, too.",
        ),
        Misconception(
            "time and batch in different orders",
            lambda tokens, dx, dz, h: (
                _looked_up(tokens, dx, dz)
                + dz.reshape(-1, dz.shape[2]).T @ h.swapaxes(0, 1).reshape(-1, h.shape[2])
            ),
            "For the scores, `dz` and `h` were flattened in different orders, one step after step, "
            "the other sequence after sequence, so gradients met the states of other places.",
        ),
        Misconception(
            "the lookup overwrites the scores",
            lambda tokens, dx, dz, h: np.where(
                np.isin(np.arange(dz.shape[2]), tokens)[:, None],
                _assigned(tokens, dx, dz, 0 * h),
                _scored(dz, h),
            ),
            "In the rows of words that were read only the lookup is there: it was assigned (=), "
            "and what the scores had put there is gone. Both uses of X add up.",
        ),
        Misconception(
            "output part for words read",
            lambda tokens, dx, dz, h: (
                _looked_up(tokens, dx, dz)
                + _scored(dz, h) * np.isin(np.arange(dz.shape[2]), tokens)[:, None]
            ),
            "Words that are never read have a gradient of 0 here. They were scored all the same, "
            "at every step: their rows get the output part.",
        ),
        Misconception(
            "score of the word read",
            _score_of_the_word_read,
            "Of the scores only that of the word read at the same step was used. At every step "
            "all rows of X make a score, and each gets its part.",
        ),
        Misconception(
            "sums multiplied",
            lambda tokens, dx, dz, h: (
                _looked_up(tokens, dx, dz) + np.outer(dz.sum(axis=(0, 1)), h.sum(axis=(0, 1)))
            ),
            "In the output part dz and h were added up by themselves, and the sums multiplied. "
            "Each place gives a product of its own, and the products are added.",
        ),
        Misconception(
            "input part in every row",
            lambda tokens, dx, dz, h: dx.sum(axis=(0, 1)) + _scored(dz, h),
            "What comes back through the lookup was added to all rows of X. At each place it "
            "belongs to one row, that of the word read there.",
        ),
        Misconception(
            "first occurrence only",
            _first_occurrence,
            "A word that is read several times got the dx of its first place only. It is used at "
            "all of them: add.",
        ),
        Misconception(
            "output part of the last step",
            lambda tokens, dx, dz, h: _looked_up(tokens, dx, dz) + dz[-1].T @ h[-1],
            "The lookup is right, but the output part is that of the last step alone: each step's "
            "has to be added to those before.",
        ),
    ),
)


# --------------------------------------------------------------------------- base condition
def _weights(rng, D, H):
    return {"W_i": _small(rng, H, D), "W_h": _small(rng, H, H), "b": _small(rng, H)}


def _base_cases(rng):
    sizes = [(1, 2, 1, 3), (2, 1, 1, 3), (3, 2, 1, 1)]
    sizes += one_at_a_time({"T": 4, "B": 3, "D": 2, "H": 5}, T=1, B=1, D=1, H=1)
    return [
        {
            "x": _small(rng, T, B, D),
            "h_0": _small(rng, H),
            **_weights(rng, D, H),
            "dh_T": numbers(rng, B, H),
        }
        for T, B, D, H in sizes
    ]


def _base_ours(x, h_0, W_i, W_h, b, dh_T):
    h, cache = rnn_forward(x, h_0, W_i, W_h, b)
    dh = np.zeros_like(h)
    dh[-1] = dh_T
    return rnn_backward(dh, cache)[1]


def _torch_states(torch, x, h, W_i, W_h, b):
    states = [h]
    for x_t in torch.as_tensor(x):
        states.append(torch.tanh(states[-1] @ W_h.T + x_t @ W_i.T + b))
    return states


def _base_torch(x, h_0, W_i, W_h, b, dh_T):
    def loss(torch, h_0):
        weights = map(torch.tensor, (W_i, W_h, b))
        states = _torch_states(torch, x, h_0.expand(x.shape[1], -1), *weights)
        return (torch.tensor(dh_T) * states[-1]).sum()

    return _by_torch(loss, h_0)[0]


def _slope(h):
    return 1 - h**2


def _base_each(
    x,
    h_0,
    W_i,
    W_h,
    b,
    dh_T,
    last=0,
    shift=1,
    first_W=False,
    slope_of=_slope,
    every=False,
    added=False,
):
    """The gradient of each sequence; with the mistakes that the options name."""
    h, _ = rnn_forward(x, h_0, W_i, W_h, b)
    delta, total = dh_T, 0.0
    for t in reversed(range(last, len(x))):
        f = slope_of(h[t + shift])
        delta = (delta @ W_h) * f if first_W else (delta * f) @ W_h
        total = total + delta
        delta = delta + dh_T if every and t else delta
    return total if added else delta


def _base_wrong(**options):
    return lambda *arguments: _base_each(*arguments, **options).sum(axis=0)


def _slope_once_more(x, h_0, W_i, W_h, b, dh_T):
    last = rnn_forward(x, h_0, W_i, W_h, b)[0][-1]
    return _base_each(x, h_0, W_i, W_h, b, dh_T * (1 - last**2)).sum(axis=0)


BASE = Exercise(
    name="base_gradient",
    points=3,
    section="Backward: the recursion",
    cases=_base_cases,
    shapes={"x": "T B D", "h_0": "H", "W_i": "H D", "W_h": "H H", "b": "H", "dh_T": "B H"},
    returns={"dh_0": "a float64 array (H,)"},
    reference=Source(OURS, _base_ours),
    oracle=Source(TORCH, _base_torch),
    tolerance=DERIVED,
    misconceptions=(
        Misconception(
            "not summed over the batch",
            _base_each,
            "There is one gradient per sequence. They all start from the same h_0, so the "
            "gradients add up.",
            section="All steps, all parameters",
        ),
        Misconception(
            "averaged over the batch",
            lambda *arguments: _base_each(*arguments).mean(axis=0),
            "The gradient was averaged over the batch. The chain rule adds; a mean belongs to a "
            "loss that is a mean, and then it is in dh_T already.",
        ),
        Misconception(
            "slope forgotten",
            _base_wrong(slope_of=np.ones_like),
            "The Jacobians are taken to be W_h alone, as if the network were linear. The row is "
            "multiplied by tanh' = 1 - h² of the step before it meets W_h.",
            section="Two kinds of derivative",
        ),
        Misconception(
            "slope of the state before",
            _base_wrong(shift=0),
            "tanh' was taken at h_(t-1). The step that made h_t has the slope 1 - h_t².",
        ),
        Misconception(
            "slope after the product",
            _base_wrong(first_W=True),
            "The row met W_h first and the slope afterwards. Going back, the order is reversed: "
            "first through tanh, then through W_h.",
        ),
        Misconception(
            "transposed W_h",
            lambda x, h_0, W_i, W_h, b, dh_T: _transposed_base(x, h_0, W_i, W_h, b, dh_T),
            "W_h was transposed on the way back. Forward the code multiplies by W_h.T; backward, "
            "rows are multiplied by W_h itself. Its square shape hides the mistake.",
        ),
        Misconception(
            "one step short",
            _base_wrong(last=1),
            "This is the gradient of h_1. One Jacobian is missing: the loop ends a step too early.",
        ),
        Misconception(
            "batch summed before the way back",
            lambda x, h_0, W_i, W_h, b, dh_T: _base_each(
                x,
                h_0,
                W_i,
                W_h,
                b,
                dh_T.sum(axis=0),
                slope_of=lambda h: 1 - h.mean(axis=0) ** 2,
            ),
            "The batch was summed before the way back, and one slope stands for all. Each sequence "
            "has states, and slopes, of its own: go back with a row for each, and sum at the end.",
        ),
        Misconception(
            "all steps added up",
            lambda *arguments: _base_each(*arguments, added=True).sum(axis=0),
            "The gradients of all states on the way were added up. h_0 acts once, at the first "
            "step: its gradient is the row that arrives there.",
        ),
        Misconception(
            "loss at every step",
            lambda *arguments: _base_each(*arguments, every=True).sum(axis=0),
            "`dh_T` was added at every step. There is one loss here, at the last state: it starts "
            "the way back, once.",
        ),
        Misconception(
            "slope at the start of the step",
            lambda x, h_0, *rest: _base_each(x, h_0, *rest, shift=0, first_W=True).sum(axis=0),
            "The row met W_h first, and then the slope of the state before the step, so that of "
            "h_0 is used and that of h_T is not. Backwards, a step begins with its tanh, at the "
            "state it made.",
        ),
        Misconception(
            "slope once too often",
            _slope_once_more,
            "dh_T was multiplied by the slope of h_T before the way back began. There, the last "
            "step multiplies by it once more: dh_T belongs to the state, behind the tanh.",
        ),
    ),
)


def _transposed_base(x, h_0, W_i, W_h, b, dh_T):
    h, _ = rnn_forward(x, h_0, W_i, W_h, b)
    delta = dh_T
    for t in reversed(range(len(x))):
        delta = (delta * (1 - h[t + 1] ** 2)) @ W_h.T
    return delta.sum(axis=0)


# --------------------------------------------------------------------------- leaky units
def _leaky_cases(rng):
    sizes = [(1, 1, 1, 3, 0.5), (3, 1, 1, 4, 0.5), (4, 3, 1, 1, 0.25)]
    base = {"T": 4, "B": 3, "D": 6, "H": 5, "alpha": 0.3}
    sizes += one_at_a_time(base, T=1, B=1, D=1, H=1, alpha=1.0)
    return [
        {
            "dh": numbers(rng, T, B, H),
            "x": _small(rng, T, B, D),
            "h_0": _small(rng, B, H),
            **_weights(rng, D, H),
            "alpha": alpha,
        }
        for T, B, D, H, alpha in sizes
    ]


def _leaky(dh, x, h_0, W_i, W_h, b, alpha, leak=None, inner=None, slope_of="f", back=None):
    """(dW_h, dh_0) of leaky units; with the mistakes that the options name."""
    h, f = [h_0], []
    for x_t in x:
        f.append(np.tanh(x_t @ W_i.T + h[-1] @ W_h.T + b))
        h.append((1 - alpha) * h[-1] + alpha * f[-1])
    leak, inner = (1 - alpha if leak is None else leak), (alpha if inner is None else inner)
    dW_h, delta = np.zeros_like(W_h), np.zeros_like(h_0)
    for t in reversed(range(len(x))):
        delta = delta + dh[t]
        at = f[t] if slope_of == "f" else h[t + 1]
        da = inner * delta * (1 - at**2)
        dW_h += da.T @ h[t]
        delta = leak * delta + da @ (W_h if back is None else back(W_h))
    return dW_h, delta


def _leaky_torch(dh, x, h_0, W_i, W_h, b, alpha):
    def loss(torch, W_h, h):
        total, (W, c) = 0.0, map(torch.tensor, (W_i, b))
        for x_t, dh_t in zip(torch.tensor(x), torch.tensor(dh), strict=True):
            h = (1 - alpha) * h + alpha * torch.tanh(x_t @ W.T + h @ W_h.T + c)
            total = total + (dh_t * h).sum()
        return total

    return tuple(_by_torch(loss, W_h, h_0))


def _leaky_wrong(**options):
    return lambda *arguments: _leaky(*arguments, **options)


def _leaky_last(dh, *rest):
    return _leaky(_only_last(dh), *rest)


def _leaky_states(x, h_0, W_i, W_h, b, alpha, leak=None):
    h, f = [h_0], []
    for x_t in x:
        f.append(np.tanh(x_t @ W_i.T + h[-1] @ W_h.T + b))
        h.append(
            (1 - alpha if leak is None else leak) * h[-1] + (alpha if leak is None else 1) * f[-1]
        )
    return h, f


def _leaky_back(dh, h, f, W_h, alpha, used, both=False):
    """(dW_h, dh_0), with the arrays `used` where the states belong; slopes on both ways or one."""
    dW_h, delta = np.zeros_like(W_h), np.zeros_like(h[0])
    for t in reversed(range(len(f))):
        delta = delta + dh[t]
        delta = delta * (1 - f[t] ** 2) if both else delta
        da = alpha * delta * (1 if both else 1 - f[t] ** 2)
        dW_h += da.T @ used[t]
        delta = (1 - alpha) * delta + da @ W_h
    return dW_h, delta


def _f_before(h, f):
    return [h[0], *f[:-1]]


def _f_now(h, f):
    return f


def _with_states(used, dh, x, h_0, W_i, W_h, b, alpha):
    h, f = _leaky_states(x, h_0, W_i, W_h, b, alpha)
    return _leaky_back(dh, h, f, W_h, alpha, used(h, f))[0]


def _no_leak_forward(dh, x, h_0, W_i, W_h, b, alpha):
    h, f = _leaky_states(x, h_0, W_i, W_h, b, alpha, leak=0.0)
    return _leaky_back(dh, h, f, W_h, alpha, h)


def _slope_on_both(dh, x, h_0, W_i, W_h, b, alpha):
    h, f = _leaky_states(x, h_0, W_i, W_h, b, alpha)
    return _leaky_back(dh, h, f, W_h, alpha, h, both=True)


LEAKY = Exercise(
    name="leaky_gradient",
    points=4,
    section="Backward: the recursion",
    cases=_leaky_cases,
    shapes={"dh": "T B H", "x": "T B D", "h_0": "B H", "W_i": "H D", "W_h": "H H", "b": "H"},
    returns={"dW_h": "a float64 array (H, H)", "dh_0": "a float64 array (B, H)"},
    reference=Source("the recursion of the chapter, with a leak", _leaky),
    oracle=Source(TORCH, _leaky_torch),
    tolerance=DERIVED,
    misconceptions=(
        Misconception(
            "leak forgotten",
            _leaky_wrong(leak=0.0),
            "The way back leads through tanh alone. h_(t-1) is used in two places: inside tanh, "
            "and in the leak (1 - alpha) h_(t-1). Both send something back.",
        ),
        Misconception(
            "leak without its factor",
            _leaky_wrong(leak=1.0),
            "Through the leak the whole row was handed back. It carries (1 - alpha) h_(t-1), so it "
            "hands back (1 - alpha) times the row.",
        ),
        Misconception(
            "alpha forgotten inside",
            _leaky_wrong(inner=1.0),
            "The way through tanh lacks the factor alpha: the state contains alpha · tanh(a).",
        ),
        Misconception(
            "slope of the state",
            _leaky_wrong(slope_of="h"),
            "The slope was computed as 1 - h². Here h is a mixture; tanh' is 1 - f² with "
            "f = tanh(a), which has to be kept or computed again.",
        ),
        Misconception(
            "last loss only",
            _leaky_last,
            "Only the loss of the last step is carried back. At every step the row picks up dh[t].",
        ),
        Misconception(
            "transposed W_h",
            _leaky_wrong(back=np.transpose),
            "W_h was transposed on the way back: rows are multiplied by W_h itself.",
        ),
        Misconception(
            "the chapter's recursion",
            _leaky_wrong(leak=0.0, inner=1.0),
            "The way back is the chapter's, for units that do not leak. Here tanh(a) counts alpha "
            "times, and h_(t-1) is used a second time, in the leak: both change the recursion.",
        ),
        Misconception(
            "shares exchanged",
            lambda *arguments: _leaky(*arguments, leak=arguments[-1], inner=1 - arguments[-1]),
            "alpha and 1 - alpha are exchanged on the way back. The share 1 - alpha of the state "
            "stays, and alpha is the share of f.",
        ),
        Misconception(
            "f for the state",
            lambda *arguments: (_with_states(_f_before, *arguments), _leaky(*arguments)[1]),
            "`dh_0` is right. For dW_h the f of the step before stands where the state is used: "
            "W_h multiplies h_t, of which f is a share only.",
        ),
        Misconception(
            "f of the same step for the state",
            lambda *arguments: (_with_states(_f_now, *arguments), _leaky(*arguments)[1]),
            "`dh_0` is right. For dW_h da was paired with the f of its own step. W_h multiplies "
            "the state that the step begins with.",
        ),
        Misconception(
            "forward without leak",
            _no_leak_forward,
            "The states were computed without the leak, h = f, and the way back has it. Each "
            "state keeps the share 1 - alpha of the one before.",
        ),
        Misconception(
            "slope on both ways",
            _slope_on_both,
            "What comes back was multiplied by the slope of tanh on both ways. The leak does not "
            "go through tanh: it hands back the share 1 - alpha as it is.",
        ),
    ),
)


# --------------------------------------------------------------------------- truncated, overlapping
def _truncated_cases(rng):
    sizes = [(4, 1, 1, 3, 2, 2), (5, 1, 1, 3, 2, 3), (3, 1, 1, 4, 4, 6), (10, 3, 1, 4, 4, 6)]
    base = {"T": 9, "B": 3, "D": 4, "H": 5, "k1": 2, "k2": 5}  # the last block is shorter
    sizes += one_at_a_time(base, B=1, D=1, H=1, k1=1, k2=2, T=8)
    sizes.append((9, 3, 4, 5, 2, 20))  # k2 beyond the text: nothing is cut
    return [
        {
            "x": _small(rng, T, B, D),
            "v": numbers(rng, T, B, H),
            **_weights(rng, D, H),
            "k1": k1,
            "k2": k2,
        }
        for T, B, D, H, k1, k2 in sizes
    ]


def _blocks(T, k1):
    return [(first, min(first + k1, T)) for first in range(0, T, k1)]


def _states(x, W_i, W_h, b):
    return rnn_forward(x, None, W_i, W_h, b)[0]


def _back(v, h, W_h, losses, start, end):
    """dW_h of the losses in the slice, by steps start … end - 1."""
    dW_h, delta = np.zeros_like(W_h), np.zeros_like(h[0])
    for t in reversed(range(start, end)):
        if losses[0] <= t < losses[1]:
            delta = delta + v[t]
        da = delta * (1 - h[t + 1] ** 2)
        dW_h += da.T @ h[t]
        delta = da @ W_h
    return dW_h


def _truncated(x, v, W_i, W_h, b, k1, k2, start=None, losses=None, blocks=_blocks):
    """(dW_h, h_T); start and losses say, for a block, where its paths begin and which losses."""
    h = _states(x, W_i, W_h, b)
    dW_h = np.zeros_like(W_h)
    for first, end in blocks(len(x), k1):
        begin = max(0, end - k2) if start is None else start(first, end)
        counted = (first, end) if losses is None else losses(begin, end)
        dW_h += _back(v, h, W_h, counted, begin, end)
    return dW_h, h[-1]


def _truncated_ours(x, v, W_i, W_h, b, k1, k2):
    """By the chapter's backward pass on every window, with the losses of its block."""
    h, total = _states(x, W_i, W_h, b), np.zeros_like(W_h)
    for first, end in _blocks(len(x), k1):
        begin = max(0, end - k2)
        states, cache = rnn_forward(x[begin:end], h[begin], W_i, W_h, b)
        dh = np.zeros_like(states)
        dh[first - begin + 1 :] = v[first:end]
        total += rnn_backward(dh, cache)[3]
    return total, h[-1]


def _truncated_torch(x, v, W_i, W_h, b, k1, k2):
    h = _states(x, W_i, W_h, b)

    def loss(torch, W_h):
        total, (W, c) = 0.0, map(torch.tensor, (W_i, b))
        for first, end in _blocks(len(x), k1):
            begin = max(0, end - k2)
            start = torch.tensor(h[begin])  # a constant: what torch calls detached
            states = torch.stack(_torch_states(torch, x[begin:end], start, W, W_h, c)[1:])
            total = total + (torch.tensor(v[first:end]) * states[first - begin :]).sum()
        return total

    return _by_torch(loss, W_h)[0], h[-1]


def _not_carried(x, v, W_i, W_h, b, k1, k2):
    dW_h, h_T = np.zeros_like(W_h), None
    for first, end in _blocks(len(x), k1):
        begin = max(0, end - k2)
        h = _states(x[begin:end], W_i, W_h, b)
        inside = (first - begin, end - begin)
        dW_h += _back(v[begin:end], h, W_h, inside, 0, end - begin)
        h_T = h[-1]
    return dW_h, h_T


def _reach(x, v, W_i, W_h, b, k1, k2):
    return _truncated(x, v, W_i, W_h, b, 1, k2)


def _reset(x, v, W_i, W_h, b, k1, k2):
    """Blocks that each begin at zero; the paths go on across the cuts all the same."""
    h = _states(x, W_i, W_h, b)
    for t in range(len(x)):
        before = 0.0 * h[t] if t % k1 == 0 else h[t]
        h[t + 1] = np.tanh(x[t] @ W_i.T + before @ W_h.T + b)
    dW_h = np.zeros_like(W_h)
    for first, end in _blocks(len(x), k1):
        dW_h += _back(v, h, W_h, (first, end), max(0, end - k2), end)
    return dW_h, h[-1]


def _short_beginnings_skipped(x, v, W_i, W_h, b, k1, k2):
    return _truncated(
        x,
        v,
        W_i,
        W_h,
        b,
        k1,
        k2,
        blocks=lambda T, k1: [one for one in _blocks(T, k1) if one[1] >= k2],
    )


TRUNCATED = Exercise(
    name="truncated_gradient",
    points=4,
    section="Truncated BPTT",
    cases=_truncated_cases,
    shapes={"x": "T B D", "v": "T B H", "W_i": "H D", "W_h": "H H", "b": "H"},
    returns={"dW_h": "a float64 array (H, H)", "h_T": "a float64 array (B, H)"},
    reference=Source(OURS, _truncated_ours),
    oracle=Source("torch's autograd, detached", _truncated_torch),
    misconceptions=(
        Misconception(
            "state not carried",
            _not_carried,
            "Every window starts from zeros. Truncation cuts the way back only: forward, the state "
            "is carried through the whole text.",
        ),
        Misconception(
            "gradient carried across the cut",
            lambda *arguments: _truncated(*arguments, start=lambda first, end: 0),
            "This is the full gradient: the row went back to the beginning of the text. It stops "
            "k2 steps before the end of the block.",
        ),
        Misconception(
            "stopped at the block",
            lambda *arguments: _truncated(*arguments, start=lambda first, end: first),
            "The row stops where its block begins, as if k2 were k1, or its shares from before are "
            "not added. It goes on for k2 steps from the end of the block, into the blocks before, "
            "and each adds to the gradient.",
        ),
        Misconception(
            "losses counted again",
            lambda *arguments: _truncated(*arguments, losses=lambda begin, end: (begin, end)),
            "In the part of a window that reaches into earlier blocks, the losses were picked up a "
            "second time. Each loss belongs to one block and counts there.",
        ),
        Misconception(
            "reach from each loss",
            _reach,
            "Every loss reaches back exactly k2 steps here. Asked for is one row per block, which "
            "stops k2 steps before the END of the block, so the first losses of a block reach "
            "less far.",
        ),
        Misconception(
            "last block dropped",
            lambda *arguments: _truncated(
                *arguments, blocks=lambda T, k1: [p for p in _blocks(T, k1) if p[1] - p[0] == k1]
            ),
            "The last block is missing where it is shorter than k1. Its losses count, too.",
        ),
        Misconception(
            "windows of k2",
            lambda x, v, W_i, W_h, b, k1, k2: _truncated(x, v, W_i, W_h, b, k2, k2),
            "The text was cut into windows of k2 steps. The blocks of losses have k1 steps.",
        ),
        Misconception(
            "state reset at each block",
            _reset,
            "The state was set to zero at the beginning of each block. Truncation cuts the way "
            "back only: forward, the state is carried through the whole text.",
        ),
        Misconception(
            "as if the last block were full",
            lambda *arguments: _truncated(
                *arguments,
                start=lambda first, end: max(0, first + arguments[-2] - arguments[-1]),
            ),
            "In the short last block the k2 steps were counted from where a block of k1 steps "
            "would end. They are counted from its last loss.",
        ),
        Misconception(
            "short block first",
            lambda *arguments: _truncated(
                *arguments,
                blocks=lambda T, k1: [(max(end - k1, 0), end) for end in range(T, 0, -k1)],
            ),
            "The blocks were counted from the end of the text, so the short one comes first. The "
            "first block begins at step 0; a short one is the last.",
        ),
        Misconception(
            "reach from the beginning of the block",
            lambda *arguments: _truncated(
                *arguments, start=lambda first, end: max(0, first - arguments[-1])
            ),
            "The row went back k2 steps from the beginning of its block. Count them from its "
            "end: the block's own steps are among them.",
        ),
        Misconception(
            "loss at the block's end only",
            lambda *arguments: _truncated(*arguments, losses=lambda begin, end: (end - 1, end)),
            "`h_T` is right. Of each block only the last loss was counted: on the way back "
            "through the block, each step adds the row of its own.",
        ),
        Misconception(
            "short beginnings skipped",
            _short_beginnings_skipped,
            "`h_T` is right. Blocks that end before step k2 were left out. They go back to the "
            "beginning of the text, as far as there is something.",
        ),
    ),
)


# --------------------------------------------------------------------------- online
def _online_cases(rng):
    sizes = [(3, 1, 1), (3, 1, 4), (8, 4, 3)]
    sizes += one_at_a_time({"T": 5, "D": 3, "H": 4}, T=1, D=1, H=1)
    return [
        {
            "x": _small(rng, T, D),
            "v": numbers(rng, T, H),
            "w": _small(rng, H),
            "W_i": _small(rng, H, D),
        }
        for T, D, H in sizes
    ]


def _online_ours(x, v, w, W_i):
    _, cache = rnn_forward(x[:, None], None, W_i, np.diag(w), np.zeros(len(w)))
    dh = np.concatenate([np.zeros((1, 1, len(w))), v[:, None]])
    _, _, dW_i, dW_h, _ = rnn_backward(dh, cache)
    return np.diag(dW_h).copy(), dW_i


def _online_torch(x, v, w, W_i):
    def loss(torch, w, W_i):
        h, total = torch.zeros(len(w), dtype=torch.float64), 0.0
        for x_t, v_t in zip(torch.tensor(x), torch.tensor(v), strict=True):
            h = torch.tanh(w * h + W_i @ x_t)
            total = total + v_t @ h
        return total

    return tuple(_by_torch(loss, w, W_i))


def _online(x, v, w, W_i, carry=None, after=False, slope_all=True, only_last=False):
    """Forward accumulation for a diagonal network; with the mistakes that the options name."""
    h, S, R = np.zeros(len(w)), np.zeros(len(w)), np.zeros_like(W_i)
    dw, dW_i = np.zeros(len(w)), np.zeros_like(W_i)
    carry = w if carry is None else carry
    for t in range(len(x)):
        before = h
        h = np.tanh(w * h + W_i @ x[t])
        slope, used = 1 - h**2, h if after else before
        if slope_all:
            S, R = slope * (used + carry * S), slope[:, None] * (x[t] + carry[:, None] * R)
        else:
            S, R = slope * used + carry * S, slope[:, None] * x[t] + carry[:, None] * R
        if not only_last or t == len(x) - 1:
            dw, dW_i = dw + v[t] * S, dW_i + v[t][:, None] * R
    return dw, dW_i


def _online_wrong(**options):
    return lambda *arguments: _online(*arguments, **options)


ONLINE = Exercise(
    name="online_gradient",
    points=4,
    section="Forward accumulation: the same sum from the other end",
    cases=_online_cases,
    shapes={"x": "T D", "v": "T H", "w": "H", "W_i": "H D"},
    returns={"dw": "a float64 array (H,)", "dW_i": "a float64 array (H, D)"},
    reference=Source(OURS, _online_ours),
    oracle=Source(TORCH, _online_torch),
    tolerance=DERIVED,
    misconceptions=(
        Misconception(
            "immediate derivative only",
            lambda x, v, w, W_i: _online(x, v, w, W_i, carry=np.zeros_like(w)),
            "The sensitivities are started anew at every step: these are the immediate "
            "derivatives. What h_(t-1) owes to the weights has to be carried on.",
            section="Two kinds of derivative",
        ),
        Misconception(
            "recurrent weight forgotten",
            lambda x, v, w, W_i: _online(x, v, w, W_i, carry=np.ones_like(w)),
            "The old sensitivity is carried on without the weight w: h_t contains w · h_(t-1), so "
            "its derivative contains w times the old one.",
        ),
        Misconception(
            "slope on one part only",
            _online_wrong(slope_all=False),
            "The slope multiplies the immediate part only. Both parts, old and new, go through "
            "tanh: the slope stands before the bracket.",
        ),
        Misconception(
            "state after instead of before",
            _online_wrong(after=True),
            "The immediate derivative by w was taken with the new state h_t. In w · h_(t-1) the "
            "weight meets the old one: keep it until the sensitivity is updated.",
        ),
        Misconception(
            "last loss only",
            _online_wrong(only_last=True),
            "Only the last loss is there. At every step v[t] times the sensitivity is added to the "
            "gradient.",
        ),
        Misconception(
            "sensitivity of the step before",
            lambda x, v, w, W_i: _online(x, np.concatenate([v[1:], 0 * v[:1]]), w, W_i),
            "Each loss met the sensitivities of the step before it: v[t] was used before S and R "
            "had gone through step t, or v[t + 1] after. v[t] asks of the state that step t makes.",
        ),
        Misconception(
            "sensitivity of the step after",
            lambda x, v, w, W_i: _online(x, np.concatenate([0 * v[:1], v[:-1]]), w, W_i),
            "Each loss met the sensitivities of the step after it: v[t] asks of the state that "
            "step t makes, with the S and R of the same step.",
        ),
        Misconception(
            "all losses at the last step",
            lambda x, v, w, W_i: _online(x, np.cumsum(v, axis=0), w, W_i, only_last=True),
            "All rows v were added up and met the sensitivities of the last step. Each loss is "
            "multiplied by the sensitivities of its own step.",
        ),
    ),
)


LAB = Lab(
    number=5,
    title="Backpropagation through time",
    chapter="05_bptt",
    exercises=(OUTPUT, PATHS, TIED, BASE, LEAKY, TRUNCATED, ONLINE),
    questions=(Question("overlap", points=2),),
)
check, ready, summary = LAB.check, LAB.ready, LAB.summary
