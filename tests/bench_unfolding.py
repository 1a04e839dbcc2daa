"""Speed of the plain RNN's forward pass against torch, float32, one thread."""

import numpy as np
import pytest
import torch

from unrolled.unfolding import rnn_forward

T, B, D, H = 64, 32, 64, 128


# torch's default is tanh; its relu costs torch next to nothing, and NumPy as much as any sum
@pytest.mark.parametrize(("activation", "limit"), [("tanh", 0.8), ("relu", 1.0)])
def test_rnn_forward(ratio, activation, limit):
    rng = np.random.default_rng(0)
    shapes = (T, B, D), (B, H), (H, D), (H, H), (H,)
    arguments = [(rng.standard_normal(s) / 8).astype("f4") for s in shapes]
    net = torch.nn.RNN(D, H, nonlinearity=activation)
    x, h_0 = (torch.from_numpy(a) for a in arguments[:2])

    def torchs():
        with torch.no_grad():
            net(x, h_0[None])

    assert ratio(lambda: rnn_forward(*arguments, activation), torchs) <= limit
