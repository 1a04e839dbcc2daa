"""Chapter 8: with equal numbers of parameters, which of RNN, LSTM and GRU models text best?

Character models of the Python documentation, at most 20,000 parameters, 16 streams in windows of 32
characters; Adam, whose rate falls to 0 over the budget of 300 or 1,000 windows. Columns: cell,
windows, rate (at the start), seed, units, parameters, validation and test (perplexities), seconds
of processor time.
"""

from functools import partial
from time import process_time

import numpy as np

from unrolled.experiments.bptt import documentation, held_out_perplexity
from unrolled.experiments.gru import RIVALS, text_parameters, train_text
from unrolled.gru import GRU, GRU_BEFORE
from unrolled.language_models import streams
from unrolled.lstm import language_loss
from unrolled.support import data, study

ENTERED = (GRU, GRU_BEFORE)  # in the table of cells, by chapter 8


def run(rival, windows, rate, seed):
    """One training: a row."""
    vocabulary, training, *parts = documentation(data.python_docs(), "character", validate=True)
    cell, start = RIVALS[rival], process_time()
    params = text_parameters(cell, len(vocabulary), np.random.default_rng(seed))
    params = train_text(params, streams(training, 16), windows, rate, cell)
    seconds = process_time() - start
    loss = partial(language_loss, params, cell=cell)
    units, size = params["W_h"].shape[1], sum(p.size for p in params.values())
    found = [held_out_perplexity(loss, streams(part, 16)) for part in parts]
    return rival, windows, rate, seed, units, size, *found, seconds


RATES = {300: (0.015, 0.03, 0.06, 0.12), 1000: (0.005, 0.01, 0.02, 0.04)}
LSTM_RATES = (0.015, 0.03, 0.06, 0.12)  # the others stand no such rates
STUDY = study.Study(
    rule="with one budget a cell is ahead of another when its worst seed is ahead of the other's "
    "best; else the two are level; an order is told only with its budget",
    columns=(
        *("cell", "windows", "rate", "seed", "units", "parameters"),
        *("validation", "test", "seconds"),
    ),
    settings=("cell", "windows"),
    seeds=range(5),
    reported=("test", "seconds"),
    tuned=("rate",),
    chosen_by="validation",
    parts="a tenth of the sentences chooses the rate, with seed 0; another tenth is reported",
)


if __name__ == "__main__":
    grid = [
        (cell, windows, rate)
        for windows, rates in RATES.items()
        for cell in RIVALS
        for rate in (LSTM_RATES if cell == "LSTM" else rates)
    ]
    STUDY.tune(__file__, run, grid)
