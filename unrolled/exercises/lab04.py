"""Lab 04, Language models: cases, right answers and known mistakes.

The right answers come from torch, or from the chapter's verified functions where torch is missing.
The wrong ones are written as plainly as a student would write them.
"""

import numpy as np

from unrolled.language_models import (
    bits_per_character,
    cross_entropy,
    cross_entropy_backward,
    embed,
    next_distribution,
    perplexity,
    sequence_log_prob,
    softmax,
)
from unrolled.unfolding import readout, rnn_forward

from .exercise import DERIVED, Exercise, Misconception, Question, Source, numbers, one_at_a_time
from .lab import Lab

BACKWARD = "Backward: from the probability to the weights"
CHAIN = "A sentence, one token at a time"
SUM = "All sentences together"
PERPLEXITY = "Perplexity"
SAMPLING = "Sampling"
COUNTING = "Counting: the baselines"
FORWARD = "Forward: from tokens to a probability"


# --------------------------------------------------------------------------- warm-up
def _gradient_cases(rng):
    cases = [{"z": numbers(rng, V), "y": int(rng.integers(V))} for V in (2, 3, 4, 7)]
    # scores whose exponential overflows, the largest not the target's; and one that underflows
    large = np.array([1000.0, 1002.0, 999.0]) + rng.integers(0, 5)
    low = np.array([-1000.0, -1001.0, -999.0, -998.0])
    apart = np.array([0.0, 1000.0, -1.0, 1.0, 0.5])  # its mean is no remedy for the overflow
    return [*cases, {"z": large, "y": 2}, {"z": low, "y": 0}, {"z": apart, "y": 3}]


def _gradient_by_chapter(z, y):
    _, cache = cross_entropy(z, np.array(y))
    return cross_entropy_backward(1.0, cache)


def _gradient_by_torch(z, y):
    import torch

    z = torch.tensor(z, requires_grad=True)
    torch.nn.functional.cross_entropy(z[None], torch.tensor([y]), reduction="sum").backward()
    return z.grad.numpy()


def _onehot(z, y):
    return (np.arange(len(z)) == y).astype(float)


def _naive(z):
    with np.errstate(over="ignore", invalid="ignore"):
        e = np.exp(z)
        return e / e.sum()


def _by_the_probabilities(z, y):
    with np.errstate(divide="ignore"):
        gradient = np.zeros(len(z))
        gradient[y] = -1 / softmax(z)[0][y]
        return gradient


GRADIENT = Exercise(
    name="score_gradient",
    points=1,
    section=BACKWARD,
    cases=_gradient_cases,
    shapes={"z": "V"},
    returns={"dz": "a float64 array (V,)"},
    reference=Source("unrolled.language_models.cross_entropy_backward", _gradient_by_chapter),
    oracle=Source("torch.nn.functional.cross_entropy", _gradient_by_torch),
    tolerance=DERIVED,
    misconceptions=(
        Misconception(
            "sign reversed",
            lambda z, y: _onehot(z, y) - softmax(z)[0],
            "The sign is reversed: this is the gradient of log P, which grows when the guess gets "
            "better. The loss is -log P, so it is `p - onehot`: what was said minus what was true.",
        ),
        Misconception(
            "exponential overflows",
            lambda z, y: _naive(z) - _onehot(z, y),
            "The formula is right, but `np.exp` overflows for scores of 1000, and infinity over "
            "infinity is nan. Subtract the largest score first: the probabilities do not change.",
            section=FORWARD,
        ),
        Misconception(
            "one-hot forgotten",
            lambda z, y: softmax(z)[0],
            "These are the probabilities themselves: what was said. Subtract what was true, 1 at "
            "the token that came.",
        ),
        Misconception(
            "only the target",
            lambda z, y: _onehot(z, y) * (softmax(z)[0] - 1),
            "Only the target's score has a gradient here. Every score stands in the denominator of "
            "the softmax, so every wrong token is pushed down, by its probability.",
        ),
        Misconception(
            "scores for probabilities",
            lambda z, y: z - _onehot(z, y),
            "The one-hot vector was subtracted from the scores. It is to be subtracted from the "
            "probabilities: first the softmax.",
        ),
        Misconception(
            "gradient of P",
            lambda z, y: softmax(z)[0][y] * (_onehot(z, y) - softmax(z)[0]),
            "This is a row of the softmax's Jacobian, the gradient of P(y) itself. The loss is "
            "-log P(y): divide by P(y), and turn the sign.",
        ),
        Misconception(
            "stops at the probabilities",
            _by_the_probabilities,
            "This is the derivative of the loss with respect to the probabilities, -1/P(y) at the "
            "token that came. One step of the way back is left, through the softmax to the "
            "scores.",
        ),
        Misconception(
            "one-hot before the softmax",
            lambda z, y: softmax(z - _onehot(z, y))[0],
            "The 1 was subtracted from the score, before the softmax. It is subtracted from the "
            "probability: first the softmax, then the difference.",
        ),
        Misconception(
            "divided by the largest",
            lambda z, y: softmax(z / np.abs(z).max())[0] - _onehot(z, y),
            "The scores were divided by the largest, which changes the probabilities. Subtract "
            "the largest: that leaves them as they are.",
            section=FORWARD,
        ),
        Misconception(
            "sigmoid for softmax",
            lambda z, y: 1 / (1 + np.exp(-np.clip(z, -700, 700))) - _onehot(z, y),
            "Each score went through a sigmoid by itself. The softmax divides by the sum over all "
            "tokens, so that the probabilities sum to one.",
        ),
        Misconception(
            "slope once more",
            lambda z, y: (p := softmax(z)[0]) * (1 - p) * (p - _onehot(z, y)),
            "The difference was multiplied by P (1 - P). In the derivative of -log softmax that "
            "slope has cancelled already.",
        ),
        Misconception(
            "logarithm forgotten",
            lambda z, y: softmax(z)[0][y] * (softmax(z)[0] - _onehot(z, y)),
            "This is the gradient of -P(y): the logarithm is missing. -log P(y) has it divided by "
            "P(y).",
        ),
    ),
)


# --------------------------------------------------------------------------- inputs and targets
def _forcing_cases(rng):
    chosen = [
        (1, [1], 0, 1),
        (4, [2, 1], 0, 1),
        (4, [0, 2], 0, 1),  # no sentence fills its row, and one is empty
        (7, [2, 7, 0, 3, 5], 0, 1),
        (5, [3, 5, 0, 1], 0, 1),
        (5, [4], 0, 1),
        (1, [1, 0, 1, 0], 0, 1),
        (5, [3, 5, 0, 1], 2, 11),  # other special tokens than 0 and 1
    ]
    cases = []
    for L, lengths, start, end in chosen:
        # after the end of a sentence stand other words, which have no business there
        words = rng.integers(3, 10, (len(lengths), L))
        cases.append({"words": words, "lengths": np.array(lengths), "start": start, "end": end})
    return cases


def _forced(words, lengths, start, end):
    B, L = words.shape
    inputs, targets = np.full((L + 1, B), end), np.full((L + 1, B), end)
    for b, n in enumerate(lengths.tolist()):
        inputs[0, b] = start
        inputs[1 : n + 1, b] = targets[:n, b] = words[b, :n]
    return inputs, targets, np.arange(L + 1)[:, None] <= lengths


def _forced_by_torch(words, lengths, start, end):
    import torch

    def padded(rows, value):
        longest = torch.zeros(words.shape[1] + 1, dtype=torch.int64)
        both = [longest, *map(torch.tensor, rows)]
        return torch.nn.utils.rnn.pad_sequence(both, padding_value=value)[:, 1:].numpy()

    rows = [words[b, :n].tolist() for b, n in enumerate(lengths.tolist())]
    inputs = padded([[start, *row] for row in rows], end)
    targets = padded([[*row, end] for row in rows], end)
    return inputs, targets, padded([[1] * (len(row) + 1) for row in rows], 0).astype(bool)


def _wrongly_forced(change):
    """The right three arrays, of which `change` makes wrong ones."""

    def forced(words, lengths, start, end):
        return change(*_forced(words, lengths, start, end), words, lengths)

    return forced


def _leftovers(inputs, targets, mask, words, lengths):
    """The words behind the end of a sentence left where they stood."""
    inputs, targets = inputs.copy(), targets.copy()
    inputs[1:] = words.T
    rows = np.arange(len(targets))[:, None]
    targets[:-1] = np.where(rows[:-1] == lengths, targets[:-1], words.T)
    return inputs, targets, mask


def _end_of_the_row(inputs, targets, mask, words, lengths):
    return inputs, np.vstack([words.T, targets[-1:]]), mask


def _filled(value, targets=True):
    """The right mask, and `value(start)` where nothing counts, in the targets, too, or not."""

    def forced(words, lengths, start, end):
        i, t, mask = _forced(words, lengths, start, end)
        i = np.where(mask, i, value(start))
        return i, np.where(mask, t, value(start)) if targets else t, mask

    return forced


def _last_word_not_read(words, lengths, start, end):
    inputs, targets, mask = _forced(words, lengths, start, end)
    some = np.flatnonzero(lengths)
    inputs[lengths[some], some] = end
    return inputs, targets, mask


def _empty_without_start(words, lengths, start, end):
    inputs, targets, mask = _forced(words, lengths, start, end)
    inputs[0, lengths == 0] = end
    return inputs, targets, mask


FORCING = Exercise(
    name="inputs_and_targets",
    points=3,
    section=CHAIN,
    cases=_forcing_cases,
    shapes={"words": "B L", "lengths": "B"},
    returns={
        "inputs": "an int array (L + 1, B)",
        "targets": "an int array (L + 1, B)",
        "mask": "a bool array (L + 1, B)",
    },
    reference=Source("sentences laid out one by one", _forced),
    oracle=Source("torch.nn.utils.rnn.pad_sequence", _forced_by_torch),
    misconceptions=(
        Misconception(
            "end token forgotten",
            _wrongly_forced(lambda i, t, m, w, n: (i, t, np.arange(len(i))[:, None] < n)),
            "The end token is not predicted: your mask stops at the last word. ■ is a prediction "
            "like any other, from the state after the last word; without it the probabilities of "
            "all sentences do not sum to one.",
            section=SUM,
        ),
        Misconception(
            "start token predicted",
            _wrongly_forced(lambda i, t, m, w, n: (i, i.copy(), m)),
            "The targets are the inputs: the network would predict what it has just read, "
            "beginning with □. The target at each step is the token that comes next.",
        ),
        Misconception(
            "padding predicted",
            _wrongly_forced(lambda i, t, m, w, n: (i, t, np.ones_like(m))),
            "The mask is True everywhere, so the short sentences have to predict their padding. "
            "A sentence of n words has n + 1 predictions.",
        ),
        Misconception(
            "padding left in place",
            _wrongly_forced(_leftovers),
            "Behind a sentence's end stands what stood in `words` there. Everything after the end "
            "is to be filled with `end`, in inputs and in targets.",
        ),
        Misconception(
            "batch first",
            _wrongly_forced(lambda i, t, m, w, n: (i.T.copy(), t.T.copy(), m.T.copy())),
            "The arrays are (B, L + 1), one sentence a row. Time comes first here, as everywhere "
            "in the book: one sentence is a column.",
            section="Setting",
        ),
        Misconception(
            "end at the end of the row",
            _wrongly_forced(_end_of_the_row),
            "`inputs` and `mask` are right. In the targets ■ stands behind the whole row of "
            "`words`; it comes after the sentence's own last word, at step `lengths[b]`.",
        ),
        Misconception(
            "mask one step too long",
            _wrongly_forced(lambda i, t, m, w, n: (i, t, np.arange(len(i))[:, None] <= n + 1)),
            "`inputs` and `targets` are right. The mask lasts one step too long: a sentence of n "
            "words has n + 1 predictions, the steps 0 to n.",
        ),
        Misconception(
            "first prediction masked",
            _wrongly_forced(
                lambda inputs, targets, mask, words, lengths: (
                    inputs,
                    targets,
                    mask & (np.arange(len(mask)) > 0)[:, None],
                )
            ),
            "In `mask` the first row is False. What follows the start token is predicted, too, and "
            "counts: only what comes after a sentence's end does not.",
        ),
        Misconception(
            "empty sentences masked",
            _wrongly_forced(
                lambda inputs, targets, mask, words, lengths: (
                    inputs,
                    targets,
                    mask & (lengths > 0),
                )
            ),
            "In `mask` a sentence without words does not count at all. One step of it does: from "
            "the start token its end is to be predicted.",
        ),
        Misconception(
            "zeros behind the end",
            _filled(lambda start: 0),
            "`mask` is right. Behind a sentence stands 0 in `inputs` and `targets`: where nothing "
            "counts, they hold `end`.",
        ),
        Misconception(
            "start behind the end",
            _filled(lambda start: start),
            "`mask` is right. Behind a sentence stands `start` in `inputs` and `targets`: where "
            "nothing counts, they hold `end`.",
        ),
        Misconception(
            "inputs filled with start",
            _filled(lambda start: start, targets=False),
            "`targets` and `mask` are right. In `inputs` `start` stands behind a sentence, too: "
            "where nothing counts, they hold `end`.",
        ),
        Misconception(
            "last word not read",
            _last_word_not_read,
            "`targets` and `mask` are right. In `inputs` the last word of each sentence is "
            "missing: it is read, too, and after it ■ is predicted.",
        ),
        Misconception(
            "inputs rolled round",
            _wrongly_forced(lambda i, t, m, w, n: (i, np.roll(i, -1, axis=0), m)),
            "`inputs` and `mask` are right. In `targets` □ has come round from the first step to "
            "the last: behind a sentence stands ■.",
        ),
        Misconception(
            "0 and 1 for start and end",
            lambda words, lengths, start, end: _forced(words, lengths, 0, 1),
            "The special tokens are 0 and 1 here, whatever `start` and `end` are. They are "
            "arguments, and other vocabularies have other numbers.",
        ),
        Misconception(
            "empty sentences without start",
            _empty_without_start,
            "`targets` and `mask` are right. In `inputs` an empty sentence has no start token: "
            "it, too, reads □, and then its end is predicted.",
        ),
        Misconception(
            "leftovers in the inputs",
            _wrongly_forced(lambda i, t, m, w, n: (np.vstack([i[:1], w.T]), t, m)),
            "`targets` and `mask` are right. In `inputs` the leftovers of `words` stand behind "
            "the sentences' ends: only `lengths[b]` words count.",
        ),
        Misconception(
            "leftovers in the targets",
            _wrongly_forced(lambda i, t, m, w, n: (i, _leftovers(i, t, m, w, n)[1], m)),
            "`inputs` and `mask` are right. In `targets` the leftovers of `words` stand behind "
            "the sentences' ends, where `end` should fill.",
        ),
    ),
)


# --------------------------------------------------------------------------- a sentence's log P
NETWORK = ("X", "W_i", "W_h", "b", "W_o")


def _sentence_cases(rng):
    sizes = [(1, 4, 1, 2), (2, 5, 1, 3), (7, 9, 4, 5)]
    sizes += one_at_a_time({"T": 4, "V": 6, "D": 3, "H": 2}, T=1, D=1, H=1)
    sizes.append((600, 9, 3, 4))  # whose probability is 0 in float64: multiplied, not added up
    cases = []
    for T, V, D, H in sizes:
        shapes = (V, D), (H, D), (H, H), (H,), (V, H)
        network = {n: rng.normal(size=s) for n, s in zip(NETWORK, shapes, strict=True)}
        cases.append({"words": rng.integers(2, V, T), **network})
    # an end whose probability is far too small for something to be added before the logarithm
    unlikely = {name: value.copy() for name, value in cases[1].items()}
    read = unlikely["X"][[0, *unlikely["words"]], None]
    last = rnn_forward(read, None, *(unlikely[name] for name in ("W_i", "W_h", "b")))[0][-1, 0]
    unlikely["W_o"][1] = -80 * last / (last @ last)
    return [*cases, unlikely]


def _scores(tokens, X, W_i, W_h, b, W_o):
    """Scores after nothing, after the first token, … : (len + 1, V)."""
    h, _ = rnn_forward(embed(X, np.array(tokens)[:, None])[0], None, W_i, W_h, b)
    return readout(h[:, 0], W_o)[0]


def _log_p(scores, targets):
    return sequence_log_prob(scores[:, None], np.array(targets, dtype=int)[:, None])[0][0]


def _sentence(words, *network):
    tokens = [0, *words.tolist()]
    return _log_p(_scores(tokens, *network)[1:], [*tokens[1:], 1])


def _best_guesses(words, *network):
    scores = _scores([0, *words.tolist()], *network)[1:]
    return _log_p(scores, scores.argmax(axis=1))


def _sentence_by_torch(words, X, W_i, W_h, b, W_o):
    import torch

    rnn = torch.nn.RNN(X.shape[1], len(W_h), dtype=torch.float64)
    given = dict(zip(("weight_ih_l0", "weight_hh_l0", "bias_ih_l0"), (W_i, W_h, b), strict=True))
    given["bias_hh_l0"] = np.zeros_like(b)
    rnn.load_state_dict({name: torch.tensor(value) for name, value in given.items()})
    tokens = torch.tensor([0, *words.tolist(), 1])
    z = rnn(torch.tensor(X)[tokens[:-1]])[0] @ torch.tensor(W_o).T
    return -torch.nn.functional.cross_entropy(z, tokens[1:], reduction="sum").item()


def _end_forgotten(words, *network):
    tokens = [0, *words.tolist()]
    return _log_p(_scores(tokens, *network)[1:-1], tokens[1:])


def _start_unread(words, *network):
    return _log_p(_scores(words.tolist(), *network), [*words.tolist(), 1])


def _start_predicted(words, *network):
    tokens = [0, *words.tolist(), 1]
    return _log_p(_scores(tokens[:-1], *network), tokens)


def _sees_itself(words, *network):
    tokens = [0, *words.tolist(), 1]
    return _log_p(_scores(tokens, *network)[2:], tokens[1:])


def _neither_end(words, *network):
    tokens = words.tolist()
    return _log_p(_scores(tokens, *network)[1:-1], tokens[1:]) if len(tokens) > 1 else 0.0


def _not_normalised(words, *network):
    tokens = [0, *words.tolist(), 1]
    z = _scores(tokens[:-1], *network)[1:]
    return float(z[np.arange(len(z)), tokens[1:]].sum())


def _product(words, *network):
    tokens = [0, *words.tolist()]
    p = softmax(_scores(tokens, *network)[1:])[0]
    with np.errstate(divide="ignore"):
        return float(np.log(np.prod(p[np.arange(len(p)), [*tokens[1:], 1]])))


def _scored_along(axis, words, *network):
    tokens = [0, *words.tolist()]
    z = _scores(tokens, *network)[1:]
    e = np.exp(z - z.max())
    p = e / e.sum(axis=axis, keepdims=True)
    return float(np.log(p[np.arange(len(p)), [*tokens[1:], 1]]).sum())


def _other_units(units, words, X, W_i, W_h, b, W_o):
    """The network with states units(W_i x, W_h h, b)."""
    h, z, tokens = np.zeros(len(b)), [], [0, *words.tolist()]
    for token in tokens:
        h = units(W_i @ X[token], W_h @ h, b)
        z.append(W_o @ h)
    return _log_p(np.array(z), [*tokens[1:], 1])


def _epsilon_added(words, *network):
    tokens = [0, *words.tolist()]
    p = softmax(_scores(tokens, *network)[1:])[0]
    return float(np.log(p[np.arange(len(p)), [*tokens[1:], 1]] + 1e-12).sum())


SENTENCE = Exercise(
    name="sentence_log_prob",
    points=4,
    section=FORWARD,
    cases=_sentence_cases,
    shapes={"words": "T", "X": "V D", "W_i": "H D", "W_h": "H H", "b": "H", "W_o": "V H"},
    returns={"log_p": "a float"},
    reference=Source("unrolled.language_models.sequence_log_prob", _sentence),
    oracle=Source("torch.nn.RNN and cross_entropy", _sentence_by_torch),
    misconceptions=(
        Misconception(
            "end token forgotten",
            _end_forgotten,
            "The end token is missing: this is the probability that a sentence begins with these "
            "words. Add log P(■) after the last word.",
            section=SUM,
        ),
        Misconception(
            "neither start nor end",
            _neither_end,
            "The words are there, but neither P(first word | □) nor P(■ | all words): a sentence "
            "of T words has T + 1 factors. Read □ first, and predict ■ last.",
            section=CHAIN,
        ),
        Misconception(
            "best guess scored",
            _best_guesses,
            "The probability of the likeliest token was taken at each step. Asked is that of the "
            "token that came, likely or not.",
            section=SUM,
        ),
        Misconception(
            "start token not read",
            _start_unread,
            "The first word was predicted from the zeros, before □ was read. The network reads □ "
            "first, and the state after □ predicts the first word.",
            section=CHAIN,
        ),
        Misconception(
            "start token predicted",
            _start_predicted,
            "The start token was predicted as well. It is given, not guessed: the first factor is "
            "P(x_1 | □), from the state after □.",
            section=CHAIN,
        ),
        Misconception(
            "word sees itself",
            _sees_itself,
            "Each token was predicted from the state that had just read it. The state before it "
            "predicts it: after □ the first word, after the last word ■.",
            section="Setting",
        ),
        Misconception(
            "not normalised",
            _not_normalised,
            "The scores were added up, without their softmax. They are no log-probabilities until "
            "log Σ exp of all scores has been subtracted at every step.",
        ),
        Misconception(
            "log base 2",
            lambda *a: _sentence(*a) / np.log(2),
            "The logarithm has base 2, so these are bits. The exercise asks for natural "
            "logarithms, `np.log`.",
            section=PERPLEXITY,
        ),
        Misconception(
            "probability, not its logarithm",
            lambda *a: float(np.exp(_sentence(*a))),
            "This is P itself. Asked for is log P: a product of many probabilities underflows, "
            "their logarithms only add up.",
        ),
        Misconception(
            "mean over the tokens",
            lambda words, *network: _sentence(words, *network) / (len(words) + 1),
            "The sum was divided by the number of tokens. That comes with perplexity; log P of a "
            "sentence is the sum.",
        ),
        Misconception(
            "probabilities multiplied first",
            _product,
            "Short sentences are right. The product of hundreds of probabilities is 0 in float64, "
            "and its logarithm minus infinity: add the logarithms instead.",
        ),
        Misconception(
            "start read twice",
            lambda words, *network: _log_p(
                _scores([0, 0, *words.tolist()], *network)[1:], [0, *words.tolist(), 1]
            ),
            "The start token was read twice, and once predicted. It is read once; the first "
            "probability is that of the first word after it.",
        ),
        Misconception(
            "start not read, first word not scored",
            lambda words, *network: _log_p(
                _scores(words.tolist(), *network)[1:], [*words.tolist()[1:], 1]
            ),
            "The network never read the start token, and the first word was not predicted. The "
            "start token is the first input, and the first word the first prediction.",
        ),
        Misconception(
            "softmax over the steps",
            lambda words, *network: _scored_along(0, words, *network),
            "The probabilities of one token sum to one over the steps. At each step those of all "
            "tokens do: the softmax runs along the scores of a step.",
        ),
        Misconception(
            "softmax over everything",
            lambda words, *network: _scored_along(None, words, *network),
            "All scores of all steps went into one softmax. Each step has a distribution of its "
            "own, which sums to one.",
        ),
        Misconception(
            "tanh before the sum",
            lambda words, *network: _other_units(
                lambda a, back, b: np.tanh(a + b) + back, words, *network
            ),
            "tanh was taken of the input's part only, and W_h h added behind it. The "
            "pre-activation is the whole sum, and tanh comes last.",
        ),
        Misconception(
            "tanh of each part",
            lambda words, *network: _other_units(
                lambda a, back, b: np.tanh(a + b) + np.tanh(back), words, *network
            ),
            "tanh was taken of the input's part and of the state's part, one by one. The "
            "pre-activation is the whole sum, and tanh comes last.",
        ),
        Misconception(
            "bias outside tanh",
            lambda words, *network: _other_units(
                lambda a, back, b: np.tanh(a + back) + b, words, *network
            ),
            "b was added after tanh. It belongs to the pre-activation, inside.",
        ),
        Misconception(
            "small number in the logarithm",
            _epsilon_added,
            "A small number was added to the probabilities before the logarithm, or they were kept "
            "from falling below one. It spoils those that are smaller still: a probability may be "
            "1e-30, and its logarithm is harmless.",
        ),
    ),
)


# --------------------------------------------------------------------------- a corpus
def _corpus_cases(rng):
    # T, lengths; the first T - max(lengths) rows at the end are nobody's
    chosen = [
        (3, [3]),
        (5, [1, 2, 4]),
        (4, [3, 2, 4]),
        (7, [5]),
        (7, [2, 5, 1, 6]),
        (8, [8, 3, 7, 2]),
    ]
    chosen.append((60, rng.integers(30, 60, 45)))  # 2,000 tokens: their product is 0 in float64
    cases = []
    for T, lengths in chosen:
        lengths = np.array(lengths)
        log2_probs = -rng.integers(1, 9, (T, len(lengths))) / 2.0
        behind = np.arange(T)[:, None] >= lengths
        log2_probs[behind] = rng.integers(-9, 9, behind.sum())  # nonsense, probabilities above 1
        if T == 7:
            log2_probs[0, 0] = 0.0  # a token that was certain is no padding
        if T == 8:
            log2_probs[behind] = np.nan  # nonsense times 0 is no 0
        characters = int(3 * lengths.sum() + rng.integers(1, 9))
        cases.append({"log2_probs": log2_probs, "lengths": lengths, "characters": characters})
    return cases


def _by_sentence(log2_probs, lengths):
    return [log2_probs[:n, b] for b, n in enumerate(lengths.tolist())]


def _corpus(log2_probs, lengths, characters):
    total = np.log(2) * np.array([p.sum() for p in _by_sentence(log2_probs, lengths)])
    return perplexity(total, lengths), bits_per_character(total, characters)


def _corpus_by_torch(log2_probs, lengths, characters):
    import torch

    inside = torch.arange(len(log2_probs))[:, None] < torch.tensor(lengths)
    values = torch.masked_select(torch.tensor(log2_probs), inside)
    return 2 ** -values.mean().item(), -values.sum().item() / characters


def _wrong_corpus(perplexity_of):
    """The right bits per character, and a perplexity of the list of sentences."""

    def corpus(log2_probs, lengths, characters):
        right = _corpus(log2_probs, lengths, characters)
        return perplexity_of(_by_sentence(log2_probs, lengths)), right[1]

    return corpus


def _multiplied_corpus(log2_probs, lengths, characters):
    inside = np.arange(len(log2_probs))[:, None] < lengths
    total = (log2_probs * inside).sum()
    return 2 ** (-total / lengths.sum()), -total / characters


def _padded_corpus(log2_probs, lengths, characters):
    return 2 ** -log2_probs.mean(), -log2_probs.sum() / characters


def _endless_corpus(log2_probs, lengths, characters):
    inner = [p[:-1] for p in _by_sentence(log2_probs, lengths)]
    flat = np.concatenate(inner)
    return 2 ** -(flat.sum() / len(flat)), -flat.sum() / characters


def _divided_by(tokens):
    """Right but for the number of tokens that the perplexity divides by."""

    def corpus(log2_probs, lengths, characters):
        total = sum(p.sum() for p in _by_sentence(log2_probs, lengths))
        bits = _corpus(log2_probs, lengths, characters)[1]
        return 2 ** (-total / tokens(log2_probs, lengths, characters)), bits

    return corpus


def _nonsense_counted(mean):
    def corpus(log2_probs, lengths, characters):
        return 2 ** -mean(log2_probs, lengths), -np.nansum(log2_probs) / characters

    return corpus


CORPUS = Exercise(
    name="corpus_scores",
    points=3,
    section=PERPLEXITY,
    cases=_corpus_cases,
    shapes={"log2_probs": "T B", "lengths": "B"},
    returns={"ppl": "a float", "bits": "a float"},
    reference=Source("unrolled.language_models.perplexity", _corpus),
    oracle=Source("torch.masked_select", _corpus_by_torch),
    misconceptions=(
        Misconception(
            "average of perplexities",
            _wrong_corpus(lambda lines: np.mean([2 ** -p.mean() for p in lines])),
            "The perplexities of the sentences were averaged. Average the logarithms of all tokens "
            "first and take the exponential once, at the end.",
        ),
        Misconception(
            "average of exponentials",
            _wrong_corpus(lambda lines: np.mean(2 ** -np.concatenate(lines))),
            "This is the average of 1/p over the tokens. Perplexity is the exponential of the "
            "average of -log p, which is never larger: one bad token cannot ruin it.",
        ),
        Misconception(
            "every sentence weighs the same",
            _wrong_corpus(lambda lines: 2 ** -np.mean([p.mean() for p in lines])),
            "The means of the sentences were averaged, so a sentence of two tokens weighs as much "
            "as one of twenty. Sum over all tokens, divide by the number of all tokens.",
        ),
        Misconception(
            "log base mixed",
            _wrong_corpus(lambda lines: np.exp(-np.mean(np.concatenate(lines)))),
            "The logarithms have base 2, and the exponential has base e. Perplexity does not "
            "depend on the base, if both are the same: here 2 ** ...",
        ),
        Misconception(
            "padding counted",
            _padded_corpus,
            "The numbers behind a sentence's end were counted too. Only the first `lengths[b]` of "
            "column b are predictions.",
        ),
        Misconception(
            "end token left out",
            _endless_corpus,
            "The last prediction of each sentence is missing. That one is ■, and it counts as a "
            "token.",
            section=SUM,
        ),
        Misconception(
            "bits per token",
            lambda log2_probs, lengths, characters: (
                _corpus(log2_probs, lengths, characters)[0],
                _corpus(log2_probs, lengths, int(lengths.sum()))[1],
            ),
            "The perplexity is right, but the bits were divided by the number of tokens. Bits per "
            "character make models with different tokens comparable.",
        ),
        Misconception(
            "nonsense counted",
            lambda log2_probs, lengths, characters: (
                2 ** (-log2_probs.sum() / lengths.sum()),
                -log2_probs.sum() / characters,
            ),
            "The number of tokens is right, but the sum runs over everything, the nonsense behind "
            "the sentences' ends included. Only the first `lengths[b]` of column b count.",
        ),
        Misconception(
            "nonsense times zero",
            _multiplied_corpus,
            "The nonsense was multiplied by 0, but 0 times nan is nan. Choose the numbers that "
            "count, by a mask as an index or with `np.where`.",
        ),
        Misconception(
            "ends not among the tokens",
            _divided_by(lambda p, n, characters: n.sum() - len(n)),
            "The bits are right. The perplexity was divided by the number of words without ■, but "
            "the end tokens are counted in `lengths` and in the sum.",
        ),
        Misconception(
            "padded size for tokens",
            _divided_by(lambda p, n, characters: p.size),
            "The bits are right. The perplexity was divided by the size of the whole array; the "
            "number of tokens is the sum of `lengths`.",
        ),
        Misconception(
            "sentences for tokens",
            _divided_by(lambda p, n, characters: len(n)),
            "The bits are right. The perplexity was divided by the number of sentences; it is "
            "asked for each token.",
        ),
        Misconception(
            "characters for tokens",
            _divided_by(lambda p, n, characters: characters),
            "The bits are right. The perplexity was divided by the number of characters; it is "
            "asked for each token.",
        ),
        Misconception(
            "mean of the probabilities",
            _wrong_corpus(lambda sentences: 1 / np.mean(2.0 ** np.concatenate(sentences))),
            "`bits` is right. The perplexity is 1 over the mean of the probabilities here. It is 1 "
            "over their geometric mean: average the logarithms, then take the power.",
        ),
        Misconception(
            "divided with //",
            lambda log2_probs, lengths, characters: (
                lambda total: (2.0 ** (-total // lengths.sum()), -total // characters)
            )(sum(p.sum() for p in _by_sentence(log2_probs, lengths))),
            "`//` divides and rounds down. Both are means, and may have fractions: `/`.",
        ),
        Misconception(
            "perplexities added",
            _wrong_corpus(lambda lines: sum(2 ** -p.mean() for p in lines)),
            "The perplexities of the sentences were added up. Add up the logarithms of all tokens "
            "instead, and take the power once, at the end.",
        ),
        Misconception(
            "nonsense that is no nan counted",
            _nonsense_counted(lambda values, lengths: np.nansum(values) / lengths.sum()),
            "Only nan was left out. What stands behind a sentence's end may look like a number "
            "and is nonsense all the same: `lengths` says what counts.",
        ),
        Misconception(
            "mean of what is not nan",
            _nonsense_counted(lambda values, lengths: np.nanmean(values)),
            "The mean is over all that is not nan. What stands behind a sentence's end may look "
            "like a number and is nonsense all the same: `lengths` says what counts.",
        ),
        Misconception(
            "tokens per character upside down",
            lambda log2_probs, lengths, characters: (
                _corpus(log2_probs, lengths, characters)[0],
                _corpus(log2_probs, lengths, characters)[1] * (characters / lengths.sum()) ** 2,
            ),
            "`ppl` is right. The bits of a token were multiplied by the characters per token. "
            "Shared among more characters, fewer bits fall to each.",
        ),
        Misconception(
            "ends counted again",
            lambda log2_probs, lengths, characters: (
                _corpus(log2_probs, lengths, characters)[0]
                ** (lengths.sum() / (lengths + 1).sum()),
                _corpus(log2_probs, lengths, characters)[1],
            ),
            "`bits` is right. For `ppl` one token more was counted for each sentence; `lengths` "
            "counts the end tokens already.",
        ),
        Misconception(
            "ends counted as characters",
            lambda log2_probs, lengths, characters: (
                _corpus(log2_probs, lengths, characters)[0],
                _corpus(log2_probs, lengths, characters + len(lengths))[1],
            ),
            "`ppl` is right. In `bits` an end of each sentence was counted as a character. "
            "`characters` is what is to be divided by, as it is.",
        ),
    ),
)


# --------------------------------------------------------------------------- drawing a batch
def _draw_cases(rng):
    # one option at a time, then all together; a large batch, so that every rule shows
    chosen = [
        (3, 4, 1.0, 4, 1.0),
        (4, 5, 0.5, 5, 1.0),
        (5, 6, 1.0, 3, 1.0),
        (5, 7, 1.0, 7, 0.6),
        (12, 9, 2.0, 5, 0.7),
        (1, 9, 2.0, 5, 0.7),
        (30, 8, 0.7, 4, 0.8),
        (6, 5, 1.3, 1, 0.9),  # the best token alone is left
        (6, 7, 1.0, 7, 0.01),  # and here, too: the first is in the nucleus in any case
        (6, 7, 0.01, 5, 0.9),  # scores of 1000 after the division: the exponential overflows
        (7, 3, 300.0, 3, 1.0),  # probabilities that are 0 before the division, and not after it
    ]
    cases = []
    for B, V, temperature, k, p in chosen:
        z, u = 1.5 * rng.normal(size=(B, V)), rng.random(B)
        if temperature == 0.01:
            z *= 8
        if temperature == 300.0:
            z *= 600
        if V == 6:
            z[0], u[0] = (-9, -8, 1, 2, 0.5, 0), 0.0  # u = 0: a token that was cut is never drawn
        if V == 5:
            z += 1000.0  # the exponential overflows
        settings = {"temperature": temperature, "top_k": k, "top_p": p}
        cases.append({"z": z, "u": u, **settings})
    # whichever of the tokens that tie is kept, the first is drawn, with a probability of its own
    tied = {
        "z": np.array([[2.0, 1, 1, 1], [3, 0, 0, 0], [2, 0, 0, 0]]),
        "u": np.array([0.1, 0, 0.2]),
    }
    cases.append({**tied, "temperature": 1.0, "top_k": 2, "top_p": 1.0})
    # probabilities 1/2, 1/4, 1/8, 1/8: two tokens reach top_p, and exactly
    powers = np.array([[0.0, -1, -2, -2], [-2, -1, -2, 0], [-1, -2, 0, -2]])
    exact = {"z": np.log(2) * powers, "u": np.array([0.95, 0.3, 0.1])}
    cases.append({**exact, "temperature": 1.0, "top_k": 4, "top_p": 0.75})
    return cases


def _by_inverse(P, u):
    """The first token, by number, at which the cumulative probability exceeds u; log P of it."""
    tokens = (np.cumsum(P, axis=1) <= u[:, None]).sum(axis=1)
    tokens = np.minimum(tokens, P.shape[1] - 1)
    with np.errstate(divide="ignore"):
        return tokens, np.log(P[np.arange(len(P)), tokens])


def _drawn(z, u, temperature, top_k, top_p):
    return _by_inverse(
        np.array([next_distribution(row, temperature, top_k, top_p) for row in z]), u
    )


def _drawn_by_torch(z, u, temperature, top_k, top_p):
    import torch

    z, u = torch.tensor(z) / temperature, torch.tensor(u)
    sorted_z, order = z.sort(dim=1, descending=True)
    p = sorted_z[:, :top_k].softmax(1)
    p = torch.where(p.cumsum(1) - p < top_p, p, 0.0)
    p = torch.zeros_like(z).scatter(1, order[:, :top_k], p / p.sum(1, keepdim=True))
    tokens = torch.searchsorted(p.cumsum(1), u[:, None], right=True)
    return tokens[:, 0].numpy(), p.gather(1, tokens)[:, 0].log().numpy()


def _ranks(p):
    """Rank of each token in its row, 0 for the most probable."""
    return np.argsort(np.argsort(-p, axis=1), axis=1)


def _cut(p, top_k):
    p = np.where(_ranks(p) < top_k, p, 0.0)
    return p / p.sum(axis=1, keepdims=True)


def _nucleus(p, top_p):
    """The kept p, not scaled."""
    order = np.argsort(-p, axis=1)
    kept = np.take_along_axis(p, order, axis=1)
    out, stays = np.zeros_like(p), np.cumsum(kept, axis=1) - kept < top_p
    np.put_along_axis(out, order, np.where(stays, kept, 0.0), axis=1)
    return out


def _normalised(p):
    return p / p.sum(axis=1, keepdims=True)


def _draw_with(distribution):
    def drawn(z, u, temperature, top_k, top_p):
        return _by_inverse(distribution(z, temperature, top_k, top_p), u)

    return drawn


def _short_nucleus(within):
    """The first token, and those whose sum is within top_p.

    Row by row, as most write it: whether a sum is exactly top_p is a matter of its last digit.
    """

    def kept(row, temperature, top_k, top_p):
        p, _ = softmax(row / temperature)
        order = np.argsort(-p)[:top_k]
        ranked = p[order] / p[order].sum()
        stays = within(np.cumsum(ranked), top_p)
        stays[0] = True
        q = np.zeros_like(row)
        q[order[stays]] = ranked[stays] / ranked[stays].sum()
        return q

    return _draw_with(lambda z, t, k, p: np.array([kept(row, t, k, p) for row in z]))


def _unscaled(z, t, k, p):
    whole = softmax(z / t)[0]
    return np.where(_nucleus(_cut(whole, k), p) > 0, whole, 0.0)


def _unscaled_nucleus(z, u, temperature, top_k, top_p):
    """Step 3 without its scaling; where no sum exceeds u, the last token that was kept."""
    q = _nucleus(_cut(softmax(z / temperature)[0], top_k), top_p)
    above = np.cumsum(q, axis=1) > u[:, None]
    last = q.shape[1] - 1 - (q[:, ::-1] > 0).argmax(axis=1)
    tokens = np.where(above.any(axis=1), above.argmax(axis=1), last)
    return tokens, np.log(q[np.arange(len(q)), tokens])


def _model_log_p(z, u, temperature, top_k, top_p):
    tokens, _ = _drawn(z, u, temperature, top_k, top_p)
    return tokens, np.log(softmax(z)[0][np.arange(len(z)), tokens])


def _down_the_ranking(z, u, temperature, top_k, top_p):
    p = np.array([next_distribution(row, temperature, top_k, top_p) for row in z])
    order = np.argsort(-p, axis=1)
    places, log_q = _by_inverse(np.take_along_axis(p, order, axis=1), u)
    return order[np.arange(len(p)), places], log_q


def _greedy(z, u, temperature, top_k, top_p):
    p = np.array([next_distribution(row, temperature, top_k, top_p) for row in z])
    return p.argmax(axis=1), np.log(p.max(axis=1))


def _log_p_at(scaled):
    """The right tokens, and the logarithm of the distribution that `scaled` gives."""

    def answer(z, u, temperature, top_k, top_p):
        tokens, _ = _drawn(z, u, temperature, top_k, top_p)
        return tokens, np.log(scaled(z, temperature, top_k)[np.arange(len(z)), tokens])

    return answer


def _heated(q, t):
    with np.errstate(divide="ignore"):
        return softmax(np.log(q) / t)[0]


def _up_the_ranking(z, u, temperature, top_k, top_p):
    p = np.array([next_distribution(row, temperature, top_k, top_p) for row in z])
    order = np.argsort(p, axis=1)
    places, log_q = _by_inverse(np.take_along_axis(p, order, axis=1), u)
    return order[np.arange(len(p)), places], log_q


def _ranks_drawn(z, u, temperature, top_k, top_p):
    p = np.array([next_distribution(row, temperature, top_k, top_p) for row in z])
    return _by_inverse(-np.sort(-p, axis=1), u)


def _one_too_early(z, u, temperature, top_k, top_p):
    p = np.array([next_distribution(row, temperature, top_k, top_p) for row in z])
    tokens = np.maximum(_by_inverse(p, u)[0] - 1, 0)
    with np.errstate(divide="ignore"):
        return tokens, np.log(p[np.arange(len(p)), tokens])


def _least(p, top_k):
    return _normalised(np.where(_ranks(-p) < top_k, p, 0.0))


def _longer_nucleus(p, top_p):
    order = np.argsort(-p, axis=1)
    kept = np.take_along_axis(p, order, axis=1)
    before = np.cumsum(kept, axis=1) - kept
    stays = np.hstack([np.ones((len(p), 1), dtype=bool), (before < top_p)[:, :-1]])
    out = np.zeros_like(p)
    np.put_along_axis(out, order, np.where(stays, kept, 0.0), axis=1)
    return _normalised(out)


def _unsorted_nucleus(p, top_p):
    return _normalised(np.where(np.cumsum(p, axis=1) - p < top_p, p, 0.0))


def _zeroed(scores, top_k):
    return softmax(np.where(_ranks(scores) < top_k, scores, 0.0))[0]


def _not_far_below(p, top_p):
    return np.where(p >= (1 - top_p) * p.max(axis=1, keepdims=True), p, 0.0)


DRAW = Exercise(
    name="draw_batch",
    points=4,
    section=SAMPLING,
    cases=_draw_cases,
    shapes={"z": "B V", "u": "B"},
    returns={"tokens": "an int array (B,)", "log_q": "a float64 array (B,)"},
    reference=Source("unrolled.language_models.next_distribution", _drawn),
    oracle=Source("torch.sort and searchsorted", _drawn_by_torch),
    misconceptions=(
        Misconception(
            "multiplied by the temperature",
            _draw_with(lambda z, t, k, p: _normalised(_nucleus(_cut(softmax(z * t)[0], k), p))),
            "The scores were multiplied by the temperature. They are divided by it: a low "
            "temperature sharpens the distribution.",
        ),
        Misconception(
            "temperature on probabilities",
            _draw_with(lambda z, t, k, p: _normalised(_nucleus(_cut(softmax(z)[0] / t, k), p))),
            "The temperature has no effect: it divided the probabilities, and scaling them to sum "
            "to one undoes that. It belongs to the scores, before the softmax.",
        ),
        Misconception(
            "drawn before normalising",
            _draw_with(_unscaled),
            "What was kept does not sum to one, and u was compared with it all the same. Scale the "
            "kept probabilities to sum to one, then draw.",
        ),
        *(
            Misconception(
                name,
                _short_nucleus(within),
                "The nucleus ends too early: the token with which the sum reaches top_p belongs to "
                "it. A token stays if those before it have not yet reached top_p.",
            )
            for name, within in (
                ("nucleus one short", np.less_equal),
                ("nucleus one short, always", np.less),
            )
        ),
        Misconception(
            "nucleus not scaled",
            _unscaled_nucleus,
            "After the nucleus the probabilities were not scaled again, so they sum to less than "
            "one. u is compared with sums of q, and log q is asked: scale first.",
        ),
        Misconception(
            "nucleus before top-k",
            _draw_with(lambda z, t, k, p: _normalised(_cut(_nucleus(softmax(z / t)[0], p), k))),
            "The nucleus was measured on probabilities of the whole softmax: cut before top-k, or "
            "after it but without scaling. Measure it on what top-k left, scaled to sum to one.",
        ),
        Misconception(
            "softmax over the batch",
            _draw_with(
                lambda z, t, k, p: _normalised(
                    _nucleus(_cut(_normalised(softmax(z.T / t)[0].T), k), p)
                )
            ),
            "The softmax ran over the batch. Each row is a distribution of its own: axis 1.",
        ),
        Misconception(
            "log P of the model",
            _model_log_p,
            "The tokens are right, but log_q is what the model gives them. Asked for is the "
            "probability with which they were drawn: after temperature, top-k and nucleus.",
        ),
        Misconception(
            "most probable token taken",
            _greedy,
            "Always the most probable token: that is greedy, and u has no say. Draw by inversion, "
            "step 4.",
        ),
        Misconception(
            "down the ranking",
            _down_the_ranking,
            "The distribution is right, but u went down the ranking, from the most probable token. "
            "Here the cumulative sum runs over the token numbers, from 0 to V - 1.",
        ),
        Misconception(
            "log P before the cuts",
            _log_p_at(lambda z, t, k: softmax(z / t)[0]),
            "The tokens are right, but log_q is that of the whole softmax, before top-k and "
            "nucleus. What was kept has been scaled since, and the token was drawn from that.",
        ),
        Misconception(
            "log P before the nucleus",
            _log_p_at(lambda z, t, k: _cut(softmax(z / t)[0], k)),
            "The tokens are right, but log_q is that of step 2, before the nucleus and its "
            "scaling.",
        ),
        Misconception(
            "nucleus ignored",
            _draw_with(lambda z, t, k, p: _cut(softmax(z / t)[0], k)),
            "top_p has no effect: after top-k only the nucleus is kept, and scaled again.",
        ),
        Misconception(
            "top-k ignored",
            _draw_with(lambda z, t, k, p: _normalised(_nucleus(softmax(z / t)[0], p))),
            "top_k has no effect: before the nucleus only the top_k most probable tokens are kept.",
        ),
        Misconception(
            "temperature after the cuts",
            _draw_with(
                lambda z, t, k, p: _heated(_normalised(_nucleus(_cut(softmax(z)[0], k), p)), t)
            ),
            "The temperature came last, after top-k and the nucleus. It comes first: it decides "
            "how many tokens the nucleus needs.",
        ),
        Misconception(
            "up the ranking",
            _up_the_ranking,
            "The distribution is right, but u went up the ranking, from the least probable token. "
            "Here the cumulative sum runs over the token numbers, from 0 to V - 1.",
        ),
        Misconception(
            "ranks for tokens",
            _ranks_drawn,
            "The drawn places are ranks: 0 is the most probable token, not token 0. Here the "
            "cumulative sum runs over the token numbers, so put what was kept back where it came "
            "from.",
        ),
        Misconception(
            "one token too early",
            _one_too_early,
            "The token before the right one was taken, the last whose cumulative sum is at most "
            "u. The first whose sum exceeds u is drawn.",
        ),
        Misconception(
            "least probable kept",
            _draw_with(lambda z, t, k, p: _normalised(_nucleus(_least(softmax(z / t)[0], k), p))),
            "top-k kept the k least probable tokens: `np.argsort` puts the smallest first.",
        ),
        Misconception(
            "nucleus one too long",
            _draw_with(lambda z, t, k, p: _longer_nucleus(_cut(softmax(z / t)[0], k), p)),
            "The nucleus has one token too many. It ends with the token with which the sum "
            "reaches top_p.",
        ),
        Misconception(
            "nucleus by token number",
            _draw_with(lambda z, t, k, p: _unsorted_nucleus(_cut(softmax(z / t)[0], k), p)),
            "The nucleus was gathered in the order of the token numbers. It consists of the most "
            "probable tokens: go down the ranking.",
        ),
        Misconception(
            "scores of 0 for top-k",
            _draw_with(lambda z, t, k, p: _normalised(_nucleus(_zeroed(z / t, k), p))),
            "The scores outside top-k were set to 0, whose exponential is 1. A token that is left "
            "out has the probability 0, so the score minus infinity.",
        ),
        Misconception(
            "min-p for the nucleus",
            _draw_with(
                lambda z, t, k, p: _normalised(_not_far_below(_cut(softmax(z / t)[0], k), p))
            ),
            "What is kept is every token with at least 1 - top_p of the largest probability. The "
            "nucleus goes by the sum: the fewest tokens whose probabilities reach top_p.",
        ),
    ),
)


# --------------------------------------------------------------------------- Kneser and Ney
def _kneser_ney_cases(rng):
    # in some, number V - 1 never occurs; the last token may be followed by nothing
    chosen = [(8, 4, 3), (10, 4, 4), (14, 4, 4), (40, 6, 6), (60, 7, 6), (60, 9, 6), (200, 5, 5)]
    return [
        {
            "tokens": np.concatenate([np.arange(used), rng.integers(0, used, N - used)]),
            "V": V,
            "d": float(rng.choice([0.25, 0.5, 0.75])),
        }
        for N, V, used in chosen
    ]


def _pairs(tokens, V):
    counts = np.zeros((V, V))
    np.add.at(counts, (tokens[:-1], tokens[1:]), 1)
    return counts


def _smoothed(counts, d, spread, freed=None, clip=True):
    """Discounted counts plus the freed mass, spread as `spread` says; rows of nothing: spread."""
    total = counts.sum(axis=1, keepdims=True)
    kinds = (counts > 0).sum(axis=1, keepdims=True)
    freed = d * kinds if freed is None else freed
    kept = np.maximum(counts - d, 0) if clip else counts - d
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total > 0, (kept + freed * spread) / total, spread)


def _continuation(counts):
    kinds = (counts > 0).sum(axis=0)
    return kinds / kinds.sum()


def _kneser_ney(tokens, V, d):
    counts = _pairs(tokens, V)
    return _smoothed(counts, d, _continuation(counts))


def _kneser_ney_by_torch(tokens, V, d):
    import torch

    tokens = torch.tensor(tokens)
    codes = tokens[:-1] * V + tokens[1:]
    counts = torch.bincount(codes, minlength=V * V).reshape(V, V).double()
    different = counts.clamp(max=1)
    spread = different.sum(0) / different.sum()
    total = counts.sum(1, keepdim=True).clamp(min=1)
    rows = (counts - d * different + d * different.sum(1, keepdim=True) * spread) / total
    rows[counts.sum(1) == 0] = spread
    return rows.numpy()


def _spread_evenly(tokens, V, d):
    return _smoothed(_pairs(tokens, V), d, np.full(V, 1 / V))


def _by_frequency(tokens, V, d):
    counts = _pairs(tokens, V)
    return _smoothed(counts, d, counts.sum(axis=0) / counts.sum())


def _wrong_smoothing(**how):
    def smoothed(tokens, V, d):
        counts = _pairs(tokens, V)
        return _smoothed(counts, d, _continuation(counts), **how)

    return smoothed


def _empty_rows(tokens, V, d):
    P = _kneser_ney(tokens, V, d)
    P[_pairs(tokens, V).sum(axis=1) == 0] = 0.0
    return P


def _rows_of_nan(tokens, V, d):
    P = _kneser_ney(tokens, V, d)
    P[_pairs(tokens, V).sum(axis=1) == 0] = np.nan
    return P


def _counted_once(tokens, V, d):
    counts = np.minimum(_pairs(tokens, V), 1)
    return _smoothed(counts, d, _continuation(counts))


def _fixed_discount(tokens, V, d):
    return _smoothed(_pairs(tokens, V), d, _continuation(_pairs(tokens, V)), freed=d)


def _not_discounted(tokens, V, d):
    counts = _pairs(tokens, V)
    freed = d * (counts > 0).sum(axis=1, keepdims=True)
    return _smoothed(counts, 0.0, _continuation(counts), freed=freed)


def _counted_per_predecessor(tokens, V, d):
    counts = _pairs(tokens, V)
    kinds = (counts > 0).sum(axis=1)
    return _smoothed(counts, d, kinds / kinds.sum())


def _kinds_exchanged(tokens, V, d):
    counts = _pairs(tokens, V)
    before, after = (counts > 0).sum(axis=0), (counts > 0).sum(axis=1)
    return _smoothed(counts, d, after / after.sum(), freed=d * before[:, None])


def _uniform_where_nothing(tokens, V, d):
    some = _pairs(tokens, V).sum(axis=1, keepdims=True) > 0
    return np.where(some, _kneser_ney(tokens, V, d), 1 / V)


def _for_the_unseen_only(tokens, V, d):
    counts = _pairs(tokens, V)
    total, P = counts.sum(axis=1, keepdims=True), _kneser_ney(tokens, V, d)
    return np.where(counts > 0, np.maximum(counts - d, 0) / np.maximum(total, 1), P)


def _kneser_ney_of(tokens, V, d, total):
    """Divided by `total` where it is not the sum of the row."""
    counts = _pairs(tokens, V)
    row = counts.sum(axis=1, keepdims=True)
    return np.where(
        row > 0,
        _kneser_ney(tokens, V, d) * row / np.maximum(total, 1)[:, None],
        _continuation(counts),
    )


def _discounted_late(tokens, V, d):
    counts = _pairs(tokens, V)
    row = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    freed = d * (counts > 0).sum(axis=1, keepdims=True) * _continuation(counts) / row
    late = np.maximum(counts / row - d, 0) + freed
    return np.where(counts.sum(axis=1, keepdims=True) > 0, late, _continuation(counts))


def _not_divided(tokens, V, d):
    counts = _pairs(tokens, V)
    row = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    freed = d * (counts > 0).sum(axis=1, keepdims=True) * _continuation(counts)
    undivided = np.maximum(counts - d, 0) / row + freed
    return np.where(counts.sum(axis=1, keepdims=True) > 0, undivided, _continuation(counts))


KNESER_NEY = Exercise(
    name="kneser_ney",
    points=4,
    section=COUNTING,
    cases=_kneser_ney_cases,
    shapes={"tokens": "N"},
    returns={"P": "a float64 array (V, V)"},
    reference=Source("counts in NumPy", _kneser_ney),
    oracle=Source("torch.bincount", _kneser_ney_by_torch),
    misconceptions=(
        Misconception(
            "rows and columns exchanged",
            lambda tokens, V, d: _kneser_ney(tokens, V, d).T,
            "Rows and columns are exchanged: row v holds what may follow v, and sums to one.",
        ),
        Misconception(
            "spread evenly",
            _spread_evenly,
            "Every token got the same share of the freed probability, 1/V. Kneser and Ney share it "
            "by P_cont: by the number of different tokens that come before a token.",
        ),
        Misconception(
            "spread by frequency",
            _by_frequency,
            "The freed probability was spread by how often a token occurs. Kneser and Ney count "
            "after how many different tokens it occurs: 1 for each kind of pair, not for each "
            "pair.",
        ),
        Misconception(
            "pairs counted once",
            _counted_once,
            "Every pair was counted at most once: `counts[v, w] += 1` with arrays of indices adds "
            "a repeated pair only once. Use a loop, or `np.add.at`.",
            section=BACKWARD,
        ),
        Misconception(
            "one discount a row",
            _fixed_discount,
            "Only one discount d a row was given back. Each of the n(v) different successors lost "
            "d, so the row has d * n(v) to spread; your rows do not sum to one.",
        ),
        Misconception(
            "nothing taken away",
            _not_discounted,
            "Probability was spread, but not taken from the counts before. Subtract d from every "
            "count that is not zero; your rows sum to more than one.",
        ),
        Misconception(
            "zeros discounted",
            _wrong_smoothing(clip=False),
            "Zero counts were discounted, too, and became negative. max(c - d, 0): where there is "
            "nothing, nothing is taken.",
        ),
        Misconception(
            "empty rows left empty",
            _empty_rows,
            "A token that is never followed by anything has a row of zeros. Nothing is known "
            "there, so its row is P_cont.",
        ),
        Misconception(
            "empty rows divided by zero",
            _rows_of_nan,
            "Where c(v) = 0 you divided by zero. Nothing is known of what follows v, so its row "
            "is P_cont.",
        ),
        Misconception(
            "successors for predecessors",
            _counted_per_predecessor,
            "P_cont was made of the number of different tokens after w. It is the number of "
            "different tokens before w: sum over the rows of a column.",
        ),
        Misconception(
            "n and m exchanged",
            _kinds_exchanged,
            "n and m are exchanged: n(v) counts the different tokens after v, along row v; m(w) "
            "those before w, along column w.",
        ),
        Misconception(
            "freed probability lost",
            _wrong_smoothing(freed=0.0),
            "What was taken from the counts is not given back: your rows sum to less than one. "
            "Add d n(v) P_cont.",
        ),
        Misconception(
            "empty rows uniform",
            _uniform_where_nothing,
            "Where c(v) = 0 the row is 1/V everywhere. Nothing is known of what follows v, so the "
            "row is P_cont.",
        ),
        Misconception(
            "back-off for what was not seen",
            _for_the_unseen_only,
            "The freed probability goes only to tokens that were not seen after v, as in Katz's "
            "back-off, so a row does not sum to one. Here all tokens get their share of it, those "
            "that were seen, too.",
        ),
        Misconception(
            "tokens counted, not pairs",
            lambda tokens, V, d: _kneser_ney_of(tokens, V, d, np.bincount(tokens, minlength=V)),
            "It was divided by how often the token v occurs. c(v) is the sum of its row, the "
            "number of pairs that begin with v: the last token of the text begins none.",
        ),
        Misconception(
            "spread by frequency of tokens",
            lambda tokens, V, d: _smoothed(
                _pairs(tokens, V), d, np.bincount(tokens, minlength=V) / len(tokens)
            ),
            "The freed probability was spread by how often a token occurs in the text. Kneser "
            "and Ney count after how many different tokens it occurs.",
        ),
        Misconception(
            "d taken from the probability",
            _discounted_late,
            "d was taken from c(v, w)/c(v). It is taken from the count, and then both parts are "
            "divided by c(v).",
        ),
        Misconception(
            "freed mass not divided",
            _not_divided,
            "Only the first part was divided by c(v). The freed d n(v) P_cont is divided by it, "
            "too: put the sum in brackets.",
        ),
    ),
)


LAB = Lab(
    number=4,
    title="Language models",
    chapter="04_language_models",
    exercises=(GRADIENT, FORCING, SENTENCE, CORPUS, DRAW, KNESER_NEY),
    questions=(Question("memory", points=3),),
)
check, ready, summary = LAB.check, LAB.ready, LAB.summary
