"""Chapter 4: does a readout of a random network beat the table of pairs when it has more units?

Each random network reads the text, its readout is trained in two passes; r is tuned at the middle
rate, the rate at the middle r. Columns: level of the text, units, r (scale of the recurrent
weights), rate (of descent, times the units by 256), seed, perplexity on the validation part and on
the held-out part of the Python documentation.
"""

import numpy as np

from unrolled.experiments.bptt import documentation
from unrolled.experiments.language_models import random_network, read_states, train_readout
from unrolled.language_models import perplexity, streams, token_log_probs
from unrolled.support import data, study
from unrolled.unfolding import readout

STUDY = study.Study(
    rule="A network is ahead of a table when all its seeds are; the tables have no seed.",
    columns=("level", "units", "r", "rate", "seed", "validation", "perplexity"),
    settings=("level", "units"),
    seeds=range(5),
    reported=("perplexity",),
    tuned=("r", "rate"),
    chosen_by="validation",
    parts="sentences 5, 15, 25 … choose, sentences 0, 10, 20 … are reported, the others train",
)
SCALES = {"word": (0.2, 0.4, 0.6, 0.8), "character": (0.2, 0.4, 0.6, 0.8, 1.0)}
MIDDLE = {"word": 0.4, "character": 0.8}
RATES = {64: (0.35, 0.7, 1.4), 256: (0.35, 0.7, 1.4), 1024: (0.7, 1.4, 2.8)}
NETWORKS = [("word", 64), ("word", 256), ("character", 64), ("character", 256), ("word", 1024)]


def of_text(network, W_o, tokens):
    """Perplexity of a text, its □ not counted."""
    h, targets, on = read_states(network, streams(tokens, 16))
    log_p = token_log_probs(readout(h, W_o)[0], targets)[0][on]
    return perplexity(log_p.astype(float), len(log_p))


def run(level, units, r, rate, seed):
    """One network and its readout: a row."""
    vocabulary, *parts = documentation(data.python_docs(), level, validate=True)
    training, *others = parts
    rng = np.random.default_rng(seed)
    network = random_network(len(vocabulary), rng, H=units, r=r)
    states, targets, mask = read_states(network, streams(training, 64))
    step = rate * 256 / units
    W_o = train_readout(states, targets, mask, len(vocabulary), rng, rate=step)
    found = [min(of_text(network, W_o, tokens), 1e6) for tokens in others]
    return level, units, r, rate, seed, *found


def chosen(result):
    """The runs of the winners, with all seeds."""
    return [(*setting, seed) for setting in result.chosen() for seed in STUDY.seeds]


if __name__ == "__main__":
    runs = [
        (level, units, r, rate, 0)
        for level, units in NETWORKS
        for r in SCALES[level]
        for rate in RATES[units]
        if r == MIDDLE[level] or RATES[units].index(rate) == 1
    ]
    STUDY.run(__file__, run, runs, chosen)
