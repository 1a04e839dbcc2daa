"""Chapter 5: how much of what training can give needs an error that is carried back?

The character model, 800 steps. Columns: learned (all; all but W_h; W_o, the readout of a random
network, by Adam), units, k (errors are carried over at most k - 1 steps), rate, seed, step,
perplexity on the validation part and on the held-out part of the Python documentation.
"""

from functools import partial

import numpy as np

from unrolled.bptt import truncated_backward
from unrolled.clipping import adam
from unrolled.experiments.bptt import (
    descend,
    documentation,
    held_out_perplexity,
    initial_parameters,
    window_loss,
)
from unrolled.language_models import (
    cross_entropy_backward,
    streams,
    windows,
)
from unrolled.support import data, study
from unrolled.unfolding import readout_backward

STUDY = study.Study(
    rule="What W_h gives is the distance from all-but-W_h to all, both at k = 32; what k = 1 gives"
    " is told as its share of that, in means over seeds at the last step.",
    columns=("learned", "units", "k", "rate", "seed", "step", "validation", "perplexity"),
    settings=("learned", "units", "k"),
    seeds=range(5),
    reported=("perplexity",),
    tuned=("rate",),
    chosen_by="validation",
    parts="sentences 5, 15, 25 … choose, sentences 0, 10, 20 … are reported, the others train",
)
STEPS, EVERY = 800, 100
LEARNED = {"all": None, "all but W_h": ("X", "h_0", "W_i", "b", "W_o"), "W_o": ("W_o",)}
SETTINGS = [("all", 64, k) for k in (1, 2, 4, 8, 32)]
SETTINGS += [("all but W_h", 64, k) for k in (1, 32)]
SETTINGS += [("W_o", 64, 1), ("W_o", 256, 1)]
RATES = {
    "all": (1.0, 2.0, 4.0),
    "all but W_h": (0.25, 0.5, 1.0, 2.0, 4.0),
    "W_o": (3e-3, 1e-2, 3e-2),
}


def readout_by_adam(parameters, stream, rate):
    """As `descend`, with the readout alone learning, by Adam. Yields without end."""
    memory = {}
    while True:
        state = None
        for tokens, targets in windows(stream, 32):
            (_, state), (_, _, read, judged) = window_loss(parameters, tokens, targets, state)
            asked = int(judged[2].sum())
            _, dW_o = readout_backward(cross_entropy_backward(1 / asked, judged), read)
            adam({"W_o": parameters["W_o"]}, {"W_o": dW_o}, memory, rate)
            yield


def run(learned, units, k, rate, seed):
    """One training; a row for each evaluation."""
    vocabulary, *parts = documentation(data.python_docs(), "character", validate=True)
    train, *others = (streams(part, B) for part, B in zip(parts, (32, 16, 16), strict=True))
    model = initial_parameters(len(vocabulary), 32, units, np.random.default_rng(seed))
    if learned == "W_o":
        descent = readout_by_adam(model, train, rate)
    else:
        through = partial(_truncated, k=k)
        descent = descend(model, train, rate, through=through, learned=LEARNED[learned])
    rows = []
    with np.errstate(over="ignore"):
        for step, _ in zip(range(1, STEPS + 1), descent, strict=False):
            if step % EVERY == 0:
                loss = partial(window_loss, model)
                found = [min(held_out_perplexity(loss, part), 1e6) for part in others]
                rows.append((learned, units, k, rate, seed, step, *found))
    return rows


def _truncated(dh, cache, k):
    return truncated_backward(dh, cache, k)


if __name__ == "__main__":
    grid = [(*s, rate) for s in SETTINGS for rate in RATES[s[0]]]
    STUDY.tune(__file__, run, grid)
