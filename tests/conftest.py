"""Fixtures every test may use; and what becomes of tests that a machine cannot run.

A test with the mark `browser` or `sandbox` is skipped where there is none, and the end of the run
says how many were. With CI=true or EVERYTHING=1 it fails instead.
"""

import os

import numpy as np
import pytest
import torch
from browser import FIREFOX, launched
from hypothesis import settings

from unrolled import lstm
from unrolled.authoring import machine
from unrolled.exercises.diagnosis import variants
from unrolled.support import timing

# how long an example takes depends on what else the machine does
settings.register_profile("book", deadline=None)
settings.load_profile("book")

collect_ignore = [] if FIREFOX else ["test_firefox.py"]
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
    if item.path.name.startswith("bench_") and "PYTEST_XDIST_WORKER" in os.environ:
        pytest.skip("beside other tests nothing is timed; `make bench CHECK=1` runs one process")
    for name, why_not in WHY_NOT.items():
        if item.get_closest_marker(name) and (why := why_not()):
            if machine.everything():
                pytest.fail(why, pytrace=False)
            pytest.skip(why)


@pytest.fixture(autouse=True, scope="module")
def _nothing_is_left_behind():
    """A file of tests finds the table of cells, and no variant, as in a new process."""
    cells = dict(lstm.CELLS)
    yield
    lstm.CELLS.clear()
    lstm.CELLS.update(cells)
    variants._tables.clear()


@pytest.fixture
def rng():
    return np.random.default_rng(20260)


@pytest.fixture
def ratio(request):
    """ratio(ours, reference): median time of `ours` over that of `reference`, taking turns.

    Every ratio is printed at the end of the run.
    """
    torch.set_num_threads(1)

    def measure(ours, reference, rounds=200):
        timed = timing.compare({"reference": reference, "ours": ours}, rounds)
        found = timed.ratio("ours")
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
