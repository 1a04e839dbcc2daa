"""Lab 09, Deep and bidirectional networks: cases, right answers, known mistakes, the capstone.

The right answers come from torch, or from the chapter's functions where torch is missing. The
capstone is judged here from the student's parameters alone: no code of theirs runs.
"""

from dataclasses import dataclass

import numpy as np

from unrolled.deep_bidirectional import (
    deep_forward,
    layer_names,
    reverse_time,
    summarise,
    time_mask,
)
from unrolled.experiments.deep_bidirectional import character_split, held_out_bits
from unrolled.language_models import bigram, bits_per_character, unigram
from unrolled.lstm import CELLS

from . import guard
from .exercise import Exercise, Misconception, Question, Source, numbers, one_at_a_time
from .lab import Lab

STACK = "Forward: a layer on a layer"
BOTH = "Forward: both directions"
LENGTHS = "Forward: sequences of different lengths"
LAST = "Which step is the last?"
BACKWARD = "Backward: splitting, turning, picking"
MANY_TO_ONE = "From many to one"
LANGUAGE = "A deep language model"


def _lengths(rng, B, T):
    """B different lengths below T, in no order."""
    return rng.permutation(np.arange(1, T))[:B]


# --------------------------------------------------------------------------- warm-up: turning
def _turn_cases(rng):
    cases = []
    base = {"T": 7, "B": 4, "D": 3}
    sizes = [(4, 2, 1), (5, 3, 2), (9, 4, 2), *one_at_a_time(base, B=1, D=1)]
    for at, (T, B, D) in enumerate(sizes):
        lengths = _lengths(rng, B, T)
        lengths[0] = max(2, T - 2)  # no sequence is its own reverse, none fills the batch
        if at % 2:
            lengths.sort()  # the first is not the longest
        cases.append({"x": numbers(rng, T, B, D), "lengths": lengths})
    return cases


def _turned(x, lengths, turn):
    out = x.copy()
    for n, length in enumerate(lengths):
        turn(out[:, n], x[:, n], length)
    return out


def _turn_by_torch(x, lengths):
    import torch

    x = torch.from_numpy(x)
    pieces = [torch.cat([x[:n, i].flip(0), x[n:, i]]) for i, n in enumerate(lengths.tolist())]
    return torch.stack(pieces, dim=1).numpy()


def _turn_and_silence(out, x, length):
    out[:length], out[length:] = x[:length][::-1], 0.0


def _turn_late(out, x, length):
    out[:length] = x[1 : length + 1][::-1]


def _turn_components(out, x, length):
    out[:length] = x[:length, ::-1]


def _turn_rows(x, lengths):
    out = x.copy()
    for n, length in enumerate(lengths):
        out[n, :length] = x[n, :length][::-1]
    return out


def _padding_first(x, lengths):
    out = x.copy()
    for n, length in enumerate(lengths):
        out[:, n] = np.concatenate([x[length:, n], x[:length, n][::-1]])
    return out


TURN = Exercise(
    name="turn_round",
    points=1,
    section=LENGTHS,
    cases=_turn_cases,
    shapes={"x": "T B D", "lengths": "B"},
    returns={"out": "a float64 array (T, B, D)"},
    reference=Source(
        "unrolled.deep_bidirectional.reverse_time", lambda x, n: reverse_time(x, n)[0]
    ),
    oracle=Source("torch.flip, sequence by sequence", _turn_by_torch),
    misconceptions=(
        Misconception(
            "padding turned too",
            lambda x, lengths: x[::-1],
            "The whole time axis was turned round, so the padding stands at the beginning. The "
            "network would read it first. Turn each sequence within its own length.",
        ),
        Misconception(
            "padding first",
            _padding_first,
            "Each sequence was turned round, and then put at the end of the array, with its "
            "padding before it. It begins at step 0, and the padding stays behind.",
        ),
        Misconception(
            "turned within the longest",
            lambda x, lengths: np.concatenate([x[: max(lengths)][::-1], x[max(lengths) :]]),
            "Every sequence was turned within the length of the longest. Each has its own.",
        ),
        Misconception(
            "padding overwritten",
            lambda x, lengths: _turned(x, lengths, _turn_and_silence),
            "The sequences are right, but the padding was replaced by zeros. It stays as it is, so "
            "that turning twice gives back what was there.",
        ),
        Misconception(
            "one step late",
            lambda x, lengths: _turned(x, lengths, _turn_late),
            "The steps are off by one: they begin in the padding and lose the first. The last "
            "step of sequence n has the index lengths[n] - 1.",
        ),
        Misconception(
            "batch turned",
            lambda x, lengths: x[:, ::-1],
            "The second axis was turned: that is the order of the sequences in the batch. Time is "
            "the first axis.",
        ),
        Misconception(
            "components turned",
            lambda x, lengths: _turned(x, lengths, _turn_components),
            "The components of each input were turned round, its last axis. Time is the first: "
            "`x[:length, n]` is sequence n, and its first axis is to be turned.",
        ),
        Misconception(
            "all components turned",
            lambda x, lengths: x[:, :, ::-1],
            "The components of each input were turned round, its last axis. Time is the first.",
        ),
        Misconception(
            "batch first",
            _turn_rows,
            "This takes the first axis for the batch, as in `x[n, :length]`. Here time comes "
            "first: sequence n is `x[:length, n]`.",
        ),
    ),
)


# --------------------------------------------------------------------------- one step of a stack
def _step_cases(rng):
    cases = []
    base = {"K": 3, "B": 2, "H": 4}
    for K, B, H in [(1, 1, 2), (2, 1, 3), *one_at_a_time(base, K=1, B=1, H=1), (4, 3, 2)]:
        scale = np.sqrt(H)
        cases.append(
            {
                "x_t": rng.normal(size=(B, H)).round(1),
                "h": rng.uniform(-0.9, 0.9, (K, B, H)).round(1),
                "W_i": (rng.normal(size=(K, H, H)) / scale).round(1),
                "W_h": (rng.normal(size=(K, H, H)) / scale).round(1),
                "b": rng.normal(size=(K, H)).round(1),
            }
        )
    return cases


def _by_layer(layer):
    """All layers' states, from layer(k, below, before): what layer k does with its two inputs."""

    def answer(x_t, h, W_i, W_h, b):
        new, below = [], x_t
        for k in range(len(h)):
            below = layer(k, x_t, below, h, W_i, W_h, b)
            new.append(below)
        return np.stack(new)

    return answer


def _cell(below, before, W_i, W_h, b):
    return np.tanh(below @ W_i.T + before @ W_h.T + b)


_step = _by_layer(lambda k, x, below, h, W_i, W_h, b: _cell(below, h[k], W_i[k], W_h[k], b[k]))


def _step_by_chapter(x_t, h, W_i, W_h, b):
    names = [f"{k + 1}f" for k in range(len(h))]
    p = {f"{name}.W_i": W for name, W in zip(names, W_i)}
    p |= {f"{name}.W_h": W for name, W in zip(names, W_h)}
    p |= {f"{name}.b": c for name, c in zip(names, b)}
    (_, (last,)), _ = deep_forward(x_t[None], p, start=(h,), cell="rnn")
    return last


def _step_by_torch(x_t, h, W_i, W_h, b):
    import torch

    K, H = b.shape
    module = torch.nn.RNN(H, H, K).double()
    for k in range(K):
        for name, value in (("weight_ih", W_i), ("weight_hh", W_h), ("bias_ih", b)):
            getattr(module, f"{name}_l{k}").data = torch.from_numpy(value[k].copy())
        getattr(module, f"bias_hh_l{k}").data.zero_()
    with torch.no_grad():
        _, last = module(torch.from_numpy(x_t)[None], torch.from_numpy(h))
    return last.numpy()


def _stacked_units(units):
    """The step of a stack whose layers are units(from below, from the past, bias)."""

    def answer(x_t, h, W_i, W_h, b):
        states, below = [], x_t
        for k in range(len(h)):
            below = units(below @ W_i[k].T, h[k] @ W_h[k].T, b[k])
            states.append(below)
        return np.stack(states)

    return answer


def _pre_activations_up(x_t, h, W_i, W_h, b):
    states, below = [], x_t
    for k in range(len(h)):
        below = below @ W_i[k].T + h[k] @ W_h[k].T + b[k]
        states.append(np.tanh(below))
    return np.stack(states)


def _residual_step(x_t, h, W_i, W_h, b):
    states, below = [], x_t
    for k in range(len(h)):
        states.append(_cell(below, h[k], W_i[k], W_h[k], b[k]))
        below = below + states[-1]
    return np.stack(states)


STEP = Exercise(
    name="stack_step",
    points=3,
    section=STACK,
    cases=_step_cases,
    shapes={"x_t": "B H", "h": "K B H", "W_i": "K H H", "W_h": "K H H", "b": "K H"},
    returns={"h": "a float64 array (K, B, H)"},
    reference=Source("unrolled.deep_bidirectional.deep_forward", _step_by_chapter),
    oracle=Source("torch.nn.RNN", _step_by_torch),
    misconceptions=(
        Misconception(
            "layer below one step late",
            _by_layer(
                lambda k, x, below, h, W_i, W_h, b: _cell(
                    h[k - 1] if k else x, h[k], W_i[k], W_h[k], b[k]
                )
            ),
            "Layer k read the state that layer k-1 had before this step. It reads the new one: "
            "h_t of the layer below, not h_{t-1}.",
        ),
        Misconception(
            "every layer reads x",
            _by_layer(lambda k, x, below, h, W_i, W_h, b: _cell(x, h[k], W_i[k], W_h[k], b[k])),
            "Every layer read the input x_t, so these are K networks side by side. Only the first "
            "reads x_t, each other one the layer below.",
        ),
        Misconception(
            "weights shared",
            _by_layer(lambda k, x, below, h, W_i, W_h, b: _cell(below, h[k], W_i[0], W_h[0], b[0])),
            "All layers used the weights of the first. Weights are shared over time, not over "
            "layers: layer k has W_i[k], W_h[k], b[k].",
        ),
        Misconception(
            "own past forgotten",
            _by_layer(
                lambda k, x, below, h, W_i, W_h, b: _cell(below, below, W_i[k], W_h[k], b[k])
            ),
            "W_h was applied to what comes from below. It belongs to the layer's own state one "
            "step earlier, h[k].",
        ),
        Misconception(
            "past of the first layer",
            _by_layer(lambda k, x, below, h, W_i, W_h, b: _cell(below, h[0], W_i[k], W_h[k], b[k])),
            "Every layer continued from the state of the first. Each has a past of its own, h[k].",
        ),
        Misconception(
            "W_h not transposed",
            _by_layer(
                lambda k, x, below, h, W_i, W_h, b: _cell(below, h[k], W_i[k], W_h[k].T, b[k])
            ),
            "With the batch in rows the product is h @ W_h.T: W_h has to be transposed.",
        ),
        Misconception(
            "top layer only",
            lambda *case: _step(*case)[-1],
            "These are the states of the top layer. The next step needs those of all layers.",
        ),
        Misconception(
            "from the top down",
            lambda x_t, h, W_i, W_h, b: _step(x_t, h[::-1], W_i[::-1], W_h[::-1], b[::-1])[::-1],
            "The layers were computed from the top down. x_t enters at layer 0, and each layer "
            "hands its new state to the one above.",
        ),
        Misconception(
            "pre-activation goes up",
            _pre_activations_up,
            "The layer above read the pre-activation of the one below. It reads its state: take "
            "tanh first, then go up.",
        ),
        Misconception(
            "tanh before the sum",
            _stacked_units(lambda below, past, b: np.tanh(below + b) + past),
            "tanh was taken of what comes from below, and W_h h added behind it. The "
            "pre-activation is the whole sum, and tanh comes last.",
        ),
        Misconception(
            "tanh of each part",
            _stacked_units(lambda below, past, b: np.tanh(below + b) + np.tanh(past)),
            "tanh was taken of what comes from below and of what comes from the past, one by one. "
            "The pre-activation is the whole sum, and tanh comes last.",
        ),
        Misconception(
            "bias outside tanh",
            _stacked_units(lambda below, past, b: np.tanh(below + past) + b),
            "b was added after tanh. It belongs to the pre-activation, inside.",
        ),
        Misconception(
            "first layer only",
            lambda x_t, h, W_i, W_h, b: np.concatenate(
                [np.tanh(x_t @ W_i[0].T + h[0] @ W_h[0].T + b[0])[None], h[1:]]
            ),
            "Only the lowest layer has made its step; those above hold what they held. At each "
            "step all layers move, from the lowest up.",
        ),
        Misconception(
            "residual connections",
            _residual_step,
            "What goes up is the state of the layer below plus what it read, as in networks with "
            "residual connections. Here it is the state alone.",
        ),
    ),
)


# --------------------------------------------------------------------------- a budget
def _budget_cases(rng):
    cases = []
    for gates, layers in [(1, 1), (4, 1), (3, 2), (4, 2), (1, 3), (4, 3), (3, 4)]:
        V, D = int(rng.integers(20, 60)), int(rng.integers(5, 16))
        H = int(rng.integers(20, 60)) + 300 * (layers == 2)  # more than a search up to 100 finds
        exact, more = (_size(n, gates, V, D, layers) for n in (H, H + 1))
        tight = more - int(rng.integers(1, 4))  # one more just fails
        budgets = [exact, (exact + more) // 2, tight]
        if (gates, layers) in ((4, 1), (3, 4)):  # what is one above the model is not what is equal
            budgets.append(exact + 1)
        if (gates, layers) in ((4, 1), (4, 3)):  # one more fits without the biases of the layers,
            biases = gates * layers * (H + 1)  # or without those of the scores, too
            budgets += [more - biases, more - biases - V]
        for budget in budgets:
            cases.append({"budget": budget, "gates": gates, "V": V, "D": D, "layers": layers})
    # not even one unit fits, and not even the embedding
    nothing = _size(1, 4, 30, 8, 2) - 1, 30 * 8 - 7
    return cases + [{"budget": n, "gates": 4, "V": 30, "D": 8, "layers": 2} for n in nothing]


def _size(H, gates, V, D, layers):
    """Parameters of a character model: embedding, layers, scores."""
    first, later = gates * H * (D + H + 1), gates * H * (H + H + 1)
    return V * D + first + (layers - 1) * later + V * H + V


def _largest(size):
    """The largest H whose size fits, counting up."""

    def answer(budget, gates, V, D, layers):
        H = 0
        while size(H + 1, gates, V, D, layers) <= budget:
            H += 1
        return H

    return answer


def _largest_by_formula(budget, gates, V, D, layers):
    """The positive root of a quadratic, then the whole number below."""
    a, b = gates * (2 * layers - 1), gates * (D + layers) + V
    c = min(V * D + V - budget, 0)  # above 0 nothing fits
    H = max(int((-b + np.sqrt(b * b - 4 * a * c)) / (2 * a)) - 1, 0)  # rounding may be off by one
    while _size(H + 1, gates, V, D, layers) <= budget:
        H += 1
    return H


def _smaller_by(left_out):
    """The largest H where `left_out(H, G, V, layers)` of the parameters are not counted."""
    return _largest(
        lambda H, gates, V, D, layers: _size(H, gates, V, D, layers) - left_out(H, gates, V, layers)
    )


BUDGET_EXERCISE = Exercise(
    name="largest_units",
    points=3,
    section=LANGUAGE,
    cases=_budget_cases,
    shapes={},
    returns={"H": "an int"},
    reference=Source("the root of the quadratic", _largest_by_formula),
    misconceptions=(
        Misconception(
            "embedding forgotten",
            _largest(lambda H, g, V, D, K: _size(H, g, V, D, K) - V * D),
            "The embedding matrix X is missing: V times D numbers.",
        ),
        Misconception(
            "output layer forgotten",
            _largest(lambda H, g, V, D, K: _size(H, g, V, D, K) - V * H - V),
            "The output layer is missing: W_o has V times H numbers, b_o has V.",
        ),
        Misconception(
            "W_o reads the embedding",
            _largest(lambda H, gates, V, D, layers: _size(H, gates, V, D, layers) + V * (D - H)),
            "W_o was given V x D numbers. It reads the states of the top layer: V x H.",
        ),
        Misconception(
            "first layer reads H",
            _largest(
                lambda H, gates, V, D, layers: _size(H, gates, V, D, layers) + gates * H * (H - D)
            ),
            "The first layer was given H inputs. It reads the embedding: D numbers.",
        ),
        Misconception(
            "every layer reads D",
            _largest(lambda H, g, V, D, K: V * D + K * g * H * (D + H + 1) + V * H + V),
            "Every layer was given D inputs. Only the first reads the embedding; each later one "
            "reads the H states of the layer below.",
            section=STACK,
        ),
        Misconception(
            "one layer counted",
            _largest(lambda H, g, V, D, K: _size(H, g, V, D, 1)),
            "Only one layer was counted.",
            section=STACK,
        ),
        Misconception(
            "gates forgotten",
            _largest(lambda H, g, V, D, K: _size(H, 1, V, D, K)),
            "The gates are missing: W_i, W_h and b have a block of H rows for each of them.",
        ),
        Misconception(
            "biases forgotten",
            _largest(lambda H, g, V, D, K: _size(H, g, V, D, K) - K * g * H - V),
            "The biases are missing: one number for each row of W_i, and V for the scores.",
        ),
        Misconception(
            "one unit too many",
            lambda *case: _largest_by_formula(*case) + 1,
            "One more than fits: with this H the model is over the budget. Round down.",
        ),
        Misconception(
            "bias of the scores forgotten",
            _smaller_by(lambda H, G, V, layers: V),
            "The bias of the scores is missing: b_o has V numbers.",
        ),
        Misconception(
            "biases of the layers forgotten",
            _smaller_by(lambda H, G, V, layers: layers * G * H),
            "The biases of the layers are missing: each has one number for each row of its W_i.",
        ),
        Misconception(
            "two biases for each block",
            _smaller_by(lambda H, G, V, layers: -G * H * layers),
            "Each block has two biases here, as torch counts. The statement has one, b.",
        ),
        Misconception(
            "one bias for each layer",
            _smaller_by(lambda H, G, V, layers: (G - 1) * H * layers),
            "Each layer has H biases here. There are H for each of its G blocks.",
        ),
        Misconception(
            "strictly below the budget",
            _smaller_by(lambda H, G, V, layers: -1),
            "A model with exactly `budget` parameters was refused: at most is <=, not <.",
        ),
        Misconception(
            "embedding D by H",
            _largest(lambda H, g, V, D, K: _size(H, g, V, D, K) - V * D + D * H),
            "The embedding was counted as D times H. It has a row of D numbers for each of the V "
            "characters.",
        ),
        Misconception(
            "a second bias in a GRU",
            _smaller_by(lambda H, G, V, layers: -H * layers if G == 3 else 0),
            "With three gates each layer has H biases more here, a GRU's second bias b_n. The "
            "statement counts one bias for each row.",
        ),
        Misconception(
            "first layer forgotten",
            _largest(lambda H, g, V, D, K: _size(H, g, V, D, K) - g * H * (D + H + 1)),
            "The first layer is missing: its W_i has D columns, and it is there besides the "
            "`layers - 1` that read H states.",
        ),
        Misconception(
            "upper layers without W_i",
            _largest(lambda H, g, V, D, K: _size(H, g, V, D, K) - (K - 1) * g * H * H),
            "The layers above the first are counted without their W_i, which reads the H states "
            "of the layer below.",
            section=STACK,
        ),
        Misconception(
            "-1 where none fits",
            lambda *arguments: _largest(_size)(*arguments) or -1,
            "Where not even one unit fits the answer is -1. Asked is 0 there.",
        ),
        Misconception(
            "at least one unit",
            lambda *arguments: max(_largest(_size)(*arguments), 1),
            "The answer is never below 1, though in some cases not even one unit fits. Asked is 0 "
            "there.",
        ),
        Misconception(
            "units of all layers",
            lambda budget, gates, V, D, layers: (
                layers * _largest(_size)(budget, gates, V, D, layers)
            ),
            "These are the units of all layers together. Asked is how many one layer has.",
        ),
        Misconception(
            "scores read all layers",
            _smaller_by(lambda H, gates, V, layers: -V * H * (layers - 1)),
            "W_o was counted once for each layer. The scores read the states of the top layer "
            "only.",
        ),
        Misconception(
            "a bias of the scores for each unit",
            _smaller_by(lambda H, gates, V, layers: V - H),
            "b_o was counted with H numbers. It has one for each score, V.",
        ),
        Misconception(
            "one recurrent block",
            _smaller_by(lambda H, gates, V, layers: (gates - 1) * layers * H * H),
            "W_h was counted with one block of H rows. As W_i does, it has one for each of the G "
            "blocks.",
        ),
        Misconception(
            "parameters of the largest",
            lambda *arguments: _size(_largest(_size)(*arguments), *arguments[1:]),
            "This is the number of parameters of the largest model that fits. Asked is its H, the "
            "units of a layer.",
        ),
    ),
)


# --------------------------------------------------------------------------- both last states
def _end_cases(rng):
    cases = []
    base = {"T": 7, "B": 3, "H": 2}
    sizes = [(3, 1, 1), (4, 3, 1), (8, 5, 3), *one_at_a_time(base, B=1, H=1)]
    for at, (T, B, H) in enumerate(sizes):
        lengths = _lengths(rng, B, T)
        lengths[-(at % 2)] = T - 1  # one that has more than one step
        y = numbers(rng, T, B, 2 * H) * time_mask(lengths, T)[..., None]
        if T == 8:
            y[T - 2, 0] = y[0, 1] = 0.0  # states that are 0: the end is not told by its value
        cases.append({"y": y, "lengths": lengths})
    return cases


def _ends(forward, backward):
    """Halves picked at the steps forward(lengths) and backward(lengths)."""

    def answer(y, lengths):
        n, H = np.arange(len(lengths)), y.shape[2] // 2
        f, b = y[forward(lengths), n, :H], y[backward(lengths), n, H:]
        return np.concatenate([f, b], axis=1)

    return answer


def _end(lengths):
    return lengths - 1


def _begin(lengths):
    return 0 * lengths


def _very_last(lengths):
    return 0 * lengths - 1


def _ends_by_torch(y, lengths):
    import torch

    y, H = torch.from_numpy(y), y.shape[2] // 2
    at = torch.from_numpy(lengths - 1)[None, :, None].expand(1, -1, H)
    return torch.cat([torch.gather(y[..., :H], 0, at)[0], y[0, :, H:]], dim=1).numpy()


def _exchanged(y, lengths):
    s = _ends(_end, _begin)(y, lengths)
    H = s.shape[1] // 2
    return np.concatenate([s[:, H:], s[:, :H]], axis=1)


def _ends_at(y, forward, backward):
    H, n = y.shape[2] // 2, np.arange(y.shape[1])
    return np.concatenate([y[forward, n, :H], y[backward, n, H:]], axis=1)


def _interleaved_ends(y, lengths):
    n = np.arange(len(lengths))
    s = np.empty(y.shape[1:])
    s[:, 0::2], s[:, 1::2] = y[lengths - 1, n, 0::2], y[0, n, 1::2]
    return s


ENDS = Exercise(
    name="both_ends",
    points=3,
    section=LAST,
    cases=_end_cases,
    shapes={"y": "T B 2H", "lengths": "B"},
    returns={"s": "a float64 array (B, 2H)"},
    reference=Source("NumPy's indexing", _ends(_end, _begin)),
    oracle=Source("torch.gather", _ends_by_torch),
    misconceptions=(
        Misconception(
            "backward half in the padding",
            _ends(_end, _very_last),
            "The forward half is right. The backward half was taken at y[-1], in the padding. It "
            "goes from the end of its sequence to the beginning, and stops at step 0.",
        ),
        Misconception(
            "halves interleaved",
            _interleaved_ends,
            "The columns of the two halves alternate. The first H columns are those of the forward "
            "half, the last H those of the backward half.",
        ),
        Misconception(
            "y[-1]",
            _ends(_very_last, _very_last),
            "This is y[-1], the last row of the batch. For a sequence with padding that is "
            "padding: 0.",
        ),
        Misconception(
            "both at the end",
            _ends(_end, _end),
            "Both halves were taken where the sequence ends. The backward direction begins "
            "there, and has read one input. It ends at position 0.",
        ),
        Misconception(
            "both at the beginning",
            _ends(_begin, _begin),
            "Both halves were taken at position 0. That is right for the backward direction; the "
            "forward one ends at lengths - 1.",
        ),
        Misconception(
            "ends exchanged",
            _ends(_begin, _end),
            "Each half was taken where it has read one input: the forward half at position 0, the "
            "backward half at the end. It is the other way round.",
        ),
        Misconception(
            "forward half past the end",
            _ends(lambda lengths: lengths, _begin),
            "The backward half is right. The forward half was taken in the padding, at lengths or "
            "at -1: the last step of sequence n is lengths[n] - 1, as Python counts from 0.",
        ),
        Misconception(
            "halves exchanged",
            _exchanged,
            "Both states are right, and in the wrong order: forward first, then backward.",
            section=BOTH,
        ),
        Misconception(
            "mean of the forward half",
            lambda y, lengths: np.where(
                np.arange(y.shape[2]) < y.shape[2] // 2,
                y.sum(axis=0) / lengths[:, None],
                y[0],
            ),
            "The backward half is right. The forward half is a mean over its steps; asked is its "
            "state at the last step of the sequence.",
        ),
        Misconception(
            "means",
            lambda y, lengths: y.sum(axis=0) / lengths[:, None],
            "These are means over the steps. Asked are two states: that of each direction after it "
            "has read everything.",
        ),
        Misconception(
            "even and odd columns",
            lambda y, lengths: np.concatenate(
                [y[lengths - 1, np.arange(len(lengths)), ::2], y[0, :, 1::2]], axis=1
            ),
            "Every second column was taken for a half. The forward states stand together in the "
            "first H columns, the backward ones in the last H.",
        ),
        Misconception(
            "longest length for all",
            lambda y, lengths: _ends_at(y, np.full_like(lengths, lengths.max()) - 1, 0 * lengths),
            "The forward half was read at the end of the longest sequence, for all. The others "
            "have ended before, and there is 0: each has a length of its own.",
        ),
        Misconception(
            "backward half counted from the end",
            lambda y, lengths: _ends_at(y, lengths - 1, len(y) - lengths),
            "The forward half is right. The backward half was read at step T - lengths, as if it "
            "began at the end of the batch; it goes from the end of its sequence to the first "
            "step.",
        ),
        Misconception(
            "halves added",
            lambda y, lengths: np.tile(
                sum(np.split(_ends_at(y, lengths - 1, 0 * lengths), 2, axis=1)), 2
            ),
            "The final states of both directions were added up. They stand side by side in the "
            "summary, forward first.",
        ),
    ),
)


# --------------------------------------------------------------------------- and their gradient
def _end_backward_cases(rng):
    cases = []
    base = {"T": 7, "B": 3, "H": 2}
    sizes = [(3, 1, 1), (4, 3, 1), (8, 5, 3), *one_at_a_time(base, B=1, H=1)]
    for at, (T, B, H) in enumerate(sizes):
        lengths = _lengths(rng, B, T)
        lengths[-(at % 2)] = T - 1
        if T == 8:
            lengths[1] = 1  # both ends of a sequence of one step are the same place
        cases.append({"ds": numbers(rng, B, 2 * H), "lengths": lengths, "T": T})
    return cases


def _send(forward, backward):
    def answer(ds, lengths, T):
        n, H = np.arange(len(lengths)), ds.shape[1] // 2
        dy = np.zeros((T, *ds.shape))
        dy[forward(lengths), n, :H] = ds[:, :H]
        dy[backward(lengths), n, H:] = ds[:, H:]
        return dy

    return answer


def _send_to_all(backward_too, add):
    """Each end written for all sequences, one after the other."""

    def answer(ds, lengths, T):
        H, dy = ds.shape[1] // 2, np.zeros((T, *ds.shape))
        for n, length in enumerate(lengths):
            forward = (length - 1, slice(None), slice(0, H))
            backward = (0, slice(None) if backward_too else n, slice(H, None))
            for place, gradient in ((forward, ds[n, :H]), (backward, ds[n, H:])):
                dy[place] = gradient + (dy[place] if add else 0.0)
        return dy

    return answer


def _send_everywhere(ds, lengths, T):
    return ds * time_mask(lengths, T)[..., None]


def _write_both(ds, lengths, T):
    dy = np.zeros((T, *ds.shape))
    dy[lengths - 1, np.arange(len(lengths))] = ds
    dy[0] = ds
    return dy


def _send_both(ds, lengths, T):
    dy = np.zeros((T, *ds.shape))
    dy[lengths - 1, np.arange(len(lengths))] += ds
    dy[0] += ds
    return dy


def _send_by_torch(ds, lengths, T):
    import torch

    H = ds.shape[1] // 2
    y = torch.zeros(T, *ds.shape, dtype=torch.double, requires_grad=True)
    rows = [torch.cat([y[n - 1, i, :H], y[0, i, H:]]) for i, n in enumerate(lengths.tolist())]
    torch.stack(rows).backward(torch.from_numpy(ds))
    return y.grad.numpy()


def _sent(forward=lambda lengths, T: lengths - 1, backward=lambda lengths, T: 0 * lengths):
    """The halves of ds sent to these steps, or to none."""

    def answer(ds, lengths, T):
        H, n, dy = ds.shape[1] // 2, np.arange(len(lengths)), np.zeros((T, *ds.shape))
        if forward:
            dy[forward(lengths, T), n, :H] = ds[:, :H]
        if backward:
            dy[backward(lengths, T), n, H:] = ds[:, H:]
        return dy

    return answer


def _second_overwrites(ds, lengths, T):
    H, n, dy = ds.shape[1] // 2, np.arange(len(lengths)), np.zeros((T, *ds.shape))
    first = np.arange(2 * H) < H
    dy[lengths - 1, n] = ds * first
    dy[0, n] = np.where(lengths[:, None] == 1, ds * ~first, dy[0] + ds * ~first)
    return dy


def _half_everywhere(ds, lengths, T):
    dy, H = _sent()(ds, lengths, T), ds.shape[1] // 2
    dy[..., H:] = np.where((np.arange(T)[:, None] < lengths)[..., None], ds[:, H:], 0.0)
    return dy


ENDS_BACKWARD = Exercise(
    name="both_ends_backward",
    points=3,
    section=BACKWARD,
    cases=_end_backward_cases,
    shapes={"ds": "B 2H", "lengths": "B"},
    returns={"dy": "a float64 array (T, B, 2H)"},
    reference=Source("NumPy's indexing", _send(_end, _begin)),
    oracle=Source("torch.autograd", _send_by_torch),
    misconceptions=(
        Misconception(
            "sent to y[-1]",
            _send(_very_last, _very_last),
            "Everything was sent to the last row of the batch, where most sequences have padding. "
            "A gradient goes back to the places that were read.",
        ),
        Misconception(
            "both to the end",
            _send(_end, _end),
            "Both halves were sent to the end of the sequence. The backward half was read at "
            "position 0.",
            section=LAST,
        ),
        Misconception(
            "both to the beginning",
            _send(_begin, _begin),
            "Both halves were sent to position 0. The forward half was read at lengths - 1.",
            section=LAST,
        ),
        Misconception(
            "ends exchanged",
            _send(_begin, _end),
            "The forward half was sent to position 0 and the backward half to the end: it is the "
            "other way round.",
            section=LAST,
        ),
        *(
            Misconception(
                f"sent to all sequences, {name}",
                _send_to_all(backward_too, add),
                "The gradient of one sequence was written into all of them: the index of the "
                "sequence is missing, as in `dy[lengths[n] - 1, n, :H]`.",
            )
            for name, backward_too, add in (
                ("forward half, added", False, True),
                ("forward half, written", False, False),
                ("added", True, True),
                ("written", True, False),
            )
        ),
        Misconception(
            "sent to every step",
            _send_everywhere,
            "Every step got the gradient. Two places were read, and only these get any; the "
            "others reach the loss through the recursion, which is the cell's business.",
        ),
        Misconception(
            "forward half to the end of the batch",
            _send(_very_last, _begin),
            "The backward half is right. The forward half was sent to the last step of the padded "
            "batch; it was read where the sequence itself ends, at lengths - 1.",
        ),
        Misconception(
            "off by one",
            _send(lambda lengths: lengths, _begin),
            "The forward half was sent one step too far, into the padding.",
        ),
        Misconception(
            "forward half at every step",
            lambda ds, lengths, T: np.concatenate(
                [
                    time_mask(lengths, T)[..., None] * ds[:, : ds.shape[1] // 2],
                    (np.arange(T) == 0)[:, None, None] * ds[:, ds.shape[1] // 2 :],
                ],
                axis=2,
            ),
            "The backward half is right. The forward half was sent to every step of the sequence; "
            "it was read at its last step only.",
        ),
        Misconception(
            "all of it written to both places",
            _write_both,
            "Both halves were sent to both places. From each end one half was read: the forward "
            "half at lengths - 1, the backward half at position 0.",
        ),
        Misconception(
            "all of it to both places",
            _send_both,
            "Both halves were sent to both places. From each end one half was read: the forward "
            "half at lengths - 1, the backward half at position 0.",
        ),
        Misconception(
            "backward half to the end of the batch",
            _sent(lambda lengths, T: lengths - 1, lambda lengths, T: T - 1 + 0 * lengths),
            "The forward half is right. The backward half went to the last step of the batch; "
            "`both_ends` has read it at the first.",
        ),
        Misconception(
            "spread evenly",
            lambda ds, lengths, T: np.where(
                (np.arange(T)[:, None] < lengths)[..., None], ds / lengths[:, None], 0.0
            ),
            "The gradient was spread evenly over a sequence's steps, as for a mean. `both_ends` "
            "reads each half at one step, and all of it goes there.",
        ),
        Misconception(
            "backward half forgotten",
            _sent(backward=None),
            "The forward half is right, and the backward half gets nothing. Its gradient goes to "
            "the step where `both_ends` has read it.",
        ),
        Misconception(
            "forward half forgotten",
            _sent(forward=None),
            "The backward half is right, and the forward half gets nothing. Its gradient goes to "
            "the step where `both_ends` has read it.",
        ),
        Misconception(
            "second end overwrites the first",
            _second_overwrites,
            "Where a sequence has one step only, the gradient of one half is gone: both ends are "
            "the same step there, and the second writing put zeros over the first. Write only the "
            "half's own columns, or add.",
        ),
        Misconception(
            "backward half at every step",
            lambda ds, lengths, T: _half_everywhere(ds, lengths, T),
            "The forward half is right. The backward half was sent to every step of a sequence; "
            "`both_ends` has read it at the first one only.",
        ),
    ),
)


# --------------------------------------------------------------------------- mean and maximum
def _pool_cases(rng):
    cases = []
    for T, B in [(4, 3), (5, 3), (7, 4), (9, 5), (9, 3)]:  # as many units as sequences, see below
        lengths = _lengths(rng, B, T)
        y = numbers(rng, T, B, B) - 3.0  # many maxima are below 0
        y[:, 0] = -np.abs(y[:, 0]) - 1.0
        y[0, 2] = np.abs(y[0, 2]) + 1.0  # a maximum above 0, and not by its absolute value
        lengths[0] = max(1, min(lengths[0], T - 2))
        if T > 4:
            lengths[1] = T - (T < 9)
            y[1, 1], y[2, 1, 0] = 0.0, 0.0  # states that are 0: padding is not told by its value
        y = y * time_mask(lengths, T)[..., None]
        cases.append({"y": y + 0.0, "lengths": lengths})
    y = -np.abs(numbers(rng, 5, 3, 3)) - 0.5
    cases.append({"y": y, "lengths": np.full(3, 5)})  # without padding, and all negative
    return cases


def _pool(mean=None, most=None):
    def answer(y, lengths):
        mask = time_mask(lengths, len(y))[..., None]
        right_mean = (y * mask).sum(axis=0) / lengths[:, None]
        right_most = np.where(mask, y, -np.inf).max(axis=0)
        return (
            right_mean if mean is None else mean(y, lengths),
            right_most if most is None else most(y, lengths),
        )

    return answer


def _pool_by_chapter(y, lengths):
    return summarise(y, (), lengths, "mean")[0], summarise(y, (), lengths, "max")[0]


def _pool_steps(y, lengths):
    """Mean and maximum over the first `lengths` steps, states or not."""
    steps = [y[:length, n] for n, length in enumerate(lengths)]
    return np.stack([s.mean(axis=0) for s in steps]), np.stack([s.max(axis=0) for s in steps])


def _pool_by_torch(y, lengths):
    import torch

    parts = [torch.from_numpy(y)[:n, i] for i, n in enumerate(lengths.tolist())]
    means = torch.stack([part.mean(0) for part in parts])
    return means.numpy(), torch.stack([part.max(0).values for part in parts]).numpy()


def _last_step_lost(y, lengths):
    counted = np.maximum(lengths - 1, 1)  # the first step is there in any case
    mean, most = _pool_steps(y, counted)
    return mean * (counted / lengths)[:, None], most


def _mask_on_units(y, lengths):
    return time_mask(lengths, len(y))[:, None, :]


def _last_steps(y, lengths):
    return y[lengths - 1, np.arange(len(lengths))]


def _without_zeros(y, lengths):
    most = np.array([y[:n, i].max(axis=0) for i, n in enumerate(lengths)])
    return y.sum(axis=0) / np.maximum((y != 0).sum(axis=0), 1), most


def _most_without_zeros(y, lengths):
    inside = (np.arange(len(y))[:, None] < lengths)[..., None] & (y != 0)
    return y.sum(axis=0) / lengths[:, None], np.where(inside, y, -np.inf).max(axis=0)


def _largest_step(y, lengths):
    mean, _ = _pool_steps(y, lengths)
    steps = [y[: lengths[n], n] for n in range(len(lengths))]
    return mean, np.stack([s[s.sum(axis=1).argmax()] for s in steps])


POOL = Exercise(
    name="mean_and_max",
    points=3,
    section=MANY_TO_ONE,
    cases=_pool_cases,
    shapes={"y": "T B S", "lengths": "B"},
    returns={"mean": "a float64 array (B, S)", "most": "a float64 array (B, S)"},
    reference=Source("unrolled.deep_bidirectional.summarise", _pool_by_chapter),
    oracle=Source("torch, sequence by sequence", _pool_by_torch),
    misconceptions=(
        Misconception(
            "no mask at all",
            _pool(lambda y, n: y.mean(axis=0), lambda y, n: y.max(axis=0)),
            "The padding took part in both: the mean was divided by T, and a 0 of the padding won "
            "against negative numbers.",
        ),
        Misconception(
            "last step lost",
            _last_step_lost,
            "The last step of each sequence is missing in both: steps run to lengths - 1, and that "
            "one counts.",
        ),
        Misconception(
            "divided by T",
            _pool(mean=lambda y, n: y.mean(axis=0)),
            "The maximum is right. The mean was divided by T, the steps of the padded batch; each "
            "sequence has its own number of steps.",
        ),
        Misconception(
            "zeros in the maximum",
            _pool(most=lambda y, n: y.max(axis=0)),
            "The mean is right. In the maximum the 0 of the padding wins against negative numbers: "
            "put -inf where nothing is.",
        ),
        Misconception(
            "maximum begins at zero",
            _pool(most=lambda y, n: np.maximum(y.max(axis=0), 0)),
            "The mean is right. The maximum was begun at 0, which no negative number exceeds: "
            "begin with -inf, or with the first step.",
        ),
        Misconception(
            "mask on the units",
            _pool(
                lambda y, n: (y * _mask_on_units(y, n)).sum(axis=0) / n[:, None],
                lambda y, n: np.where(_mask_on_units(y, n), y, -np.inf).max(axis=0),
            ),
            "The mask was broadcast along the units: unit j of every sequence was cut at the "
            "length of sequence j. It does not fail here only because there are as many units as "
            "sequences. Give the mask (T, B) a third axis at its end.",
        ),
        Misconception(
            "lengths along the units",
            _pool(mean=lambda y, n: y.sum(axis=0) / n),
            "The sums were divided by the lengths along the wrong axis: unit j by the length of "
            "sequence j. NumPy lines up last axes; write `lengths[:, None]`.",
        ),
        Misconception(
            "one length for all",
            _pool(mean=lambda y, n: y.sum(axis=0) / n.mean()),
            "The sums were divided by the average length. Each sequence has its own.",
        ),
        Misconception(
            "longest length",
            _pool(mean=lambda y, n: y.sum(axis=0) / n.max()),
            "The sums were divided by the longest length. Each sequence has its own.",
        ),
        Misconception(
            "last step for the mean",
            _pool(mean=_last_steps),
            "The maximum is right. The mean is the last step of each sequence: all steps count.",
        ),
        Misconception(
            "largest without its sign",
            _pool(most=lambda y, n: np.take_along_axis(y, np.abs(y).argmax(axis=0)[None], 0)[0]),
            "The mean is right. The maximum was chosen by size, without the sign: -3 is smaller "
            "than 1.",
        ),
        Misconception(
            "one step too many",
            lambda y, lengths: _pool_steps(y, np.minimum(lengths + 1, len(y))),
            "One step too many is counted: step t belongs to a sequence where t < lengths, and at "
            "t = lengths the padding begins.",
        ),
        Misconception(
            "-1 as the filler",
            _pool(
                most=lambda y, lengths: np.where(
                    time_mask(lengths, len(y))[..., None], y, -1.0
                ).max(axis=0)
            ),
            "`mean` is right. For the maximum the padding was filled with -1, and states below -1 "
            "lose against it. Minus infinity loses against everything.",
        ),
        Misconception(
            "zeros taken for padding",
            lambda y, lengths: (
                y.sum(axis=0) / np.maximum((y != 0).any(axis=2).sum(axis=0), 1)[:, None],
                np.where(y != 0, y, -np.inf).max(axis=0),
            ),
            "What is 0 was taken for padding. A state may be 0, too: where a sequence ends, "
            "`lengths` says, and nothing else.",
        ),
        Misconception(
            "place of the maximum",
            lambda y, lengths: (
                y.sum(axis=0) / lengths[:, None],
                np.array([y[:n, i].argmax(axis=0) for i, n in enumerate(lengths)], dtype=float),
            ),
            "`mean` is right. `most` says at which step the maximum is (`argmax`); asked is the "
            "maximum itself.",
        ),
        Misconception(
            "steps of zeros not counted",
            _without_zeros,
            "`most` is right. The mean was divided by how many numbers are not 0. A state may be "
            "0 within its sequence, too: `lengths` says how many there are.",
        ),
        Misconception(
            "zeros left out of the maximum",
            _most_without_zeros,
            "`mean` is right. For `most` what is 0 was taken for padding. A state may be 0, too: "
            "where a sequence ends, `lengths` says, and nothing else.",
        ),
        Misconception(
            "one step for all units",
            _largest_step,
            "`mean` is right. In `most` one step was chosen for all units, that with the largest "
            "sum. Each unit has its maximum at a step of its own.",
        ),
    ),
)


# --------------------------------------------------------------------------- packing
def _pack_cases(rng):
    cases = []
    base = {"T": 7, "B": 4, "D": 3}
    for T, B, D in [(4, 3, 1), (5, 4, 1), (9, 5, 3), *one_at_a_time(base, B=1, D=1, T=8)]:
        lengths = rng.permutation(np.arange(2, T + 1))[:B]
        while B > 2 and len({*np.sign(np.diff(lengths))}) == 1:  # neither rising nor falling
            lengths = rng.permutation(lengths)
        if (
            B == 3
        ):  # the statement's: an order that is not its own inverse, and T beyond the longest
            lengths = np.array([1, 3, 2])
        x = numbers(rng, T, B, D)
        x[1, lengths.argmax()] = 0.0  # an input of zeros is no padding
        cases.append({"x": x * time_mask(lengths, T)[..., None] + 0.0, "lengths": lengths})
    return cases


def _sizes(lengths):
    return (np.arange(max(lengths))[:, None] < lengths).sum(axis=1)


def _in_order(x, lengths, order):
    x, lengths = x[:, order], lengths[order]
    return np.concatenate([x[t, lengths > t] for t in range(max(lengths))])


def _in_rank(x, lengths):
    ranks = np.argsort(np.argsort(-lengths))
    return np.stack([x[t, n] for t in range(max(lengths)) for n in ranks if lengths[n] > t])


def _pack(x, lengths):
    return _in_order(x, lengths, np.argsort(-lengths)), _sizes(lengths)


def _pack_by_torch(x, lengths):
    import torch

    packed = torch.nn.utils.rnn.pack_padded_sequence(
        torch.from_numpy(x), torch.from_numpy(lengths), enforce_sorted=False
    )
    return packed.data.numpy(), packed.batch_sizes.numpy()


def _one_after_the_other(x, lengths):
    rows = [x[: lengths[n], n] for n in np.argsort(-lengths)]
    return np.concatenate(rows), _sizes(lengths)


def _with_padding(x, lengths):
    flat = x[: max(lengths), np.argsort(-lengths)].reshape(-1, x.shape[2])
    return flat, np.full(max(lengths), len(lengths))


def _lengths_unsorted(x, lengths):
    turned = x[:, np.argsort(-lengths)]
    rows = np.concatenate([turned[t, lengths > t] for t in range(max(lengths))])
    return rows, _sizes(lengths)


def _packed_by_rank(x, lengths):
    ranks = np.argsort(np.argsort(-lengths))
    sizes = np.array([(lengths > t).sum() for t in range(lengths.max())])
    return np.concatenate([x[t, ranks[:size]] for t, size in enumerate(sizes)]), sizes


PACK = Exercise(
    name="pack",
    points=4,
    section=LENGTHS,
    cases=_pack_cases,
    shapes={"x": "T B D", "lengths": "B"},
    returns={"rows": "a float64 array (N, D)", "sizes": "an int array (longest length,)"},
    reference=Source("NumPy, step by step", _pack),
    oracle=Source("torch's pack_padded_sequence", _pack_by_torch),
    misconceptions=(
        Misconception(
            "one sequence after the other",
            _one_after_the_other,
            "The sequences stand one after the other. A network goes step by step, so the first "
            "steps of all sequences come first, then the second steps.",
        ),
        Misconception(
            "not sorted",
            lambda x, lengths: (
                _in_order(x, lengths, np.arange(len(lengths))),
                _sizes(lengths),
            ),
            "Within a step the sequences stand in the order of the batch. Sorted by falling "
            "length, those that are still alive are always the first ones.",
        ),
        Misconception(
            "shortest first",
            lambda x, lengths: (_in_order(x, lengths, np.argsort(lengths)), _sizes(lengths)),
            "The shortest sequence comes first. Then the rows that drop out would be the first "
            "ones, and those that stay would move. The longest comes first.",
        ),
        Misconception(
            "padding packed too",
            _with_padding,
            "The padding was packed as well. A step holds only the sequences that last that long.",
        ),
        Misconception(
            "lengths for sizes",
            lambda x, lengths: (_pack(x, lengths)[0], np.sort(lengths)[::-1]),
            "The rows are right. The sizes are the lengths of the sequences; asked is how many "
            "sequences are alive at each step.",
        ),
        Misconception(
            "sizes one too late",
            lambda x, lengths: (
                _pack(x, lengths)[0],
                (np.arange(1, max(lengths) + 1)[:, None] < lengths).sum(axis=1),
            ),
            "The rows are right. The sizes are off by one step: at step t, from 0, those with "
            "lengths > t are alive.",
        ),
        Misconception(
            "ranks for the order",
            lambda x, lengths: (
                _in_rank(x, lengths),
                _sizes(lengths),
            ),
            "The sizes are right. The sequences were put in the order of their ranks (argsort of "
            "argsort); what says which sequence comes first is argsort itself.",
        ),
        Misconception(
            "sizes up to T",
            lambda x, lengths: (
                _pack(x, lengths)[0],
                (np.arange(len(x))[:, None] < lengths).sum(axis=1),
            ),
            "The rows are right. The sizes go on to T, with zeros; they end with the longest "
            "sequence.",
        ),
        Misconception(
            "lengths left unsorted",
            _lengths_unsorted,
            "`sizes` is right. The sequences were sorted and the lengths were not, so a sequence "
            "was cut, or kept, by the length of another. Put both into the same order.",
        ),
        Misconception(
            "where the steps begin",
            lambda x, lengths: (_pack(x, lengths)[0], np.cumsum(_sizes(lengths)) - _sizes(lengths)),
            "`rows` is right. `sizes` says at which row each step begins; asked is how many "
            "sequences are alive in it.",
        ),
        Misconception(
            "ranks for the order, and the first rows",
            _packed_by_rank,
            "`sizes` is right. The sequences were taken by their ranks (argsort of argsort): where "
            "a sequence stands in the order. Asked is which stands first: argsort once.",
        ),
    ),
)


# --------------------------------------------------------------------------- capstone
BUDGET = 100_000  # parameters
MINUTES = 10.0


@dataclass(frozen=True)
class Report:
    """What the judge of the capstone found: (met or not, text) for each condition, and the bits."""

    conditions: tuple
    bits: float | None = None
    attempted: bool = True

    @property
    def passed(self):
        return self.attempted and all(met for met, _ in self.conditions)

    def __repr__(self):
        if not self.attempted:
            return "○ capstone: not attempted yet\n  " + self.conditions[0][1]
        head = "✓ capstone: all conditions are met" if self.passed else "✗ capstone: not yet"
        return "\n".join([head, *(f"  {'✓' if met else '✗'} {t}" for met, t in self.conditions)])


def baselines(text):
    """{name: bits per character} of unigram and bigram on the held-out part of a text."""
    vocabulary, training, held_out = character_split(text)
    V, targets = len(vocabulary), held_out[1:]
    tables = {
        "unigram": np.broadcast_to(unigram(training, V), (V, V)),
        "bigram": bigram(training[:-1], training[1:], V),
    }
    return {
        name: bits_per_character(np.log(P[held_out[:-1], targets]), len(targets))
        for name, P in tables.items()
    }


def _fault(params, V, cell):
    """What is wrong with the parameters as those of a language model, in words, or ''."""
    if cell not in CELLS:
        return f"cell is {cell!r}; it has to be one of {', '.join(CELLS)}"
    if type(params) is not dict or not all(type(name) is str for name in params):
        return "the parameters have to be a dict {name: array}"
    for name, value in params.items():
        if type(value) is not np.ndarray or value.dtype.kind != "f":
            return f"{name} has to be an array of floats, and is {type(value).__name__}"
        if not np.isfinite(value).all():
            return f"{name} holds numbers that are not finite"
    missing = [name for name in ("X", "W_o", "b_o") if name not in params]
    if missing:
        return f"{missing[0]} is missing"
    try:
        if len(layer_names(params)[0]) > 1:
            return "it has a backward direction, which reads the character it has to predict"
    except ValueError as error:
        return str(error)
    if len(params["X"]) != V or len(params["W_o"]) != V:
        return f"X and W_o need {V} rows, one for each character of this text's vocabulary"
    return ""


def judged_bits(params, held_out, cell):
    """Bits per character held out, as the judge counts them: short texts in fewer streams."""
    return held_out_bits(params, held_out, cell, max(1, min(16, len(held_out) // 200)))


def judge_model(params, text, cell, seconds=0.0):
    """The Report on a character model of `text`, from its parameters alone.

    params: as `character_parameters` gives them, trained, or None; cell: "rnn", "lstm" or
    "gru"; seconds: how long the training took. The text is split and the bits are counted here.
    """
    guard.restore()
    if params is None:
        says = "Train a model above; its parameters are judged on the held-out tenth of your text."
        return Report(((False, says),), attempted=False)
    vocabulary, _, held_out = character_split(text)
    fault = _fault(params, len(vocabulary), cell)
    if fault:
        return Report(((False, f"The model cannot be judged: {fault}."),))
    try:
        bits = judged_bits(params, held_out, cell)
    except (ValueError, IndexError, TypeError) as error:
        return Report(((False, f"The model cannot be judged: {error}."),))
    size = sum(value.size for value in params.values())
    conditions = [
        (size <= BUDGET, f"{size:,} parameters, at most {BUDGET:,} are allowed"),
        (seconds <= 60 * MINUTES, f"{seconds:,.0f} s of training, at most {MINUTES:g} minutes"),
    ]
    for name, other in baselines(text).items():
        says = f"{bits:.3f} bits per character held out, the {name} needs {other:.3f}"
        conditions.append((bool(bits < other), says))
    return Report(tuple(conditions), bits)


LAB = Lab(
    number=9,
    title="Deep and bidirectional networks",
    chapter="09_deep_bidirectional",
    exercises=(TURN, STEP, ENDS, ENDS_BACKWARD, POOL, PACK, BUDGET_EXERCISE),
    questions=(Question("capstone", points=10),),
)
check, ready, summary = LAB.check, LAB.ready, LAB.summary
