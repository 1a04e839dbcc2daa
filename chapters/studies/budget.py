"""Chapter 8: RNN, LSTM and GRU with equal numbers of parameters, on text and on the adding problem.

Columns: task (text, adding), cell, T (steps of a sequence; 32 for text, the windows), rate of Adam,
seed, step, units H, parameters, value (perplexity on the held-out text, or mean squared error on
1,000 new sequences) and seconds of processor time the training took up to this step.
"""

from functools import partial
from itertools import chain, repeat
from time import process_time

import numpy as np

from unrolled.clipping import adam, clip_by_norm
from unrolled.experiments.bptt import documentation, held_out_perplexity
from unrolled.experiments.gru import RIVALS, adding_parameters, text_parameters
from unrolled.experiments.lstm import adding_forever, adding_gradients, carrying
from unrolled.language_models import streams, windows
from unrolled.lstm import language_loss
from unrolled.support import data, study

SEEDS, CLIP = range(3), 1.0
RATES = {"text": (3e-3, 1e-2, 3e-2), "adding": (3e-3, 1e-2)}
TEXT_AT, ADDING_AT = (500, 1000, 1500), (1000,)
LENGTHS = (10, 40, 160)


def trained(params, gradients, batches, rate, at):
    """(step, seconds so far) at each step of `at`; changes the parameters in place."""
    state, seconds = {}, 0.0
    for step in range(1, max(at) + 1):
        batch, start = next(batches), process_time()
        _, grads = gradients(params, batch)
        adam(params, clip_by_norm(grads, CLIP)[0], state, rate)
        seconds += process_time() - start
        if step in at:
            yield step, seconds


def run(task, rival, T, rate, seed):
    """One training; a row for each evaluation."""
    cell, rng, rows = RIVALS[rival], np.random.default_rng(seed), []
    if task == "text":
        vocabulary, training, held_out = documentation(data.python_docs(), "character")
        train, test = streams(training, 32), streams(held_out, 16)
        params, at = text_parameters(cell, len(vocabulary), rng), TEXT_AT
        gradients = carrying(cell)
        batches = chain.from_iterable(windows(train, T) for _ in repeat(None))
    else:
        params, at = adding_parameters(cell, rng), ADDING_AT
        gradients = partial(adding_gradients, cell=cell)
        batches = adding_forever(T, 32, rng)
        test = next(adding_forever(T, 1000, np.random.default_rng(1000 + seed)))
    units, size = params["W_h"].shape[1], sum(p.size for p in params.values())
    for step, seconds in trained(params, gradients, batches, rate, at):
        if task == "text":
            value = held_out_perplexity(partial(language_loss, params, cell=cell), test)
        else:
            value = float(gradients(params, test)[0])
        rows.append((task, rival, T, rate, seed, step, units, size, value, seconds))
    return rows


def main():
    tasks = [("adding", T) for T in LENGTHS[::-1]] + [("text", 32)]
    settings = [
        (task, rival, T, rate, seed)
        for task, T in tasks
        for rival in RIVALS
        for rate in RATES[task]
        for seed in SEEDS
    ]
    rows = [row for rows in study.over(run, settings, "budget") for row in rows]
    names = ("task", "cell", "T", "rate", "seed", "step", "units", "parameters", "value", "seconds")
    study.write(__file__, dict(zip(names, zip(*rows, strict=True), strict=True)))


if __name__ == "__main__":
    main()
