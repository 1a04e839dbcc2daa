"""Experiments of chapter 8: GRU.

Generated from chapters/08_gru.md; an edit made here is lost. Edit the chapter's cells tagged
`experiment`, then run `make sync`.
"""

import numpy as np

from unrolled.clipping import init_orthogonal, init_scaled
from unrolled.gru import units_within
from unrolled.lstm import cell_parameters

__all__ = ["RIVALS", "adding_parameters", "text_parameters"]

RIVALS = {"RNN": "rnn", "LSTM": "lstm", "GRU": "gru", "GRU before": "gru before"}


def text_parameters(cell, V, rng, budget=40_000, D=32):
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
