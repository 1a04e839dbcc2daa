"""Valid arguments for the functions of chapter 8."""


def weights(rng):
    shapes = {"W_i": (12, 3), "W_h": (12, 4), "b": (12,), "b_n": (4,)}
    return {name: 0.5 * rng.standard_normal(shape) for name, shape in shapes.items()}


CASES = {
    "gru_step": lambda rng: (
        {
            "x": rng.standard_normal((2, 3)),
            "h_prev": rng.standard_normal((2, 4)),
        }
        | weights(rng)
    ),
    "gru_forward": lambda rng: (
        {
            "x": rng.standard_normal((5, 2, 3)),
            "h_0": rng.standard_normal((2, 4)),
        }
        | weights(rng)
    ),
}
FORWARDS = {}
NO_ARRAYS = {"gru_from_torch", "parameter_count", "units_within"}
EXCEPT = {}
