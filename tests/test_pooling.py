"""Pooling, TextCNN and LeNet-5: values and gradients, laws, and bad arguments."""

import numpy as np
import pytest
import scipy.ndimage
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from unrolled import convolution, pooling
from unrolled.experiments import pooling as driver
from unrolled.support import data, verify

# shape and options: overlap, gaps, T = window, B = 1, one sample, padding at its limit
CASES_1D = [
    ((2, 3, 11), {"n": 3}),
    ((3, 2, 12), {"n": 4, "stride": 3, "padding": 2}),
    ((1, 3, 10), {"n": 2, "stride": 5}),
    ((2, 1, 7), {"n": 7, "stride": 1}),
    ((1, 1, 1), {"n": 1}),
    ((1, 2, 2), {"n": 3, "stride": 1, "padding": 1}),
    ((2, 4, 9), {"n": 5, "stride": 1, "padding": 2}),
]
CASES_2D = [
    ((2, 3, 8, 6), {"n": 2}),
    ((1, 2, 7, 9), {"n": (3, 2), "stride": (1, 3), "padding": (1, 0)}),
    ((3, 1, 4, 5), {"n": (4, 5)}),
    ((2, 2, 1, 6), {"n": (1, 3), "stride": (1, 2)}),
    ((1, 4, 5, 8), {"n": 3, "stride": 1, "padding": 1}),
]
KINDS = ["max", "avg", "min"]


def pair(kind, axes):
    name = f"{kind}_pool{axes}d"
    return getattr(pooling, name), getattr(pooling, f"{name}_backward")


def reference(kind, axes):
    pool = getattr(F, f"{'avg' if kind == 'avg' else 'max'}_pool{axes}d")
    sign = -1 if kind == "min" else 1
    return lambda x, n, stride=None, padding=0: sign * pool(sign * x, n, stride, padding)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("shape", "options"), CASES_1D)
def test_pool1d(rng, kind, shape, options):
    given_ = {"x": rng.standard_normal(shape)}
    verify.against_torch(*pair(kind, 1), reference(kind, 1), given_, rng, **options)
    verify.against_differences(*pair(kind, 1), given_, rng, **options)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("shape", "options"), CASES_2D)
def test_pool2d(rng, kind, shape, options):
    given_ = {"x": rng.standard_normal(shape)}
    verify.against_torch(*pair(kind, 2), reference(kind, 2), given_, rng, **options)
    verify.against_differences(*pair(kind, 2), given_, rng, **options)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("axes", [1, 2])
def test_ties_go_where_torch_sends_them(rng, kind, axes):
    shape = (4, 3, 9, 8)[: axes + 2]
    given_ = {"x": rng.integers(0, 3, shape).astype(float)}
    options = {"n": 3, "stride": 2, "padding": 1}
    verify.against_torch(*pair(kind, axes), reference(kind, axes), given_, rng, **options)


def test_against_scipy(rng):
    """An oracle that is neither central differences nor torch: SciPy's image filters."""
    image, window = rng.standard_normal((9, 7)), (3, 5)
    filters = {
        "max": scipy.ndimage.maximum_filter(image, window, mode="constant", cval=-np.inf),
        "avg": scipy.ndimage.uniform_filter(image, window, mode="constant"),
        "min": scipy.ndimage.minimum_filter(image, window, mode="constant", cval=np.inf),
    }
    got = {
        kind: pair(kind, 2)[0](image[None, None], window, 1, (1, 2))[0][0, 0] for kind in filters
    }
    verify.compare("scipy", got, filters)


@st.composite
def pools(draw):
    n = draw(st.integers(1, 5))
    options = {
        "n": n,
        "stride": draw(st.integers(1, 6)),
        "padding": draw(st.integers(0, n // 2)),
    }
    L = draw(st.integers(n, n + 12))
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 3)), L)
    return shape, options, np.random.default_rng(draw(st.integers(0, 10**6)))


@given(pools())
def test_average_pooling_and_its_backward_are_adjoint(case):
    shape, options, rng = case
    x = rng.standard_normal(shape)
    out, cache = pooling.avg_pool1d(x, **options)
    dout = rng.standard_normal(out.shape)
    dx = pooling.avg_pool1d_backward(dout, cache)
    np.testing.assert_allclose(np.sum(out * dout), np.sum(x * dx), rtol=1e-10, atol=1e-10)


@given(pools())
def test_max_pooling_pays_out_everything_it_gets(case):
    """Each window pays exactly one sample, ties or not; and x · dx = out · dout."""
    shape, options, rng = case
    x = rng.integers(-2, 3, shape).astype(float)
    out, cache = pooling.max_pool1d(x, **options)
    dout = rng.standard_normal(out.shape)
    dx = pooling.max_pool1d_backward(dout, cache)
    np.testing.assert_allclose(dx.sum(), dout.sum(), atol=1e-10)
    np.testing.assert_allclose(np.sum(x * dx), np.sum(out * dout), atol=1e-10)


@given(pools(), st.sampled_from(KINDS))
def test_a_shift_by_the_stride_moves_the_output_by_one(case, kind):
    shape, options, rng = case
    stride = options["stride"]
    options["padding"] = 0
    x = rng.standard_normal((*shape[:2], shape[2] + stride))
    pool = pair(kind, 1)[0]
    later, _ = pool(x[..., stride:], **options)
    np.testing.assert_allclose(pool(x, **options)[0][..., 1:], later)


@given(pools(), st.sampled_from(KINDS))
def test_blind_to_the_order_of_batch_and_channels(case, kind):
    shape, options, rng = case
    x, pool = rng.standard_normal(shape), pair(kind, 1)[0]
    out = pool(x, **options)[0]
    np.testing.assert_array_equal(pool(x[::-1, ::-1], **options)[0], out[::-1, ::-1])


def test_between_minimum_and_maximum(rng):
    x = rng.standard_normal((3, 2, 9, 8))
    low, mean, high = (pair(kind, 2)[0](x, 3, 2)[0] for kind in ("min", "avg", "max"))
    assert (low <= mean).all()
    assert (mean <= high).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_kept(rng, dtype):
    x = rng.standard_normal((2, 3, 6, 8)).astype(dtype)
    found = set()
    for kind in KINDS:
        for axes, part in ((1, x[:, :, 0]), (2, x)):
            forward, backward = pair(kind, axes)
            out, cache = forward(part, 2, padding=1)
            found |= {out.dtype, backward(out, cache).dtype}
    out, cache = pooling.max_over_time(x[:, :, 0], np.ones((2, 8), dtype=bool))
    found |= {out.dtype, pooling.max_over_time_backward(out, cache).dtype}
    assert found == {np.dtype(dtype)}


# --------------------------------------------------------------------------- max over time
@pytest.mark.parametrize("shape", [(3, 4, 6), (1, 1, 1), (2, 5, 3)])
def test_max_over_time(rng, shape):
    B, _, L = shape
    mask = rng.random((B, L)) < 0.6
    mask[:, rng.integers(L)] = True
    given_ = {"x": rng.standard_normal(shape)}

    def by_torch(x, mask):
        ruled = torch.from_numpy(~mask)[:, None]
        return x.masked_fill(ruled, -torch.inf).max(dim=2).values

    functions = pooling.max_over_time, pooling.max_over_time_backward
    verify.against_torch(*functions, by_torch, given_, rng, mask=mask)
    verify.against_differences(*functions, given_, rng, mask=mask)


def test_nothing_masked_can_win_or_be_paid(rng):
    x, mask = -1 - rng.random((4, 3, 7)), np.arange(7) < np.array([[7], [1], [3], [5]])
    x[~np.broadcast_to(mask[:, None], x.shape)] = 1e9
    out, cache = pooling.max_over_time(x, mask)
    dx = pooling.max_over_time_backward(np.ones_like(out), cache)
    assert (out < 0).all()
    assert not dx[~np.broadcast_to(mask[:, None], x.shape)].any()


def test_integers_are_numbers():
    image = np.full((1, 1, 2, 2), 200, np.uint8)
    assert pooling.avg_pool2d(image, 2)[0].item() == 200
    assert pooling.min_pool1d(np.array([[[0, 5]]], np.uint8), 2)[0].item() == 0
    assert pooling.max_pool1d([[[0, 5]]], 2)[0].dtype == float


def test_a_forbidden_value_does_not_win_over_minus_infinity():
    x, mask = np.array([[[9.0, -np.inf, -np.inf]]]), np.array([[False, True, True]])
    out, cache = pooling.max_over_time(x, mask)
    assert out.item() == -np.inf
    assert pooling.max_over_time_backward(np.ones((1, 1)), cache).tolist() == [[[0, 1, 0]]]


SPECIAL = {
    "minus infinity beside padding": [-np.inf, -np.inf, 1, -np.inf, -np.inf],
    "NaN": [1, np.nan, 2, 3, 0],
    "several NaN": [np.nan, np.nan, 2, np.nan, np.nan],
    "plus infinity": [np.inf, 1, np.inf, np.inf, -np.inf],
}


@pytest.mark.parametrize("name", SPECIAL)
@pytest.mark.parametrize("options", [(2, 2, 1), (3, 1, 1), (2, 1, 0), (5, 3, 2)])
def test_values_that_are_not_finite_go_where_torch_sends_them(name, options):
    x = np.tile(SPECIAL[name], (1, 1, 5, 1))
    for ours, back, theirs, given_ in (
        (pooling.max_pool1d, pooling.max_pool1d_backward, F.max_pool1d, x[:, :, 0]),
        (pooling.max_pool2d, pooling.max_pool2d_backward, F.max_pool2d, x),
    ):
        out, cache = ours(given_, *options)
        leaf = torch.tensor(given_, requires_grad=True)
        expected = theirs(leaf, *options)
        expected.sum().backward()
        np.testing.assert_array_equal(out, expected.detach())
        np.testing.assert_array_equal(back(np.ones_like(out), cache), leaf.grad)


# --------------------------------------------------------------------------- TextCNN
def small_textcnn(rng, groups, windows, sizes=(3, 4, 2)):
    """Parameters in float64, with different numbers of filters where the groups allow it."""
    p = pooling.textcnn_parameters(9, 4, rng, D=6, K=6, windows=windows, groups=groups)
    p = {name: rng.standard_normal(a.shape) for name, a in p.items()}
    if groups == 1:
        for i, K in zip("123", sizes, strict=True):
            p[f"w{i}"], p[f"b{i}"] = p[f"w{i}"][:K], p[f"b{i}"][:K]
        p["W_o"] = p["W_o"][:, : sum(sizes)]
    return p


def torch_textcnn(ids, p, groups, drop=1.0):
    """Slide 7 in its own order: convolution, tanh, max, concatenation."""
    ids = torch.from_numpy(ids)
    x = F.embedding(ids, p["E"]).transpose(1, 2)
    pooled = []
    for i in "123":
        c = torch.tanh(F.conv1d(x, p[f"w{i}"], p[f"b{i}"], groups=groups))
        ruled = (ids == 0)[:, None, p[f"w{i}"].shape[2] - 1 :]
        pooled.append(c.masked_fill(ruled, -torch.inf).max(dim=2).values)
    return (torch.cat(pooled, dim=1) * drop) @ p["W_o"].T + p["b_o"]


@pytest.mark.parametrize("groups", [1, 2, 6])
@pytest.mark.parametrize("windows", [(2, 3, 4), (1, 1, 5)])
@pytest.mark.parametrize("lengths", [(5, 8, 6), (5,), (7, 7)])
def test_textcnn(rng, groups, windows, lengths):
    ids = rng.integers(1, 9, (len(lengths), max(lengths)))
    ids[np.arange(max(lengths)) >= np.array(lengths)[:, None]] = 0
    p, labels = small_textcnn(rng, groups, windows), rng.integers(0, 4, len(lengths))
    drop = rng.integers(0, 3, (len(lengths), p["W_o"].shape[1])).astype(float)

    def ours(*arrays):
        scores, cache = pooling.textcnn(ids, dict(zip(p, arrays, strict=True)), groups, drop)
        loss, loss_cache = pooling.softmax_loss(scores, labels)
        return (scores, loss), (cache, loss_cache)

    def backward(dout, caches):
        dscores = dout[0] + pooling.softmax_loss_backward(dout[1], caches[1])
        dp = pooling.textcnn_backward(dscores, caches[0])
        assert list(dp) == list(p)
        return list(dp.values())

    def torchs(*tensors):
        dropped = torch.from_numpy(drop)
        scores = torch_textcnn(ids, dict(zip(p, tensors, strict=True)), groups, dropped)
        return scores, F.cross_entropy(scores, torch.from_numpy(labels), reduction="sum")

    verify.against_torch(ours, backward, torchs, p, rng)
    verify.against_differences(ours, backward, p, rng, tolerance=1e-6)


def test_padding_changes_nothing(rng):
    p = small_textcnn(rng, 1, (2, 3, 4))
    ids = rng.integers(1, 9, (3, 6))
    wide = np.pad(ids, ((0, 0), (0, 5)))
    other = p | {"E": p["E"] + 50.0 * (np.arange(9) == 0)[:, None]}
    scores, cache = pooling.textcnn(wide, other)
    np.testing.assert_allclose(scores, pooling.textcnn(ids, p)[0], rtol=1e-12)
    dE = pooling.textcnn_backward(np.ones_like(scores), cache)["E"]
    assert not dE[0].any()


def test_textcnn_is_blind_to_the_order_of_the_batch(rng):
    p, ids = small_textcnn(rng, 1, (2, 3, 4)), rng.integers(1, 9, (5, 7))
    order = rng.permutation(5)
    scores = pooling.textcnn(ids, p)[0]
    np.testing.assert_allclose(pooling.textcnn(ids[order], p)[0], scores[order], rtol=1e-12)


def test_names_are_encoded_and_unknown_characters_are_no_error():
    characters = pooling.character_ids(["Oman", "Togo"])
    ids = pooling.encode_names(["Togo", "Oß"], characters)
    assert ids.shape == (2, 6)
    assert ids[1].tolist() == [2, characters["O"], 1, 2, 0, 0]
    assert sorted(characters.values()) == list(range(3, 3 + len(characters)))


# --------------------------------------------------------------------------- LeNet-5
@pytest.mark.parametrize("shape", [(2, 3, 6, 8), (1, 2, 4, 2), (3, 1, 5, 7)])
def test_subsample(rng, shape):
    C = shape[1]
    given_ = {"x": rng.standard_normal(shape)} | {n: rng.standard_normal(C) for n in "wb"}
    functions = pooling.subsample, pooling.subsample_backward

    def by_torch(x, w, b):
        return w[:, None, None] * F.avg_pool2d(x, 2) + b[:, None, None]

    verify.against_torch(*functions, by_torch, given_, rng)
    verify.against_differences(*functions, given_, rng)


@pytest.mark.parametrize("shape", [(3, 5), (1, 2, 3, 1), (2, 4, 3)])
def test_fully_connected(rng, shape):
    inputs = int(np.prod(shape[1:]))
    given_ = {"x": rng.standard_normal(shape), "w": rng.standard_normal((4, inputs))}
    given_["b"] = rng.standard_normal(4)
    functions = pooling.fully_connected, pooling.fully_connected_backward
    verify.against_torch(*functions, lambda x, w, b: F.linear(x.flatten(1), w, b), given_, rng)
    verify.against_differences(*functions, given_, rng)


def torch_lenet5(x, p, padding):
    for name in pooling.LENET5:
        w, b = p[f"{name}.w"], p[f"{name}.b"]
        if name.startswith("S"):
            x = w[:, None, None] * F.avg_pool2d(x, 2) + b[:, None, None]
        elif name.startswith("C"):
            x = F.conv2d(x, w, b, padding=padding if name in ("C1", "C3") else 0)
        else:
            x = F.linear(x.flatten(1), w, b)
        x = x if name == "output" else torch.tanh(x)
    return x


@pytest.mark.parametrize(("B", "size", "padding"), [(2, 32, 0), (3, 8, 4), (1, 8, 4)])
def test_lenet5(rng, B, size, padding):
    p = {
        name: a + 0.1 * rng.standard_normal(a.shape)
        for name, a in pooling.lenet5_parameters(rng, classes=7).items()
    }
    x, dscores = rng.standard_normal((B, 1, size, size)), rng.standard_normal((B, 7))
    scores, cache = pooling.lenet5(x, p, padding)
    dp = pooling.lenet5_backward(dscores, cache)
    leaves = {name: torch.tensor(a, requires_grad=True) for name, a in p.items()}
    expected = torch_lenet5(torch.from_numpy(x), leaves, padding)
    expected.backward(torch.from_numpy(dscores))
    assert set(dp) == set(p)
    grads = {name: leaves[name].grad for name in dp}
    verify.compare("lenet5", {"scores": scores} | dp, {"scores": expected} | grads)

    # central differences along one random direction through all 60,000 parameters
    way = {name: rng.standard_normal(a.shape) for name, a in p.items()}
    ends = [
        np.sum(dscores * pooling.lenet5(x, {k: p[k] + h * way[k] for k in p}, padding)[0])
        for h in (1e-6, -1e-6)
    ]
    slope = sum(np.sum(dp[name] * way[name]) for name in p)
    np.testing.assert_allclose((ends[0] - ends[1]) / 2e-6, slope, rtol=1e-5)


def test_lenet5_has_the_paper_s_parameters(rng):
    p = pooling.lenet5_parameters(rng)
    counts = [p[f"{name}.w"].size + p[f"{name}.b"].size for name in pooling.LENET5]
    assert counts == [156, 12, 2416, 32, 48120, 10164, 850]


# --------------------------------------------------------------------------- training
@pytest.mark.parametrize(("B", "classes"), [(4, 3), (1, 2), (2, 7)])
def test_softmax_loss(rng, B, classes):
    labels = rng.integers(0, classes, B)
    given_ = {"scores": 5 * rng.standard_normal((B, classes))}

    def by_torch(scores, labels):
        return F.cross_entropy(scores, torch.from_numpy(labels), reduction="sum")

    functions = pooling.softmax_loss, pooling.softmax_loss_backward
    verify.against_torch(*functions, by_torch, given_, rng, labels=labels)
    verify.against_differences(*functions, given_, rng, labels=labels)


def test_softmax_loss_of_huge_scores_is_finite():
    loss, cache = pooling.softmax_loss(np.array([[1e4, -1e4]]), np.array([1]))
    assert loss == 2e4
    np.testing.assert_allclose(pooling.softmax_loss_backward(1.0, cache), [[1, -1]])


def test_adam_is_torch_s(rng):
    p = {"w": rng.standard_normal((3, 2)), "b": rng.standard_normal(4)}
    leaves = {name: torch.tensor(a, requires_grad=True) for name, a in p.items()}
    optimiser, memory = torch.optim.Adam(leaves.values(), lr=0.01), {}
    for _ in range(5):
        dp = {name: rng.standard_normal(a.shape) for name, a in p.items()}
        for name, leaf in leaves.items():
            leaf.grad = torch.from_numpy(dp[name])
        optimiser.step()
        pooling.adam_step(p, dp, memory, rate=0.01)
    verify.compare("Adam", p, leaves)


def test_batches_hold_everything_once_and_like_lengths(rng):
    lengths = rng.integers(1, 30, 101)
    batches = driver.similar_lengths(lengths, 16, rng)
    assert sorted(np.concatenate(batches)) == list(range(101))
    assert max(map(len, batches)) <= 16
    spreads = [np.ptp(lengths[batch]) for batch in batches]
    assert np.mean(spreads) < np.ptp(lengths) / 3


def test_hold_out_splits(rng):
    train, test = driver.hold_out(50, rng)
    assert (len(train), len(test)) == (40, 10)
    assert sorted([*train, *test]) == list(range(50))


def test_training_learns_in_float32(rng):
    images, labels = data.digits()
    x, y = images[:64].astype(np.float32), labels[:64]
    p, memory = pooling.lenet5_parameters(rng), {}

    def forward(x, p):
        return pooling.lenet5(x, p, 4)

    losses = [
        driver.train_epoch(
            (forward, pooling.lenet5_backward),
            p,
            memory,
            x,
            y,
            driver.similar_lengths(np.zeros(64), 16, rng),
            rate=0.003,
        )
        for _ in range(8)
    ]
    assert losses[-1] < losses[0] / 3
    assert {a.dtype for a in p.values()} == {np.dtype(np.float32)}
    assert np.mean(driver.classify(forward, p, x, size=10) == y) > 0.8


# --------------------------------------------------------------------------- bad arguments
ones = np.ones
true = ones((2, 5), dtype=bool)
TEXT = pooling.textcnn_parameters(5, 2, np.random.default_rng(0), D=2, K=2)
BAD = [
    (lambda: pooling.max_pool1d(ones((2, 3, 4)), 5), "n: a window of 5 .* has 4"),
    (lambda: pooling.avg_pool1d(ones((2, 3, 4)), 5), "n: a window of 5 .* has 4"),
    (lambda: pooling.min_pool1d(ones((2, 3, 4)), 2, 0), "stride: .* at least 1 .* got 0"),
    (lambda: pooling.max_pool1d(ones((2, 3, 4)), 0), "n: .* at least 1 .* got 0"),
    (lambda: pooling.max_pool1d(ones((2, 3, 0)), 1), r"x: at least one entry .* \(2, 3, 0\)"),
    (lambda: pooling.max_pool1d(np.float64(3), 1), "x: at least one axis .* a number"),
    (lambda: pooling.max_pool1d(ones((2, 3, 4)), 3, 1, 2), "padding: at most 1 .* got 2"),
    (lambda: pooling.avg_pool1d(ones((2, 3, 4)), 3, 1, -1), "padding: .* got -1"),
    (lambda: pooling.max_pool2d(ones((2, 3, 4)), 2), r"x: shape \(B, C, Y, X\) .* \(2, 3, 4\)"),
    (lambda: pooling.avg_pool2d(ones((2, 3, 4, 9)), (5, 2)), "n: a window of 5 .* has 4"),
    (lambda: pooling.max_over_time(ones((2, 3, 5)), true[:, :4]), r"mask: .*\(2, 5\).*\(2, 4\)"),
    (
        lambda: pooling.max_over_time(ones((2, 3, 5)), ones((2, 5))),
        "mask: a mask of bool .* float64",
    ),
    (
        lambda: pooling.max_over_time(ones((2, 3, 5)), true & [[True], [False]]),
        "mask: at least one True .* row 1 has none",
    ),
    (lambda: pooling.textcnn(np.array([[2, 3, 3, 5]]), TEXT), "ids: integers in 0 … 4 .* 5"),
    (lambda: pooling.textcnn(np.array([[2, 3, 2]]), TEXT), "n: a window of 4"),
    (lambda: pooling.textcnn(np.array([[2, 3, 2, 0], [2, 3, 3, 2]]), TEXT), "mask: .* row 0"),
    (lambda: pooling.textcnn(np.zeros((2, 0), dtype=int), TEXT), r"ids: .* \(2, 0\)"),
    (lambda: pooling.textcnn(np.zeros((2, 6), dtype=int), TEXT), "ids: .* row 0 is all padding"),
    (
        lambda: pooling.textcnn(np.array([[2, 3, 3, 3, 2, 0], [0, 2, 3, 3, 3, 2]]), TEXT),
        "ids: padding at the end .* row 1 has some before",
    ),
    (
        lambda: pooling.textcnn(np.array([[2, 3, 0, 3, 3, 2]]), TEXT),
        "ids: padding at the end .* row 0 has some before",
    ),
    (lambda: pooling.max_pool2d(ones((1, 1, 9, 9)), (2, 2, 9)), "n: one value, or a pair"),
    (lambda: pooling.max_pool1d(ones((1, 1, 9)), 2, (1, 1)), "stride: an integer"),
    (lambda: pooling.softmax_loss(ones((2, 2)), true[0, :2]), "labels: integers .* bool"),
    (lambda: pooling.encode_names([], {}), r"names: .* \[\]"),
    (lambda: pooling.encode_names(["Oman", ""], {}), "names: one or more, none empty"),
    (
        lambda: pooling.softmax_loss(ones((2, 3)), np.array([0, 3])),
        "labels: integers in 0 … 2 .* 3",
    ),
    (lambda: pooling.softmax_loss(ones((2, 3)), np.array([-1, 0])), "labels: .* -1"),
    (lambda: pooling.softmax_loss(ones((2, 3)), np.array([1])), r"labels: .* \(2,\)"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_conv1d_with_equal_weights_is_the_average(rng):
    x = rng.standard_normal((2, 3, 10))
    expected, _ = convolution.conv1d(x, np.full((3, 1, 4), 0.25), np.zeros(3), groups=3, stride=2)
    np.testing.assert_allclose(pooling.avg_pool1d(x, 4, 2)[0], expected)
