"""The chapters' self-checks: their answers, computed; and what their explanations claim.

`NUMBERS` has, for each question that asks for a number, the right answer and the mistakes in the
order of the page, each computed in the way that its explanation says. What the choices rest on is
computed in the tests below it.
"""

import math

import numpy as np
import pytest

from unrolled import bptt, clipping, convolution, language_models, pooling, unfolding
from unrolled.authoring import notebooks, self_check
from unrolled.authoring.markup import blocks
from unrolled.experiments.language_models import random_network

CHAPTERS = {int(path.name[:2]): path for path in notebooks.chapters()}


def questions(number):
    """The questions of a chapter."""
    chapter = notebooks.read(CHAPTERS[number])
    found = [
        block.token.content
        for cell in chapter.cells
        if cell.kind == "markdown"
        for block in blocks(cell)
        if block.directive == "self-check"
    ]
    assert len(found) == 1
    return self_check.questions(found[0])


# Chapter 1

SIGNAL, FILTER = np.array([3.0, 0.0, -2.0, 1.0, 4.0]), np.array([1.0, 2.0, -1.0])
c, _ = convolution.correlate(SIGNAL, FILTER)
RAMP = np.array([1.0, 2.0, 3.0, 4.0])
_, dm = convolution.correlate_backward(
    np.ones(3), convolution.correlate(RAMP, np.array([1.0, 1.0]))[1]
)


def same_length(L=40, n=5, dilation=3):
    """The padding that keeps the length."""
    lengths = [convolution.output_length(L, n, 1, p, dilation) for p in range(20)]
    return lengths.index(L)


def learned(channels, filters, n, groups):
    """The numbers of a layer that takes such weights."""
    w = np.zeros((filters, channels // groups, n))
    b = np.zeros(filters)
    convolution.conv1d(np.zeros((1, channels, 9)), w, b, groups=groups)
    return w.size + b.size


# Chapter 2

_, won = pooling.max_pool1d(np.array([[[1.0, 4.0, 2.0, 3.0]]]), 3, 1)
paid = pooling.max_pool1d_backward(np.array([[[10.0, 1.0]]]), won)[0, 0]
padded, _ = pooling.avg_pool1d(np.full((1, 1, 4), 6.0), 3, 1, 1)
WINDOW = np.array([[[[1.0, 2.0], [3.0, 6.0]]]])
subsampled, cache = pooling.subsample(WINDOW, np.array([2.0]), np.array([-1.0]))
dpixels, dcoefficient, _ = pooling.subsample_backward(np.ones((1, 1, 1, 1)), cache)


def may_win(letters, padded_to, n, edges=True):
    """Positions of a window that lie on real symbols only."""
    names = ["a" * letters, "a" * (padded_to - 2)]
    ids = pooling.encode_names(names, pooling.character_ids(names))
    assert ids.shape == (2, padded_to)
    mask = ids[0] != pooling.PADDING if edges else ids[0] > pooling.EDGE
    return sum(mask[l : l + n].all() for l in range(padded_to - n + 1))


# Chapter 3


def halving(x, weight=0.5):
    """The last state of a linear unit."""
    x = np.array(x, dtype=float)[:, None, None]
    weights = np.ones((1, 1)), np.full((1, 1), weight), np.zeros(1)
    return unfolding.rnn_forward(x, None, *weights, "identity")[0][-1, 0, 0]


def unhalved():
    """The last input added to the state before it; the last input halved like the state."""
    return halving([4, 0, 0]) + 2, halving([4, 0, 0, 2 / 2])


def rnn_size(D=3, H=5, V=2):
    return H * D + H * H + H + V * H + V


slope = unfolding.sigmoid_derivative

# Chapter 4

P_THREE = np.array([0.7, 0.2, 0.1])
_, judged = language_models.cross_entropy(np.log(P_THREE), np.array(2))
dz = language_models.cross_entropy_backward(1.0, judged)
FOUR = np.log([0.5, 0.5, 0.125, 0.125])
NUCLEUS = np.log([0.5, 0.3, 0.15, 0.05])


def sentences(longest, end=0.5, word=0.5):
    return sum(word**n * end for n in range(longest + 1))


# Chapter 5


def power(T=3, w=2.0, h_0=1.0):
    """dW_h of h_T = w^T h_0, by the recursion."""
    zero = np.zeros((1, 1))
    h, cache = unfolding.rnn_forward(
        np.zeros((T, 1, 1)), np.full((1, 1), h_0), zero, zero + w, np.zeros(1), "identity"
    )
    dh = np.zeros_like(h)
    dh[-1] = 1
    return bptt.rnn_backward(dh, cache)[3].item()


def terms(t, k, T=12):
    """The paths of eq. (16) that truncation leaves to L_t: counted with unit Jacobians."""
    one = np.ones((1, 1))
    x = np.zeros((T, 1, 1))
    h, cache = unfolding.rnn_forward(x, one, one, one, np.zeros(1), "identity")
    dh = np.zeros_like(h)
    dh[t] = 1
    return bptt.truncated_backward(dh, cache, k)[3].item()  # h = 1 at every step


def delta(asked, w=3.0):
    """δ_1 of one linear unit."""
    x, zero, T = np.zeros((len(asked), 1, 1)), np.zeros((1, 1)), len(asked)
    _, cache = unfolding.rnn_forward(x, None, zero + 1, zero + w, np.zeros(1), "identity")
    dh = np.concatenate([[0.0], asked]).reshape(T + 1, 1, 1)
    return bptt.rnn_backward(dh, cache)[0][0].item()  # dx_1 = δ_1 with W_i = 1


def sensitivities(H):
    """Numbers in S_t, with D = H and the bias."""
    return H * H * (2 * H + 1)


dX = language_models.embed_backward(
    np.array([[1.0], [2.0], [4.0], [8.0]]), (np.zeros((7, 1)), np.array([5, 2, 5, 5]))
)

# Chapter 6

SHEAR = np.array([[0.5, 4.0], [0.0, 0.4]])
clipped, joint = clipping.clip_by_norm({"W": np.array([6.0, 0.0]), "b": np.array([8.0])}, 5.0)


def first_adam_step(g=-250.0, lr=0.01):
    theta = {"θ": np.zeros(1)}
    clipping.adam(theta, {"θ": np.array([g])}, {}, lr)
    return theta["θ"].item()


def growth(k=60):
    """The factor of one more step, far out."""
    norms = [np.linalg.norm(np.linalg.matrix_power(SHEAR, n), 2) for n in (k, k + 1)]
    return norms[1] / norms[0]


def drifted(gain, T=100, H=2):
    """The norm of the product over T steps of an IRNN whose units are all positive."""
    W = clipping.init_identity(H, H, None, gain)
    h, _ = unfolding.rnn_forward(
        np.zeros((T, 1, 1)), np.ones((1, H)), np.zeros((H, 1)), W, np.zeros(H), "relu"
    )
    return clipping.lag_norms(h, W, "relu")[-1, 0]


NUMBERS = {
    (1, 1): (c[1], [c[2], np.convolve(SIGNAL, FILTER, "valid")[1], c[0]]),
    (1, 3): (same_length(), [same_length(dilation=1), 3 * 4, (3 * 5 - 1) // 2]),
    (1, 5): (dm[1], [dm[0], dm[1] / 3, RAMP.sum()]),
    (1, 6): (
        learned(8, 12, 3, 4),
        [learned(8, 12, 3, 1), 12 * 2 * 3, 3 * 2 * 3 + 12, 3 * 2 * 3 + 3],
    ),
    (2, 1): (paid[1], [10, 1, np.mean([10, 1])]),
    (2, 2): (padded[0, 0, 0], [np.mean([6, 6]), np.mean([0, 0, 6])]),
    (2, 3): (may_win(5, 12, 4), [12 - 4 + 1, 5 + 2, may_win(5, 12, 4, edges=False)]),
    (2, 5): (dpixels[0, 0, 1, 1], [2, 1 / 4, dcoefficient[0]]),
    (2, 7): (learned(32, 96, 3, 32) - 96, [learned(32, 96, 3, 1) - 96, 32 * 3, 3]),
    (3, 1): (halving([4, 0, 0, 2]), [4 / 2**4 + 2, halving([4, 0, 0, 2], 1.0), *unhalved()]),
    (3, 2): (rnn_size(), [rnn_size() + 5, 100 * rnn_size(), rnn_size() - 5 - 2]),
    (3, 3): (
        2 * slope(0.9),
        [2 * unfolding.tanh_derivative(0.9), 2 * slope(unfolding.sigmoid(0.9)), slope(0.9)],
    ),
    (3, 7): (0.1 / (20 * 4), [0.1 * 20 * 4, 0.1 / 20, 0.1]),
    (4, 1): (
        language_models.softmax(np.array([1000.0, 1000.0 + math.log(3)]))[0][1],
        [0.5, 3, language_models.softmax(np.array([1000.0, 1000.0 + math.log(3)]))[0][0]],
    ),
    (4, 2): (-0.5 * dz[0], [0.5 * dz[0], -0.5 * 0.7 * 0.3, 0.5 * (1 - 0.7), -0.5 * 0.7 * 0.1]),
    (4, 3): (
        sentences(2),
        [sentences(99), sentences(2) - 0.5, sentences(2, end=1.0), sentences(1)],
    ),
    (4, 4): (
        language_models.perplexity(FOUR, 4 * [1]),
        [np.mean(np.exp(-FOUR)), 1 / np.mean(np.exp(FOUR)), -FOUR.mean() / math.log(2)],
    ),
    (4, 6): (
        language_models.next_distribution(NUCLEUS, top_p=0.7)[0],
        [0.5, language_models.next_distribution(NUCLEUS, top_k=1)[0], 0.5 / 0.7],
    ),
    (5, 1): (power(), [2.0**2, (3 + 2 + 1) * 2.0**2, 2.0**3]),
    (5, 2): (terms(7, 4), [min(7, 4), terms(7, 12), terms(7, 4) - 1]),
    (5, 3): (delta([1, 1, 1]), [delta([0, 0, 1]), delta([0, 1, 1]), 3, delta([1, 1])]),
    (5, 6): (
        sensitivities(4000) / sensitivities(2000),
        [4, sensitivities(4000) / sensitivities(2000) * 2, 2],
    ),
    (5, 7): (dX[5, 0], [8, 1 + 2 + 4 + 8, dX[5, 0] / 3]),
    (6, 2): (growth(), [np.linalg.norm(SHEAR, 2), SHEAR[0, 1], np.linalg.det(SHEAR)]),
    (6, 3): (clipped["b"][0], [5, 8, 5 / joint]),
    (6, 5): (
        first_adam_step(),
        [0.01 * 250, -first_adam_step(), 0.01 * (1 - 0.9) / math.sqrt(1 - 0.999)],
    ),
    (6, 6): (5 * 1000, [5, 5 / 1000]),
    (6, 7): (drifted(1.02), [1 + 0.02 * 100, 1.02 * 100, drifted(1.0)]),
}


# Chapter 7


def numbers_of_chapter_7():
    from unrolled import lstm

    def size(peepholes, D=10, H=20):
        """The numbers of a layer that takes such weights."""
        shapes = [(4 * H, D), (4 * H, H), (4 * H,), *filter(None, [peepholes])]
        weights = [np.zeros(shape) for shape in shapes]
        lstm.lstm_forward(np.zeros((1, 1, D)), None, None, *weights)
        return sum(w.size for w in weights)

    plain, diagonal = size(None), size((3, 20))
    gate = 0.5 ** (1 / 20)
    bias = math.log(gate / (1 - gate))
    assert unfolding.sigmoid(bias) ** 20 == pytest.approx(0.5)
    return {
        (7, 1): (diagonal, [plain, diagonal + 20, size((60, 20)), diagonal - plain // 4]),
        (7, 7): (bias, [gate, 0, -bias]),
    }


# Chapter 8


def numbers_of_chapter_8():
    from unrolled import gru

    D, H = 10, 20
    lstm, torchs = gru.parameter_count("lstm", D, H), gru.parameter_count("gru", D, H)
    block = H * (D + H + 1)
    return {
        (8, 3): (lstm - torchs, [block, 2 * block, block + H]),
        (8, 4): (ways_back(), [3, 2, 1]),
    }


def ways_back():
    """The copy, and each block of W_h that changes the gradient of the old state beside it."""
    from unrolled import gru

    rng = np.random.default_rng(8)
    shapes = (1, 2), (1, 3), (9, 2), (9, 3), (9,), (3,)
    x, h, W_i, W_h, b, b_n = (rng.standard_normal(shape) for shape in shapes)

    def dh_prev(*blocks):
        _, cache = gru.gru_step(x, h, W_i, np.repeat(blocks, 3)[:, None] * W_h, b, b_n)
        return gru.gru_step_backward(np.ones((1, 3)), cache)[1]

    copy = dh_prev(0, 0, 0)
    return int(copy.any()) + sum(not np.allclose(dh_prev(*one), copy) for one in np.eye(3))


# Chapter 9


def numbers_of_chapter_9():
    from unrolled import deep_bidirectional as deep

    rng = np.random.default_rng(9)
    columns = {
        ways: deep.deep_parameters(6, 10, rng, 4, ways)["3f.W_i"].shape[1] for ways in (True, False)
    }

    def end(W_i, W_h):
        """h⁽⁴⁾₅₀ of four linear units, when x_1 = 1 and all other inputs are 0."""
        one = {"W_i": np.full((1, 1), W_i), "W_h": np.full((1, 1), W_h), "b": np.zeros(1)}
        p = {f"{k}f.{name}": value for k in range(1, 5) for name, value in one.items()}
        x = np.eye(50, 1)[:, :, None]
        return deep.deep_forward(x, p, cell="rnn", activation="identity")[0][0][-1].item()

    in_time, upwards = (math.log2(end(*twice) / end(1.0, 1.0)) for twice in ((1, 2.0), (2.0, 1)))
    log_p = 1000 * math.log(1 / 4)
    bits = language_models.bits_per_character(log_p, 1000)
    return {
        (9, 2): (columns[True], [columns[False], 6, 2 * columns[True]]),
        (9, 3): (in_time, [in_time // 4, 4 * in_time, in_time + upwards]),
        (9, 7): (bits, [-log_p / 1000, language_models.perplexity(log_p, 1000), 1000 * bits]),
    }


NUMBERS |= numbers_of_chapter_7() | numbers_of_chapter_8() | numbers_of_chapter_9()


@pytest.mark.parametrize("number", CHAPTERS)
def test_every_number_is_computed(number):
    for place, question in enumerate(questions(number), start=1):
        if question.within is None:
            continue
        known = (number, place) in NUMBERS
        assert known, f"compute question {place} of chapter {number} in NUMBERS"
        right, mistakes = NUMBERS[number, place]
        stated = [self_check.read_number(answer.text) for answer in question.answers]
        assert len(stated) == 1 + len(mistakes), question.ask
        near = max(question.within, 1e-9)
        assert stated == pytest.approx([right, *mistakes], abs=near, rel=1e-9), question.ask
        close = max(question.within / 2, 1e-9)  # so that a rounded answer is accepted
        assert stated[0] == pytest.approx(right, abs=close, rel=1e-9), question.ask


def test_no_computation_is_left_over():
    for number, place in NUMBERS:
        assert questions(number)[place - 1].within is not None


def right_choice(number, place):
    found = [answer.text for answer in questions(number)[place - 1].answers if answer.right]
    assert len(found) == 1
    return found[0]


# What the right choices rest on


def test_choices_of_chapter_1(rng):
    assert right_choice(1, 2) == "Reverse each filter in time."
    x, m = rng.standard_normal(9), rng.standard_normal(4)
    c, cache = convolution.correlate(x, m)
    np.testing.assert_allclose(np.convolve(x, m[::-1], "valid"), c)
    assert not np.allclose(np.convolve(x, m, "valid")[::-1], c)

    assert right_choice(1, 4) == "$(0, m_1, m_2, m_3, 0)$"
    x, m = rng.standard_normal(5), rng.standard_normal(3)
    _, cache = convolution.correlate(x, m)
    dx, _ = convolution.correlate_backward(np.array([0.0, 1.0, 0.0]), cache)
    np.testing.assert_allclose(dx, [0, *m, 0])

    assert right_choice(1, 7).startswith("Like the spike, without most of its part at 20 Hz")
    t = np.arange(16) / 80  # the rate of the chapter's EEG
    wave = np.stack([np.cos(40 * np.pi * t), np.sin(40 * np.pi * t)]) / np.sqrt(8)
    covariance = np.eye(16) + 100 * wave.T @ wave
    spike = rng.standard_normal(16)
    best = np.linalg.solve(covariance, spike)
    np.testing.assert_allclose(wave @ best, wave @ spike / 101)
    rest = np.eye(16) - wave.T @ wave
    np.testing.assert_allclose(rest @ best, rest @ spike)


def test_choices_of_chapter_2():
    assert right_choice(2, 4).startswith("For relu, too, but not for the square")
    c = np.array([-3.0, 1.0])
    for f in (unfolding.relu, np.tanh, unfolding.sigmoid):
        assert f(c).max() == f(c.max())
    for f in (np.square, np.negative):
        assert f(c).max() != f(c.max())

    assert right_choice(2, 6) == "The shift to the left."
    x = np.eye(1, 8, 1)[None] * 9
    pooled = [pooling.max_pool1d(np.roll(x, r, axis=2), 2)[0] for r in (-1, 0, 1)]
    np.testing.assert_array_equal(pooled[0], pooled[1])
    np.testing.assert_array_equal(pooled[2], np.roll(pooled[1], 1, axis=2))


def test_choices_of_chapter_3(rng):
    assert right_choice(3, 4).startswith("Those of $W_i$, $W_h$ and $b$ double.")
    shapes = (2, 3), (2, 4), (4, 3), (4, 4), (4,)
    x, h, *weights = (rng.standard_normal(shape) for shape in shapes)
    dh = rng.standard_normal((2, 4))
    _, cache = unfolding.rnn_step(x, h, *weights)
    _, twice = unfolding.rnn_step(np.vstack([x, x]), np.vstack([h, h]), *weights)
    once = unfolding.rnn_step_backward(dh, cache)
    doubled = unfolding.rnn_step_backward(np.vstack([dh, dh]), twice)
    for place in (0, 1):
        np.testing.assert_allclose(doubled[place], np.vstack([once[place]] * 2))
    for place in (2, 3, 4):
        np.testing.assert_allclose(doubled[place], 2 * once[place])

    assert right_choice(3, 5).startswith("Both at the same number, and that number is not")
    gain = 3.0
    weights = (
        np.full((2, 1), gain),
        gain * np.array([[1.0, -1.0]] * 2),
        gain * np.array([-0.5, -1.5]),
    )
    x = np.zeros((1001, 2, 1))
    x[0, 0] = 1
    h, _ = unfolding.rnn_forward(x, None, *weights, "sigmoid")
    ends = h[-1] @ [1, -1]
    assert ends[0] == pytest.approx(ends[1], abs=1e-12)
    assert 0 < ends[0] < 0.45
    half = unfolding.sigmoid(0.0) - unfolding.sigmoid(-gain)
    assert half < 0.5, "F(1/2)"


def test_choices_of_chapter_4(rng):
    assert right_choice(4, 5) == "The model of words."
    assert math.log2(64) / 6 < math.log2(4)

    assert right_choice(4, 7) == "Close to the bigram's."
    X, W_i, W_h, b = random_network(9, rng, D=4, H=6)
    tokens = np.array([[1, 5], [4, 2], [3, 3]])  # two texts that end alike
    x, _ = language_models.embed(X, tokens)
    h, _ = unfolding.rnn_forward(x, None, W_i, 0 * W_h, b)
    np.testing.assert_array_equal(h[-1, 0], h[-1, 1])


def test_choices_of_chapter_5(rng):
    assert right_choice(5, 4) == "The slope has to be that of `h[t + 1]`."
    T, B, D, H = 6, 3, 2, 4
    shapes = (T, B, D), (B, H), (H, D), (H, H), (H,)
    x, h_0, W_i, W_h, b = (0.5 * rng.standard_normal(shape) for shape in shapes)
    h, cache = unfolding.rnn_forward(x, h_0, W_i, W_h, b)
    dh = rng.standard_normal(h.shape)

    def by_hand(later):
        dW_h, delta = np.zeros_like(W_h), dh[T]
        for t in reversed(range(T)):
            da = delta * (1 - h[t + later] ** 2)
            dW_h += da.T @ h[t]
            delta = dh[t] + da @ W_h
        return dW_h

    expected = bptt.rnn_backward(dh, cache)[3]
    np.testing.assert_allclose(by_hand(1), expected)
    assert not np.allclose(by_hand(0), expected)

    assert right_choice(5, 5).startswith("It is trained by the terms of lag 0")
    cut = bptt.truncated_backward(dh, cache, 1)[3]
    np.testing.assert_allclose(cut, bptt.gradient_by_lag(dh, cache)[0])
    assert not np.allclose(cut, expected)


def test_choices_of_chapter_6(rng):
    assert right_choice(6, 1) == "They vanish, whatever the input."
    W = clipping.init_orthogonal(5, 5, rng, 1.5)
    x = 3 * rng.standard_normal((30, 4, 2))
    h, _ = unfolding.rnn_forward(x, None, rng.standard_normal((5, 2)), W, np.zeros(5), "sigmoid")
    bound = (1.5 / 4) ** np.arange(31)
    assert (clipping.lag_norms(h, W, "sigmoid") <= bound[:, None] * (1 + 1e-9)).all()


def test_choices_of_chapter_7(rng):
    from unrolled import lstm

    def weights(gates, H=3):
        return [rng.standard_normal(shape) for shape in ((gates * H, 2), (gates * H, H), gates * H)]

    assert right_choice(7, 2) == "It stays as it is."
    W_i, W_h, b = weights(4)
    W_i[:6] = W_h[:6] = 0
    b[:6] = [-1e3] * 3 + [1e3] * 3  # i = 0, f = 1, whatever is read
    (_, c), cache = lstm.lstm_forward(
        rng.standard_normal((50, 1, 2)), None, rng.standard_normal((1, 3)), W_i, W_h, b
    )
    dc = np.zeros_like(c)
    dc[-1] = rng.standard_normal((1, 3))
    _, _, dc_0, *_ = lstm.lstm_backward((np.zeros_like(dc), dc), cache)
    np.testing.assert_allclose(dc_0, dc[-1])

    assert right_choice(7, 4).startswith("The input gate gets what comes back along the cells")
    W_i, W_h, b = weights(4)
    x, h, c, dh = (rng.standard_normal(shape) for shape in ((1, 2), (1, 3), (1, 3), (1, 3)))
    _, cache = lstm.lstm_step(x, h, c, W_i, W_h, b)
    i, g = cache[7], cache[9]
    db = lstm.lstm_step_backward((dh, np.zeros((1, 3))), cache)[5]
    assert np.abs(db[:3]).min() > 0, "though nothing comes back along the cells"
    alone = lstm.lstm_step_backward((np.zeros((1, 3)), dh), cache)[5]
    np.testing.assert_allclose(alone[:3], (dh * g * i * (1 - i))[0])

    assert right_choice(7, 5) == "Negate the weights and the bias of the gate."
    x, given = rng.standard_normal((5, 1, 2)), weights(3)
    negated = [np.concatenate([-W[:3], W[3:]]) for W in given]
    (h, _), _ = lstm.coupled_forward(x, None, None, *given, computed="i")
    (same, _), _ = lstm.coupled_forward(x, None, None, *negated, computed="f")
    np.testing.assert_allclose(h, same)


def test_choices_of_chapter_8(rng):
    from unrolled import gru

    def states(W_h, b, b_n, reset="after"):
        H = len(b_n)
        x, W_i = np.random.default_rng(1).standard_normal((6, 1, 2)), np.ones((3 * H, 2))
        return gru.gru_forward(x, None, W_i, W_h, b, b_n, reset)[0]

    assert right_choice(8, 1).startswith("A recurrent network whose state is overwritten")
    W_h, b, b_n = (rng.standard_normal(shape) for shape in ((9, 3), (9,), (3,)))
    b[3:6] = -1e3  # z = 0
    changed = W_h.copy()
    changed[3:6] = 0
    np.testing.assert_allclose(states(W_h, b, b_n), states(changed, b, b_n))
    changed[6:] = 0  # now it reads nothing of the past
    assert not np.allclose(states(W_h, b, b_n), states(changed, b, b_n))

    assert right_choice(8, 2) == "For a network with a single unit and $b_n = 0$."
    W_h, b = rng.standard_normal((3, 1)), rng.standard_normal(3)
    forms = [states(W_h, b, np.zeros(1), reset) for reset in gru.RESETS]
    np.testing.assert_allclose(*forms)
    W_h, b = rng.standard_normal((9, 3)), rng.standard_normal(9)
    forms = [states(W_h, b, np.zeros(3), reset) for reset in gru.RESETS]
    assert not np.allclose(*forms)
    W_h[:3], b[:3] = 0, 0  # W_i is all ones, so the reset gates are alike
    forms = [states(W_h, b, np.zeros(3), reset) for reset in gru.RESETS]
    np.testing.assert_allclose(*forms)
    assert not np.allclose(*(states(W_h, b, np.ones(3), reset) for reset in gru.RESETS))

    assert right_choice(8, 6).startswith("About 0.36 of the old state is left")
    assert round(0.95**20 * 0.8, 2) == 0.29


def test_choices_of_chapter_9(rng):
    from unrolled import deep_bidirectional as deep

    assert right_choice(9, 1) == "At `y[0]`"
    lengths = np.array([12, 5, 8])
    p = deep.deep_parameters(3, 4, rng, 1, True, "lstm")
    x = rng.standard_normal((12, 3, 3))
    (y, (h, _)), _ = deep.deep_forward(x, p, lengths, cell="lstm")
    np.testing.assert_array_equal(y[0, :, 4:], h[1])
    assert (y[11, 1] == 0).all()
    alone, _ = deep.deep_forward(x[4:5, 1:2], p, cell="lstm")
    np.testing.assert_allclose(y[4, 1, 4:], alone[0][0, 0, 4:], rtol=1e-5)

    assert right_choice(9, 5) == "For those with $T_n = T$"
    ours, _ = deep.mean_over_time(y, lengths)
    right = np.isclose(y.mean(axis=0), ours).all(axis=1)
    np.testing.assert_array_equal(right, [True, False, False])
