"""The table of speed: its peers compute the same, its file is complete, its page shows it."""

import os
import shutil
import sys

import click
import numpy as np
import pytest
from bs4 import BeautifulSoup
from click.testing import CliRunner
from sphinx.application import Sphinx

from unrolled.authoring import peers, speed
from unrolled.authoring.__main__ import main
from unrolled.authoring.notebooks import ROOT

SMALL = [
    peers.convolution_case((3, 2, 9), (4, 2, 3)),
    *(peers.pooling_case(name, (2, 3, 9, 8)[: 2 + int(name[-2])], n, stride)
      for name, _, n, stride in peers.POOLS),
    *(peers.recurrent_case(network, 5, 3, 4, 6) for network in peers.NETWORKS),
]  # fmt: skip


@pytest.mark.parametrize("case", SMALL, ids=lambda case: f"{case.layer} {case.size}")
def test_all_forms_of_a_layer_give_the_same_gradients(case):
    ours = case.forms["ours"]()
    for form in case.forms.keys() & {"torch", "loop"}:
        for got, expected in zip(case.forms[form](), ours, strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def test_the_floor_of_a_network_is_its_products():
    rng = np.random.default_rng(0)
    T, B, D, H = 4, 2, 3, 5
    x, dh = (rng.standard_normal(s).astype("f4") for s in ((T, B, D), (T + 1, B, H)))
    W_i, W_h = (rng.standard_normal(s).astype("f4") for s in ((3 * H, D), (3 * H, H)))
    shapes = [found.shape for found in peers.products(x, dh, W_i, W_h)()]
    assert shapes == [(T * B, D), (3 * H, D), (3 * H, H)]


def test_the_file_is_complete():
    rows, header = speed.read()
    kernels = header["kernels"].split(", ")
    wanted = [(k, c.layer, c.size, {*c.forms}) for k in kernels for c in peers.cases()]
    assert [(r.kernel, r.layer, r.size, {*r.milliseconds}) for r in rows] == wanted
    assert all(row.rounds >= speed.LEAST_ROUNDS for row in rows)
    assert all(value > 0 for row in rows for value in row.milliseconds.values())
    assert all({*row.limits} <= {*row.milliseconds} for row in rows)
    assert header["command"].startswith("python -m unrolled.authoring speed")
    assert "/" not in header["machine"] + header["versions"]
    assert "torch" in header["versions"]


def row(layer="LSTM", size="(64, 32, 64, 128)", **milliseconds):
    return speed.Measured("Zen", layer, size, 15, milliseconds)


def test_limits_are_those_of_the_layer_and_the_size():
    assert row().limits["torch"] == 1.3
    assert row(size="(32, 16, 32, 64)").limits["torch"] == 1.0
    assert row("RNN", "(128, 32, 128, 256)").limits["torch"] == 0.8
    assert row("max_pool2d", "any").limits == row("avg_pool1d", "any").limits == {"torch": 0.5}
    for key in speed.LIMITS:
        if isinstance(key, tuple):
            assert key[1] in {str(size) for size in peers.SIZES}


def test_verdicts():
    met = row(ours=1.3, torch=1.0, loop=2.0, floor=1.0)
    assert met.verdict() == "torch ≤ 1.3 met; loop ≤ 0.65 met"
    assert met.cells()[2:6] == ("1.3 ms", "1.30 ×", "0.65 ×", "1.30 ×")
    missed = row(ours=1.32, torch=1.0, loop=2.0, floor=1.0)
    assert missed.verdict() == "torch ≤ 1.3 not met; loop ≤ 0.65 not met"
    hopeless = row(ours=1.6, torch=1.0, loop=3.0, floor=1.4)
    assert hopeless.verdict() == "torch ≤ 1.3 not met (the products alone: 1.40); loop ≤ 0.65 met"
    pool = row("max_pool1d", "any", ours=0.6, torch=1.0)
    assert pool.cells()[3:] == ("0.60 ×", "–", "–", "torch ≤ 0.5 not met")


def fake_kernel(kernels):
    def measured(core, rounds):
        rows = [("conv1d", "x, w", "ours", 1.0), ("conv1d", "x, w", "torch", 2.0)]
        return {"kernel": kernels[core], "rows": rows}

    return measured


def test_one_file_with_every_kernel_asked_for(tmp_path, monkeypatch):
    (tmp_path / "chapters").mkdir()
    monkeypatch.setattr(speed, "with_kernel", fake_kernel({None: "Zen", "Haswell": "Haswell"}))
    arguments = ["--root", str(tmp_path), "speed", "--core", "Haswell", "--rounds", "16"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    rows, header = speed.read(tmp_path)
    assert [(r.kernel, r.rounds, r.ratio("torch")) for r in rows] == [
        ("Zen", 16, 0.5),
        ("Haswell", 16, 0.5),
    ]
    assert header["command"] == "python -m unrolled.authoring speed --core Haswell"
    assert "torch ≤ 1 met" in " ".join(result.output.split())


def test_too_few_rounds_or_one_kernel_twice_is_refused(tmp_path, monkeypatch):
    with pytest.raises(click.ClickException, match="at least 15 expected, got 14"):
        speed.measure(rounds=14, root=tmp_path)
    monkeypatch.setattr(speed, "with_kernel", fake_kernel({None: "Zen", "None": "Zen"}))
    with pytest.raises(click.ClickException, match="core: None gives the kernel Zen once more"):
        speed.measure(["None"], root=tmp_path)
    assert not list(tmp_path.iterdir())


def test_numpy_is_loaded_without_the_machines_choice_of_a_kernel(tmp_path, monkeypatch):
    """The child prints what it was started with."""
    child = tmp_path / "python"
    child.write_text(
        f"#!{sys.executable}\nimport json, os\n"
        "names = ('OPENBLAS_CORETYPE', 'OPENBLAS_L2_SIZE', 'OPENBLAS_NUM_THREADS')\n"
        "print(json.dumps([os.environ.get(name) for name in names]))\n"
    )
    child.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(child))
    monkeypatch.setitem(os.environ, "OPENBLAS_CORETYPE", "Prescott")
    monkeypatch.setitem(os.environ, "OPENBLAS_L2_SIZE", "32")
    assert speed.with_kernel(None, 15) == [None, None, "1"]
    assert speed.with_kernel("Haswell", 15) == ["Haswell", None, "1"]
    child.write_text("#!/bin/sh\nexit 3\n")
    with pytest.raises(click.ClickException, match=r"peers\.py ended with 3"):
        speed.with_kernel(None, 15)


def test_a_run_names_the_kernel_and_times_every_form():
    found = peers.measured(2, SMALL)
    assert found["kernel"]
    assert [row[:3] for row in found["rows"]] == [
        (case.layer, case.size, form) for case in SMALL for form in case.forms
    ]
    assert all(row[3] > 0 for row in found["rows"])


def test_the_page_shows_a_table_for_each_kernel(tmp_path):
    source, out = tmp_path / "book", tmp_path / "out"
    (source / "chapters").mkdir(parents=True)
    for name in ("chapters/speed.md", speed.FILE):
        shutil.copy(ROOT / name, source / name)
    settings = {
        "extensions": ["myst_parser", "unrolled.authoring.pages.speed"],
        "master_doc": "chapters/speed",
        "source_suffix": {".md": "markdown"},  # the default is one dict for a whole process
        "myst_enable_extensions": ["dollarmath"],
    }
    app = Sphinx(source, None, out, tmp_path / "trees", "html", settings, status=None, warning=None)
    app.build()
    page = BeautifulSoup((out / "chapters/speed.html").read_text("utf-8"), "html.parser")
    rows, header = speed.read()
    tables = page.select("table.speed")
    assert len(tables) == len(header["kernels"].split(", "))
    shown = [
        tuple(cell.get_text(strip=True) for cell in line.select("td"))
        for table in tables
        for line in table.select("tbody tr")
    ]
    assert shown == [one.cells() for one in rows]
    assert header["machine"] in page.get_text()


def test_a_page_without_a_table_is_an_error(tmp_path):
    (tmp_path / "chapters").mkdir()
    with pytest.raises(FileNotFoundError, match="`make bench` makes it"):
        speed.read(tmp_path)


@pytest.mark.parametrize("chapter", ["01_convolution", "03_unfolding", "07_lstm"])
def test_chapters_lead_to_the_page(chapter):
    assert "{ref}`speed`" in (ROOT / f"chapters/{chapter}.md").read_text("utf-8")
