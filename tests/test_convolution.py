"""conv1d, conv2d and their one-filter form: values and gradients, laws, and bad arguments."""

import numpy as np
import pytest
import scipy.signal
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from unrolled import convolution
from unrolled.support import verify

# (x, w) and options: stride ≠ window, T = window, B = 1, one channel, depthwise, all at once
CASES_1D = [
    ((2, 3, 11), (4, 3, 3), {}),
    ((1, 3, 11), (4, 3, 4), {"stride": 3}),
    ((3, 2, 5), (4, 2, 5), {}),
    ((1, 1, 1), (2, 1, 1), {}),
    ((2, 4, 9), (6, 4, 2), {"padding": 3}),
    ((2, 4, 12), (5, 4, 3), {"dilation": 4}),
    ((2, 4, 10), (6, 2, 3), {"groups": 2}),
    ((3, 4, 10), (8, 1, 3), {"groups": 4, "padding": 2}),
    ((2, 6, 14), (9, 2, 4), {"stride": 2, "padding": 5, "dilation": 3, "groups": 3}),
]
CASES_2D = [
    ((2, 3, 7, 5), (4, 3, 3, 2), {}),
    ((1, 2, 6, 9), (3, 2, 2, 4), {"stride": 3}),
    ((3, 1, 4, 5), (2, 1, 4, 5), {}),
    ((2, 4, 8, 7), (6, 2, 3, 2), {"stride": (1, 2), "padding": (2, 0), "groups": 2}),
    ((1, 4, 9, 8), (4, 1, 2, 3), {"dilation": (3, 2), "padding": 1, "groups": 4}),
]


def arguments(rng, x_shape, w_shape):
    b = rng.standard_normal(w_shape[0])
    return {"x": rng.standard_normal(x_shape), "w": rng.standard_normal(w_shape), "b": b}


@pytest.mark.parametrize(("x_shape", "w_shape", "options"), CASES_1D)
def test_conv1d(rng, x_shape, w_shape, options):
    given_ = arguments(rng, x_shape, w_shape)
    pair = convolution.conv1d, convolution.conv1d_backward
    verify.against_torch(*pair, F.conv1d, given_, rng, **options)
    verify.against_differences(*pair, given_, rng, **options)


@pytest.mark.parametrize(("x_shape", "w_shape", "options"), CASES_2D)
def test_conv2d(rng, x_shape, w_shape, options):
    given_ = arguments(rng, x_shape, w_shape)
    pair = convolution.conv2d, convolution.conv2d_backward
    verify.against_torch(*pair, F.conv2d, given_, rng, **options)
    verify.against_differences(*pair, given_, rng, **options)


@pytest.mark.parametrize(("T", "n"), [(9, 4), (5, 5), (3, 1), (1, 1)])
def test_correlate(rng, T, n):
    given_ = {"x": rng.standard_normal(T), "m": rng.standard_normal(n)}
    pair = convolution.correlate, convolution.correlate_backward

    def reference(x, m):
        return F.conv1d(x[None, None], m[None, None])[0, 0]

    verify.against_torch(*pair, reference, given_, rng)
    verify.against_differences(*pair, given_, rng)


def test_against_scipy(rng):
    """An oracle that is neither central differences nor torch."""
    x, m = rng.standard_normal(12), rng.standard_normal(5)
    image, kernel = rng.standard_normal((9, 7)), rng.standard_normal((3, 2))
    out, _ = convolution.conv2d(image[None, None], kernel[None, None], np.zeros(1))
    got = {"1-D": convolution.correlate(x, m)[0], "2-D": out[0, 0]}
    expected = {
        "1-D": scipy.signal.correlate(x, m, "valid"),
        "2-D": scipy.signal.correlate2d(image, kernel, "valid"),
    }
    verify.compare("scipy", got, expected)


def test_toeplitz_is_the_layer_and_its_transpose_the_backward(rng):
    x, m, dc = rng.standard_normal(10), rng.standard_normal(4), rng.standard_normal(7)
    c, cache = convolution.correlate(x, m)
    M = convolution.toeplitz(m, 10)
    got = {"M x": M @ x, "M^T dc": M.T @ dc}
    expected = {"M x": c, "M^T dc": convolution.correlate_backward(dc, cache)[0]}
    verify.compare("the matrix", got, expected)


def test_options_of_few_bits_do_not_wrap(rng):
    few = np.uint8(200)
    assert convolution.output_length(few, np.uint8(100), padding=few) == 501
    x, w = rng.standard_normal((1, 1, 300)), rng.standard_normal((1, 1, 3))
    out, cache = convolution.conv1d(x, w, np.zeros(1), padding=few, dilation=few)
    expected, plain = convolution.conv1d(x, w, np.zeros(1), padding=200, dilation=200)
    np.testing.assert_array_equal(out, expected)
    for found, wanted in zip(
        convolution.conv1d_backward(out, cache), convolution.conv1d_backward(out, plain)
    ):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_kept(rng, dtype):
    x, w, b = (a.astype(dtype) for a in arguments(rng, (2, 3, 8), (4, 3, 3)).values())
    out, cache = convolution.conv1d(x, w, b, padding=1)
    grads = convolution.conv1d_backward(out, cache)
    image, filters = x[:, :, None], w[:, :, None]
    out2, cache2 = convolution.conv2d(image, filters, b)
    grads2 = convolution.conv2d_backward(out2, cache2)
    assert {a.dtype for a in (out, *grads, out2, *grads2)} == {np.dtype(dtype)}


geometry = st.fixed_dictionaries(
    {
        "stride": st.integers(1, 4),
        "padding": st.integers(0, 3),
        "dilation": st.integers(1, 3),
        "groups": st.integers(1, 3),
    }
)


@st.composite
def layers(draw):
    """A layer that fits: sizes, options, and a seed."""
    options = draw(geometry)
    n = draw(st.integers(1, 5))
    shortest = max(1, options["dilation"] * (n - 1) + 1 - 2 * options["padding"])
    sizes = {
        "B": draw(st.integers(1, 3)),
        "C": options["groups"] * draw(st.integers(1, 2)),
        "K": options["groups"] * draw(st.integers(1, 3)),
        "L": shortest + draw(st.integers(0, 8)),
        "n": n,
    }
    return sizes, options, np.random.default_rng(draw(st.integers(0, 10**6)))


@given(layers())
def test_backward_is_the_adjoint(layer):
    """⟨conv(x), d⟩ = ⟨x, conv^T(d)⟩: the law that makes a transposed matrix the backward pass."""
    sizes, options, rng = layer
    B, C, K, L, n = (sizes[name] for name in "BCKLn")
    x, w = rng.standard_normal((B, C, L)), rng.standard_normal((K, C // options["groups"], n))
    out, cache = convolution.conv1d(x, w, np.zeros(K), **options)
    dout = rng.standard_normal(out.shape)
    dx, dw, _ = convolution.conv1d_backward(dout, cache)
    forward, backward, by_weight = (np.sum(p) for p in (out * dout, x * dx, w * dw))
    np.testing.assert_allclose([backward, by_weight], forward, rtol=1e-10, atol=1e-10)


@given(layers(), st.floats(-3, 3))
def test_linear_in_the_signal_and_blind_to_the_order_of_the_batch(layer, factor):
    sizes, options, rng = layer
    B, C, K, L, n = (sizes[name] for name in "BCKLn")
    x, y = rng.standard_normal((2, B, C, L))
    w, zero = rng.standard_normal((K, C // options["groups"], n)), np.zeros(K)

    def layer_of(signal):
        return convolution.conv1d(signal, w, zero, **options)[0]

    combined = layer_of(x) + factor * layer_of(y)
    np.testing.assert_allclose(layer_of(x + factor * y), combined, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(layer_of(x[::-1]), layer_of(x)[::-1], rtol=1e-10, atol=1e-10)


@given(layers())
def test_output_length_is_that_of_the_layer(layer):
    sizes, options, _ = layer
    B, C, K, L, n = (sizes[name] for name in "BCKLn")
    w = np.ones((K, C // options["groups"], n))
    out, _ = convolution.conv1d(np.ones((B, C, L)), w, np.zeros(K), **options)
    del options["groups"]
    assert out.shape == (B, K, convolution.output_length(L, n, **options))


ones = np.ones
BAD = [
    (lambda: convolution.output_length(4, 5), "n: a window of 5 .* padded signal has 4"),
    (lambda: convolution.output_length(9, 3, dilation=5), "dilation 5 spans 11"),
    (lambda: convolution.output_length(9, 3, stride=0), "stride: .* at least 1 .* got 0"),
    (lambda: convolution.output_length(9, 3, stride=1.5), "stride: an integer .* got 1.5"),
    (lambda: convolution.output_length(9, 3, padding=-1), "padding: .* got -1"),
    (lambda: convolution.correlate(ones(3), ones(4)), "m: a window of at most 3 .* got 4"),
    (lambda: convolution.correlate(ones((3, 2)), ones(2)), r"x: shape \(T,\) .* \(3, 2\)"),
    (lambda: convolution.toeplitz(ones(4), 3), "m: a window of at most 3 .* got 4"),
    (lambda: convolution.conv1d(ones((3, 9)), ones((4, 3, 2)), ones(4)), r"x: shape \(B, C, L\)"),
    (lambda: convolution.conv1d(ones((2, 3, 9)), ones((4, 2, 2)), ones(4)), "w: 3 channels"),
    (lambda: convolution.conv1d(ones((2, 3, 9)), ones((4, 3, 2)), ones(3)), r"b: shape \(4,\)"),
    (
        lambda: convolution.conv1d(ones((2, 3, 9)), ones((4, 3, 2)), ones(4), groups=2),
        "groups: a divisor of 3 channels and 4 filters",
    ),
    (lambda: convolution.conv1d(ones((2, 3, 1)), ones((4, 3, 2)), ones(4)), "n: a window of 2"),
    (
        lambda: convolution.conv2d(ones((2, 3, 9)), ones((4, 3, 2, 2)), ones(4)),
        r"x: shape \(B, C, Y, X\) expected",
    ),
    (
        lambda: convolution.conv1d(ones((2, 3, 9)), ones((4, 3, 2)), ones(4), stride=(2, 1)),
        "stride: an integer",
    ),
    (
        lambda: convolution.conv2d(ones((2, 3, 9, 9)), ones((4, 3, 2, 2)), ones(4), (1, 1, 7)),
        "stride: one value, or a pair",
    ),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
