"""Valid arguments for the functions of chapter 5."""

SIZES = {"h_0": (2, 4), "W_i": (4, 3), "W_h": (4, 4), "b": (4,)}


def layer(rng):
    return {name: 0.5 * rng.standard_normal(s) for name, s in SIZES.items()}


CASES = {
    "rnn_forward": lambda rng: {"x": rng.standard_normal((5, 2, 3))} | layer(rng),
    "language_model_loss": lambda rng: (
        {"X": rng.standard_normal((6, 3))}
        | layer(rng)
        | {
            "W_o": rng.standard_normal((6, 4)),
            "tokens": rng.integers(0, 6, (5, 2)),
            "targets": rng.integers(0, 6, (5, 2)),
            "mask": rng.random((5, 2)) < 0.7,
        }
    ),
    "rnn_forward_accumulation": lambda rng: (
        {"x": rng.standard_normal((5, 2, 3))} | layer(rng) | {"upstream": lambda t, h: t * h}
    ),
}
FORWARDS = {
    "language_model_backward": "language_model_loss",
    "sum_over_paths": "rnn_forward",
    "truncated_backward": "rnn_forward",
    "gradient_by_lag": "rnn_forward",
}
NO_ARRAYS = set()
EXCEPT = {}
