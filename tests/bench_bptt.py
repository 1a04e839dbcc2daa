"""How the time and the memory of BPTT grow with the length: float32, one thread."""

import tracemalloc
from statistics import median
from time import process_time

import numpy as np

from unrolled.bptt import rnn_backward, rnn_forward_accumulation
from unrolled.unfolding import rnn_forward


def arrays(T, B, D, H, dtype="f4"):
    rng = np.random.default_rng(0)
    shapes = (T, B, D), (H, D), (H, H), (H,), (T + 1, B, H)
    x, W_i, W_h, b, dh = (0.1 * rng.standard_normal(s).astype(dtype) for s in shapes)
    return x, W_i, W_h, b, dh


def both_ways(x, W_i, W_h, b, dh):
    return rnn_backward(dh, rnn_forward(x, None, W_i, W_h, b)[1])


def exponent(lengths, values):
    return np.polyfit(np.log(lengths), np.log(values), 1)[0]


def seconds(function):
    """Time of this process alone, so that a busy machine does not bend the line."""
    start = process_time()
    function()
    return process_time() - start


def peak(function):
    tracemalloc.start()
    function()
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found


LENGTHS = (64, 128, 256, 512, 1024)


def test_time_is_linear_in_the_length():
    """The lengths take turns, so that a disturbance does not fall on one of them alone."""
    given = [arrays(T, 16, 32, 64) for T in LENGTHS]
    times = [[] for _ in LENGTHS]
    for _ in range(25):
        for place, arguments in enumerate(given):
            times[place].append(seconds(lambda arguments=arguments: both_ways(*arguments)))
    slope = exponent(LENGTHS, [median(of_one) for of_one in times])
    print(f"time grows like T to the power {slope:.2f}")
    assert abs(slope - 1) <= 0.1


def test_memory_is_linear_in_the_length():
    needed = [peak(lambda T=T: both_ways(*arrays(T, 8, 16, 32))) for T in LENGTHS]
    assert abs(exponent(LENGTHS, needed) - 1) <= 0.1


def test_memory_of_forward_accumulation_does_not_grow():
    def accumulate(x, W_i, W_h, b, dh):
        return rnn_forward_accumulation(x, None, W_i, W_h, b, lambda t, h: dh[t])

    given = [arrays(T, 2, 6, 12) for T in LENGTHS]
    needed = [peak(lambda a=a: accumulate(*a)) for a in given]
    assert abs(exponent(LENGTHS, needed)) <= 0.1
