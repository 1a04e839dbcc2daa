"""Valid arguments for the functions of chapter 3."""

T, B, D, H, V = 4, 2, 3, 5, 6


def layer(rng):
    return {
        "W_i": rng.standard_normal((H, D)),
        "W_h": rng.standard_normal((H, H)),
        "b": rng.standard_normal(H),
    }


def activation(rng):
    return {"x": rng.standard_normal((3, 4))}


def output(rng):
    return {"h": rng.standard_normal((3, 4))}


def judged(rng):
    P = rng.random((T, B, V))
    return {"P": P / P.sum(axis=-1, keepdims=True), "y": rng.integers(V, size=(T, B))}


CASES = {
    "elman_forward": lambda rng: {
        "x": rng.standard_normal((T, B, D)),
        "h_0": rng.standard_normal(H),
        "W_1": rng.standard_normal((H, D)),
        "W_2": rng.standard_normal((H, H)),
        "W_3": rng.standard_normal((D, H)),
    },
    "identity": activation,
    "identity_derivative": output,
    "predict": lambda rng: {"P": rng.random((T, B, V))},
    "readout": lambda rng: {
        "h": rng.standard_normal((T, B, H)),
        "W_o": rng.standard_normal((V, H)),
        "b_o": rng.standard_normal(V),
    },
    "relu": activation,
    "relu_derivative": output,
    "rnn_forward": lambda rng: {
        "x": rng.standard_normal((T, B, D)),
        "h_0": rng.standard_normal((B, H)),
        **layer(rng),
    },
    "rnn_step": lambda rng: {
        "x": rng.standard_normal((B, D)),
        "h_prev": rng.standard_normal((B, H)),
        **layer(rng),
    },
    "sigmoid": activation,
    "sigmoid_derivative": output,
    "step_losses": judged,
    "tanh": activation,
    "tanh_derivative": output,
    "total_loss": judged,
}
FORWARDS = {}
NO_ARRAYS = set()
EXCEPT = {}
