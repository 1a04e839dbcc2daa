"""Lab 03, Unfolding: cases, right answers and known mistakes.

The right answers come from torch or SciPy, or from the chapter's verified functions where these
are missing. The wrong ones are written as plainly as a student would write them.
"""

import numpy as np

from unrolled.unfolding import elman_forward, readout, rnn_forward, sigmoid

from .exercise import Exercise, Misconception, Question, Source, numbers, one_at_a_time
from .lab import Lab
from .weights import as_weights

SQUASHING = "The activation functions"
STEP = "The simple transition"
UNFOLDING = "Unfolding: recursion, nested form, loop"
BASE = "The base condition"
CAUSALITY = "Who can know what: causality"
FILTER = "The Elman network is a filter"
LAMP = "Experiment: the lamp"


# --------------------------------------------------------------------------- warm-up: the sigmoid
def _sigmoid_cases(rng):
    inputs = [[2.0, -2.0, 0.0], [-800.0, 800.0, 1.0], [0.5, -40.0, 40.0, -3.0], [-5.0]]
    inputs += [rng.normal(scale=3, size=5), [1.5, *rng.normal(scale=300, size=8)]]
    inputs += [[37.5, 40.0, 45.0]]  # 1 + e^-x is 1 in float64, and the logarithm is not 0
    inputs += [[-745.0, -37.0, -1e-300, 37.0, 709.0, 710.0]]  # the last e^x that fits, and after it
    return [{"x": np.array(x)} for x in inputs]


def _quiet(function):
    """`function` without NumPy's warnings: a known mistake may overflow."""

    def wrong(*arguments):
        with np.errstate(all="ignore"):
            return function(*arguments)

    return wrong


def _torch_sigmoid(x):
    import torch

    x = torch.from_numpy(x)
    return torch.sigmoid(x).numpy(), torch.nn.functional.logsigmoid(x).numpy()


SIGMOID = Exercise(
    name="sigmoid_and_log",
    points=2,
    section=SQUASHING,
    cases=_sigmoid_cases,
    shapes={"x": "N"},
    returns={"s": "a float64 array (N,)", "log_s": "a float64 array (N,)"},
    reference=Source("unrolled.unfolding.sigmoid", lambda x: (sigmoid(x), -np.logaddexp(0, -x))),
    oracle=Source("torch.sigmoid and logsigmoid", _torch_sigmoid),
    floor=1e-300,  # the logarithm of a sigmoid close to 1 is a small number, and not 0
    misconceptions=(
        Misconception(
            "minus for plus",
            _quiet(lambda x: (1 / (1 - np.exp(-x)), np.log(1 / (1 - np.exp(-x))))),
            "This is 1 / (1 - e^-x), the misprint. It has no value at 0 and is never between 0 "
            "and 1. The sign below the line is a plus.",
        ),
        Misconception(
            "overflow",
            _quiet(
                lambda x: (
                    np.exp(x) / (1 + np.exp(x)),
                    np.log(np.exp(x) / (1 + np.exp(x))),
                )
            ),
            "e^x / (1 + e^x) is right on paper, but e^800 is infinite in float64, and infinity by "
            "infinity is nan. Take the exponential of -|x| only.",
        ),
        Misconception(
            "logarithm of zero",
            _quiet(lambda x: (sigmoid(x), np.log(1 / (1 + np.exp(-x))))),
            "The sigmoid is right. Its logarithm is minus infinity at -800: the sigmoid was "
            "rounded to 0 before, or exp(800) overflowed. The right value is -800. Simplify the "
            "logarithm on paper first.",
        ),
        Misconception(
            "sum rounded to 1",
            lambda x: (sigmoid(x), np.minimum(x, 0) - np.log(1 + np.exp(-np.abs(x)))),
            "The formula is right. But 1 + e^-40 is 1 in float64, and its logarithm 0, where "
            "-e^-40 = -4.2e-18 is expected. `np.log1p(e)` is log(1 + e) without that sum.",
        ),
        Misconception(
            "mirrored",
            lambda x: (sigmoid(-x), -np.logaddexp(0, x)),
            "This is the sigmoid of -x: it falls where it should rise. The exponent in "
            "1 / (1 + e^-x) is -x.",
        ),
        Misconception(
            "logarithm of the bright side",
            lambda x: (sigmoid(x), -np.logaddexp(0, -np.abs(x))),
            "The sigmoid is right, and so is the logarithm for x > 0. For x < 0 it is the "
            "logarithm of the sigmoid of |x|: the case x < 0 has an e above the line, too, whose "
            "logarithm is x.",
        ),
        Misconception(
            "logarithm of a stable sigmoid",
            _quiet(lambda x: (sigmoid(x), np.log(sigmoid(x)))),
            "The sigmoid is right, but its logarithm was taken afterwards: however it is computed, "
            "float64 rounds the sigmoid of -800 to 0. Simplify the logarithm on paper first.",
        ),
        Misconception(
            "x for its logarithm",
            lambda x: (sigmoid(x), np.where(x >= 0, -np.logaddexp(0, -x), x)),
            "The sigmoid is right. For x < 0 the logarithm of e^x / (1 + e^x) is x - log(1 + e^x): "
            "the part below the line is missing.",
        ),
    ),
)


# --------------------------------------------------------------------------- Elman, dreaming
def _dream_cases(rng):
    sizes = [(1, 1, 2, 2), (3, 1, 2, 1), (6, 3, 5, 7)]
    sizes += one_at_a_time({"T": 4, "D": 2, "H": 3, "steps": 5}, T=1, D=1, H=1, steps=1)
    return [
        {
            "x": rng.normal(size=(T, D)).round(1),
            "W_1": rng.normal(size=(H, D)).round(1),
            "W_2": rng.normal(scale=2, size=(H, H)).round(1),
            "W_3": rng.normal(scale=2, size=(D, H)).round(1),
            "steps": steps,
        }
        for T, D, H, steps in sizes
    ]


def _dream(x, W_1, W_2, W_3, steps, squash=sigmoid, squash_out=lambda z: z, h=None, feed=None):
    """Read x, then go on with the network's own guesses; or with what `feed` makes of them."""
    h = np.zeros(len(W_2)) if h is None else h
    for x_t in x:
        h = squash(W_1 @ x_t + W_2 @ h)
    guesses = [squash_out(W_3 @ h)]
    while len(guesses) < steps:
        h = squash(W_1 @ (guesses[-1] if feed is None else feed(x, guesses)) + W_2 @ h)
        guesses.append(squash_out(W_3 @ h))
    return np.array(guesses)


def _dream_by_rereading(x, W_1, W_2, W_3, steps):
    """The chapter's network reads everything again for each guess."""
    for _ in range(steps):
        guess, _ = elman_forward(x[:, None], None, W_1, W_2, W_3)
        x = np.concatenate([x, guess[-1]])
    return x[-steps:]


def _dream_by_torch(x, W_1, W_2, W_3, steps):
    import torch

    x, W_1, W_2, W_3 = map(torch.from_numpy, (x, W_1, W_2, W_3))
    h = torch.zeros(len(W_2), dtype=x.dtype)
    for x_t in x:
        h = torch.sigmoid(W_1 @ x_t + W_2 @ h)
    guesses = [W_3 @ h]
    for _ in range(steps - 1):
        h = torch.sigmoid(W_1 @ guesses[-1] + W_2 @ h)
        guesses.append(W_3 @ h)
    return torch.stack(guesses).numpy()


def _forgetful(x, W_1, W_2, W_3, steps):
    """The state is zero again when the dream begins."""
    guess = _dream(x, W_1, W_2, W_3, 1)[0]
    return np.array([guess, *_dream(guess[None], W_1, W_2, W_3, steps)])[:steps]


def _while_reading(x, W_1, W_2, W_3, steps):
    h, guesses = np.zeros(len(W_2)), []
    for t in range(max(len(x), steps)):
        h = sigmoid(W_1 @ (x[t] if t < len(x) else guesses[-1]) + W_2 @ h)
        guesses.append(W_3 @ h)
    return np.array(guesses[:steps])


def _never_shown_x(x, W_1, W_2, W_3, steps):
    return _dream(x[:1], W_1, W_2, W_3, len(x) - 1 + steps)[-steps:]


def _standing_dream(x, W_1, W_2, W_3, steps):
    """Every guess from the state after the last real input, and the guess before it."""
    h = np.zeros(len(W_2))
    for x_t in x:
        h = sigmoid(W_1 @ x_t + W_2 @ h)
    guesses = [W_3 @ h]
    while len(guesses) < steps:
        guesses.append(W_3 @ sigmoid(W_1 @ guesses[-1] + W_2 @ h))
    return np.array(guesses)


def _last_twice(x, W_1, W_2, W_3, steps):
    again = np.concatenate([x, x[-1:]])
    return np.concatenate([x[-1:], _dream(again, W_1, W_2, W_3, steps)[:-1]])


def _sliding_dream(x, W_1, W_2, W_3, steps):
    read = x
    for _ in range(steps):
        guess = _dream(read[-len(x) :], W_1, W_2, W_3, 1)
        read = np.concatenate([read, guess])
    return read[-steps:]


DREAM = Exercise(
    name="dream",
    points=3,
    section=FILTER,
    cases=_dream_cases,
    shapes={"x": "T D", "W_1": "H D", "W_2": "H H", "W_3": "D H"},
    returns={"guesses": "a float64 array (steps, D)"},
    reference=Source("unrolled.unfolding.elman_forward", _dream_by_rereading),
    oracle=Source("a loop in torch", _dream_by_torch),
    misconceptions=(
        Misconception(
            "transposed W_2",
            lambda x, W_1, W_2, W_3, steps: _dream(x, W_1, W_2.T, W_3, steps),
            "W_2 was used transposed. Being square it fits both ways, so no shape complains. For "
            "single vectors the product is `W_2 @ h`, for rows of a batch it is `h @ W_2.T`.",
            section=STEP,
        ),
        Misconception(
            "state forgotten",
            _forgetful,
            "The first guess is right; then the state began at zero again. The state after the "
            "last real input is all the network knows of x: go on from it.",
        ),
        Misconception(
            "one guess late",
            lambda x, W_1, W_2, W_3, steps: _dream(x, W_1, W_2, W_3, steps + 1)[1:],
            "The first guess is missing. The state after the last real input makes it already; "
            "it is the first row.",
        ),
        Misconception(
            "last input repeated",
            lambda x, W_1, W_2, W_3, steps: _dream(
                x, W_1, W_2, W_3, steps, feed=lambda x, guesses: x[-1]
            ),
            "The network goes on reading the last real input. In a dream it reads its own latest "
            "guess.",
        ),
        Misconception(
            "nothing read",
            lambda x, W_1, W_2, W_3, steps: _dream(
                x, W_1, W_2, W_3, steps, feed=lambda x, guesses: np.zeros(x.shape[1])
            ),
            "After the real inputs the network reads zeros. In a dream it reads its own latest "
            "guess.",
        ),
        Misconception(
            "output squashed",
            lambda x, W_1, W_2, W_3, steps: _dream(x, W_1, W_2, W_3, steps, squash_out=sigmoid),
            "The output went through a sigmoid, too. Here ρ is the identity: a guess may be any "
            "number.",
        ),
        Misconception(
            "tanh for sigmoid",
            lambda x, W_1, W_2, W_3, steps: _dream(x, W_1, W_2, W_3, steps, squash=np.tanh),
            "The hidden units used tanh. In the Elman deck, and in this exercise, σ is the "
            "sigmoid.",
            section=SQUASHING,
        ),
        Misconception(
            "started from ones",
            lambda x, W_1, W_2, W_3, steps: _dream(x, W_1, W_2, W_3, steps, h=np.ones(len(W_2))),
            "The state before the first input was a vector of ones. The base condition here is "
            "the zero vector.",
            section=BASE,
        ),
        Misconception(
            "guesses made while reading",
            _while_reading,
            "The guesses of the first phase are among these: the first row is the guess after "
            "x_1, made while x was still being read. Begin to keep guesses when x has ended.",
        ),
        Misconception(
            "never shown x",
            _never_shown_x,
            "From the second step on the network read its own guesses, in the first phase as "
            "well. As long as there is a real input, that is what it reads.",
        ),
        Misconception(
            "state stands still",
            _standing_dream,
            "The first two guesses are right; then each came from the state after the last real "
            "input again. The state goes on in the dream as it did before.",
        ),
        Misconception(
            "begins with the last input",
            lambda x, W_1, W_2, W_3, steps: np.concatenate(
                [x[-1:], _dream(x, W_1, W_2, W_3, steps)[:-1]]
            ),
            "The first row is the last real input, and the guesses come one place late. What "
            "follows x begins with the first guess.",
        ),
        Misconception(
            "last input read twice",
            _last_twice,
            "The first row is x_T, which the network has then read once more before its first "
            "guess. When x has been read, its state makes the first guess already.",
        ),
        Misconception(
            "oldest input dropped",
            _sliding_dream,
            "For each guess the network read the latest T inputs only, from a state of zeros. The "
            "state has read all that came before: go on from it.",
        ),
    ),
)


# --------------------------------------------------------------------------- an IIR filter
def _iir_cases(rng):
    cases = []
    # one signal ends before its filter's memory is full
    for T, p in [(3, 1), (5, 1), (6, 2), *one_at_a_time({"T": 9, "p": 3}, T=2, p=1), (20, 4)]:
        cases.append(
            {
                "x": numbers(rng, T),
                "beta": numbers(rng, p + 1),
                "alpha": rng.choice([-0.75, -0.5, -0.25, 0.25, 0.5, 0.75], p) / p,
            }
        )
    return cases


def _iir(x, beta, alpha):
    """The difference equation, term by term."""
    y = np.zeros(len(x))
    for t in range(len(x)):
        y[t] = sum(beta[k] * x[t - k] for k in range(min(t + 1, len(beta))))
        y[t] += sum(alpha[k - 1] * y[t - k] for k in range(1, min(t, len(alpha)) + 1))
    return y


def _iir_by_scipy(x, beta, alpha):
    from scipy.signal import lfilter

    return lfilter(beta, np.concatenate([[1.0], -alpha]), x)


def _iir_net(x, beta, alpha, transpose=False, squash=lambda a: a, late=0):
    """The linear network of the solution, with hooks for mistakes."""
    p = len(alpha)
    W_h = np.eye(p + 1, k=-1)
    W_h[0, late : p + late] = alpha
    h, y = np.zeros(p + 1), []
    for x_t in x:
        h = squash((W_h.T if transpose else W_h) @ h + np.eye(p + 1)[0] * x_t)
        y.append(beta @ h)
    return np.array(y)


def _betas_everywhere(x, beta, alpha, out):
    """The betas as input weights, and `out` as output weights."""
    p = len(alpha)
    W_h = np.eye(p + 1, k=-1)
    W_h[0, :p] = alpha
    h, _ = rnn_forward(
        x[:, None, None], None, W_h=W_h, W_i=beta[:, None], b=np.zeros(p + 1), activation="identity"
    )
    return h[1:, 0] @ out


def _alphas_in_a_column(x, beta, alpha, first):
    p = len(alpha)
    W_h = np.eye(p + 1, k=-1)
    W_h[first : p + first, 0] = alpha
    h, y = np.zeros(p + 1), []
    for x_t in x:
        h = W_h @ h + np.eye(p + 1)[0] * x_t
        y.append(beta @ h)
    return np.array(y)


def _oldest_first(x, beta, alpha):
    p = len(alpha)
    W_h = np.eye(p + 1, k=1)
    W_h[-1, :p] = alpha
    h, y = np.zeros(p + 1), []
    for x_t in x:
        h = W_h @ h + np.eye(p + 1)[-1] * x_t
        y.append(beta @ h)
    return np.array(y)


def _alphas_last(x, beta, alpha):
    p = len(alpha)
    W_h = np.eye(p + 1, k=-1)
    W_h[-1, :p] = alpha
    h, y = np.zeros(p + 1), []
    for x_t in x:
        h = W_h @ h + np.eye(p + 1)[0] * x_t
        y.append(beta @ h)
    return np.array(y)


def _wrapping_round(x, beta, alpha):
    y = np.zeros(len(x))
    for t in range(len(x)):
        y[t] = sum(b * x[(t - k) % len(x)] for k, b in enumerate(beta))
        y[t] += sum(a * y[t - k] for k, a in enumerate(alpha, 1) if t >= k)
    return y


def _from_p_on(x, beta, alpha):
    p, y = len(alpha), np.zeros(len(x))
    for t in range(p, len(x)):
        y[t] = beta @ x[t - p : t + 1][::-1] + alpha @ y[t - p : t][::-1]
    return y


IIR = Exercise(
    name="filter_network",
    points=3,
    section=FILTER,
    cases=_iir_cases,
    shapes={"x": "T", "beta": "p+1", "alpha": "p"},
    returns={"y": "a float64 array (T,)"},
    reference=Source("the difference equation, term by term", _iir),
    oracle=Source("scipy.signal.lfilter", _iir_by_scipy),
    misconceptions=(
        Misconception(
            "feedback with the wrong sign",
            lambda x, beta, alpha: _iir(x, beta, -alpha),
            "The feedback has the wrong sign. SciPy's convention has the alphas on the other "
            "side of the equation; here they stand on the right, with a plus.",
        ),
        Misconception(
            "no feedback",
            lambda x, beta, alpha: _iir(x, beta, 0 * alpha),
            "Only the betas are at work: this is a convolution, whose response ends. The first "
            "row of W_h has to feed the state back.",
        ),
        Misconception(
            "state one too short",
            lambda x, beta, alpha: _iir(x, np.append(beta[:-1], 0), alpha),
            "The last beta has no effect: it needs the state of p steps ago. The delay line "
            "holds p + 1 numbers, the present one included.",
        ),
        Misconception(
            "betas reversed",
            lambda x, beta, alpha: _iir(x, beta[::-1], alpha),
            "The betas are in reverse order. beta_0 belongs to the newest number, which stands "
            "first in the state.",
        ),
        Misconception(
            "alphas reversed",
            lambda x, beta, alpha: _iir(x, beta, alpha[::-1] if len(alpha) > 1 else alpha * 0),
            "The alphas are in reverse order. alpha_1 belongs to the newest past number.",
        ),
        Misconception(
            "transposed W_h",
            lambda x, beta, alpha: _iir_net(x, beta, alpha, transpose=True),
            "The first row of W_h and its first column are exchanged (W_h is transposed), or the "
            "betas and the 1 (betas in W_i). Row j says what unit j listens to: the alphas belong "
            "to the first row, the ones below the diagonal, the betas to W_o.",
            section=STEP,
        ),
        Misconception(
            "delay line stands still",
            lambda x, beta, alpha: _iir(x, beta[:1], alpha[:1]),
            "Only the first unit ever moves: nothing is handed on to the others. The ones of W_h "
            "stand below its diagonal, so that each unit takes over what the unit before it held.",
            section=STEP,
        ),
        Misconception(
            "alphas one place late",
            lambda x, beta, alpha: _iir_net(x, beta, alpha, late=1),
            "The feedback comes one step late: the alphas stand one place too far right in the "
            "first row of W_h. The state before this step begins with v_(t-1), which alpha_1 "
            "weighs.",
        ),
        Misconception(
            "one step late",
            lambda x, beta, alpha: np.append(0.0, _iir(x, beta, alpha)[:-1]),
            "Everything comes one step late: h[0] is the state before the first input. Read out "
            "h[1:].",
            section=BASE,
        ),
        Misconception(
            "only the newest number read out",
            lambda x, beta, alpha: _iir(x, np.append(beta[0], 0 * beta[1:]), alpha),
            "Only the first unit is read out. The other units hold its past: beta_k weighs the "
            "one of k steps ago.",
        ),
        Misconception(
            "a tanh inside",
            lambda x, beta, alpha: _iir_net(x, beta, alpha, squash=np.tanh),
            "The states went through a tanh, the default of `rnn_forward`. A linear filter needs "
            "the activation 'identity'.",
            section=SQUASHING,
        ),
        Misconception(
            "betas twice",
            lambda x, beta, alpha: _betas_everywhere(x, beta, alpha, beta),
            "The betas stand in W_i and in W_o. They weigh the state when it is read out, in W_o; "
            "x enters the first unit alone, with weight 1.",
        ),
        Misconception(
            "betas at the input, all units read",
            lambda x, beta, alpha: _betas_everywhere(x, beta, alpha, np.ones(len(beta))),
            "The betas stand in W_i, so x enters every unit. It enters the first alone, with "
            "weight 1, and the betas belong to W_o.",
        ),
        Misconception(
            "alphas in a column",
            lambda x, beta, alpha: _alphas_in_a_column(x, beta, alpha, 0),
            "The alphas stand in the first column of W_h. Row j says what unit j listens to: it "
            "is the first unit that listens to all the past, so they belong to the first row.",
        ),
        Misconception(
            "alphas below, in a column",
            lambda x, beta, alpha: _alphas_in_a_column(x, beta, alpha, 1),
            "The alphas stand in the first column of W_h, from the second row on. They belong to "
            "the first row: the first unit listens to v_(t-1), v_(t-2), ...",
        ),
        Misconception(
            "present left out",
            lambda x, beta, alpha: _iir(x, np.append(0.0, beta[1:]), alpha),
            "beta_0 has no effect: the newest number v_t, which stands first in the state, belongs "
            "to the output as well.",
        ),
        Misconception(
            "oldest first",
            _oldest_first,
            "The newest number stands last in the state, but alphas and betas stand as if it were "
            "the first. In h_t = (v_t, v_(t-1), ...) the newest comes first, so x enters the "
            "first unit.",
        ),
        Misconception(
            "alphas in the last row",
            _alphas_last,
            "The alphas stand in the last row of W_h. The unit that takes the new number in is "
            "the first; it needs the past, v_(t-1) and so on, in the same step.",
            section=STEP,
        ),
        Misconception(
            "betas ignored",
            lambda x, beta, alpha: _iir(x, np.eye(len(beta))[0], alpha),
            "This is v, the response without the betas. They come when the state is read out: in "
            "W_o.",
        ),
        Misconception(
            "index below zero",
            _wrapping_round,
            "Before the beginning `x[t - k]` with t < k reads from the end of x, as every "
            "negative index does. There x is 0.",
        ),
        Misconception(
            "loop starts at p",
            _from_p_on,
            "The first p outputs are 0. They, too, have inputs, though fewer: what lies before "
            "the beginning counts as 0.",
        ),
    ),
)


# --------------------------------------------------------------------------- unfolding, linear
def _unfold_cases(rng):
    return [
        {"W": numbers(rng, H, H) / 4, "u": numbers(rng, T, H)}
        for T, H in [(3, 1), *one_at_a_time({"T": 4, "H": 3}, T=1, H=1), (3, 4), (7, 5)]
    ]


def _unfold(W, u):
    A, c = np.eye(len(W)), np.zeros(len(W))
    for u_t in u:
        A, c = W @ A, W @ c + u_t
    return A, c


def _unfold_by_probing(W, u):
    """From the chapter's loop: c is the last state from zero, A from what unit states add."""
    T, H = u.shape
    start = np.concatenate([np.zeros((1, H)), np.eye(H)])  # a batch of H + 1 beginnings
    x = np.broadcast_to(u[:, None], (T, H + 1, H))
    h, _ = rnn_forward(x, start, np.eye(H), W, np.zeros(H), "identity")
    return (h[-1, 1:] - h[-1, 0]).T, h[-1, 0]


def _unfold_by_torch(W, u):
    import torch

    def last(h):
        for u_t in torch.from_numpy(u):
            h = torch.from_numpy(W) @ h + u_t
        return h

    zero = torch.zeros(len(W), dtype=torch.float64)
    return torch.autograd.functional.jacobian(last, zero).numpy(), last(zero).numpy()


def _powers(W, u, exponents, power=np.linalg.matrix_power):
    return sum(power(W, e) @ u_t for e, u_t in zip(exponents, u, strict=True))


def _a_for_w(W, u):
    A, c = np.eye(len(W)), np.zeros(len(W))
    for u_t in u:
        A = W @ A
        c = A @ c + u_t
    return A, c


UNFOLD = Exercise(
    name="unfold_linear",
    points=3,
    section=UNFOLDING,
    cases=_unfold_cases,
    shapes={"W": "H H", "u": "T H"},
    returns={"A": "a float64 array (H, H)", "c": "a float64 array (H,)"},
    reference=Source("unrolled.unfolding.rnn_forward", _unfold_by_probing),
    oracle=Source("a loop in torch and its Jacobian", _unfold_by_torch),
    misconceptions=(
        Misconception(
            "time reversed",
            lambda W, u: (_unfold(W, u)[0], _powers(W, u, range(len(u)))),
            "A is right. In c the powers run the wrong way: the first input has been through W "
            "the most often, the last one never.",
        ),
        Misconception(
            "one power too many",
            lambda W, u: (_unfold(W, u)[0], W @ _unfold(W, u)[1]),
            "A is right. In c every input has been multiplied by W once too often. The last "
            "input u_T enters h_T as it is.",
        ),
        Misconception(
            "powers element by element",
            lambda W, u: (W ** len(u), _powers(W, u, range(len(u))[::-1], np.power)),
            "`W ** T` raises every element to a power. The network applies the matrix T times: "
            "that is `np.linalg.matrix_power`, or a loop of products.",
        ),
        Misconception(
            "A one step long",
            lambda W, u: (np.linalg.matrix_power(W, len(u) + 1), _unfold(W, u)[1]),
            "c is right. A has one factor too many: h_0 passes through W once at each of the T "
            "steps. A loop of products begins with the identity, not with W.",
        ),
        Misconception(
            "A one step short",
            lambda W, u: (np.linalg.matrix_power(W, len(u) - 1), _unfold(W, u)[1]),
            "c is right. A has one factor too few: h_0 passes through W at every one of the T "
            "steps, the first included.",
        ),
        Misconception(
            "transposed W",
            lambda W, u: _unfold(W.T, u),
            "W is transposed. Here h and u are single vectors, so the product is `W @ h`.",
            section=STEP,
        ),
        Misconception(
            "inputs only added",
            lambda W, u: (_unfold(W, u)[0], u.sum(axis=0)),
            "A is right, but c only adds the inputs up. Each of them is part of a state, and is "
            "multiplied by W at every later step.",
        ),
        Misconception(
            "last input only",
            lambda W, u: (_unfold(W, u)[0], u[-1]),
            "A is right, but c knows the last input only. The earlier ones are still in h_(T-1): "
            "unfold further.",
        ),
        Misconception(
            "each input through W once",
            lambda W, u: (_unfold(W, u)[0], W @ u.sum(axis=0)),
            "A is right. In c each input has been through W once, the last one, too. How often an "
            "input passes through W depends on how many steps come after it.",
        ),
        Misconception(
            "earlier inputs through W once",
            lambda W, u: (_unfold(W, u)[0], W @ u[:-1].sum(axis=0) + u[-1]),
            "A is right, and so is what c holds of the last two inputs. Those before have passed "
            "through W once only; they do so at every step that comes after them.",
        ),
        Misconception(
            "A for W",
            _a_for_w,
            "A is right. At each step c was multiplied by the A collected so far. One step "
            "multiplies it by W.",
        ),
    ),
)


# --------------------------------------------------------------------------- different lengths
def _batch_cases(rng):
    sizes = [(4, 2, 1, 3), (4, 3, 1, 2), (9, 5, 3, 4)]
    sizes += one_at_a_time({"T": 7, "B": 4, "D": 2, "H": 3}, B=1, D=1, H=1)
    cases = []
    for at, (T, B, D, H) in enumerate(sizes):
        # no full length at the end and none of one step only, so that no mistake hides
        lengths = np.append(T, rng.integers(2, T, B - 1))
        if at % 2:
            lengths[0] = T - 1  # the longest is shorter than T, the padding longer than needed
        x = rng.normal(size=(T, B, D)).round(1)
        one, other = (1, B - 2) if B > 3 else (0, B - 1)
        x[lengths[one] - 1, one] = x[0, other] = 0  # zeros that are inputs: no padding by its value
        if at == 1:
            lengths[1] = 1  # a single step
        if at > 1:  # the first is not the longest
            lengths, x = lengths[::-1].copy(), x[:, ::-1].copy()
        x[np.arange(T)[:, None] >= lengths] = 0
        cases.append(
            {
                "x": x,
                "lengths": lengths,
                "h_0": rng.normal(size=H).round(1),
                "W_i": rng.normal(size=(H, D)).round(1),
                "W_h": rng.normal(size=(H, H)).round(1),
                "b": rng.normal(size=H).round(1),
            }
        )
    return cases


def _states(x, h_0, W_i, W_h, b):
    return rnn_forward(x, h_0, W_i, W_h, b)[0]


def _last(x, lengths, h_0, W_i, W_h, b):
    return _states(x, h_0, W_i, W_h, b)[lengths, np.arange(len(lengths))]


def _last_by_torch(x, lengths, h_0, W_i, W_h, b):
    """Packed sequences: torch's own way with different lengths."""
    import torch

    H, D = W_i.shape
    net = torch.nn.RNN(D, H, dtype=torch.float64)
    parts = W_i, W_h, b, np.zeros(H)
    net.load_state_dict(dict(zip(net.state_dict(), map(torch.from_numpy, parts), strict=True)))
    packed = torch.nn.utils.rnn.pack_padded_sequence(
        torch.from_numpy(x), torch.from_numpy(lengths), enforce_sorted=False
    )
    start = torch.from_numpy(h_0).expand(1, len(lengths), H).contiguous()
    with torch.no_grad():
        return net(packed, start)[1][0].numpy()


def _leaking(x, lengths, h_0, W_i, W_h, b):
    last, h = [], h_0
    for n, length in enumerate(lengths):
        h = _states(x[:length, n : n + 1], h, W_i, W_h, b)[-1, 0]
        last.append(h)
    return np.array(last)


def _standing_still(x, lengths, h_0, W_i, W_h, b):
    h = np.tile(h_0, (len(lengths), 1))
    for x_t in x:
        read = (x_t != 0).any(axis=1)[:, None]
        h = np.where(read, np.tanh(x_t @ W_i.T + h @ W_h.T + b), h)
    return h


def _bias_outside(x, lengths, h_0, W_i, W_h, b):
    h = np.tile(h_0, (len(lengths), 1))
    for t, x_t in enumerate(x):
        h = np.where((t < lengths)[:, None], np.tanh(x_t @ W_i.T + h @ W_h.T) + b, h)
    return h


LENGTHS = Exercise(
    name="last_states",
    points=3,
    section=UNFOLDING,
    cases=_batch_cases,
    shapes={"x": "T B D", "lengths": "B", "h_0": "H", "W_i": "H D", "W_h": "H H", "b": "H"},
    returns={"last": "a float64 array (B, H)"},
    reference=Source("unrolled.unfolding.rnn_forward", _last),
    oracle=Source("torch.nn.RNN on packed sequences", _last_by_torch),
    misconceptions=(
        Misconception(
            "padding read",
            lambda x, lengths, h_0, W_i, W_h, b: _states(x, h_0, W_i, W_h, b)[-1],
            "These are the states after T steps, padding included. An input of zeros is an "
            "input: the state goes on changing. Take each state at its own length.",
        ),
        Misconception(
            "one step early",
            lambda x, lengths, h_0, W_i, W_h, b: _states(x, h_0, W_i, W_h, b)[
                lengths - 1, np.arange(len(lengths))
            ],
            "These are the states before the last input. `h[0]` is h_0, so the state after n "
            "inputs is `h[n]`.",
            section=BASE,
        ),
        Misconception(
            "state leaks",
            _leaking,
            "The state leaks from one sequence into the next: each begins where the one before "
            "it ended. Sequences of a batch know nothing of each other, so each begins at h_0.",
            section=BASE,
        ),
        Misconception(
            "h_0 skipped",
            lambda x, lengths, h_0, W_i, W_h, b: _last(x, lengths, 0 * h_0, W_i, W_h, b),
            "The states begin at zero, and h_0 has no effect. Here the base condition is a "
            "parameter.",
            section=BASE,
        ),
        Misconception(
            "transposed W_h",
            lambda x, lengths, h_0, W_i, W_h, b: _last(x, lengths, h_0, W_i, W_h.T, b),
            "W_h was used transposed; being square it fits both ways. States are rows here, so "
            "the product is `h @ W_h.T`.",
            section=STEP,
        ),
        Misconception(
            "zeros taken for padding",
            _standing_still,
            "The state stands still wherever the input is 0. An input of zeros is an input: where "
            "a sequence ends, `lengths` says, and nothing else.",
        ),
        Misconception(
            "zeros not counted",
            lambda x, lengths, h_0, W_i, W_h, b: _states(x, h_0, W_i, W_h, b)[
                (x != 0).any(axis=2).sum(axis=0), np.arange(len(lengths))
            ],
            "Each sequence was read for as many steps as it has inputs other than 0. An input of "
            "zeros counts, too: how many steps there are, `lengths` says, and nothing else.",
        ),
        Misconception(
            "shortest length for all",
            lambda x, lengths, h_0, W_i, W_h, b: _states(x, h_0, W_i, W_h, b)[lengths.min()],
            "All sequences were read up to the length of the shortest one. Each has a length of "
            "its own.",
        ),
        Misconception(
            "bias forgotten",
            lambda x, lengths, h_0, W_i, W_h, b: _last(x, lengths, h_0, W_i, W_h, 0 * b),
            "The bias is missing from the pre-activation.",
            section=STEP,
        ),
        Misconception(
            "state erased by padding",
            lambda x, lengths, h_0, W_i, W_h, b: np.where(
                (lengths == len(x))[:, None], _last(x, lengths, h_0, W_i, W_h, b), 0.0
            ),
            "The padding was masked with zeros, and the state with it: sequences shorter than T "
            "end with a state of zeros. Where there is no input, the state must stay as it is.",
        ),
        Misconception(
            "all states at each length",
            lambda x, lengths, h_0, W_i, W_h, b: _states(x, h_0, W_i, W_h, b)[lengths],
            "`h[lengths]` picks, for each length, the states of all sequences. Give both "
            "indices: the step of each sequence, and the sequence itself, `np.arange(B)`.",
        ),
        Misconception(
            "back at h_0 in the padding",
            lambda x, lengths, h_0, W_i, W_h, b: np.where(
                (lengths == len(x))[:, None], _last(x, lengths, h_0, W_i, W_h, b), h_0
            ),
            "Sequences shorter than T end with h_0: the padding sets their state back. Where "
            "there is no input, the state must stay as it is.",
        ),
        Misconception(
            "bias outside tanh",
            _bias_outside,
            "b was added to the state, after tanh. It belongs to the pre-activation, inside tanh.",
            section=STEP,
        ),
    ),
)


# --------------------------------------------------------------------------- causality
ENDLESS = 99  # steps
WINDOW, MEMORY, PROPHET, HOLES, PRODUCT = range(5)  # families of networks: kind modulo 5


def _box(kind):
    """(family, back, ahead, weights by shift) of the black box of this number."""
    family, rng = kind % 5, np.random.default_rng(abs(int(kind)))
    back, ahead = int(rng.integers(1, 4)), int(rng.integers(0, 3))
    if family == HOLES:  # reads one step far back, one ahead, and its own
        back, ahead = back + 2, ahead + 1
        shifts = [back, 0, -ahead]
    else:
        shifts = range(-ahead, back + 1)
    weights = {shift: rng.uniform(0.5, 1.0) for shift in shifts}
    if family == HOLES:  # too little for np.isclose to see, or downwards
        scale = 2e-9 if kind % 2 else -1.0
        weights |= {shift: scale * weights[shift] for shift in (back, -ahead)}
    if family == MEMORY:
        back = ENDLESS
    if family == PROPHET:
        ahead = ENDLESS
    return family, back, ahead, weights


def _remembered(x):
    """States of one unit that never forgets: (T,) -> (T,)."""
    W = np.full((1, 1), 0.8)
    return rnn_forward(x[:, None, None], None, W, W, np.zeros(1))[0][1:, 0, 0]


def black_box(kind, x):
    """A network nobody has told you about: x: (T,) -> y: (T,), one output per step.

    `kind` is an int, the number of the network.
    """
    x = np.asarray(x, dtype=float)
    family, _, _, weights = _box(kind)
    T, y = len(x), np.zeros(len(x))
    for shift, weight in weights.items():
        source = np.arange(T) - shift
        inside = (source >= 0) & (source < T)
        y[inside] += weight * x[source[inside]]
    if family == MEMORY:
        y += _remembered(x)
    if family == PROPHET:
        y += _remembered(x[::-1])[::-1]
    if family == PRODUCT:
        y = y * x
    return np.tanh(0.2 * y)


def _probe_cases(rng):
    """Every family, each with the mistake that only it shows."""
    cases = []
    for family in (WINDOW, MEMORY, PROPHET, HOLES, PRODUCT, WINDOW, MEMORY, PROPHET, HOLES):
        T = int(rng.integers(6, 11))
        x = rng.choice([-1.0, 1.0], T) * rng.uniform(0.3, 1.5, T).round(1)
        if family == MEMORY:
            x[0] = 0.0  # set to zero, or doubled, it does not move; it alone shows the whole reach
        if family == PROPHET:
            x[-1] = 0.0  # likewise, and forgotten by a loop that ends one step early
        # HOLES: the number of outputs that move is no distance; the farthest of the first network
        # move by 1e-10 only, those of the second as far as others
        number = int(rng.integers(1, 150))
        seen = any(case["kind"] % 5 == HOLES for case in cases)
        kind = 5 * (2 * number + (family == HOLES and seen)) + family
        if family == PRODUCT:  # does not move where one starts from zeros instead of x
            while _box(kind)[1] < 2:  # whoever changes both ends only finds one step less, not none
                kind += 10
            _, back, ahead, _ = _box(kind)
            x[[back, T - 1 - ahead]] = 0.0  # nor where one changes both ends only
        cases.append({"kind": kind, "x": x})
    return cases


def _reach(kind, x):
    _, back, ahead, _ = _box(kind)
    return min(back, len(x) - 1), min(ahead, len(x) - 1)


def _by_eye(kind, x):
    """The reach of what moves by more than np.isclose lets pass."""
    back, ahead = _reach(kind, x)
    return (0, 0) if kind % 5 == HOLES and kind % 2 else (back, ahead)


def _to_the_first_hole(kind, x):
    """The reach of what moves without a gap, from the changed input outwards."""
    before, back, ahead = black_box(kind, x), 0, 0
    for s in range(len(x)):
        changed = x.copy()
        changed[s] += 1.0
        still = np.flatnonzero(black_box(kind, changed) == before)
        back = max(back, min(still[still > s], default=len(x)) - 1 - s)
        ahead = max(ahead, s - 1 - max(still[still < s], default=-1))
    return int(back), int(ahead)


def _seen_by(moved, distances):
    """The reach by outputs that have moved: moved(after, before), distances of a list of steps."""

    def wrong(kind, x):
        before, back, ahead = black_box(kind, x), 0, 0
        for s in range(len(x)):
            changed = x.copy()
            changed[s] += 1.0
            steps = np.flatnonzero(moved(black_box(kind, changed), before))
            back = max(back, distances(steps[steps > s] - s))
            ahead = max(ahead, distances(s - steps[steps < s]))
        return int(back), int(ahead)

    return wrong


def _wrong_reach(change):
    return lambda kind, x: change(*_reach(kind, x))


def _at(x, s):
    return np.arange(len(x)) == s


def _probed(kind, x, change, ends=False, middle=False):
    """The reach seen by whoever changes x as `change(x, s)` does, for these s."""
    before, back, ahead, T = black_box(kind, x), 0, 0, len(x)
    for s in (0, T - 1) if ends else (T // 2,) if middle else range(T):
        moved = np.flatnonzero(black_box(kind, change(x, s)) != before)
        back = max(back, moved.max(initial=s) - s)
        ahead = max(ahead, s - moved.min(initial=s))
    return int(back), int(ahead)


def _t_for_all(kind, x):
    back, ahead = _reach(kind, x)
    return len(x) if back == len(x) - 1 else back, ahead


PROBE = Exercise(
    name="reach",
    points=3,
    section=CAUSALITY,
    cases=_probe_cases,
    shapes={"x": "T"},
    returns={"back": "an int", "ahead": "an int"},
    reference=Source("how the networks were built", _reach),
    misconceptions=(
        Misconception(
            "back and ahead swapped",
            _wrong_reach(lambda back, ahead: (ahead, back)),
            "The two numbers are exchanged. If the output at t moves when the input at s changes, "
            "and s is earlier, the network looks back by t - s.",
        ),
        Misconception(
            "the future not probed",
            _wrong_reach(lambda back, ahead: (back, 0)),
            "`back` is right, but `ahead` is always 0. Look at the outputs before the input "
            "you changed, too, and change every input: before x[0] there is no output.",
        ),
        Misconception(
            "the past not probed",
            _wrong_reach(lambda back, ahead: (0, ahead)),
            "`ahead` is right, but `back` is always 0. An output that moves after the changed "
            "input was looking back at it. Change every input, and keep the largest distance.",
        ),
        Misconception(
            "small moves overlooked",
            _by_eye,
            "Outputs that move a little were taken for equal (`np.isclose` allows 1e-8), or the "
            "input was changed by too little. There is no noise here: change it by 1, and compare "
            "with `!=`.",
        ),
        Misconception(
            "stops at the first hole",
            _to_the_first_hole,
            "The search ended at the first output that does not move. A network may read x_t and "
            "an input far from it, and none between: look at all outputs, and keep the farthest.",
        ),
        Misconception(
            "moved outputs counted",
            _seen_by(np.not_equal, len),
            "The outputs that moved were counted. Asked for is how far from the changed input "
            "the farthest of them is: between them there may be some that do not move.",
        ),
        Misconception(
            "only outputs that grow",
            _seen_by(np.greater, lambda found: max(found, default=0)),
            "Only outputs that grew were taken as moved. One that falls depends on the input just "
            "as well: compare with `!=`.",
        ),
        Misconception(
            "counted as a window",
            _wrong_reach(lambda back, ahead: (back + 1, ahead + 1)),
            "Both are one too large: steps are counted from t, which itself is no step away. An "
            "output that uses x_t alone has back = 0.",
        ),
        Misconception(
            "back counted as a window",
            _wrong_reach(lambda back, ahead: (back + 1, ahead)),
            "`ahead` is right. `back` is one too large: steps are counted from t, which itself is "
            "no step away. An output that uses x_t alone has back = 0.",
        ),
        Misconception(
            "width instead of reach",
            _wrong_reach(lambda back, ahead: (back + ahead + 1, ahead)),
            "The first number is the width of the whole window, the future included. Asked for "
            "are the steps back from t.",
        ),
        Misconception(
            "negative ahead",
            _wrong_reach(lambda back, ahead: (back, -ahead)),
            "`ahead` comes out negative. It counts steps: it is the largest s - t, or 0.",
        ),
        Misconception(
            "zeros left as they are",
            lambda kind, x: _probed(kind, x, lambda x, s: np.where(_at(x, s), 0.0, x)),
            "An input that is 0 was not changed: set to 0, doubled, or given the other sign it "
            "stays what it is. Add something to each input.",
        ),
        Misconception(
            "changes not taken back",
            lambda kind, x: _probed(kind, x, lambda x, s: x + (np.arange(len(x)) <= s)),
            "The inputs changed earlier were still changed when the next one was, so outputs "
            "moved because of them. Begin each time with a fresh copy of x.",
        ),
        Misconception(
            "zeros for the sequence",
            lambda kind, x: _probed(kind, 0 * x, lambda x, s: x + _at(x, s)),
            "The network was started from zeros, not from x. What an output depends on may show "
            "with other inputs only: change the sequence you were given.",
        ),
        Misconception(
            "both ends only",
            lambda kind, x: _probed(kind, x, lambda x, s: x + _at(x, s), ends=True),
            "Only the first and the last input were changed. An output near an end may not depend "
            "on it, though those farther inside reach as far: change every input.",
        ),
        Misconception(
            "middle only",
            lambda kind, x: _probed(kind, x, lambda x, s: x + _at(x, s), middle=True),
            "Only the input in the middle was changed, so no distance longer than half the "
            "sequence was seen. Change every input, and keep the largest.",
        ),
        Misconception(
            "T for the beginning",
            lambda kind, x: _t_for_all(kind, x),
            "`ahead` is right, and so is `back` but for the networks that look back to the "
            "beginning. From the last output to the first input it is T - 1 steps.",
        ),
    ),
)


# --------------------------------------------------------------------------- counting modulo k
def _count_cases(rng):
    return [{"k": k} for k in (2, 3, *map(int, rng.permutation(np.arange(4, 14))[:4]))]


def bits(k):
    """The bits that the check counts modulo k: 2k + 1 ones, then zeros and ones: (T,)."""
    return np.append(np.ones(2 * k + 1), np.random.default_rng(k).integers(0, 2, 10 * k + 300))


def _run_counter(weights, k):
    W_i, W_h, b, W_o = as_weights(weights, W_i=(2, 1), W_h=(2, 2), b=(2,), W_o=(1, 2))
    with np.errstate(over="ignore", invalid="ignore"):
        h, _ = rnn_forward(bits(k)[:, None, None], None, W_i, W_h, b, "relu")
        return readout(h[1:], W_o)[0][:, 0, 0]


def _counter(first=0.0, second=lambda k: 1.0 - k, factor=lambda k: -k, heard=1.0):
    """Weights with s = relu(n + first) + factor · relu(n + second) and n = s + heard · x."""

    def weights(k):
        W_o = np.array([[1.0, factor(k)]])
        start = second(k) if first is None else first
        return np.full((2, 1), heard), np.repeat(W_o, 2, axis=0), np.array([start, second(k)]), W_o

    return weights


COUNT = Exercise(
    name="count_modulo",
    points=4,
    section=LAMP,
    cases=_count_cases,
    shapes={},
    returns={
        "W_i": "a float64 array (2, 1)",
        "W_h": "a float64 array (2, 2)",
        "b": "a float64 array (2,)",
        "W_o": "a float64 array (1, 2)",
    },
    reference=Source("our own weights", _counter()),
    carry_out=_run_counter,
    misconceptions=(
        Misconception(
            "never wraps",
            _counter(factor=lambda k: 0.0),
            "It counts, and never goes back to 0. A second unit has to wake up when n reaches k, "
            "and take k away. For that it has to hear n, as the first does: both rows of W_h are "
            "the row of W_o.",
        ),
        Misconception(
            "wakes one too late",
            _counter(second=lambda k: -k),
            "The second unit wakes too late: relu(n - k) is still 0 at n = k, so k itself "
            "appears among your numbers. It has to be 1 there.",
        ),
        Misconception(
            "takes away one too few",
            _counter(factor=lambda k: 1 - k),
            "At n = k the second unit is 1 and takes k - 1 away, so 1 remains. The first unit "
            "says k there: take k.",
        ),
        Misconception(
            "counts zeros",
            _counter(first=1.0, second=lambda k: 2.0 - k, heard=-1.0),
            "It counts the zeros. The input weight has to add x, not to take it away.",
        ),
        Misconception(
            "stops at k - 1",
            _counter(factor=lambda k: -1.0),
            "It counts to k - 1 and stays there. relu(n) - relu(n - (k - 1)) makes a ceiling; "
            "for a return to 0 the second unit needs a larger weight.",
        ),
        Misconception(
            "kinks of the lamp",
            _counter(second=lambda k: -1.0, factor=lambda k: -2.0),
            "These are the numbers for k = 2, whatever k is. They depend on k in two places, a "
            "bias and a weight.",
        ),
        Misconception(
            "both units with the kink",
            _counter(first=None),
            "Both units have their kink at n = k - 1. The first one is to be n itself: its bias is "
            "0.",
        ),
    ),
)


LAB = Lab(
    number=3,
    title="Unfolding",
    chapter="03_unfolding",
    exercises=(SIGMOID, DREAM, IIR, UNFOLD, LENGTHS, PROBE, COUNT),
    questions=(Question("saturation", points=2),),
)
check, ready, summary = LAB.check, LAB.ready, LAB.summary
