"""The checks of the checks: verify accepts what is right and refuses what is not."""

import numpy as np
import pytest
import torch

from unrolled.support import timing, verify


def scaled_product(x, w, factor=1.0):
    return factor * x @ w, (x, w, factor)


def scaled_product_backward(dout, cache):
    x, w, factor = cache
    return factor * dout @ w.T, factor * x.T @ dout


def wrong_sign(dout, cache):
    dx, dw = scaled_product_backward(dout, cache)
    return dx, -dw


def halves(x):
    return (x[:2] ** 2, x[2:] * 3), x


def halves_backward(dout, x):
    first, second = dout
    return np.concatenate([2 * x[:2] * first, 3 * second])


@pytest.fixture
def arguments(rng):
    return {"x": rng.standard_normal((2, 3)), "w": rng.standard_normal((3, 4))}


def reference(x, w, factor=1.0):
    return factor * x @ w


def test_accepts_what_is_right(rng, arguments):
    pair = scaled_product, scaled_product_backward
    by_torch = verify.against_torch(*pair, reference, arguments, rng, factor=3.0)
    assert [row.name for row in by_torch.rows] == ["out", "dx", "dw"]
    assert [row.shape for row in by_torch.rows] == [(2, 4), (2, 3), (3, 4)]
    verify.against_differences(*pair, arguments, rng, factor=3.0)


def test_arguments_come_back_unchanged(rng, arguments):
    before = {name: value.copy() for name, value in arguments.items()}
    verify.against_differences(scaled_product, scaled_product_backward, arguments, rng)
    verify.against_torch(scaled_product, scaled_product_backward, reference, arguments, rng)
    for name, value in arguments.items():
        np.testing.assert_array_equal(value, before[name])


def test_several_outputs(rng):
    arguments = {"x": rng.standard_normal(5)}
    by_torch = verify.against_torch(
        halves, halves_backward, lambda x: (x[:2] ** 2, x[2:] * 3), arguments, rng
    )
    assert [row.name for row in by_torch.rows] == ["out 1", "out 2", "dx"]
    verify.against_differences(halves, halves_backward, arguments, rng)


def test_refuses_a_wrong_sign_and_names_the_array(rng, arguments):
    with pytest.raises(AssertionError, match=r"dw .* >"):
        verify.against_differences(scaled_product, wrong_sign, arguments, rng)
    with pytest.raises(AssertionError, match=r"dw .* >"):
        verify.against_torch(scaled_product, wrong_sign, reference, arguments, rng)


def test_refuses_a_missing_gradient(rng, arguments):
    def only_one(dout, cache):
        return scaled_product_backward(dout, cache)[0]

    with pytest.raises(ValueError, match="2 gradients expected, one for each of x, w, got 1"):
        verify.against_differences(scaled_product, only_one, arguments, rng)


def test_compare():
    a = np.array([1.0, 200.0])
    shown = verify.compare("title", {"a": a}, {"a": torch.tensor([1.0, 200.0]).double()})
    assert "title" in str(shown)
    assert shown.summary == "✓ title: 1 array, largest error 0"
    assert "<summary>✓ title: 1 array" in shown._repr_html_()
    assert "<caption>title</caption>" in shown._repr_html_()
    # relative to the largest entry, where that exceeds 1
    verify.compare("title", {"a": a + 1e-9}, {"a": a}, tolerance=1e-10)
    with pytest.raises(AssertionError, match="a "):
        verify.compare("title", {"a": a + 1e-6}, {"a": a}, tolerance=1e-10)


@pytest.mark.parametrize(
    ("got", "expected", "error", "message"),
    [
        ({"a": np.ones(3)}, {"a": np.ones((3, 1))}, AssertionError, "a has shape"),
        ({"a": np.array([np.nan])}, {"a": np.ones(1)}, AssertionError, "nan"),
        ({"a": np.ones(1)}, {"b": np.ones(1)}, ValueError, "same names"),
        ({}, {}, ValueError, "same names"),
    ],
)
def test_compare_refuses(got, expected, error, message):
    with pytest.raises(error, match=message):
        verify.compare("title", got, expected)


def test_numerical_gradient_refuses_float32():
    with pytest.raises(ValueError, match="float64 expected"):
        verify.numerical_gradient(lambda: 0.0, np.ones(2, dtype=np.float32))


def test_timing_orders_and_shows():
    timed = timing.compare({"short": lambda: sum(range(10)), "long": lambda: sum(range(100_000))})
    assert timed.ratio("short") == 1.0
    assert timed.ratio("long") > 2
    assert '<th scope="row">long</th>' in timed._repr_html_()
    assert "long: " in str(timed)
