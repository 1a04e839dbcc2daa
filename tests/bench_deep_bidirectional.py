"""Speed of a bidirectional stack with lengths against torch's packed one, forward and backward."""

import numpy as np
import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from unrolled.deep_bidirectional import deep_backward, deep_forward, deep_from_torch

T, B, D, H = 32, 32, 32, 48
MODULES = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}


@pytest.mark.parametrize("cell", MODULES)
def test_two_layers_in_both_directions(ratio, cell):
    rng = np.random.default_rng(0)
    module = MODULES[cell](D, H, 2, bidirectional=True)
    p, lengths = deep_from_torch(module), rng.integers(T // 2, T + 1, B)
    lengths[0] = T
    x = rng.standard_normal((T, B, D)).astype("float32")
    leaf = torch.tensor(x, requires_grad=True)

    def ours():
        (y, last), cache = deep_forward(x, p, lengths, cell=cell)
        deep_backward((y, last), cache)

    def theirs():
        packed = pack_padded_sequence(leaf, torch.from_numpy(lengths), enforce_sorted=False)
        y, _ = pad_packed_sequence(module(packed)[0])
        y.backward(y.detach())

    assert ratio(ours, theirs, rounds=30) <= 1.5
