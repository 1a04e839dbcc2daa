"""Lab 07, LSTM: cases, right answers and known mistakes.

The right answers come from torch, or from the chapter's functions where torch is missing.
"""

import numpy as np

from unrolled.lstm import coupled_backward, coupled_forward, lstm1997_forward, lstm_step
from unrolled.unfolding import sigmoid

from .exercise import DERIVED, Exercise, Misconception, Question, Source, numbers, one_at_a_time
from .lab import Lab

CELL_1997 = "The cell of 1997: a sum"
FORGET = "The forget gate"
FIVE = "Forward: peepholes, and the five equations"
BACKWARD = "Backward: two channels"
VARIANTS = "Variants that are special cases"


# --------------------------------------------------------------------------- warm-up: one cell
def _cell_cases(rng):
    sizes = [(1, 1), (3, 6), *one_at_a_time({"B": 5, "H": 3}, B=1, H=1)]
    return [{"z": rng.normal(size=(B, 4 * H)), "c_prev": rng.normal(size=(B, H))} for B, H in sizes]


def _cell(z, c_prev, order="ifgo", inside=np.tanh, outside=np.tanh, seen="c", bias=0.0):
    parts = dict(zip(order, np.split(z, 4, axis=1), strict=True))
    parts["f"] = parts["f"] + bias
    i, f, o = (sigmoid(parts[name]) for name in "ifo")
    c = f * c_prev + i * inside(parts["g"])
    return o * outside(c if seen == "c" else c_prev), c


def _cell_by_step(z, c_prev):
    """The chapter's step, with z in the place of the bias."""
    steps = []
    for row, c in zip(z, c_prev, strict=True):
        H = len(c)
        zeros = np.zeros((1, 1)), np.zeros((1, H))
        weights = np.zeros((4 * H, 1)), np.zeros((4 * H, H)), row
        steps.append(lstm_step(*zeros, c[None], *weights)[0])
    return tuple(np.concatenate(part) for part in zip(*steps, strict=True))


def _cell_by_torch(z, c_prev):
    """torch's LSTMCell, with z in the place of its input."""
    import torch

    H = c_prev.shape[1]
    cell = torch.nn.LSTMCell(4 * H, H, bias=False, dtype=torch.float64)
    with torch.no_grad():
        cell.weight_ih.copy_(torch.eye(4 * H))
        cell.weight_hh.zero_()
        c = torch.from_numpy(c_prev)
        h, c = cell(torch.from_numpy(z), (torch.zeros_like(c), c))
    return h.numpy(), c.numpy()


def _other_cell(**options):
    return lambda z, c_prev: _cell(z, c_prev, **options)


def _usual(z, c_prev):
    i, f, g, o = np.split(z, 4, axis=1)
    c = sigmoid(f) * c_prev + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def _tanh_of_product(z, c_prev):
    _, c = _usual(z, c_prev)
    return np.tanh(sigmoid(z[:, -c.shape[1] :]) * c), c


CELL = Exercise(
    name="cell",
    points=2,
    section=FIVE,
    cases=_cell_cases,
    shapes={"z": "B 4*H", "c_prev": "B H"},
    returns={"h": "a float64 array (B, H)", "c": "a float64 array (B, H)"},
    reference=Source("unrolled.lstm.lstm_step", _cell_by_step),
    oracle=Source("torch.nn.LSTMCell", _cell_by_torch),
    misconceptions=(
        Misconception(
            "order i, f, o, g",
            _other_cell(order="ifog"),
            "The blocks were read in the order i, f, o, g. torch stacks i, f, g, o: the candidate "
            "comes third, the output gate last.",
        ),
        Misconception(
            "input and forget swapped",
            _other_cell(order="figo"),
            "The input gate and the forget gate are swapped. torch's first block is the input "
            "gate's.",
        ),
        Misconception(
            "forget bias added",
            _other_cell(bias=1.0),
            "1 was added to what goes into the forget gate. That bias is for starting a training, "
            "and belongs to b; z is finished.",
        ),
        Misconception(
            "tanh forgotten on the cell",
            _other_cell(outside=lambda c: c),
            "h is o times c. The cell goes through tanh before the output gate: h = o tanh(c). "
            "Without it h has no bounds.",
        ),
        Misconception(
            "sigmoid on the candidate",
            _other_cell(inside=sigmoid),
            "The candidate went through a sigmoid, like the gates. It has to be able to take away "
            "as well as to add: tanh.",
        ),
        Misconception(
            "old cell shown",
            _other_cell(seen="c_prev"),
            "h was computed from the cell before the step. The output gate shows the new cell.",
        ),
        Misconception(
            "blocks interleaved",
            lambda z, c_prev: _usual(
                np.concatenate([z[:, k::4] for k in range(4)], axis=1), c_prev
            ),
            "Every fourth column was taken for a block. The blocks stand side by side: the first "
            "H columns are all of i, the next H all of f.",
        ),
        Misconception(
            "tanh of the product",
            _tanh_of_product,
            "`c` is right. In h the tanh is taken of the product with the output gate. It is "
            "taken of c alone, and the gate decides how much of that is shown.",
        ),
    ),
)


# --------------------------------------------------------------------------- peepholes
def _peephole_cases(rng):
    cases = []
    sizes = [(1, 3, 0), (1, 3, 1), (5, 6, 0), (5, 6, 1)]
    sizes += one_at_a_time({"B": 5, "H": 4, "full": 1}, B=1, H=1, full=0)
    for B, H, full in sizes:
        P = rng.normal(size=(3 * H, H) if full else (3, H))
        z, c_prev = rng.normal(size=(B, 4 * H)), rng.normal(size=(B, H))
        cases.append({"z": z, "c_prev": c_prev, "P": P})
    return cases


def _peephole(z, c_prev, P, order="iofg", looks="iof", output_sees="c", turn=False, spread=False):
    """Slide 30 from pre-activations, with everything that can be mistaken as an option."""
    H = c_prev.shape[1]
    parts = dict(zip(order, np.split(z, 4, axis=1), strict=True))
    if P.shape == (3, H):
        matrices = [np.diag(row) for row in P]
        if spread:  # all cells weighed by the row, and added up
            matrices = [np.tile(row, (H, 1)) for row in P]
    else:
        matrices = [block.T if turn else block for block in P.reshape(3, H, H)]
    looks = dict(zip(looks, matrices, strict=True))

    def gate(name, cell):
        return sigmoid(parts[name] + cell @ looks[name].T)

    c = gate("f", c_prev) * c_prev + gate("i", c_prev) * np.tanh(parts["g"])
    return gate("o", c if output_sees == "c" else c_prev) * np.tanh(c), c


def _peephole_by_step(z, c_prev, P):
    """The chapter's step, blocks in its own order, z in the place of the bias."""
    H, steps = c_prev.shape[1], []
    i, o, f, g = np.split(z, 4, axis=1)
    P_i, P_o, P_f = np.split(P, 3)
    for row, c in zip(np.hstack([i, f, g, o]), c_prev, strict=True):
        zeros = np.zeros((1, 1)), np.zeros((1, H))
        weights = np.zeros((4 * H, 1)), np.zeros((4 * H, H)), row, np.concatenate([P_i, P_f, P_o])
        steps.append(lstm_step(*zeros, c[None], *weights)[0])
    return tuple(np.concatenate(part) for part in zip(*steps, strict=True))


def _other_peephole(**options):
    return lambda z, c_prev, P: _peephole(z, c_prev, P, **options)


def _all_see_new(z, c_prev, P):
    """A cell without peepholes first, whose c all gates then look at."""
    H = c_prev.shape[1]
    blind = _peephole(z, c_prev, np.zeros_like(P))[1]
    i, o, f, g = np.split(z, 4, axis=1)
    full = P.shape != (3, H)
    look = [blind @ p.T if full else blind * p for p in np.split(P, 3)]
    c = sigmoid(f + look[2]) * c_prev + sigmoid(i + look[0]) * np.tanh(g)
    return sigmoid(o + look[1]) * np.tanh(c), c


def _looking(order=(0, 1, 2), outside=False, seen=lambda c: c):
    """The step with the mistakes that the options name; order: where i, o and f are taken from."""

    def answer(z, c_prev, P):
        blocks, rows = np.split(z, 4, axis=1), np.split(P, 3)

        def gate(q, c):
            look = c @ rows[q].T if len(P) > 3 else c * rows[q]
            return sigmoid(blocks[q]) + look if outside else sigmoid(blocks[q] + look)

        i, o, f = order
        c = gate(f, c_prev) * c_prev + gate(i, c_prev) * np.tanh(blocks[3])
        return gate(o, seen(c)) * np.tanh(c), c

    return answer


def _after_forgetting(z, c_prev, P):
    """The input gate looks at f * c_prev."""
    H = c_prev.shape[1]
    i, o, f, g = np.split(z, 4, axis=1)
    P_i, P_o, P_f = (np.diag(row) for row in P) if P.shape == (3, H) else P.reshape(3, H, H)
    kept = sigmoid(f + c_prev @ P_f.T) * c_prev
    c = kept + sigmoid(i + kept @ P_i.T) * np.tanh(g)
    return sigmoid(o + c @ P_o.T) * np.tanh(c), c


PEEPHOLE = Exercise(
    name="peephole_cell",
    points=4,
    section=FIVE,
    cases=_peephole_cases,
    shapes={"z": "B 4*H", "c_prev": "B H"},
    returns={"h": "a float64 array (B, H)", "c": "a float64 array (B, H)"},
    reference=Source("unrolled.lstm.lstm_step", _peephole_by_step),
    misconceptions=(
        Misconception(
            "torch's order of the gates",
            _other_peephole(order="ifgo"),
            "The blocks of z were read in torch's order i, f, g, o. ONNX stacks i, o, f, g.",
        ),
        Misconception(
            "peepholes in the order i, f, o",
            _other_peephole(looks="ifo"),
            "The peepholes were read in the order i, f, o. ONNX's order is that of the gates: "
            "i, o, f.",
        ),
        Misconception(
            "output gate sees the old cell",
            _other_peephole(output_sees="c_prev"),
            "The output gate looked at c_prev. It acts after the cell has changed, and looks at "
            "the new c.",
        ),
        Misconception(
            "all gates see the new cell",
            _all_see_new,
            "The input and the forget gate looked at a new cell. They act before there is one: "
            "they look at c_prev.",
        ),
        Misconception(
            "full peepholes transposed",
            _other_peephole(turn=True),
            "The full matrices were used transposed. Row q of a block belongs to gate q: with a "
            "batch in rows it is c @ P.T.",
        ),
        Misconception(
            "diagonal peepholes mixed",
            _other_peephole(spread=True),
            "With diagonal peepholes the products were added up over the cells. A gate looks into "
            "its own cell only: element by element.",
        ),
        Misconception(
            "diagonals of full blocks",
            lambda z, c_prev, P: _peephole(
                z,
                c_prev,
                P
                if len(P) == 3 and c_prev.shape[1] > 1
                else np.stack([np.diag(block) for block in np.split(P, 3)]),
            ),
            "Of full peepholes only the diagonals were used. A block (H, H) lets every gate see "
            "every cell: a product of a matrix and a vector.",
        ),
        Misconception(
            "i, f, o in z and in P",
            _looking(order=(0, 2, 1)),
            "Blocks of z and of P were both taken in the order i, f, o. In this library the "
            "output gate comes second: i, o, f.",
        ),
        Misconception(
            "peepholes outside the sigmoid",
            _looking(outside=True),
            "What a gate sees of the cell was added to the gate, after the sigmoid. It is part of "
            "the pre-activation, inside.",
        ),
        Misconception(
            "output gate sees tanh of c",
            _looking(seen=np.tanh),
            "`c` is right. The output gate saw tanh(c). It looks into the cell itself: the new c, "
            "as it is.",
        ),
        Misconception(
            "input gate sees what is kept",
            _after_forgetting,
            "The forgetting was done first, and the input gate looked at what was left. It looks "
            "at the cell before the step, c_prev, as the forget gate does.",
        ),
    ),
)


# --------------------------------------------------------------------------- memory, backward
def _memory_cases(rng):
    cases = []
    for T, H in [(1, 1), (4, 2), *one_at_a_time({"T": 5, "H": 4}, T=1, H=1), (6, 2)]:
        f, w = rng.uniform(0.2, 0.9, (T, H)), rng.normal(size=(T, H))
        if T == 6:
            f[2, 0], f[3, 1] = 0.0, 1.0  # shut and open: products of gates cannot be divided
        c = [rng.normal(size=H)]
        for t in range(T):
            c.append(f[t] * c[-1] + w[t])
        cases.append({"v": rng.normal(size=(T, H)), "f": f, "c": np.array(c)})
    return cases


def _memory(v, f, c, factor=lambda f, t: f[t], seen=lambda c, t: c[t], carry=True, own=True):
    """c[t+1] = f[t] c[t] + w[t], backward; v[t] is asked of c[t+1]."""
    df, dw, dc = np.zeros_like(f), np.zeros_like(f), np.zeros_like(c[0])
    for t in reversed(range(len(f))):
        last = t == len(f) - 1
        dc = (dc if carry else 0) + (v[t] if own or last else 0)
        df[t], dw[t] = dc * seen(c, t), dc
        dc = dc * factor(f, t)
    return df, dw, dc


def _memory_by_torch(v, f, c):
    import torch

    gates = torch.tensor(f, requires_grad=True)
    written = torch.tensor(c[1:] - f * c[:-1], requires_grad=True)
    first = torch.tensor(c[0], requires_grad=True)
    cell, loss = first, 0.0
    for f_t, w_t, v_t in zip(gates, written, torch.from_numpy(v), strict=True):
        cell = f_t * cell + w_t
        loss = loss + (v_t * cell).sum()
    loss.backward()
    return tuple(leaf.grad.numpy() for leaf in (gates, written, first))


def _one_array_kept(v, f, c):
    df, dw, dc_0 = _memory(v, f, c)
    return df, np.broadcast_to(dc_0, dw.shape).copy(), dc_0


def _other_memory(**options):
    return lambda v, f, c: _memory(v, f, c, **options)


def _through_the_sigmoid(v, f, c):
    df, dw, dc = _memory(v, f, c)
    return df * f * (1 - f), dw, dc


def _undecayed_first(v, f, c):
    df, dw, _ = _memory(v, f, c)
    return df, dw, dw[0]


def _slope_on_the_way(v, f, c):
    dc, df, dw = np.zeros(f.shape[1]), np.zeros_like(f), np.zeros_like(f)
    for t in reversed(range(len(f))):
        dc = dc + v[t]
        df[t], dw[t] = dc * c[t], dc
        dc = dc * f[t] * (1 - c[t] ** 2)
    return df, dw, dc


MEMORY = Exercise(
    name="memory_backward",
    points=4,
    section=BACKWARD,
    cases=_memory_cases,
    shapes={"v": "T H", "f": "T H", "c": "T+1 H"},
    returns={
        "df": "a float64 array (T, H)",
        "dw": "a float64 array (T, H)",
        "dc_0": "a float64 array (H,)",
    },
    reference=Source("the recursion, backward", _memory),
    oracle=Source("torch.autograd", _memory_by_torch),
    tolerance=DERIVED,
    misconceptions=(
        Misconception(
            "dc not carried",
            _other_memory(carry=False),
            "Each step got the gradient of its own loss only. What later steps ask of the cell "
            "comes back along the line c, times f: dc has to be carried.",
        ),
        Misconception(
            "one array kept",
            _one_array_kept,
            "Each dw[t] is the same array, which was multiplied in place (`dc *= f[t]`) until it "
            "was dc_0. Keep a copy, or make a new one: `dc = dc * f[t]`.",
        ),
        Misconception(
            "last loss twice",
            lambda v, f, c: _memory(np.concatenate([v[:-1], 2 * v[-1:]]), f, c),
            "The last step's v entered twice: dc began with it, and the loop added it once more. "
            "Begin with 0.",
        ),
        Misconception(
            "only the last loss",
            _other_memory(own=False),
            "Only the last step's v entered. A loss may look at every c: v is added at each step.",
        ),
        Misconception(
            "forget gate left out",
            _other_memory(factor=lambda f, t: 1.0),
            "dc was carried without a factor: that is the cell of 1997. Here each step back "
            "multiplies by the forget gate.",
            section=CELL_1997,
        ),
        Misconception(
            "forget gate of the step before",
            _other_memory(factor=lambda f, t: f[max(t - 1, 0)]),
            "dc was multiplied by the gate of another step. From c[t+1] to c[t] leads the gate "
            "f[t].",
        ),
        Misconception(
            "new cell in df",
            _other_memory(seen=lambda c, t: c[t + 1]),
            "df was computed with the cell after the step. The gate multiplies the cell before "
            "it: c[t].",
        ),
        Misconception(
            "slope of the sigmoid",
            _through_the_sigmoid,
            "df has a factor f(1 - f) too many. Asked is the gradient of the gate itself, not of "
            "what goes into its sigmoid.",
        ),
        Misconception(
            "first gate forgotten",
            _undecayed_first,
            "dc_0 lacks the factor f[0]: the first step, too, multiplies by its gate.",
        ),
        Misconception(
            "slope of tanh on the way",
            _slope_on_the_way,
            "From step to step the gradient was multiplied by 1 - c², too. There is no tanh "
            "between c_t and c_(t+1): what comes back is multiplied by the gate alone.",
        ),
    ),
)


# --------------------------------------------------------------------------- coupled gates
def _coupled_cases(rng):
    sizes = [(1, 1), (1, 2), (2, 4), *one_at_a_time({"B": 4, "H": 5}, B=1, H=1)]
    return [
        {
            "dc": numbers(rng, B, H),
            "c_prev": numbers(rng, B, H),
            "f": rng.uniform(0.1, 0.4, (B, H)) + 0.5 * (B == 4),
            "g": rng.uniform(-0.9, 0.9, (B, H)),
        }
        for B, H in sizes
    ]


def _coupled(dc, c_prev, f, g):
    return dc * (c_prev - g) * f * (1 - f), dc * (1 - f) * (1 - g**2), dc * f


def _coupled_by_chapter(dc, c_prev, f, g):
    """`coupled_backward` with the pre-activations in the place of the bias."""
    rows = []
    for one in zip(dc, c_prev, f, g, strict=True):
        dc_n, c_n, f_n, g_n = one
        H = len(c_n)
        b = np.concatenate([np.log(f_n / (1 - f_n)), np.arctanh(g_n), np.zeros(H)])
        W_i, W_h = np.zeros((3 * H, 1)), np.zeros((3 * H, H))
        (h, _), cache = coupled_forward(np.zeros((1, 1, 1)), None, c_n[None], W_i, W_h, b)
        upstream = np.zeros_like(h)
        upstream[1] = dc_n
        *_, dc_0, _, _, db = coupled_backward((np.zeros_like(h), upstream), cache)
        rows.append((db[:H], db[H : 2 * H], dc_0[0]))
    return tuple(np.array(part) for part in zip(*rows, strict=True))


def _coupled_by_torch(dc, c_prev, f, g):
    import torch

    z_f, z_g = np.log(f / (1 - f)), np.arctanh(g)
    leaves = [torch.tensor(a, requires_grad=True) for a in (z_f, z_g, c_prev)]
    gate = torch.sigmoid(leaves[0])
    (gate * leaves[2] + (1 - gate) * torch.tanh(leaves[1])).backward(torch.from_numpy(dc))
    return tuple(leaf.grad.numpy() for leaf in leaves)


def _wrong_coupled(dz_f=None, dz_g=None, dc_prev=None):
    """The right gradients with some of them replaced: functions of all arguments."""

    def answer(*arguments):
        wrong, right = (dz_f, dz_g, dc_prev), _coupled(*arguments)
        pairs = zip(wrong, right, strict=True)
        return tuple(make(*arguments) if make else value for make, value in pairs)

    return answer


COUPLED = Exercise(
    name="coupled_cell_backward",
    points=4,
    section=VARIANTS,
    cases=_coupled_cases,
    shapes={"dc": "B H", "c_prev": "B H", "f": "B H", "g": "B H"},
    returns={
        "dz_f": "a float64 array (B, H)",
        "dz_g": "a float64 array (B, H)",
        "dc_prev": "a float64 array (B, H)",
    },
    reference=Source("unrolled.lstm.coupled_backward", _coupled_by_chapter),
    oracle=Source("torch.autograd", _coupled_by_torch),
    tolerance=DERIVED,
    misconceptions=(
        Misconception(
            "one use of f",
            _wrong_coupled(dz_f=lambda dc, c, f, g: dc * c * f * (1 - f)),
            "dz_f counts one use of f, that of the old cell. The gate is used a second time, in "
            "1 - f, with the factor -g.",
        ),
        Misconception(
            "uses added, not subtracted",
            _wrong_coupled(dz_f=lambda dc, c, f, g: dc * (c + g) * f * (1 - f)),
            "The two uses of f were added with the same sign. The derivative of 1 - f is -1.",
        ),
        Misconception(
            "f = 1 - i",
            lambda dc, c, f, g: (
                dc * (g - c) * f * (1 - f),
                dc * f * (1 - g**2),
                dc * (1 - f),
            ),
            "The gate was taken for the input gate, with f = 1 - i, as ONNX has it. Here the "
            "forget gate is computed, and i = 1 - f.",
        ),
        Misconception(
            "slope of the sigmoid forgotten",
            _wrong_coupled(dz_f=lambda dc, c, f, g: dc * (c - g)),
            "This is the gradient of f. Asked is dz_f, of what went into the sigmoid: times "
            "f(1 - f).",
            section=BACKWARD,
        ),
        Misconception(
            "slope of tanh forgotten",
            _wrong_coupled(dz_g=lambda dc, c, f, g: dc * (1 - f)),
            "This is the gradient of g. Asked is dz_g, of what went into the tanh: times 1 - g².",
            section=BACKWARD,
        ),
        Misconception(
            "candidate weighed by f",
            _wrong_coupled(dz_g=lambda dc, c, f, g: dc * f * (1 - g**2)),
            "In dz_g the candidate is weighed by f. It enters with i = 1 - f.",
        ),
    ),
)


# --------------------------------------------------------------------------- adding machine
def _machine_cases(rng):
    cases = []
    for T, B in [(3, 1), (4, 3), (20, 5), *one_at_a_time({"T": 6, "B": 4}, B=1, T=10)]:
        x = np.zeros((T, B, 2))
        x[:, :, 0] = rng.uniform(0.1, 1.0, (T, B))
        for n in range(B):
            x[rng.permutation(T)[:2], n, 1] = 1.0
        cases.append({"x": x, "gain": float(rng.uniform(6, 12)), "eps": float(rng.uniform(0.2, 1))})
    return cases


def _machine(x, gain, eps, threshold=0.5, keep=1.0, squash=np.tanh, read=lambda c: c, open_=False):
    c = np.zeros(x.shape[1])
    for number, mark in np.moveaxis(x, 2, 1):
        i = np.ones_like(mark) if open_ else sigmoid(gain * (mark - threshold))
        c = keep * c + i * squash(eps * number)
    return read(c) / eps


def _machine_by_chapter(x, gain, eps):
    """The 1997 cell with these weights; its cell, not its h, is read."""
    W_i = np.array([[0.0, gain], [eps, 0.0], [0.0, 0.0]])  # rows i, g, o
    b = np.array([-gain / 2, 0.0, 0.0])
    (_, c), _ = lstm1997_forward(x, None, None, W_i, np.zeros((3, 1)), b)
    return c[-1, :, 0] / eps


def _machine_by_torch(x, gain, eps):
    import torch

    number, mark = torch.from_numpy(x).unbind(dim=2)
    written = torch.sigmoid(gain * mark - gain / 2) * torch.tanh(eps * number)
    return (written.sum(dim=0) / eps).numpy()


def _other_machine(**options):
    return lambda x, gain, eps: _machine(x, gain, eps, **options)


def _closing(x, gain, eps):
    c = np.zeros(x.shape[1])
    for number, mark in np.moveaxis(x, 2, 1):
        i = sigmoid(gain * (mark - 0.5))
        c = (1 - i) * c + i * np.tanh(eps * number)
    return c / eps


MACHINE = Exercise(
    name="adding_machine",
    points=4,
    section=CELL_1997,
    cases=_machine_cases,
    shapes={"x": "T B 2"},
    returns={"answer": "a float64 array (B,)"},
    reference=Source("unrolled.lstm.lstm1997_forward", _machine_by_chapter),
    oracle=Source("torch", _machine_by_torch),
    misconceptions=(
        Misconception(
            "cell overwritten",
            _other_machine(keep=0.0),
            "The cell was overwritten at each step, so only the last one counts. The cell of 1997 "
            "adds to what is there: c = c_prev + i g.",
        ),
        Misconception(
            "numbers and marks exchanged",
            lambda x, gain, eps: _machine(x[:, :, ::-1], gain, eps),
            "Numbers and marks are exchanged: x[:, :, 0] holds the numbers, which go into the "
            "cell, and x[:, :, 1] the marks, which open the gate.",
        ),
        Misconception(
            "eps outside the tanh",
            lambda x, gain, eps: _machine(x, gain, eps, squash=lambda a: eps * np.tanh(a / eps)),
            "eps was multiplied outside the tanh, and the division at the end undoes it. It "
            "belongs inside, where it keeps tanh nearly a line.",
        ),
        Misconception(
            "divided at each step",
            lambda x, gain, eps: _machine(x, gain, eps, keep=1 / eps),
            "The cell was divided by eps at every step. The answer is divided once, after the last "
            "step.",
        ),
        Misconception(
            "a forget gate at one half",
            _other_machine(keep=0.5),
            "The cell was halved at each step, as by a forget gate with weights 0. The cell of "
            "1997 keeps all of it.",
            section=FORGET,
        ),
        Misconception(
            "threshold forgotten",
            _other_machine(threshold=0.0),
            "The gate is half open without a mark: the sigmoid of 0 is one half. The bias has to "
            "bring an unmarked step below 0.",
        ),
        Misconception(
            "candidate not squashed",
            _other_machine(squash=lambda a: a),
            "The candidate did not go through tanh. It is nearly the number, not the number: that "
            "is why eps is to be small.",
        ),
        Misconception(
            "cell read through tanh",
            _other_machine(read=np.tanh),
            "tanh was applied to the cell before it was read. Asked is c/eps of the cell itself.",
        ),
        Misconception(
            "gate always open",
            _other_machine(open_=True),
            "All numbers were added. The input gate lets in the marked ones: i = sigmoid(gain "
            "(mark - 1/2)).",
        ),
        Misconception(
            "not divided by eps",
            lambda x, gain, eps: eps * _machine(x, gain, eps),
            "The cell holds eps times the sum. Divide the answer by eps.",
        ),
        Misconception(
            "exact sum",
            lambda x, gain, eps: (x[..., 0] * x[..., 1]).sum(axis=0),
            "This is the exact sum of the marked numbers. Asked is what the machine answers: its "
            "gate is never quite open or shut, and its candidate is tanh(eps n), not eps n.",
        ),
        Misconception(
            "marks for gates",
            lambda x, gain, eps: (np.tanh(eps * x[..., 0]) * x[..., 1]).sum(axis=0) / eps,
            "The marks themselves were used as gates. The gate is sigmoid(gain (mark - 1/2)): "
            "never quite 0 or 1.",
        ),
        Misconception(
            "closing gate",
            _closing,
            "The cell forgets: what is let in replaces a part of what was there, (1 - i) c. The "
            "cell of 1997 adds: c = c_prev + i g.",
        ),
        Misconception(
            "tanh of the sum",
            lambda x, gain, eps: (
                np.tanh(eps * (sigmoid(gain * (x[..., 1] - 0.5)) * x[..., 0]).sum(axis=0)) / eps
            ),
            "The numbers were added first, and tanh was taken of the sum. Each number goes through "
            "tanh before it enters the cell.",
        ),
        Misconception(
            "gate inside tanh",
            lambda x, gain, eps: (
                np.tanh(eps * x[:, :, 0] / (1 + np.exp(-gain * (x[:, :, 1] - 0.5)))).sum(axis=0)
                / eps
            ),
            "The tanh is taken of the number times the gate. The number goes through tanh by "
            "itself, and what comes out meets the gate.",
        ),
    ),
)


# --------------------------------------------------------------------------- forget bias
def _bias_cases(rng):
    drawn = [
        {"steps": rng.integers(2, 200, H).astype(float), "keep": float(rng.uniform(0.1, 0.45))}
        for H in (1, 1, 2, 3, 5)
    ]
    # a gate that is nearly 1: one that was clipped away from it keeps less
    long = {"steps": np.array([1000.0, 1.0, 30_000.0]), "keep": 0.999}
    return [*drawn, long, {"steps": np.array([1.0, 0.5]), "keep": 0.7}]


def _bias(steps, keep):
    return -np.log(np.expm1(-np.log(keep) / steps))


def _bias_by_torch(steps, keep):
    import torch

    return torch.logit(torch.tensor(keep, dtype=torch.float64) ** (1 / torch.tensor(steps))).numpy()


def _logit(p):
    return np.log(p) - np.log1p(-p)


def _by_time_constant(steps, keep):
    f = 1 - 1 / steps
    with np.errstate(all="ignore"):  # for one step f is 0
        return np.log(f / (1 - f))


BIAS = Exercise(
    name="forget_bias",
    points=3,
    section=FORGET,
    cases=_bias_cases,
    shapes={"steps": "H"},
    returns={"b_f": "a float64 array (H,)"},
    reference=Source("the formula", _bias),
    oracle=Source("torch.logit", _bias_by_torch),
    misconceptions=(
        Misconception(
            "gate for the bias",
            lambda steps, keep: keep ** (1 / steps),
            "This is the gate itself, f. Asked is the bias: what has to go into the sigmoid so "
            "that f comes out.",
        ),
        Misconception(
            "one step only",
            lambda steps, keep: _logit(keep) * np.ones_like(steps),
            "With this bias the share is left after one step. Over many steps gates multiply: "
            "f to the power of the steps is to be keep.",
        ),
        Misconception(
            "divided, not rooted",
            lambda steps, keep: _logit(1 - (1 - keep) / steps),
            "The loss was shared out evenly, 1 - f = (1 - keep)/steps, as if it added up. "
            "Gates multiply: take a root.",
        ),
        Misconception(
            "sign reversed",
            lambda steps, keep: -_bias(steps, keep),
            "The sign is reversed: with this bias the gate is 1 minus what it should be. A gate "
            "that keeps has a bias above 0.",
        ),
        Misconception(
            "share forgotten",
            lambda steps, keep: _bias(steps, 1 - keep),
            "With this bias the share keep is lost, not kept.",
        ),
        Misconception(
            "time constant",
            _by_time_constant,
            "This is log(steps - 1), from f = 1 - 1/steps: such a gate has the time constant "
            "`steps`, whatever share is to be left. Here f to the power of the steps is `keep`.",
        ),
        Misconception(
            "exponential decay",
            lambda steps, keep: _bias(steps, 1 / np.e),
            "With this bias 1/e is left, whatever `keep` says: `steps` was taken for a time "
            "constant. The share that is to be left is an argument.",
        ),
        Misconception(
            "logarithm of the gate",
            lambda steps, keep: np.log(keep) / steps,
            "This is the logarithm of the gate. The bias is what the sigmoid turns into it: "
            "the inverse of a sigmoid is log(f / (1 - f)).",
        ),
        Misconception(
            "power, not root",
            lambda steps, keep: _logit(keep**steps),
            "The share was taken to the power of the steps. It is the gate that is multiplied "
            "by itself `steps` times: take the root.",
        ),
        Misconception(
            "logit of keep divided",
            lambda steps, keep: np.log(keep / (1 - keep)) / steps,
            "The inverse of the sigmoid was taken of `keep`, and then divided by the steps. It is "
            "the gate that is multiplied by itself k times: take the root of `keep` first.",
        ),
        Misconception(
            "logit of keep multiplied",
            lambda steps, keep: np.log(keep / (1 - keep)) * steps,
            "The inverse of the sigmoid was taken of `keep`, and then multiplied by the steps. It "
            "is the gate that is multiplied by itself k times: take the root of `keep` first.",
        ),
        Misconception(
            "quotient of logarithms",
            lambda steps, keep: np.log(keep) / steps / np.log1p(-(keep ** (1 / steps))),
            "This is log f divided by log(1 - f). The inverse of the sigmoid is the logarithm of "
            "a quotient, f / (1 - f), not the quotient of two logarithms.",
        ),
        Misconception(
            "tanh inverted",
            lambda steps, keep: np.arctanh(keep ** (1 / steps)),
            "The gate is right, but here it is tanh that was inverted. Which number does the "
            "sigmoid map to f?",
        ),
    ),
)


LAB = Lab(
    number=7,
    title="LSTM",
    chapter="07_lstm",
    exercises=(CELL, PEEPHOLE, MEMORY, COUPLED, MACHINE, BIAS),
    questions=(Question("horizon", points=2),),
)
check, ready, summary = LAB.check, LAB.ready, LAB.summary
