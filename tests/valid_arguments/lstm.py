"""Valid arguments for the functions of chapter 7."""


def weights(rng, gates=4):
    shapes = {"W_i": (gates * 4, 3), "W_h": (gates * 4, 4), "b": (gates * 4,)}
    return {name: 0.5 * rng.standard_normal(shape) for name, shape in shapes.items()}


def sequence(rng, gates=4):
    shapes = {"x": (5, 2, 3), "h_0": (2, 4), "c_0": (2, 4)}
    return {n: rng.standard_normal(s) for n, s in shapes.items()} | weights(rng, gates)


CASES = {
    "lstm_step": lambda rng: (
        {
            "x": rng.standard_normal((2, 3)),
            "h_prev": rng.standard_normal((2, 4)),
            "c_prev": rng.standard_normal((2, 4)),
        }
        | weights(rng)
        | {"W_c": rng.standard_normal((3, 4))}
    ),
    "lstm_forward": lambda rng: sequence(rng) | {"W_c": rng.standard_normal((3, 4))},
    "lstm1997_forward": lambda rng: sequence(rng, 3),
    "coupled_forward": lambda rng: sequence(rng, 3),
    "run_cell": lambda rng: {
        "x": rng.standard_normal((5, 2, 3)),
        "params": weights(rng),
        "start": (rng.standard_normal((2, 4)), rng.standard_normal((2, 4))),
    },
    "language_loss": lambda rng: {
        "params": {"X": rng.standard_normal((6, 3)), "W_o": rng.standard_normal((6, 4))}
        | weights(rng),
        "tokens": rng.integers(0, 6, (5, 2)),
        "targets": rng.integers(0, 6, (5, 2)),
        "start": (rng.standard_normal((2, 4)), rng.standard_normal((2, 4))),
    },
}
FORWARDS = {}
NO_ARRAYS = {"lstm_from_torch", "last_first", "add_cell", "cell_named", "cell_parameters"}
EXCEPT = {}
