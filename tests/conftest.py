"""Fixtures every test may use."""

from statistics import median
from time import perf_counter

import numpy as np
import pytest
import torch
from hypothesis import settings

# how long an example takes depends on what else the machine does
settings.register_profile("book", deadline=None)
settings.load_profile("book")

RATIOS = pytest.StashKey()


@pytest.fixture
def rng():
    return np.random.default_rng(20260)


@pytest.fixture
def ratio(benchmark, request):
    """ratio(ours, reference): median time of `ours` over that of `reference`, taking turns.

    Every ratio is printed at the end of the run.
    """
    torch.set_num_threads(1)

    def measure(ours, reference, rounds=200, warmup=10):
        times = []

        def before_each_round():
            start = perf_counter()
            reference()
            times.append(perf_counter() - start)

        benchmark.pedantic(ours, setup=before_each_round, rounds=rounds, warmup_rounds=warmup)
        found = benchmark.stats.stats.median / median(times[-rounds:])
        benchmark.extra_info["ratio"] = found
        request.config.stash.setdefault(RATIOS, {})[request.node.nodeid] = found
        return found

    return measure


def pytest_terminal_summary(terminalreporter, config):
    for name, found in config.stash.get(RATIOS, {}).items():
        terminalreporter.write_line(f"{name}: {found:.2f} × the reference")
