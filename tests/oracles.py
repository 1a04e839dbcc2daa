"""The package's functions under the names and options of ONNX and of torch.

An adapter translates axes, orders and names, and gives an option that the package does not have to
the function that lacks it, which then refuses it. One of ONNX takes inputs and attributes by name
and returns a list of outputs. One of torch takes torch's arguments and returns (out, back), out a
tuple of arrays; back(*dout) is a dict of gradients by the names of the arguments.
"""

from functools import partial

import numpy as np

from unrolled import convolution, deep_bidirectional, language_models, pooling, unfolding
from unrolled.gru import gru_from_torch, gru_step, gru_step_backward
from unrolled.lstm import lstm_step, lstm_step_backward


# ----------------------------------------------------------------------- shared by both
def _pad(x, begin, end, value):
    """Before and behind the last axes. begin, end: an integer for each of these."""
    return np.pad(x, [(0, 0)] * 2 + list(zip(begin, end)), constant_values=value)


def _crop(dx, begin, shape):
    return dx[(..., *(slice(b, b + L) for b, L in zip(begin, shape[2:])))]


def _one_or_all(values):
    """How the package takes an option: a number for one axis, a pair for two."""
    return values[0] if values is not None and len(values) == 1 else values


def convolve(x, w, b, stride, begin, end, dilation, groups):
    """conv1d or conv2d; options have an integer for each axis. Returns out, back."""
    rank, even = x.ndim - 2, begin == end
    out, cache = getattr(convolution, f"conv{rank}d")(
        x if even else _pad(x, begin, end, 0),
        w,
        b,
        stride=_one_or_all(stride),
        padding=_one_or_all(begin) if even else 0,
        dilation=_one_or_all(dilation),
        groups=groups,
    )

    def back(dout):
        dx, dw, db = getattr(convolution, f"conv{rank}d_backward")(dout, cache)
        return dx if even else _crop(dx, begin, x.shape), dw, db

    return out, back


def pool(kind, x, n, stride, begin, end, count_padding=True, **options):
    """max_pool… or avg_pool…; n, stride: an integer for each axis. Returns out, back."""
    name, even = f"{kind}_pool{x.ndim - 2}d", begin == end

    def run(values):
        return getattr(pooling, name)(
            values if even else _pad(values, begin, end, -np.inf if kind == "max" else 0),
            _one_or_all(n),
            stride=_one_or_all(stride),
            padding=_one_or_all(begin) if even else 0,
            **options,
        )

    out, cache = run(x)
    inside = 1 if count_padding else run(np.ones_like(x))[0]  # what of each window is x

    def back(dout):
        dx = getattr(pooling, f"{name}_backward")(dout / inside, cache)
        return dx if even else _crop(dx, begin, x.shape)

    return out / inside, back


def _without_defaults(dilation, ceil_mode, return_indices=False):
    """Options of pooling that the package lacks, in the order in which it is asked for them."""
    given = {"dilation": dilation if any(d != 1 for d in dilation) else None}
    given |= {"ceil_mode": ceil_mode, "return_indices": return_indices}
    return {name: value for name, value in given.items() if value}


def _along(function, backward, x, axis):
    """A function of the last axis along another one. Returns out, back."""
    if x.ndim == 0:
        return function(x)
    out, cache = function(np.moveaxis(x, axis, -1))

    def back(dout):
        return np.moveaxis(backward(np.moveaxis(dout, axis, -1), cache), -1, axis)

    return np.moveaxis(out, -1, axis), back


def _reduced(losses, factors, reduction):
    """Losses times their factors, and what the gradient of each loss is for a dout."""
    total = factors.sum() if reduction == "mean" else 1
    with np.errstate(invalid="ignore"):  # the mean of nothing is NaN
        share = factors / total
    out = losses * share
    return out if reduction == "none" else out.sum(), lambda dout: dout * share


def _factors(target, weight, ignored, kind):
    """The weight of each position, 0 where it is ignored."""
    safe = np.where(ignored, 0, target)
    return (np.ones(target.shape, kind) if weight is None else weight[safe]) * ~ignored


def _classes_last(scores):
    return scores if scores.ndim == 1 else np.moveaxis(scores, 1, -1)


def _as_before(dz):
    return dz if dz.ndim == 1 else np.moveaxis(dz, -1, 1)


def scored(scores, target, weight=None, ignore_index=-100, reduction="mean", **options):
    """Cross-entropy of scores (B, classes, …), by the function nearest to it. Out, back."""
    z, ignored = _classes_last(scores), target == ignore_index
    plain = weight is None and not ignored.any() and not options
    if plain and reduction == "sum" and z.ndim == 2:
        out, cache = pooling.softmax_loss(z, target)
        return out, lambda dout: pooling.softmax_loss_backward(dout, cache)
    if plain and reduction == "sum":
        out, cache = language_models.cross_entropy(z, target)
        return out, lambda dout: _as_before(language_models.cross_entropy_backward(dout, cache))
    mask = ~ignored if ignored.any() else None
    chosen, cache = language_models.token_log_probs(z, target, mask, **options)
    out, share = _reduced(-chosen, _factors(target, weight, ignored, z.dtype), reduction)
    return out, lambda dout: _as_before(
        language_models.token_log_probs_backward(-share(dout), cache)
    )


def chosen(log_probs, target, weight=None, ignore_index=-100, reduction="mean"):
    """The loss -log P of log-probabilities (B, classes, …): slide 16 of P = exp(log P)."""
    P, ignored = np.exp(_classes_last(log_probs)), target == ignore_index
    y = np.where(ignored, 0, target)
    factors = _factors(target, weight, ignored, P.dtype)
    out, share = _reduced(unfolding.step_losses(P, y), factors, reduction)
    _, cache = unfolding.total_loss(P, y)
    slope = unfolding.total_loss_backward(1.0, cache) * P
    return out, lambda dout: _as_before(slope * np.asarray(share(dout))[..., None])


# ----------------------------------------------------------------------- ONNX
def _onnx_window(x, kernel_shape, strides, pads, dilations, auto_pad):
    """n, stride, begin, end, dilation of ONNX's attributes: an integer for each axis."""
    rank = len(kernel_shape)
    ones = (1,) * rank
    stride, dilation = tuple(strides or ones), tuple(dilations or ones)
    if auto_pad.startswith(b"SAME"):
        sizes = zip(x.shape[2:], kernel_shape, stride, dilation)
        total = [max(0, (-(-L // s) - 1) * s + d * (n - 1) + 1 - L) for L, n, s, d in sizes]
        less, more = tuple(t // 2 for t in total), tuple(t - t // 2 for t in total)
        begin, end = (less, more) if auto_pad == b"SAME_UPPER" else (more, less)
    else:
        pads = tuple(pads or (0,) * 2 * rank)
        begin, end = pads[:rank], pads[rank:]
    return tuple(kernel_shape), stride, begin, end, dilation


def onnx_conv(
    x, W, B=None, *, kernel_shape, strides=(), pads=(), dilations=(), auto_pad=b"NOTSET", group=1
):
    _, *window = _onnx_window(x, kernel_shape, strides, pads, dilations, auto_pad)
    b = np.zeros(len(W), W.dtype) if B is None else B
    return [convolve(x, W, b, *window, group)[0]]


def onnx_pool(
    kind,
    x,
    *,
    kernel_shape,
    strides=(),
    pads=(),
    dilations=(),
    auto_pad=b"NOTSET",
    ceil_mode=0,
    count_include_pad=0,
    outputs=1,
    storage_order=0,  # of the indices, its second output
):
    *window, dilation = _onnx_window(x, kernel_shape, strides, pads, dilations, auto_pad)
    options = _without_defaults(dilation, ceil_mode, outputs > 1)
    count_padding = kind == "max" or bool(count_include_pad)
    return [pool(kind, x, *window, count_padding, **options)[0]]


def onnx_global_pool(kind, x):
    sides, none = x.shape[2:], (0,) * (x.ndim - 2)
    return [pool(kind, x, sides, None, none, none)[0]]


def onnx_elementwise(function, x):
    return [function(x)]


def onnx_softmax(name, x, *, axis=-1):
    return [_along(getattr(language_models, name), None, x, axis)[0]]


def onnx_scored(scores, labels, weights=None, *, outputs=1, reduction=b"mean", ignore_index=-100):
    loss = scored(scores, labels, weights, ignore_index, reduction.decode())[0]
    log_prob = _along(language_models.log_softmax, None, scores, 1)[0]
    return [loss, log_prob][:outputs]


def onnx_chosen(log_probs, target, weight=None, *, reduction=b"mean", ignore_index=-100):
    return [chosen(log_probs, target, weight, ignore_index, reduction.decode())[0]]


ONNX_BLOCKS = {"RNN": (0,), "LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2)}  # iofc → ifgo, zrh → rzn
ONNX_WAYS = {b"forward": (False,), b"reverse": (True,), b"bidirectional": (False, True)}


def onnx_recurrent(
    kind,
    X,
    W,
    R,
    B=None,
    sequence_lens=None,
    initial_h=None,
    initial_c=None,
    P=None,
    *,
    hidden_size,
    layout=0,
    direction=b"forward",
    linear_before_reset=0,
):
    """All of Y, Y_h, Y_c, None for the last where the cell has none."""
    blocks = ONNX_BLOCKS[kind]

    def sort(a, order=blocks):
        parts = np.split(a, len(order))
        return np.concatenate([parts[i] for i in order])

    starts = [s if s is None or not layout else s.swapaxes(0, 1) for s in (initial_h, initial_c)]
    starts = starts[: 1 + (kind == "LSTM")]
    B = np.zeros((len(W), 2 * len(blocks) * hidden_size), X.dtype) if B is None else B
    cell = "gru before" if kind == "GRU" and not linear_before_reset else kind.lower()
    found = []
    for i, reverse in enumerate(ONNX_WAYS[direction]):
        b, inner = map(sort, np.split(B[i], 2))
        params = {"W_i": sort(W[i]), "W_h": sort(R[i]), "b": b + inner}
        if kind == "GRU":
            n = slice(2 * hidden_size, None)
            params |= {"b_n": inner[n].copy()}
            params["b"][n] = b[n]
        start = None if starts[0] is None else tuple(s[i] for s in starts)
        peepholes = {} if P is None else {"W_c": sort(P[i], (0, 2, 1)).reshape(3, -1)}
        found.append(
            deep_bidirectional.direction_forward(
                X.swapaxes(0, 1) if layout else X,
                params,
                start,
                sequence_lens,
                cell,
                reverse,
                **peepholes,
            )[0]
        )
    Y = np.stack([y for y, _ in found], axis=1)  # (T, ways, B, H)
    lasts = [np.stack(states) for states in zip(*(last for _, last in found))]  # (ways, B, H)
    if layout:
        Y, lasts = Y.transpose(2, 0, 1, 3), [s.swapaxes(0, 1) for s in lasts]
    return [Y, *lasts]


ONNX = {
    "Conv": onnx_conv,
    "MaxPool": partial(onnx_pool, "max"),
    "AveragePool": partial(onnx_pool, "avg"),
    "GlobalMaxPool": partial(onnx_global_pool, "max"),
    "GlobalAveragePool": partial(onnx_global_pool, "avg"),
    "RNN": partial(onnx_recurrent, "RNN"),
    "LSTM": partial(onnx_recurrent, "LSTM"),
    "GRU": partial(onnx_recurrent, "GRU"),
    "Softmax": partial(onnx_softmax, "softmax"),
    "LogSoftmax": partial(onnx_softmax, "log_softmax"),
    "SoftmaxCrossEntropyLoss": onnx_scored,
    "NegativeLogLikelihoodLoss": onnx_chosen,
    "Sigmoid": partial(onnx_elementwise, unfolding.sigmoid),
    "Tanh": partial(onnx_elementwise, unfolding.tanh),
    "Relu": partial(onnx_elementwise, unfolding.relu),
}


# ----------------------------------------------------------------------- torch
def _each_axis(option, rank):
    """torch's option, one number, one in a tuple, or several, as several; None for none."""
    if option is None or option == ():
        return None
    option = option if isinstance(option, tuple) else (option,)
    return option * rank if len(option) == 1 else option


def _with_batch(run, x, rank):
    """(out, back) of an input that may lack its batch; run(x) returns the two for one that has."""
    if x.ndim == rank + 2:
        return run(x)
    out, back = run(x[None])

    def back_without(dout):
        dx, *rest = back(dout[None])
        return dx[0], *rest

    return out[0], back_without


def torch_conv(rank, input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    stride, dilation = _each_axis(stride, rank), _each_axis(dilation, rank)
    begin = end = _each_axis(0 if padding == "valid" else padding, rank)
    if padding == "same":
        total = [d * (n - 1) for d, n in zip(dilation, weight.shape[2:])]
        begin, end = tuple(t // 2 for t in total), tuple(t - t // 2 for t in total)
    b = np.zeros(len(weight)) if bias is None else bias

    def run(x):
        return convolve(x, weight, b, stride, begin, end, dilation, groups)

    out, back = _with_batch(run, input, rank)
    names = ("input", "weight", "bias")[: 2 + (bias is not None)]
    return (out,), lambda dout: dict(zip(names, back(dout)))


def _torch_pool(kind, rank, x, kernel_size, stride, padding, count_padding=True, **options):
    n, s, p = (_each_axis(option, rank) for option in (kernel_size, stride, padding))

    def run(values):
        out, back = pool(kind, values, n, s, p, p, count_padding, **options)
        return out, lambda dout: (back(dout),)

    out, back = _with_batch(run, x, rank)
    return (out,), lambda dout: {"input": back(dout)[0]}


def torch_max_pool(
    rank,
    input,
    kernel_size,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode=False,
    return_indices=False,
):
    options = _without_defaults(_each_axis(dilation, rank), ceil_mode, return_indices)
    return _torch_pool("max", rank, input, kernel_size, stride, padding, **options)


def torch_avg_pool(
    rank,
    input,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
):
    options = _without_defaults((1,), ceil_mode)
    if divisor_override is not None:
        options["divisor_override"] = divisor_override
    return _torch_pool(
        "avg", rank, input, kernel_size, stride, padding, count_include_pad, **options
    )


def torch_elementwise(name, input):
    function, derivative = unfolding.ACTIVATIONS[name]
    out = function(input)
    return (out,), lambda dout: {"input": dout * derivative(out)}


def torch_softmax(name, input, dim, sign=1):
    backward = getattr(language_models, f"{name}_backward")
    out, back = _along(getattr(language_models, name), backward, sign * input, dim)
    return (out,), lambda dout: {"input": sign * back(dout)}


def torch_cross_entropy(
    input, target, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0
):
    options = {"label_smoothing": label_smoothing} if label_smoothing else {}
    out, back = scored(input, target, weight, ignore_index, reduction, **options)
    return (out,), lambda dout: {"input": back(dout)}


def torch_nll_loss(input, target, weight=None, ignore_index=-100, reduction="mean"):
    out, back = chosen(input, target, weight, ignore_index, reduction)
    return (out,), lambda dout: {"input": back(dout)}


def torch_embedding(weight, input):
    out, cache = language_models.embed(weight, input)
    return (out,), lambda dout: {"weight": language_models.embed_backward(dout, cache)}


def torch_linear(input, weight, bias=None):
    out, cache = unfolding.readout(input, weight, bias)
    names = ("input", "weight", "bias")
    return (out,), lambda dout: dict(zip(names, unfolding.readout_backward(dout, cache)))


def torch_linear_module(input, weight, bias=None):
    """As `torch_linear`, by chapter 2's layer, which wants a batch and a bias."""
    b = np.zeros(len(weight)) if bias is None else bias
    x = np.atleast_2d(input)
    out, cache = pooling.fully_connected(x, weight, b)

    def back(dout):
        dx, dw, db = pooling.fully_connected_backward(np.atleast_2d(dout), cache)
        grads = {"input": dx.reshape(input.shape), "weight": dw}
        return grads if bias is None else grads | {"bias": db}

    return (out.reshape(*input.shape[:-1], -1),), back


def _biases(db, db_n=None):
    """Gradients of torch's two biases."""
    return db, db if db_n is None else np.concatenate([db[: -len(db_n)], db_n])


def torch_cell(module, input, hx):
    """A cell on one vector, or a batch of them."""
    kind, states = type(module).__name__, hx if isinstance(hx, tuple) else (hx,)
    W_i, W_h, b_i, b_h = (p.detach().numpy() for p in module.parameters())
    x, *states = (np.atleast_2d(a) for a in (input, *states))
    if kind == "RNNCell":
        out, cache = unfolding.rnn_step(x, *states, W_i, W_h, b_i + b_h, module.nonlinearity)
        backward = unfolding.rnn_step_backward
    elif kind == "GRUCell":
        (out, cache), backward = gru_step(x, *states, *gru_from_torch(module)), gru_step_backward
    else:
        (out, cache), backward = lstm_step(x, *states, W_i, W_h, b_i + b_h), lstm_step_backward
    outs = out if isinstance(out, tuple) else (out,)

    def back(*douts):
        douts = tuple(np.atleast_2d(d) for d in douts)
        dx, *rest = backward(douts if len(douts) > 1 else douts[0], cache)
        names = [f"hx {i}" for i in range(len(states))]
        dstates, (dW_i, dW_h, *db) = rest[: len(names)], rest[len(names) :]
        grads = {"input": dx.reshape(input.shape)}
        grads |= {n: d.reshape(*input.shape[:-1], -1) for n, d in zip(names, dstates)}
        grads |= {"weight_ih": dW_i, "weight_hh": dW_h}
        return grads | dict(zip(("bias_ih", "bias_hh"), _biases(*db)))

    return tuple(o.reshape(*input.shape[:-1], -1) for o in outs), back


def torch_recurrent(module, input, hx=None, lengths=None):
    """Layers over (T, B, D), or (T, D); outputs as torch's, with lengths after unpacking."""
    cell, batch = type(module).__name__.lower(), input.ndim == 3
    options = {"activation": module.nonlinearity} if cell == "rnn" else {}
    states = () if hx is None else hx if isinstance(hx, tuple) else (hx,)
    x, *states = (a if batch else a[:, None] for a in (input, *states))
    p = deep_bidirectional.deep_from_torch(module, **options)
    (y, last), cache = deep_bidirectional.deep_forward(
        x, p, lengths, tuple(states) or None, cell, **options
    )

    def back(dy, *dlast):
        dy, *dlast = (d if batch else d[:, None] for d in (dy, *dlast))
        dx, dp, dstart = deep_bidirectional.deep_backward((dy, tuple(dlast)), cache)
        grads = {"input": dx} | {f"hx {i}": d for i, (d, _) in enumerate(zip(dstart, states))}
        grads = {name: d if batch else d[:, 0] for name, d in grads.items()}
        for layer in {name.split(".")[0] for name in dp}:
            end = f"l{int(layer[:-1]) - 1}" + "_reverse" * layer.endswith("b")
            db, db_n = dp[f"{layer}.b"], dp.get(f"{layer}.b_n")
            grads |= {f"weight_ih_{end}": dp[f"{layer}.W_i"]}
            grads |= {f"weight_hh_{end}": dp[f"{layer}.W_h"]}
            if module.bias:
                grads |= dict(zip((f"bias_ih_{end}", f"bias_hh_{end}"), _biases(db, db_n)))
        return grads

    return tuple(o if batch else o[:, 0] for o in (y, *last)), back


TORCH_FUNCTIONS = {
    "nn.functional.conv1d": partial(torch_conv, 1),
    "nn.functional.conv2d": partial(torch_conv, 2),
    "nn.functional.max_pool1d": partial(torch_max_pool, 1),
    "nn.functional.max_pool2d": partial(torch_max_pool, 2),
    "nn.functional.avg_pool1d": partial(torch_avg_pool, 1),
    "nn.functional.avg_pool2d": partial(torch_avg_pool, 2),
    "softmax": partial(torch_softmax, "softmax"),
    "log_softmax": partial(torch_softmax, "log_softmax"),
    "nn.functional.softmin": partial(torch_softmax, "softmax", sign=-1),
    "nn.functional.cross_entropy": torch_cross_entropy,
    "nn.functional.nll_loss": torch_nll_loss,
    "sigmoid": partial(torch_elementwise, "sigmoid"),
    "tanh": partial(torch_elementwise, "tanh"),
    "nn.functional.relu": partial(torch_elementwise, "relu"),
    "nn.functional.embedding": torch_embedding,
    "nn.functional.linear": torch_linear,
}
TORCH_MODULES = {
    "Conv1d": partial(torch_conv, 1),
    "Conv2d": partial(torch_conv, 2),
    "MaxPool1d": partial(torch_max_pool, 1),
    "MaxPool2d": partial(torch_max_pool, 2),
    "AvgPool1d": partial(torch_avg_pool, 1),
    "AvgPool2d": partial(torch_avg_pool, 2),
    "Softmax": partial(torch_softmax, "softmax"),
    "LogSoftmax": partial(torch_softmax, "log_softmax"),
    "Softmin": partial(torch_softmax, "softmax", sign=-1),
    "CrossEntropyLoss": torch_cross_entropy,
    "NLLLoss": torch_nll_loss,
    "Sigmoid": partial(torch_elementwise, "sigmoid"),
    "Tanh": partial(torch_elementwise, "tanh"),
    "ReLU": partial(torch_elementwise, "relu"),
    "Embedding": torch_embedding,
    "Linear": torch_linear_module,
    "RNNCell": torch_cell,
    "LSTMCell": torch_cell,
    "GRUCell": torch_cell,
    "RNN": torch_recurrent,
    "LSTM": torch_recurrent,
    "GRU": torch_recurrent,
}
