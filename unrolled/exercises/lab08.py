"""Lab 08, GRU: cases, right answers and known mistakes.

The right answers come from torch, or from the chapter's functions where torch is missing.
"""

import numpy as np

from unrolled.gru import gru_forward, gru_step, gru_step_backward, parameter_count
from unrolled.unfolding import sigmoid

from .exercise import DERIVED, Exercise, Misconception, Question, Source, one_at_a_time
from .lab import Lab
from .weights import as_weights

MERGING = "Forward: merging h and c"
PAPERS = "Two forms, two senses, three papers"
BACKWARD = "Backward"
COUNTING = "Counting parameters"


def _few(rng, *shape):
    """Numbers of moderate size, never 0, with one digit: gates that are not saturated."""
    return rng.integers(1, 15, shape) / 10 * rng.choice([-1.0, 1.0], shape)


# --------------------------------------------------------------------------- warm-up: one step
def _step_cases(rng):
    sizes = [(1, 1, 1), (1, 3, 2), (3, 1, 2)]
    sizes += [*one_at_a_time({"B": 4, "D": 5, "H": 3}, B=1, D=1, H=1), (3, 2, 4)]
    return [
        {
            "x": _few(rng, B, D),
            "h_prev": _few(rng, B, H) / 2,
            "W_i": _few(rng, 3 * H, D),
            "W_h": _few(rng, 3 * H, H),
            "b": _few(rng, 3 * H),
            "b_n": _few(rng, H),
        }
        for B, D, H in sizes
    ]


def _step_by_torch(x, h_prev, W_i, W_h, b, b_n):
    import torch

    inner = np.concatenate([np.zeros(2 * len(b_n)), b_n])
    return torch.gru_cell(*(torch.from_numpy(a) for a in (x, h_prev, W_i, W_h, b, inner))).numpy()


def _step(candidate=None, update=None, order=(0, 1, 2)):
    """The step with another candidate n(a, r, W, h, b_n) or update h(z, n, h)."""
    candidate = candidate or (lambda a, r, W, h, b_n: np.tanh(a + r * (h @ W.T + b_n)))
    update = update or (lambda z, n, h: (1 - z) * n + z * h)

    def answer(x, h_prev, W_i, W_h, b, b_n):
        U, W, c = (np.split(a, 3) for a in (W_i, W_h, b))
        a = [x @ U[k].T + c[k] for k in order]
        r = sigmoid(a[0] + h_prev @ W[order[0]].T)
        z = sigmoid(a[1] + h_prev @ W[order[1]].T)
        return update(z, candidate(a[2], r, W[order[2]], h_prev, b_n), h_prev)

    return answer


def _step_with(candidate, update=lambda z, n, h, r: (1 - z) * n + z * h):
    """The step with n = candidate(W_in x, b_x, r, W_hn h', b_n) and h = update(z, n, h', r)."""

    def answer(x, h_prev, W_i, W_h, b, b_n):
        a_r, a_z, a_n = np.split(x @ W_i.T, 3, axis=1)
        s_r, s_z, s_n = np.split(h_prev @ W_h.T, 3, axis=1)
        b_r, b_z, b_x = np.split(b, 3)
        r, z = sigmoid(a_r + s_r + b_r), sigmoid(a_z + s_z + b_z)
        return update(z, candidate(a_n, b_x, r, s_n, b_n), h_prev, r)

    return answer


STEP = Exercise(
    name="step_after",
    points=2,
    section=MERGING,
    cases=_step_cases,
    shapes={"x": "B D", "h_prev": "B H", "W_i": "3*H D", "W_h": "3*H H", "b": "3*H", "b_n": "H"},
    returns={"h": "a float64 array (B, H)"},
    reference=Source("unrolled.gru.gru_step", lambda *given: gru_step(*given)[0]),
    oracle=Source("torch.gru_cell", _step_by_torch),
    misconceptions=(
        Misconception(
            "reset before the product",
            _step(lambda a, r, W, h, b_n: np.tanh(a + (r * h) @ W.T + b_n)),
            "The reset gate acts on the state, before the product with W_hn. That is the form of "
            "Cho et al.; asked is torch's, in which it acts on W_hn h + b_n.",
        ),
        Misconception(
            "update gate reversed",
            _step(update=lambda z, n, h: z * n + (1 - z) * h),
            "z and 1 - z are exchanged. Here z = 1 keeps the old state; in Chung et al. (2014) it "
            "replaces it.",
            section=PAPERS,
        ),
        Misconception(
            "inner bias outside",
            _step(lambda a, r, W, h, b_n: np.tanh(a + r * (h @ W.T) + b_n)),
            "b_n stands outside the reset gate. It is added to W_hn h first, and r acts on the "
            "sum.",
        ),
        Misconception(
            "biases of n exchanged",
            _step_with(lambda a, b_x, r, s, b_n: np.tanh(a + b_n + r * (s + b_x))),
            "b_n and the last part of b are exchanged: b_n is added to W_hn h, inside the reset "
            "gate's bracket, and b_x to W_in x, outside.",
        ),
        Misconception(
            "blocks as z, r, n",
            _step(order=(1, 0, 2)),
            "The first block was taken for z and the second for r, or the two were exchanged where "
            "they are used. The order is r, z, n (ONNX has z first).",
        ),
        Misconception(
            "reset gate forgotten",
            _step(lambda a, r, W, h, b_n: np.tanh(a + h @ W.T + b_n)),
            "The reset gate has no effect on the candidate.",
        ),
        Misconception(
            "tanh forgotten",
            _step(lambda a, r, W, h, b_n: a + r * (h @ W.T + b_n)),
            "The candidate is not squashed: n is a tanh. Without it the state has no bound.",
        ),
        Misconception(
            "b_x under the reset",
            _step_with(lambda a, b_x, r, W_h, b_n: np.tanh(a + r * (W_h + b_n + b_x))),
            "r multiplies b_x as well. Only what comes from the state stands under the reset: "
            "W_hn h' + b_n.",
        ),
        Misconception(
            "reset part outside tanh",
            _step_with(lambda a, b_x, r, W_h, b_n: np.tanh(a + b_x) + r * (W_h + b_n)),
            "What r lets through of the state was added after the tanh. It is part of the "
            "pre-activation of n, inside.",
        ),
        Misconception(
            "a tanh of its own",
            _step_with(lambda a, b_x, r, W_h, b_n: np.tanh(a + b_x + r * np.tanh(W_h + b_n))),
            "What comes from the state went through a tanh of its own before it met r. There is "
            "one tanh, around the whole sum.",
        ),
        Misconception(
            "reset state kept",
            _step_with(
                lambda a, b_x, r, W_h, b_n: np.tanh(a + b_x + r * (W_h + b_n)),
                lambda z, n, h, r: (1 - z) * n + z * r * h,
            ),
            "z merges n with r ⊙ h'. The reset counts for the candidate only: what is kept is h' "
            "itself.",
        ),
    ),
)


# --------------------------------------------------------------------------- minimal gated unit
def _minimal_cases(rng):
    sizes = [(1, 1, 1, 1), (3, 1, 1, 1), (3, 1, 1, 2)]
    sizes += one_at_a_time({"T": 6, "B": 3, "D": 5, "H": 4}, T=1, B=1, D=1, H=1)
    return [
        {
            "x": _few(rng, T, B, D),
            "h_0": _few(rng, B, H) / 2,
            "W_i": _few(rng, 2 * H, D),
            "W_h": _few(rng, 2 * H, H),
            "b": _few(rng, 2 * H),
        }
        for T, B, D, H in sizes
    ]


def _as_gru(W):
    """Blocks f, n of a minimal gated unit as the GRU's: r = f, z = 1 - f."""
    f, n = np.split(W, 2)
    return np.concatenate([f, -f, n])


def _minimal_as_gru(x, h_0, W_i, W_h, b):
    H = W_h.shape[1]
    return gru_forward(x, h_0, *map(_as_gru, (W_i, W_h, b)), np.zeros(H), "before")[0]


def _minimal_by_torch(x, h_0, W_i, W_h, b):
    import torch

    x, h, W_i, W_h, b = (torch.from_numpy(a) for a in (x, h_0, W_i, W_h, b))
    (U_f, U_n), (W_f, W_n), (b_f, b_n) = (a.chunk(2) for a in (W_i, W_h, b))
    states = [h]
    for x_t in x:
        f = torch.sigmoid(torch.nn.functional.linear(x_t, U_f, b_f) + h @ W_f.T)
        n = torch.tanh(torch.nn.functional.linear(x_t, U_n, b_n) + (f * h) @ W_n.T)
        h = torch.lerp(h, n, f)  # h + f (n - h)
        states.append(h)
    return torch.stack(states).numpy()


def _bias_first(x, h_0, W_i, W_h, b):
    _, b_n = np.split(b, 2)
    unit = _minimal(lambda a, f, W, h: np.tanh(a - b_n + (f * h + b_n) @ W.T))
    return unit(x, h_0, W_i, W_h, b)


def _minimal(candidate=None, update=None, order=(0, 1), carried=True):
    candidate = candidate or (lambda a, f, W, h: np.tanh(a + (f * h) @ W.T))
    update = update or (lambda f, n, h: (1 - f) * h + f * n)

    def answer(x, h_0, W_i, W_h, b):
        U, W, c = (np.split(a, 2) for a in (W_i, W_h, b))
        h, states = h_0, [h_0]
        for x_t in x:
            a_f, a_n = (x_t @ U[k].T + c[k] for k in order)
            f = sigmoid(a_f + h @ W[order[0]].T)
            new = update(f, candidate(a_n, f, W[order[1]], h), h)
            states.append(new)
            h = new if carried else h_0
        return np.stack(states)

    return answer


def _f_on_all(x, h_0, W_i, W_h, b):
    h, (W_f, W_n), (V_f, V_n), (b_f, b_n) = (
        [h_0],
        np.split(W_i, 2),
        np.split(W_h, 2),
        np.split(b, 2),
    )
    for x_t in x:
        f = sigmoid(x_t @ W_f.T + h[-1] @ V_f.T + b_f)
        n = np.tanh(f * (x_t @ W_n.T + h[-1] @ V_n.T) + b_n)
        h.append((1 - f) * h[-1] + f * n)
    return np.array(h)


def _one_array_kept(x, h_0, W_i, W_h, b):
    h = _minimal()(x, h_0, W_i, W_h, b)
    return np.concatenate([h[:1], np.broadcast_to(h[-1], h[1:].shape)])


MINIMAL = Exercise(
    name="minimal_gated",
    points=3,
    section=MERGING,
    cases=_minimal_cases,
    shapes={"x": "T B D", "h_0": "B H", "W_i": "2*H D", "W_h": "2*H H", "b": "2*H"},
    returns={"h": "a float64 array (T + 1, B, H)"},
    reference=Source("unrolled.gru.gru_forward, with r = f and z = 1 - f", _minimal_as_gru),
    oracle=Source("torch.lerp, step by step", _minimal_by_torch),
    misconceptions=(
        Misconception(
            "gate reversed",
            _minimal(update=lambda f, n, h: f * h + (1 - f) * n),
            "f and 1 - f are exchanged in the update. In this unit f = 1 takes the candidate.",
            section=PAPERS,
        ),
        Misconception(
            "gate after the product",
            _minimal(lambda a, f, W, h: np.tanh(a + f * (h @ W.T))),
            "The gate acts after the product with W_hn. Here it acts on the state, before.",
        ),
        Misconception(
            "bias before the product",
            _bias_first,
            "b_n was added to f * h, before the product with W_hn. It belongs to the "
            "pre-activation, after it.",
        ),
        Misconception(
            "gate acts once",
            _minimal(lambda a, f, W, h: np.tanh(a + h @ W.T)),
            "The gate is used for the update only. It has a second job: the candidate reads "
            "f * h, not h.",
        ),
        Misconception(
            "reset by 1 - f",
            _minimal(lambda a, f, W, h: np.tanh(a + ((1 - f) * h) @ W.T)),
            "The candidate reads (1 - f) * h. Both jobs of the gate have the same f: it takes "
            "the candidate where the candidate reads the state.",
        ),
        Misconception(
            "state not carried",
            _minimal(carried=False),
            "Every step starts from h_0. The state of one step is where the next one starts.",
        ),
        Misconception(
            "blocks as n, f",
            _minimal(order=(1, 0)),
            "The first block was taken for the candidate. The order is f, n.",
        ),
        Misconception(
            "f on the input, too",
            _f_on_all,
            "f multiplies the whole sum in the candidate, the input as well. It multiplies "
            "h_(t-1) alone, before the product with W_hn.",
        ),
        Misconception(
            "one array kept",
            _one_array_kept,
            "All states but the first are the same array, which was changed in place "
            "(`h_t += ...`), so each shows the last. Make a new one: `h_t = h_t + ...`.",
        ),
    ),
)


# --------------------------------------------------------------------------- its backward pass
def _back_cases(rng):
    sizes = [(1, 1, 1), (1, 1, 3), (5, 1, 1)]
    sizes += [*one_at_a_time({"B": 3, "D": 6, "H": 5}, B=1, D=1, H=1), (2, 5, 3)]
    return [
        {
            "dh": _few(rng, B, H),
            "x": _few(rng, B, D),
            "h_prev": _few(rng, B, H) / 2,
            "W_i": _few(rng, 2 * H, D),
            "W_h": _few(rng, 2 * H, H),
            "b": _few(rng, 2 * H),
        }
        for B, D, H in sizes
    ]


def _from_gru(dW):
    """Gradients of the blocks r, z, n as those of f, n: f occurs in r and, negated, in z."""
    r, z, n = np.split(dW, 3)
    return np.concatenate([r - z, n])


def _back_by_gru(dh, x, h_prev, W_i, W_h, b):
    inner = np.zeros(W_h.shape[1])
    _, cache = gru_step(x, h_prev, *map(_as_gru, (W_i, W_h, b)), inner, "before")
    _, dh_prev, dW_i, dW_h, db, _ = gru_step_backward(dh, cache)
    return dh_prev, *map(_from_gru, (dW_i, dW_h, db))


def _back_by_torch(dh, x, h_prev, W_i, W_h, b):
    import torch

    x, *given = (torch.from_numpy(a) for a in (x, h_prev, W_i, W_h, b))
    h, U, W, c = (a.clone().requires_grad_() for a in given)
    a_f, a_n = torch.nn.functional.linear(x, U, c).chunk(2, dim=1)
    W_f, W_n = W.chunk(2)
    f = torch.sigmoid(a_f + h @ W_f.T)
    torch.lerp(h, torch.tanh(a_n + (f * h) @ W_n.T), f).backward(torch.from_numpy(dh))
    return tuple(a.grad.numpy() for a in (h, U, W, c))


def _back(update=1.0, read=1.0, copy=1.0, slope=True, gated=True, read_by="fh", turned=False):
    """The gradients, with paths left out (0) or wrong."""

    def answer(dh, x, h_prev, W_i, W_h, b):
        (U_f, U_n), (W_f, W_n), (b_f, b_n) = (np.split(a, 2) for a in (W_i, W_h, b))
        f = sigmoid(x @ U_f.T + h_prev @ W_f.T + b_f)
        n = np.tanh(x @ U_n.T + (f * h_prev) @ W_n.T + b_n)
        da_n = dh * f * (1 - n**2)
        ds = da_n @ (W_n.T if turned else W_n)
        df = update * dh * (n - h_prev) + read * ds * h_prev
        da_f = df * f * (1 - f) if slope else df
        through = da_f @ (W_f.T if turned else W_f)
        dh_prev = copy * dh * (1 - f) + (ds * f if gated else ds) + through
        seen = f * h_prev if read_by == "fh" else h_prev
        da = np.hstack([da_f, da_n])
        return dh_prev, da.T @ x, np.vstack([da_f.T @ h_prev, da_n.T @ seen]), da.sum(axis=0)

    return answer


def _f_after_the_product(dh, x, h_prev, W_i, W_h, b):
    (W_f, W_n), (V_f, V_n), (b_f, b_n) = np.split(W_i, 2), np.split(W_h, 2), np.split(b, 2)
    f = sigmoid(x @ W_f.T + h_prev @ V_f.T + b_f)
    s = h_prev @ V_n.T
    n = np.tanh(x @ W_n.T + f * s + b_n)
    da_n = dh * f * (1 - n**2)
    da_f = (dh * (n - h_prev) + da_n * s) * f * (1 - f)
    da = np.hstack([da_f, da_n])
    dW_h = np.vstack([da_f.T @ h_prev, (da_n * f).T @ h_prev])
    dh_prev = dh * (1 - f) + (da_n * f) @ V_n + da_f @ V_f
    return dh_prev, da.T @ x, dW_h, da.sum(axis=0)


BACK = Exercise(
    name="minimal_backward",
    points=5,
    section=BACKWARD,
    cases=_back_cases,
    shapes={
        "dh": "B H",
        "x": "B D",
        "h_prev": "B H",
        "W_i": "2*H D",
        "W_h": "2*H H",
        "b": "2*H",
    },
    returns={
        "dh_prev": "a float64 array (B, H)",
        "dW_i": "a float64 array (2 * H, D)",
        "dW_h": "a float64 array (2 * H, H)",
        "db": "a float64 array (2 * H,)",
    },
    reference=Source("unrolled.gru.gru_step_backward, with r = f and z = 1 - f", _back_by_gru),
    oracle=Source("torch.autograd", _back_by_torch),
    tolerance=DERIVED,
    misconceptions=(
        Misconception(
            "gate's reading forgotten",
            _back(read=0.0),
            "df has only the part of the update. The gate also decides what the candidate reads; "
            "both uses of f send something back, and it adds up.",
        ),
        Misconception(
            "gate's update forgotten",
            _back(update=0.0),
            "df has only the part of the candidate. The gate also mixes n and h_prev: that use "
            "sends back dh * (n - h_prev).",
        ),
        Misconception(
            "copy forgotten",
            _back(copy=0.0),
            "dh_prev lacks its direct part, dh * (1 - f): the copy. It is the path along which "
            "gradients travel far.",
        ),
        Misconception(
            "slope of the gate missing",
            _back(slope=False),
            "The gradient of f was taken for that of its pre-activation: the factor f (1 - f) is "
            "missing.",
        ),
        Misconception(
            "gate missing on the way back",
            _back(gated=False),
            "What comes back through W_hn reaches f * h_prev, not h_prev: on the way to h_prev it "
            "is multiplied by f.",
        ),
        Misconception(
            "product with h_prev",
            _back(read_by="h"),
            "The gradient of W_hn was built with h_prev. What W_hn was multiplied with on the way "
            "forward is f * h_prev.",
        ),
        Misconception(
            "W_h as on the way forward",
            _back(turned=True),
            "The recurrent blocks are transposed as on the way forward. For rows, forward is "
            "`h @ W.T`, backward `da @ W`.",
        ),
        Misconception(
            "f after the product",
            _f_after_the_product,
            "This is the way back of a unit in which f multiplies the product W_hn h. Here f "
            "multiplies h first, and W_hn comes after: with more than one unit these are "
            "different.",
        ),
    ),
)


# --------------------------------------------------------------------------- parameter counts
def _count_cases(rng):
    drawn = [
        (2 * int(rng.integers(2, 5)) + 1, 2 * int(rng.integers(5, 9)), layers, directions)
        for layers, directions in [(1, 1), (1, 2), (2, 1), (2, 2), (4, 2)]
    ]
    drawn += one_at_a_time({"D": 9, "H": 14, "layers": 3, "directions": 2}, layers=1, directions=1)
    return [dict(zip(("D", "H", "layers", "directions"), c, strict=True)) for c in drawn]


def _count(blocks=3, biases=lambda H: 6 * H, upper=None, directed=True):
    """Parameters of a stack; `upper` gives what a layer above the first reads."""
    upper = upper or (lambda D, H, directions: directions * H)

    def answer(D, H, layers, directions):
        factor = directions if directed else 1
        widths = [D] + [upper(D, H, factor)] * (layers - 1)
        return sum(factor * (blocks * H * (w + H) + biases(H)) for w in widths)

    return answer


def _count_by_chapter(D, H, layers, directions):
    widths = [D] + [directions * H] * (layers - 1)
    return sum(directions * (parameter_count("gru", w, H) + 2 * H) for w in widths)


def _count_by_torch(D, H, layers, directions):
    import torch

    net = torch.nn.GRU(D, H, layers, bidirectional=directions == 2, device="meta")
    return sum(p.numel() for p in net.parameters())


def _one_recurrent_block(D, H, layers, directions):
    return _count()(D, H, layers, directions) - 2 * H * H * layers * directions


def _both_directions_recurrent(D, H, layers, directions):
    more = 3 * H * H * (directions - 1) * layers * directions
    return _count()(D, H, layers, directions) + more


COUNT = Exercise(
    name="torch_count",
    points=3,
    section=COUNTING,
    cases=_count_cases,
    shapes={},
    returns={"parameters": "an int"},
    reference=Source("unrolled.gru.parameter_count, layer by layer", _count_by_chapter),
    oracle=Source("torch.nn.GRU", _count_by_torch),
    misconceptions=(
        Misconception(
            "one bias for each block",
            _count(biases=lambda H: 3 * H),
            "Each block has one bias here. torch keeps two for each, one beside W_i and one beside "
            "W_h: 6H numbers.",
        ),
        Misconception(
            "only the biases that act",
            _count(biases=lambda H: 4 * H),
            "These are the biases that act: three, and the inner one. torch's two further ones are "
            "idle, but they are parameters: its count includes them.",
        ),
        Misconception(
            "every layer reads x",
            _count(upper=lambda D, H, directions: D),
            "Every layer was given D inputs. The layers above the first read the states of the "
            "layer below.",
        ),
        Misconception(
            "upper layers read one direction",
            _count(upper=lambda D, H, directions: H),
            "Layers above the first were given H inputs. With two directions they read both: 2H.",
        ),
        Misconception(
            "directions forgotten",
            _count(directed=False),
            "The number of directions has no effect. Each direction has weights of its own.",
        ),
        Misconception(
            "upper layers in one direction",
            lambda D, H, layers, directions: (
                _count()(D, H, 1, directions)
                + (layers - 1) * _count(directed=False)(directions * H, H, 1, 1)
            ),
            "Only the first layer was counted for every direction. Each layer above it has weights "
            "for both directions, too.",
        ),
        Misconception(
            "four blocks",
            _count(blocks=4, biases=lambda H: 8 * H),
            "Four blocks are an LSTM's. The GRU has three: r, z, n.",
        ),
        Misconception(
            "biases once a layer",
            lambda D, H, layers, directions: (
                _count()(D, H, layers, directions) - 6 * H * layers * (directions - 1)
            ),
            "The biases were counted once for each layer. Each direction has biases of its own.",
        ),
        Misconception(
            "biases of one layer",
            lambda D, H, layers, directions: (
                _count(biases=lambda H: 0)(D, H, layers, directions) + 6 * H
            ),
            "The biases were counted for one layer and direction only. Each has its own 6H.",
        ),
        Misconception(
            "sizes added",
            lambda D, H, layers, directions: sum(
                directions * 3 * (w + H + H + H + 2 * H)
                for w in [D] + [directions * H] * (layers - 1)
            ),
            "Rows and columns of the matrices were added. A matrix of H rows and D columns has "
            "H times D numbers.",
        ),
        Misconception(
            "input weights once",
            lambda D, H, layers, directions: (
                directions * 3 * H * D + layers * directions * 3 * (H * H + 2 * H)
            ),
            "The layers above the first are counted without their W_i. They read the states of the "
            "layer below, through weights like those of the first.",
        ),
        Misconception(
            "initial states counted",
            lambda D, H, layers, directions: (
                _count()(D, H, layers, directions) + layers * directions * H
            ),
            "H numbers too many in each layer and direction: an initial state is no parameter of "
            "torch's module, it is handed in, or zeros.",
        ),
        Misconception(
            "two biases for all blocks",
            _count(biases=lambda H: 2 * H),
            "Each layer has two vectors of H biases here. It is two for each of the three blocks.",
        ),
        Misconception(
            "one recurrent block",
            _one_recurrent_block,
            "W_h was counted once. As W_i does, it has a block of H rows for each of r, z and n.",
        ),
        Misconception(
            "W_h reads both directions",
            _both_directions_recurrent,
            "W_h has `directions * H` columns here. Each direction reads its own past only; it is "
            "W_i of the upper layers that reads the states of both.",
        ),
    ),
)


# --------------------------------------------------------------------------- conversion
def _archive_cases(rng):
    sizes = [(1, 1), (6, 1), (6, 5), *one_at_a_time({"D": 5, "H": 3}, D=1, H=1)]
    return [
        {"K": _few(rng, D, 3 * H), "R": _few(rng, H, 3 * H), "c": _few(rng, 2, 3 * H)}
        for D, H in sizes
    ]


def _convert(order=(1, 0, 2), turned="z", signed_bias=True, turn=np.transpose, inner=None):
    """Weights in the chapter's convention; order: where r, z, n stand in the archive."""

    def blocks(a, signed=True):
        r, z, n = (np.split(a, 3)[k] for k in order)
        if signed:
            r, z = (-r if turned == "r" else r), (-z if turned == "z" else z)
        return np.concatenate([r, z, n])

    def answer(K, R, c):
        H = len(R)
        outer, within = blocks(c[0], signed_bias), blocks(c[1], signed_bias)
        b, b_n = outer.copy(), within[2 * H :]
        b[: 2 * H] += within[: 2 * H]
        if inner == "merged":
            b[2 * H :] += b_n
            b_n = np.zeros(H)
        if inner == "first only":
            b = outer
        if inner == "exchanged":
            b[2 * H :], b_n = b_n, outer[2 * H :]
        return blocks(turn(K)), blocks(turn(R)), b, b_n

    return answer


def _convert_by_torch(K, R, c):
    import torch

    def blocks(a):
        z, r, n = torch.from_numpy(a).t().chunk(3)
        return torch.cat([r, z.neg(), n]).numpy()

    H = len(R)
    outer, within = (blocks(row[None])[:, 0] for row in c)
    both = np.where(np.arange(3 * H) < 2 * H, outer + within, outer)
    return blocks(K), blocks(R), both, within[2 * H :]


def _blocks_upright(K, R, c):
    W_i, _, b, b_n = _convert()(K, R, c)
    z, r, n = np.split(R, 3, axis=1)
    return W_i, np.concatenate([r, -z, n]), b, b_n


def _inner_bias_twice(K, R, c):
    W_i, W_h, b, b_n = _convert()(K, R, c)
    return W_i, W_h, b + np.concatenate([np.zeros(2 * len(b_n)), b_n]), b_n


CONVERT = Exercise(
    name="from_archive",
    points=4,
    section=PAPERS,
    cases=_archive_cases,
    shapes={"K": "D 3*H", "R": "H 3*H", "c": "2 3*H"},
    returns={
        "W_i": "a float64 array (3 * H, D)",
        "W_h": "a float64 array (3 * H, H)",
        "b": "a float64 array (3 * H,)",
        "b_n": "a float64 array (H,)",
    },
    reference=Source("NumPy, block by block", _convert()),
    oracle=Source("torch.chunk and torch.cat", _convert_by_torch),
    misconceptions=(
        Misconception(
            "order kept",
            _convert(order=(0, 1, 2), turned="r"),
            "The blocks still stand in the archive's order z, r, n. Ours is r, z, n.",
        ),
        Misconception(
            "sense kept",
            _convert(turned=None),
            "The sense of z was kept. In the archive z = 1 replaces, here it keeps: all that goes "
            "into z changes its sign.",
        ),
        Misconception(
            "bias kept its sign",
            _convert(signed_bias=False),
            "The weights of z have changed their sign, its biases have not. 1 - σ(a) = σ(-a), and "
            "the bias is part of a.",
        ),
        Misconception(
            "sign of r turned",
            _convert(turned="r"),
            "The sign of r was turned, not that of z: the archive has z first.",
        ),
        Misconception(
            "reshaped, not transposed",
            _convert(turn=lambda a: a.reshape(a.shape[::-1])),
            "The shapes are right, the numbers are in the wrong places: `reshape` reads them row "
            "by row. To exchange rows and columns, transpose.",
        ),
        Misconception(
            "inner bias merged",
            _convert(inner="merged"),
            "The inner bias of n was added to the outer one. The reset gate acts on it, so it has "
            "to stay apart.",
            section=MERGING,
        ),
        Misconception(
            "biases of n exchanged",
            _convert(inner="exchanged"),
            "The two biases of n are exchanged: its part of c[0] belongs in b, and that of c[1] "
            "under the reset gate, in b_n.",
        ),
        Misconception(
            "second row lost",
            _convert(inner="first only"),
            "For r and z only the first row of c was used. Both rows act there, so they are added.",
        ),
        Misconception(
            "R not transposed",
            _blocks_upright,
            "`W_i`, `b` and `b_n` are right. The blocks of R stand in the right order, but none is "
            "transposed: being square, each fits both ways.",
        ),
        Misconception(
            "inner bias added, and kept",
            _inner_bias_twice,
            "`W_i`, `W_h` and `b_n` are right. In `b` the inner bias of n was added to the outer "
            "one, though it stands in `b_n` already: it belongs there alone, under the reset "
            "gate.",
        ),
    ),
)


# --------------------------------------------------------------------------- weights by hand
CLOSED = 36.0  # a pre-activation at which a gate is 1 to the last digit of float64


def _latch_cases(rng):
    # the mark in the last place, in the first, and both somewhere among others
    cases = [(2, 0, 1), (2, 1, 0), (3, 2, 0)]
    for D in (4, 5, 6):
        value, mark = rng.permutation(D)[:2]
        cases.append((D, int(value), int(mark)))
    return [dict(zip(("D", "value", "mark"), case, strict=True)) for case in cases]


def latch_inputs(D, value, mark):
    """The sequences on which the check runs a latch: (9, 2, D).

    The first begins with a mark, the second without; both hold for several steps. Every place
    but that of the mark holds numbers between -2 and 2.
    """
    x = np.random.default_rng(D + 10 * value + 100 * mark).uniform(-2, 2, (9, 2, D))
    x[:, 0, mark] = [1, 0, 0, 1, 1, 0, 0, 0, 1]
    x[:, 1, mark] = [0, 0, 1, 0, 1, 0, 0, 0, 0]
    return x


def _run_latch(weights, D, value, mark):
    shapes = {"W_i": (3, D), "W_h": (3, 1), "b": (3,), "b_n": (1,)}
    with np.errstate(over="ignore", invalid="ignore"):
        return gru_forward(latch_inputs(D, value, mark), None, *as_weights(weights, **shapes))[0]


def _latch(z=-1e3, b_z=5e2, n=1.0, n_mark=0.0, W_n=0.0, rows=(0, 1, 2), swapped=False):
    """Weights of one unit: z reads the mark with weight z, n the value with weight n."""

    def answer(D, value, mark):
        value, mark = (mark, value) if swapped else (value, mark)
        W_i, W_h, b = np.zeros((3, D)), np.array([[0.0], [0.0], [W_n]]), np.array([0.0, b_z, 0.0])
        W_i[1, mark], W_i[2, value], W_i[2, mark] = z, n, n_mark
        order = list(rows)
        return W_i[order], W_h[order], b[order], np.zeros(1)

    return answer


def _gate(a):
    """A gate's value in words: "σ(2) = 0.881", "σ(20) = 1 - 2e-09"."""
    value, missing = sigmoid(np.array([a, -a]))
    return f"σ({a:g}) = " + (f"{value:.3g}" if value < 0.99 else f"1 - {missing:.0e}")


def _what_the_unit_does(weights, D, value, mark):
    """The first thing that is wrong with the weights of a latch, or "".

    Inputs lie between -2 and 2, and the state between -1 and 1.
    """
    W_i, W_h, b, b_n = as_weights(weights, W_i=(3, D), W_h=(3, 1), b=(3,), b_n=(1,))
    others = 2 * np.abs(np.delete(W_i, mark, axis=1)).sum(axis=1) + np.abs(W_h[:, 0])
    silent, marked = b[1], b[1] + W_i[1, mark]  # what goes into z
    if others[1] > 0 and min(silent, -marked) - others[1] < CLOSED:
        return (
            "The gate z reads more than the mark: row 1 of W_i may have a number other than 0 in "
            "the column of the mark only, and W_h none."
        )
    if min(silent, -marked) < CLOSED:
        if max(silent, marked) < 0:
            return "z is near 0 at every step, with a mark and without: nothing is ever held."
        if min(silent, marked) > 0:
            return "z is near 1 at every step, with a mark and without: nothing is ever stored."
        return (
            f"Without a mark z is {_gate(silent)}, at a mark {_gate(marked)}. It has to be 1 and "
            "0, to the last digit: make both pre-activations larger."
        )
    open_r = b[0] + 2 * np.abs(W_i[0]).sum() + np.abs(W_h[0, 0]) > -CLOSED
    if open_r and W_h[2, 0]:
        return "The candidate reads the state: W_h has a number other than 0 in its last row."
    if b[2] or (open_r and b_n[0]):
        name = "b[2]" if b[2] else "b_n"
        return f"The candidate adds a constant to the value: {name} has to be 0."
    if W_i[2, mark]:
        return (
            "The candidate adds the mark to the value: the last row of W_i has a number other than "
            "0 in the mark's column."
        )
    if np.delete(W_i[2], value).any():
        return (
            "The candidate reads more than the value: the last row of W_i may have a number other "
            "than 0 in the column of the value only."
        )
    if W_i[2, value] != 1:
        return (
            f"The candidate is tanh({W_i[2, value]:g} v), and tanh(v) is to be stored: the weight "
            "on the value is 1."
        )
    return ""


LATCH = Exercise(
    name="latch",
    points=3,
    section=MERGING,
    cases=_latch_cases,
    shapes={},
    returns={
        "W_i": "a float64 array (3, D)",
        "W_h": "a float64 array (3, 1)",
        "b": "a float64 array (3,)",
        "b_n": "a float64 array (1,)",
    },
    reference=Source("our own weights", _latch()),
    carry_out=_run_latch,
    explain=_what_the_unit_does,
    misconceptions=(
        Misconception(
            "gate reversed",
            _latch(z=1e3, b_z=-5e2),
            "It keeps where there is a mark and replaces where there is none. z = 1 keeps, so a "
            "mark has to push z towards 0.",
        ),
        Misconception(
            "no threshold",
            _latch(b_z=0.0),
            "Without a mark the pre-activation of z is 0, so z is one half, and half of the memory "
            "is lost each step. The bias has to hold z at 1.",
        ),
        Misconception(
            "mark does not win",
            _latch(z=-5e2),
            "At a mark the pre-activation of z is 0, so z is one half and the new value is mixed "
            "with the old one. The weight on the mark has to outweigh the bias, and by far.",
        ),
        Misconception(
            "soft gate",
            _latch(z=-10.0, b_z=5.0),
            "The gate is nearly closed: σ(5) = 0.993. At every step a little leaks. Make its "
            "weights larger, until σ is 0 or 1 to the last digit.",
        ),
        Misconception(
            "candidate reads the state",
            _latch(W_n=1.0),
            "The candidate is the tanh of the value plus the old state. W_hn has to be 0: what is "
            "written must not depend on what was held.",
        ),
        Misconception(
            "mark in the candidate",
            _latch(n_mark=1.0),
            "The candidate adds the mark to the value: at a mark it is tanh(value + 1). Only the "
            "gate should see the mark.",
        ),
        Misconception(
            "gate in the row of r",
            _latch(rows=(1, 0, 2)),
            "The weights of the gate stand in the first row, which is r's. The rows are r, z, n; "
            "it is z that keeps or replaces.",
        ),
        Misconception(
            "value and mark exchanged",
            _latch(swapped=True),
            "The gate reads the value and the candidate the mark. `value` and `mark` say in which "
            "column of W_i each belongs.",
        ),
    ),
)


LAB = Lab(
    number=8,
    title="GRU",
    chapter="08_gru",
    exercises=(STEP, MINIMAL, BACK, COUNT, CONVERT, LATCH),
    questions=(Question("budget", points=2),),
)
check, ready, summary = LAB.check, LAB.ready, LAB.summary
