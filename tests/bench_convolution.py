"""Speed of the convolution layer against torch, forward and backward, float32, one thread."""

import numpy as np
import torch
import torch.nn.functional as F

from unrolled.convolution import conv1d, conv1d_backward, conv2d, conv2d_backward


def layer(forward, backward, reference, x_shape, w_shape):
    """The same layer, forward and backward, in NumPy and in torch, as functions to time."""
    rng = np.random.default_rng(0)
    x, w, b = (rng.standard_normal(s).astype("f4") for s in (x_shape, w_shape, w_shape[:1]))
    dout = rng.standard_normal(forward(x, w, b)[0].shape).astype("f4")

    def ours():
        backward(dout, forward(x, w, b)[1])

    def torchs():
        tensors = [torch.from_numpy(a).requires_grad_() for a in (x, w, b)]
        reference(*tensors).backward(torch.from_numpy(dout))

    return ours, torchs


def test_conv1d(ratio):
    ours, torchs = layer(conv1d, conv1d_backward, F.conv1d, (32, 16, 128), (32, 16, 5))
    assert ratio(ours, torchs) <= 2.0


def test_conv2d(ratio):
    ours, torchs = layer(conv2d, conv2d_backward, F.conv2d, (32, 6, 14, 14), (16, 6, 5, 5))
    assert ratio(ours, torchs) <= 4.0
