"""Chapter 6: what becomes of the Jacobian products of a character model while it learns?

Adam with rate 0.005, clipped at 5, windows of 48 characters. Columns: seed, step (passes over the
training text), product (median norm over 40 steps of the held-out text), s_max (of W_h) and
perplexity on the held-out text.
"""

from itertools import chain, repeat

import numpy as np

from unrolled.clipping import train
from unrolled.experiments.bptt import documentation, initial_parameters
from unrolled.experiments.clipping import character_model, text_products
from unrolled.language_models import streams, windows
from unrolled.support import data, study

STUDY = study.Study(
    rule="The product has risen, or fallen, when it has with every seed.",
    columns=("seed", "step", "product", "s_max", "perplexity"),
    settings=(),
    seeds=range(5),
    reported=("product", "s_max", "perplexity"),
)
PASSES = 4


def run(seed):
    """One training; a row for each pass, and one before the first."""
    vocabulary, training, held_out = documentation(data.python_docs(), "character")
    batches = list(windows(streams(training, 32), 48))
    test = next(windows(streams(held_out, 32), 200))
    start = initial_parameters(len(vocabulary), 16, 64, np.random.default_rng(seed))
    rows = []

    def evaluate(params):
        loss = float(character_model(params, test)[0])
        product = np.median(text_products(params, test)[-1])
        s_max = np.linalg.norm(params["W_h"], 2)
        rows.append((seed, len(rows), product, s_max, np.exp(loss)))
        return loss

    train(
        start,
        character_model,
        chain.from_iterable(repeat(batches, PASSES)),
        lr=5e-3,
        clip=5.0,
        evaluate=evaluate,
        every=len(batches),
        show=False,
    )
    return rows


if __name__ == "__main__":
    STUDY.run(__file__, run, [(seed,) for seed in STUDY.seeds])
