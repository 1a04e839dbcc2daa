"""Valid arguments for the functions of chapter 2."""

import numpy as np

from unrolled.pooling import lenet5_parameters, textcnn_parameters


def pool(rng):
    return {"x": rng.standard_normal((2, 3, 11)), "n": 4, "stride": 3, "padding": 2}


def pool2d(rng):
    x = rng.standard_normal((2, 3, 8, 7))
    return {"x": x, "n": (3, 2), "stride": (2, 1), "padding": (1, 0)}


def network(parameters):
    return {name: value.astype(float) for name, value in parameters.items()}


def text(rng):
    ids = np.array([[2, 3, 4, 5, 2, 0], [2, 6, 3, 4, 5, 2]])
    p = network(textcnn_parameters(7, 3, rng, D=4, K=2))
    return {"ids": ids, "p": p, "drop": rng.standard_normal((2, 6))}


def adam(rng):
    p = {"w": rng.standard_normal((3, 2)), "b": rng.standard_normal(2)}
    dp = {name: rng.standard_normal(value.shape) for name, value in p.items()}
    return {"p": p, "dp": dp, "memory": {}, "rate": 0.1}


CASES = {
    "adam_step": adam,
    "avg_pool1d": pool,
    "avg_pool2d": pool2d,
    "fully_connected": lambda rng: {
        "x": rng.standard_normal((2, 3, 2)),
        "w": rng.standard_normal((4, 6)),
        "b": rng.standard_normal(4),
    },
    "lenet5": lambda rng: {
        "x": rng.standard_normal((2, 1, 8, 8)),
        "p": network(lenet5_parameters(rng, classes=3)),
        "padding": 4,
    },
    "max_over_time": lambda rng: {
        "x": rng.standard_normal((2, 3, 5)),
        "mask": np.arange(5) < np.array([[5], [2]]),
    },
    "max_pool1d": pool,
    "max_pool2d": pool2d,
    "min_pool1d": pool,
    "min_pool2d": pool2d,
    "softmax_loss": lambda rng: {
        "scores": rng.standard_normal((4, 3)),
        "labels": np.array([2, 0, 1, 2]),
    },
    "subsample": lambda rng: {
        "x": rng.standard_normal((2, 3, 4, 6)),
        "w": rng.standard_normal(3),
        "b": rng.standard_normal(3),
    },
    "textcnn": text,
}
FORWARDS = {}
NO_ARRAYS = {"character_ids", "encode_names", "lenet5_parameters", "textcnn_parameters"}
IN_PLACE = "its arrays are changed in place"
EXCEPT = {
    "adam_step": {"integers": IN_PLACE, "lists": IN_PLACE, "memory": IN_PLACE},
}
