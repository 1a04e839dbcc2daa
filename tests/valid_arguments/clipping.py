"""Valid arguments for the functions of chapter 6."""


def gradients(rng):
    return {"W": rng.standard_normal((2, 3)), "b": rng.standard_normal(3)}


def update(rng):
    return {"params": gradients(rng), "grads": gradients(rng), "state": {}, "lr": 0.1}


def parabola(params, batch):
    return 0.5 * sum((value**2).sum() for value in params.values()), dict(params)


def states(rng):
    return {"h": rng.standard_normal((5, 2, 3)), "W_h": rng.standard_normal((3, 3))}


IN_PLACE = dict.fromkeys(("integers", "memory"), "changes its parameters in place")

CASES = {
    "step_jacobians": states,
    "jacobian_products": states,
    "lag_norms": states,
    "global_norm": lambda rng: {"grads": gradients(rng)},
    "clip_by_norm": lambda rng: {"grads": gradients(rng), "tau": 0.5},
    "clip_by_value": lambda rng: {"grads": gradients(rng), "tau": 0.5},
    "sgd": update,
    "momentum": update,
    "adam": update,
    "train": lambda rng: {
        "params": gradients(rng),
        "gradients": parabola,
        "batches": [None, None],
        "show": False,
    },
}
FORWARDS = {}
NO_ARRAYS = {"init_scaled", "init_orthogonal", "init_identity"}
EXCEPT = {
    "sgd": IN_PLACE,
    "momentum": IN_PLACE,
    "adam": IN_PLACE,
    "global_norm": {"type": "a float, not an array"},
}
