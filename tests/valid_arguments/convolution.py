"""Valid arguments for the functions of chapter 1."""

CASES = {
    "conv1d": lambda rng: {
        "x": rng.standard_normal((2, 4, 9)),
        "w": rng.standard_normal((6, 2, 3)),
        "b": rng.standard_normal(6),
        "stride": 2,
        "padding": 1,
        "groups": 2,
    },
    "conv2d": lambda rng: {
        "x": rng.standard_normal((2, 4, 7, 6)),
        "w": rng.standard_normal((6, 2, 3, 2)),
        "b": rng.standard_normal(6),
        "stride": (2, 1),
        "padding": (1, 0),
        "groups": 2,
    },
    "correlate": lambda rng: {"x": rng.standard_normal(9), "m": rng.standard_normal(4)},
    "toeplitz": lambda rng: {"m": rng.standard_normal(4), "T": 9},
}
FORWARDS = {}
NO_ARRAYS = {"output_length"}
EXCEPT = {}
