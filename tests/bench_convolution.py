"""Speed of the 2-D convolution layer against torch, both ways, float32, one thread."""

import numpy as np
import torch
import torch.nn.functional as F

from unrolled.convolution import conv2d, conv2d_backward


def test_conv2d(ratio):
    rng = np.random.default_rng(0)
    shapes = (32, 6, 14, 14), (16, 6, 5, 5), (16,)
    x, w, b = (rng.standard_normal(shape).astype("f4") for shape in shapes)
    dout = rng.standard_normal(conv2d(x, w, b)[0].shape).astype("f4")

    def ours():
        conv2d_backward(dout, conv2d(x, w, b)[1])

    def torchs():
        tensors = [torch.from_numpy(a).requires_grad_() for a in (x, w, b)]
        F.conv2d(*tensors).backward(torch.from_numpy(dout))

    assert ratio(ours, torchs) <= 4.0
