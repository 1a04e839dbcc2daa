"""Chapter 7: does an LSTM model the words of a text better than an RNN of equal size?

Words of the Python documentation, about 92,000 parameters, 16 streams in windows of 20 words, 400
windows with Adam, judged every hundred; the parameters that are best in validation are kept.
Columns: network, rate, seed, units, parameters, validation and test (perplexities of words).
"""

from functools import partial

import numpy as np

from unrolled.experiments.bptt import documentation, held_out_perplexity
from unrolled.experiments.lstm import language_parameters, train_language
from unrolled.language_models import streams
from unrolled.lstm import language_loss
from unrolled.support import data, study

NETWORKS = {"RNN": ("rnn", 45), "LSTM": ("lstm", 39)}  # cell, units


def run(network, rate, seed):
    """One training: a row."""
    cell, H = NETWORKS[network]
    vocabulary, training, *parts = documentation(data.python_docs(), "word", validate=True)
    params = language_parameters(cell, len(vocabulary), 32, H, np.random.default_rng(seed))
    size, parts = sum(a.size for a in params.values()), [streams(part, 8) for part in parts]
    options = {"cell": cell, "T": 20, "lr": rate, "show": False}
    params, curve = train_language(params, streams(training, 16), parts[0], 400, **options)
    test = held_out_perplexity(partial(language_loss, params, cell=cell), parts[1])
    return network, rate, seed, H, size, curve["least"], test


RATES = {"RNN": (2.5e-3, 5e-3, 1e-2, 2e-2), "LSTM": (5e-3, 1e-2, 2e-2, 4e-2)}
STUDY = study.Study(
    rule="a network is ahead of another, or of a bigram model, when its worst seed is ahead of the "
    "other's best; else the two are level",
    columns=("network", "rate", "seed", "units", "parameters", "validation", "test"),
    settings=("network",),
    seeds=range(5),
    reported=("test",),
    tuned=("rate",),
    chosen_by="validation",
    parts="a tenth of the sentences chooses the rate, with seed 0, and when to stop; another tenth "
    "is reported",
)


if __name__ == "__main__":
    grid = [(network, rate) for network, rates in RATES.items() for rate in rates]
    STUDY.tune(__file__, run, grid)
