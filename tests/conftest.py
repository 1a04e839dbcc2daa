"""Fixtures every test may use; and what becomes of tests that a machine cannot run.

A test with the mark `browser` or `sandbox` is skipped where there is none, and the end of the run
says how many were. With CI=true or EVERYTHING=1 it fails instead.
"""

from statistics import median
from time import perf_counter

import numpy as np
import pytest
import torch
from browser import launched
from hypothesis import settings

from unrolled.authoring import machine

# how long an example takes depends on what else the machine does
settings.register_profile("book", deadline=None)
settings.load_profile("book")

RATIOS = pytest.StashKey()
WHY_NOT = {"browser": machine.why_no_browser, "sandbox": machine.why_no_sandbox}


@pytest.fixture(scope="session")
def chromium():
    """`with chromium() as browser`: open as briefly as possible, for asyncio is taken meanwhile."""
    return launched


def pytest_collection_modifyitems(items):
    for item in items:
        if "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    for name, why_not in WHY_NOT.items():
        if item.get_closest_marker(name) and (why := why_not()):
            if machine.everything():
                pytest.fail(why, pytrace=False)
            pytest.skip(why)


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
        if benchmark.stats is None:  # pytest-benchmark measures nothing in xdist's workers
            pytest.skip("under xdist nothing is timed; `make bench` runs one process")
        found = benchmark.stats.stats.median / median(times[-rounds:])
        benchmark.extra_info["ratio"] = found
        request.config.stash.setdefault(RATIOS, {})[request.node.nodeid] = found
        return found

    return measure


def pytest_terminal_summary(terminalreporter, config):
    for name, found in config.stash.get(RATIOS, {}).items():
        terminalreporter.write_line(f"{name}: {found:.2f} × the reference")
    skipped = terminalreporter.stats.get("skipped", [])
    marked = {name: [one for one in skipped if name in one.keywords] for name in machine.CHECKED}
    left_out = {name: reports for name, reports in marked.items() if reports}
    if left_out:
        counts = [f"{machine.CHECKED[name]} ({len(left_out[name])} tests)" for name in left_out]
        terminalreporter.write_line(f"not checked: {', '.join(counts)}")
        for name in left_out:
            terminalreporter.write_line(f"  {machine.CHECKED[name]}: {WHY_NOT[name]()}")
