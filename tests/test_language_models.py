"""Vocabulary, probabilities, gradients, sampling, counting: values, laws, and bad arguments."""

import itertools

import numpy as np
import pytest
import scipy.special
import sklearn.metrics
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from unrolled import language_models as lm
from unrolled.experiments import language_models as driver
from unrolled.support import verify
from unrolled.unfolding import readout, rnn_forward

SHAPES = [(7,), (3, 5), (4, 2, 6), (1, 3, 4), (5, 1, 3), (1, 1, 2), (2, 3, 1)]
PAIRS = [
    (lm.softmax, lm.softmax_backward, lambda z: z.softmax(-1)),
    (lm.log_softmax, lm.log_softmax_backward, lambda z: z.log_softmax(-1)),
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("forward", "backward", "reference"), PAIRS)
def test_softmax_and_its_logarithm(rng, forward, backward, reference, shape):
    given_ = {"z": 3 * rng.standard_normal(shape)}
    verify.against_torch(forward, backward, reference, given_, rng)
    verify.against_differences(forward, backward, given_, rng)


def torch_tokens(z, targets, mask=None):
    every = z.log_softmax(-1).gather(-1, torch.tensor(targets)[..., None])[..., 0]
    return every if mask is None else torch.where(torch.tensor(mask), every, 0.0)


def torch_sequence(z, targets, mask=None):
    return torch_tokens(z, targets, mask).sum(0)


def torch_entropy(z, targets, mask=None):
    labels = targets if mask is None else np.where(mask, targets, -100)
    labels = torch.tensor(labels).reshape(-1)
    return F.cross_entropy(z.reshape(-1, z.shape[-1]), labels, reduction="sum")


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("shape", [(4, 2, 6), (1, 3, 4), (5, 1, 3), (1, 1, 2), (6, 3, 9)])
@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("token_log_probs", torch_tokens),
        ("sequence_log_prob", torch_sequence),
        ("cross_entropy", torch_entropy),
    ],
)
def test_log_probabilities(rng, name, reference, shape, masked):
    pair = getattr(lm, name), getattr(lm, f"{name}_backward")
    options = {"targets": rng.integers(shape[-1], size=shape[:-1])}
    if masked:
        options["mask"] = rng.random(shape[:-1]) < 0.6
    given_ = {"z": rng.standard_normal(shape)}
    verify.against_torch(*pair, reference, given_, rng, **options)
    verify.against_differences(*pair, given_, rng, **options)


@pytest.mark.parametrize("shape", [(3, 2), (1, 4), (5, 1), (12, 3), (6,)])
def test_embed_adds_up_repeated_tokens(rng, shape):
    tokens = rng.integers(4, size=shape)
    given_ = {"X": rng.standard_normal((4, 5))}
    pair = lm.embed, lm.embed_backward
    verify.against_torch(*pair, lambda X, tokens: X[tokens], given_, rng, tokens=tokens)
    verify.against_differences(*pair, given_, rng, tokens=tokens)
    onehot = np.eye(4)[tokens]
    dout = rng.standard_normal((*shape, 5))
    out, cache = lm.embed(given_["X"], tokens)
    by_product = {"x": onehot @ given_["X"], "dX": onehot.reshape(-1, 4).T @ dout.reshape(-1, 5)}
    verify.compare("one-hot", {"x": out, "dX": lm.embed_backward(dout, cache)}, by_product)


def test_against_scipy_and_scikit_learn(rng):
    """Oracles that are neither central differences nor torch."""
    z, y = 3 * rng.standard_normal((8, 5)), rng.integers(5, size=8)
    p, _ = lm.softmax(z)
    got = {"p": p, "log_p": lm.log_softmax(z)[0], "loss": lm.cross_entropy(z, y)[0]}
    loss = sklearn.metrics.log_loss(y, p, labels=range(5), normalize=False)
    expected = {"p": scipy.special.softmax(z, -1), "log_p": scipy.special.log_softmax(z, -1)}
    verify.compare("scipy, sklearn", got, expected | {"loss": loss})


@given(st.integers(1, 9), st.floats(-1e4, 1e4), st.integers(0, 10**6))
def test_softmax_is_a_distribution_and_blind_to_a_constant(V, constant, seed):
    z = np.random.default_rng(seed).normal(scale=30, size=V)
    p, shifted = lm.softmax(z)[0], lm.softmax(z + constant)[0]
    assert np.all(p >= 0)
    np.testing.assert_allclose(p.sum(), 1, rtol=1e-12)
    np.testing.assert_allclose(shifted, p, rtol=1e-9, atol=1e-12)


def test_large_scores_neither_overflow_nor_lose_the_loss():
    z, y = np.array([[1e4, 0.0, -1e4]]), np.array([2])
    loss, cache = lm.cross_entropy(z, y)
    assert loss == 2e4
    np.testing.assert_array_equal(lm.cross_entropy_backward(1.0, cache), [[1, 0, -1]])


def test_an_impossible_token_has_no_gradient():
    z = np.array([-np.inf, 0.3, 1.0])
    loss, cache = lm.cross_entropy(z, np.array(1))
    assert np.isfinite(loss)
    assert lm.cross_entropy_backward(1.0, cache)[0] == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_kept(rng, dtype):
    z, y = rng.standard_normal((3, 2, 5)).astype(dtype), rng.integers(5, size=(3, 2))
    mask = np.ones((3, 2), dtype=bool)
    X = rng.standard_normal((5, 4)).astype(dtype)
    out = [lm.softmax(z)[0], lm.log_softmax(z)[0], lm.softmax_backward(z, lm.softmax(z)[1])]
    for m in (None, mask):
        loss, cache = lm.cross_entropy(z, y, m)
        by_line, line_cache = lm.sequence_log_prob(z, y, m)
        out += [loss, by_line, lm.cross_entropy_backward(1.0, cache)]
        out += [lm.sequence_log_prob_backward(by_line, line_cache)]
    x, cache = lm.embed(X, y)
    out += [x, lm.embed_backward(x, cache)]
    assert {a.dtype for a in out} == {np.dtype(dtype)}


def test_all_sentences_sum_to_one(rng):
    """The law of eq. (11) with an end token, for every length up to 6, to 1e-12."""
    V, D, H = 5, 3, 4  # □, ■, ◇ and two words; □ and ◇ are never predicted
    X, W_i, W_h, b, W_o = (
        rng.standard_normal(shape) for shape in ((V, D), (H, D), (H, H), H, (V, H))
    )
    complete = 0.0
    for n in range(7):
        lines = np.array([(0, *line) for line in itertools.product((3, 4), repeat=n + 1)]).T
        h, _ = rnn_forward(lm.embed(X, lines)[0], None, W_i, W_h, b)
        z, _ = readout(h[1:], W_o)
        z[..., [0, 2]] = -np.inf
        longer = np.exp(lm.sequence_log_prob(z[:-1], lines[1:])[0]).sum()
        short, targets = slice(None, None, 2), lines[1:].copy()  # each beginning stands there twice
        targets[-1] = 1
        complete += np.exp(lm.sequence_log_prob(z[:-1, short], targets[:, short])[0]).sum()
        assert abs(complete + longer - 1) < 1e-12


# --------------------------------------------------------------------------- text
def test_vocabulary():
    words = lm.Vocabulary(["b a, b.", "c b"], "word", least=2)
    assert words.tokens == ["□", "■", "◇", "b"]
    np.testing.assert_array_equal(words.encode("b a"), [0, 3, 2, 1])
    assert words.decode(words.encode("b a b")) == "b ◇ b"
    assert len(words.encode("")) == 2
    characters = lm.Vocabulary(["ab a"], "character")
    assert characters.tokens[3:] == [" ", "a", "b"]
    assert characters.decode(characters.encode("a ba")) == "a ba"


def test_special_tokens_in_the_text_are_no_special_tokens():
    characters = lm.Vocabulary(["a□■◇"], "character")
    assert characters.tokens == ["□", "■", "◇", "a"]
    np.testing.assert_array_equal(characters.encode("□a■◇"), [0, 2, 3, 2, 2, 1])


@given(st.text(max_size=30))
def test_characters_survive_the_round_trip(text):
    vocabulary = lm.Vocabulary([text, "x"], "character")
    tokens = vocabulary.encode(text)
    assert (tokens[0], tokens[-1]) == (0, 1)
    expected = "".join("◇" if c in "□■◇" else c for c in text)
    assert vocabulary.decode(tokens) == expected


def test_split_sentences():
    text = "One  two. Three\nfour!\n\nFive: six\n\n\nOne two.\n"
    assert lm.split_sentences(text) == ["One two.", "Three four!", "Five:", "six"]


@given(st.integers(1, 5), st.integers(2, 30), st.integers(0, 4), st.integers(1, 40))
def test_windows_cover_the_streams(batch, L, rest, T):
    tokens = np.arange(L * batch + min(rest, batch - 1))
    stream = lm.streams(tokens, batch)
    assert stream.shape == (L, batch)
    np.testing.assert_array_equal(stream.T.ravel(), tokens[: L * batch])
    inputs, targets = zip(*lm.windows(stream, T))
    np.testing.assert_array_equal(np.concatenate(inputs), stream[:-1])
    np.testing.assert_array_equal(np.concatenate(targets), stream[1:])
    assert all(len(i) == T for i in inputs[:-1])


# --------------------------------------------------------------------------- measures and sampling
def test_perplexity_of_a_fair_die():
    assert lm.perplexity(np.full(10, -np.log(6)), np.ones(10)) == pytest.approx(6)
    assert lm.perplexity([-2.0, -4.0], [3, 1]) == pytest.approx(np.exp(1.5))
    assert lm.bits_per_character(-8 * np.log(2), 4) == pytest.approx(2)


distributions = st.tuples(
    st.integers(1, 12),
    st.floats(0.1, 5),
    st.integers(1, 12),
    st.floats(0.01, 1),
    st.integers(0, 99),
)


@given(distributions)
def test_what_is_kept_is_the_smallest_set_that_reaches_p(case):
    V, temperature, k, top_p, seed = case
    z = np.random.default_rng(seed).normal(scale=2, size=V)
    p = lm.next_distribution(z, temperature, k, top_p)
    whole = np.sort(scipy.special.softmax(z / temperature))[::-1][:k]
    whole = whole / whole.sum()
    reached = np.cumsum(whole)
    kept = np.count_nonzero(p)
    assert reached[kept - 1] >= top_p - 1e-9
    assert kept == 1 or reached[kept - 2] < top_p + 1e-9
    np.testing.assert_allclose(p.sum(), 1)
    assert set(np.flatnonzero(p)) == set(np.argsort(-z)[:kept])


def test_temperature_changes_the_odds_and_top_k_1_is_greedy(rng):
    z = rng.standard_normal(6)
    p, cold = lm.next_distribution(z), lm.next_distribution(z, temperature=0.5)
    np.testing.assert_allclose(cold[0] / cold[1], (p[0] / p[1]) ** 2)
    np.testing.assert_array_equal(lm.next_distribution(z, top_k=1), np.eye(6)[z.argmax()])
    np.testing.assert_allclose(lm.next_distribution(z, top_k=99, top_p=1.0), p)


def test_sample_follows_the_distribution(rng):
    z = rng.standard_normal(5).astype(np.float32)
    drawn = [lm.sample(z, rng, temperature=1.5, top_k=4) for _ in range(4000)]
    p = lm.next_distribution(z, temperature=1.5, top_k=4)
    np.testing.assert_allclose(np.bincount(drawn, minlength=5) / 4000, p, atol=0.03)


def test_generate_reads_what_it_wrote_and_stops_at_the_end(rng):
    def counting(token, state):
        return np.where(np.arange(5) == token + 1, 0.0, -np.inf), [*state, token]

    assert lm.generate(counting, [], 0, 4, rng) == [1, 2, 3]
    assert lm.generate(counting, [], 0, 4, rng, longest=2) == [1, 2]


@given(st.integers(2, 6), st.integers(2, 40), st.floats(0.1, 50), st.integers(0, 999))
def test_tables_are_distributions(V, N, kappa, seed):
    tokens = np.random.default_rng(seed).integers(V, size=N)
    P_1, P_2 = lm.unigram(tokens, V), lm.bigram(tokens[:-1], tokens[1:], V, kappa)
    np.testing.assert_allclose(P_1.sum(), 1)
    np.testing.assert_allclose(P_2.sum(axis=1), np.ones(V))
    assert (P_2 > 0).all()
    counts = np.zeros((V, V))
    for v, w in itertools.pairwise(tokens.tolist()):
        counts[v, w] += 1
    expected = (counts + kappa * lm.unigram(tokens[1:], V)) / (counts.sum(1)[:, None] + kappa)
    np.testing.assert_allclose(P_2, expected)


# --------------------------------------------------------------------------- the random network
def test_states_do_not_depend_on_the_windows(rng):
    network = driver.random_network(7, rng, D=3, H=5)
    stream = lm.streams(rng.integers(7, size=62), 3)
    whole, split = driver.read_states(network, stream, 100), driver.read_states(network, stream, 4)
    np.testing.assert_allclose(whole[0], split[0], atol=1e-6)
    np.testing.assert_array_equal(whole[1], split[1])
    np.testing.assert_array_equal(whole[2], whole[1] != 0)
    assert whole[0].shape == (57, 5)


def test_the_readout_learns_what_follows_what(rng):
    """A periodic text has perplexity 1 for whoever knows the last token."""
    text = np.tile([3, 4, 5, 6], 200)
    network = driver.random_network(7, rng, D=8, H=16)
    states, targets, mask = driver.read_states(network, lm.streams(text, 4))
    W_o = driver.train_readout(states, targets, mask, 7, rng, epochs=200, batch=64)
    values, _ = lm.token_log_probs(readout(states, W_o)[0], targets, mask)
    assert lm.perplexity(values, mask.sum()) < 1.1


z23, y2 = np.zeros((2, 3)), np.array([0, 2])
words = lm.Vocabulary(["a b"])
BAD = [
    (lambda: lm.Vocabulary([]), "sentences: text with at least one token"),
    (lambda: lm.Vocabulary(["  "]), "sentences: text with at least one token"),
    (lambda: lm.Vocabulary(["a"], "syllable"), "level: 'word' or 'character' .* 'syllable'"),
    (lambda: words.decode([0, 5]), r"numbers: integers in 0 … 4 expected, got 5"),
    (lambda: lm.embed(np.ones((4, 2)), np.array([1, -1])), "tokens: integers in 0 … 3 .* got -1"),
    (lambda: lm.embed(np.ones((4, 2)), np.array([4])), "tokens: integers in 0 … 3 .* got 4"),
    (lambda: lm.embed(np.ones((4, 2)), np.array([1.0])), "tokens: integers expected, got float64"),
    (lambda: lm.cross_entropy(z23, np.array([0, 3])), "targets: integers in 0 … 2 .* got 3"),
    (lambda: lm.cross_entropy(z23, np.array([0])), r"targets: shape \(2,\) expected"),
    (lambda: lm.cross_entropy(z23, y2, np.ones(3, dtype=bool)), r"mask: shape \(2,\) expected"),
    (lambda: lm.cross_entropy(z23, y2 > 0), "targets: integers expected, got bool"),
    (lambda: lm.cross_entropy(z23, y2, np.ones(2)), "mask: a mask of bool expected, got float64"),
    (lambda: lm.next_distribution([1, np.nan]), "z: finite scores .* got nan"),
    (lambda: lm.next_distribution([1, np.inf]), "z: finite scores .* got inf"),
    (lambda: lm.next_distribution([-np.inf] * 2), "z: finite scores .* got -inf"),
    (lambda: lm.unigram(y2, 3, alpha=np.inf), "alpha: a finite number expected, got inf"),
    (lambda: lm.bigram(y2, y2, 3, kappa=np.inf), "kappa: a finite number expected, got inf"),
    (lambda: lm.bigram(y2, y2[:1], 3), r"targets: shape \(2,\) expected"),
    (lambda: lm.perplexity(-3.0, 0), "tokens: at least 1 in total expected, got 0"),
    (lambda: lm.perplexity(3.0, 2), "log_probs: at most 0 in total expected, got 3.0"),
    (lambda: lm.bits_per_character(-3.0, []), "characters: at least one entry"),
    (lambda: lm.next_distribution(np.ones(3), temperature=0), "temperature: .* above 0 .* got 0"),
    (lambda: lm.next_distribution(np.ones(3), temperature=-0.5), "temperature: .* got -0.5"),
    (lambda: lm.next_distribution(np.ones(3), temperature=np.nan), "temperature: .* got nan"),
    (lambda: lm.next_distribution(np.ones(3), top_k=0), "top_k: an integer of at least 1 .* got 0"),
    (lambda: lm.next_distribution(np.ones(3), top_k=1.5), "top_k: an integer .* got 1.5"),
    (lambda: lm.next_distribution(np.ones(3), top_p=0.0), "top_p: .* above 0 .* got 0.0"),
    (lambda: lm.next_distribution(np.ones(3), top_p=1.1), r"top_p: .* got 1.1"),
    (lambda: lm.next_distribution(np.ones((2, 3))), r"z: shape \(V,\) .* \(2, 3\)"),
    (lambda: lm.streams(np.arange(7), 4), "batch: 1 … 3 pieces .* 7 tokens, got 4"),
    (lambda: lm.streams(np.arange(7), 0), "batch: .* got 0"),
    (lambda: list(lm.windows(np.zeros((4, 2), int), 0)), "T: .* at least 1 .* got 0"),
    (lambda: lm.unigram(np.array([0, 9]), 4), "targets: integers in 0 … 3 .* got 9"),
    (lambda: lm.unigram(np.array([0]), 4, alpha=0), "alpha: .* above 0 .* got 0"),
    (lambda: lm.bigram(y2, y2, 3, kappa=-1), "kappa: .* above 0 .* got -1"),
]


def test_what_is_masked_need_not_be_valid():
    z = np.array([[0.0, 1.0, 2.0], [np.nan, np.inf, 0.0]])
    mask = np.array([True, False])
    loss, cache = lm.cross_entropy(z, [1, -100], mask)
    expected, alone = lm.cross_entropy(z[:1], [1])
    assert loss == expected
    dz = lm.cross_entropy_backward(1.0, cache)
    np.testing.assert_array_equal(dz[:1], lm.cross_entropy_backward(1.0, alone))
    assert not dz[1].any()


def test_integers_are_scores():
    scores = np.array([[0, 200]], np.uint8)
    np.testing.assert_array_equal(lm.softmax(scores)[0], lm.softmax(scores.astype(float))[0])
    assert lm.cross_entropy(scores, [0])[0] == 200


def test_the_lowest_temperature_is_greedy():
    np.testing.assert_array_equal(lm.next_distribution([1, 3, 2], 1e-310), [0, 1, 0])


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
