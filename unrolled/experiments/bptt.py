"""Experiments of chapter 5: Backpropagation through time.

Generated from chapters/05_bptt.md; an edit made here is lost. Edit the chapter's cells tagged
`experiment`, then run `make sync`.
"""

import numpy as np

from unrolled.bptt import language_model_backward, language_model_loss, rnn_backward
from unrolled.common.arguments import one_number
from unrolled.language_models import Vocabulary, perplexity, split_sentences, windows

__all__ = ["descend", "documentation", "held_out_perplexity", "initial_parameters", "window_loss"]


def documentation(text, level, validate=False):
    """(vocabulary, training tokens, held-out tokens) of a text, as in chapter 4.

    validate: take another tenth of the sentences out of the training text, to choose
    by: (vocabulary, training, validation, held out), each but the first of tokens.
    """
    sentences, apart = split_sentences(text), (5, 0) if validate else (0,)
    training = [line for n, line in enumerate(sentences) if n % 10 not in apart]
    vocabulary = Vocabulary(training, level, least=5 if level == "word" else 2)
    parts = [training, *(sentences[n::10] for n in apart)]
    return vocabulary, *(
        np.concatenate([vocabulary.encode(line) for line in part]) for part in parts
    )


def initial_parameters(V, D, H, rng):
    """Random float32 parameters of a language model; W_o, b and h_0 start at zero."""
    normal = rng.standard_normal
    parameters = {
        "X": normal((V, D)),
        "h_0": np.zeros(H),
        "W_i": normal((H, D)) / np.sqrt(D),
        "W_h": 0.9 * normal((H, H)) / np.sqrt(H),
        "b": np.zeros(H),
        "W_o": np.zeros((V, H)),
    }
    return {name: array.astype("float32") for name, array in parameters.items()}


def window_loss(parameters, tokens, targets, state=None):
    """Loss of one window, and the state after it; `state` is the one before, or h_0.

    Returns what `language_model_loss` returns; nobody is asked for the start token.
    """
    given = parameters if state is None else parameters | {"h_0": state}
    mask = targets != Vocabulary.start
    return language_model_loss(**given, tokens=tokens, targets=targets, mask=mask)


def descend(parameters, stream, rate, T=32, through=rnn_backward, learned=None):
    """Gradient descent along a stream (L, B), in windows of T steps, the state carried.

    Changes the arrays of `parameters` in place and yields, without end, the loss per
    token of each window before its step. through: as in `language_model_backward`.
    learned: names of the parameters to change, all when not given.
    """
    rate = one_number("rate", rate)
    learned = parameters if learned is None else learned
    while True:
        state = None
        for tokens, targets in windows(stream, T):
            (loss, state), cache = window_loss(parameters, tokens, targets, state)
            asked = int(np.sum(targets != Vocabulary.start))
            grads = language_model_backward((1 / asked, 0.0), cache, through)
            for name, gradient in zip(parameters, grads):
                if name in learned and gradient.shape == parameters[name].shape:
                    parameters[name] -= rate * gradient
            yield loss / asked


def held_out_perplexity(loss, stream, T=64):
    """Perplexity of a language model on a stream (L, B), its state carried along.

    loss(tokens, targets, state) -> ((Σ_t L_t, state), cache), state None in the first
    window; the start token is never asked for.
    """
    state, total, count = None, 0.0, 0
    for tokens, targets in windows(stream, T):
        (more, state), _ = loss(tokens, targets, state)
        total, count = total + float(more), count + np.sum(targets != Vocabulary.start)
    return perplexity(-total, count)
