"""Experiments of chapter 8: GRU.

Generated from chapters/08_gru.md; an edit made here is lost. Edit the chapter's cells tagged
`experiment`, then run `make sync`.
"""

from itertools import chain, islice, repeat

import numpy as np

from unrolled.clipping import adam, clip_by_norm, init_orthogonal, init_scaled
from unrolled.experiments.lstm import carrying
from unrolled.gru import units_within
from unrolled.language_models import windows
from unrolled.lstm import cell_parameters

__all__ = ["RIVALS", "adding_parameters", "text_parameters", "train_text"]

RIVALS = {"RNN": "rnn", "LSTM": "lstm", "GRU": "gru", "GRU before": "gru before"}


def text_parameters(cell, V, rng, budget=20_000, D=16):
    """Parameters of a language model of at most `budget` numbers, float32."""
    H = units_within(cell, budget - V * D, D, per_unit=V)
    embedding = rng.standard_normal((V, D)).astype("float32")
    return cell_parameters(cell, D, H, rng, start=init_orthogonal) | {
        "X": embedding,
        "W_o": np.zeros((V, H), "float32"),
    }


def adding_parameters(cell, rng, budget=3_400):
    """Parameters for the adding problem, at most `budget` numbers, float32."""
    H = units_within(cell, budget - 1, 2, per_unit=1)
    return cell_parameters(cell, 2, H, rng, start=init_orthogonal) | {
        "W_o": init_scaled(1, H, rng).astype("float32"),
        "b_o": np.ones(1, "float32"),
    }


def train_text(params, stream, count, rate, cell, T=32):
    """Parameters after Adam on `count` windows of a stream, its rate falling to 0.

    Changes the arrays of params in place; the state is carried from window to window.
    """
    gradients, state = carrying(cell), {}
    forever = chain.from_iterable(windows(stream, T) for _ in repeat(None))
    for step, batch in enumerate(islice(forever, count)):
        _, grads = gradients(params, batch)
        adam(params, clip_by_norm(grads, 1.0)[0], state, rate * (1 - step / count))
    return params
