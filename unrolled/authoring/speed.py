"""The table of speed: measured with each kernel in a process of its own, kept as one CSV file.

Times are medians of rounds in which all forms of a layer take turns. What is judged is a ratio of
two times of one run; a time by itself says something of the machine only.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import click

from unrolled.authoring.execute import ONE_THREAD
from unrolled.authoring.notebooks import ROOT
from unrolled.support import study

FILE = "chapters/speed.csv"
LEAST_ROUNDS = 15
HEADER = ("command", "versions", "machine", "kernels")
VERSIONS = ("numpy", "torch")
CHOICES = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")  # they would slow NumPy down, and torch not
FORMS = ("torch", "loop", "floor")  # what our time is divided by
LIMITS = {  # layer, or layer and size: {form: our time is at most so many times its time}
    "conv1d": {"torch": 1.0},
    "pool": {"torch": 0.5},
    "RNN": {"torch": 0.6, "loop": 0.65},
    ("RNN", "(128, 32, 128, 256)"): {"torch": 0.8, "loop": 0.65},
    "LSTM": {"torch": 1.3, "loop": 0.65},
    ("LSTM", "(32, 16, 32, 64)"): {"torch": 1.0, "loop": 0.65},
    "GRU": {"torch": 0.6, "loop": 0.65},
}


@dataclass(frozen=True)
class Measured:
    """A row of the table: a layer at a size, with one kernel."""

    kernel: str
    layer: str
    size: str
    rounds: int
    milliseconds: dict  # by form, 'ours' among them

    def ratio(self, form):
        """Our time over that of a form; None where the layer has no such form."""
        there = self.milliseconds.get(form)
        return there and self.milliseconds["ours"] / there

    @property
    def limits(self):
        """{form: limit}."""
        layer = "pool" if "pool" in self.layer else self.layer
        return LIMITS.get((layer, self.size), LIMITS[layer])

    def met(self, form):
        """Whether the ratio, as the table rounds it, is within its limit."""
        return round(self.ratio(form), 2) <= self.limits[form]

    def floor_beside(self, form):
        """The products' time over that of a form: what no NumPy code can go below, or None."""
        floor = self.milliseconds.get("floor")
        return floor and floor / self.milliseconds[form]

    def verdict(self):
        """What the table says of the limits, in words."""
        return "; ".join(self._of_limit(form, limit) for form, limit in self.limits.items())

    def _of_limit(self, form, limit):
        if self.met(form):
            return f"{form} ≤ {limit:g} met"
        least = self.floor_beside(form)
        alone = f" (the products alone: {least:.2f})" if least and least > limit else ""
        return f"{form} ≤ {limit:g} not met{alone}"

    def cells(self):
        """The row as words: layer, size, our time, the ratios, and the limits."""
        ratios = (self.ratio(form) for form in FORMS)
        shown = ("–" if ratio is None else f"{ratio:.2f} ×" for ratio in ratios)
        time = f"{self.milliseconds['ours']:.3g} ms"
        return (self.layer, self.size, time, *shown, self.verdict())


COLUMNS = ("layer", "size", "ours", *(f"ours / {form}" for form in FORMS), "limits")


def measure(cores=(), rounds=25, root=ROOT):
    """Measure with the machine's own kernel and with each core type named, and write the file.

    Raises click.ClickException when there are too few rounds, or when a core type gives a
    kernel that has been measured already: the processor does not know it.
    """
    if rounds < LEAST_ROUNDS:
        raise click.ClickException(f"rounds: at least {LEAST_ROUNDS} expected, got {rounds}")
    columns = {name: [] for name in ("kernel", "layer", "size", "form", "rounds", "milliseconds")}
    for core in (None, *cores):
        found = with_kernel(core, rounds)
        if found["kernel"] in columns["kernel"]:
            raise click.ClickException(f"core: {core} gives the kernel {found['kernel']} once more")
        for layer, size, form, milliseconds in found["rows"]:
            values = found["kernel"], layer, size, form, rounds, milliseconds
            for column, value in zip(columns.values(), values, strict=True):
                column.append(value)
    options = "".join(f" --core {core}" for core in cores)
    header = {
        "command": f"python -m unrolled.authoring speed{options}",
        "versions": study.versions(VERSIONS),
        "machine": study.machine(),
        "kernels": ", ".join(dict.fromkeys(columns["kernel"])),
    }
    study.write_table(Path(root, FILE), columns, header)


def with_kernel(core, rounds):
    """What peers.py measures in a new process, on one thread, where NumPy loads one kernel."""
    environment = {name: value for name, value in os.environ.items() if name not in CHOICES}
    environment |= ONE_THREAD | ({CHOICES[0]: core} if core else {})
    environment["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])
    )
    click.echo(f"core type {core or 'of this machine'}, {rounds} rounds", err=True)
    command = [sys.executable, "-m", "unrolled.authoring.peers", str(rounds)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise click.ClickException(f"peers.py ended with {done.returncode}, its fault is above")
    return json.loads(done.stdout)


def read(root=ROOT):
    """The rows of the file, as Measured, and its header.

    Raises FileNotFoundError when there is none, ValueError when it is no such file.
    """
    if not Path(root, FILE).is_file():
        raise FileNotFoundError(f"{FILE} is missing; `make bench` makes it")
    result = study.read(Path(root, FILE), HEADER)
    rows = {}
    names = ("kernel", "layer", "size", "form", "rounds", "milliseconds")
    for kernel, layer, size, form, rounds, milliseconds in zip(*map(result.get, names)):
        times = rows.setdefault((kernel, layer, size, int(rounds)), {})
        times[str(form)] = float(milliseconds)
    return [Measured(*map(str, key[:3]), key[3], times) for key, times in rows.items()], (
        result.header
    )


def show(root=ROOT):
    """Print the table."""
    from rich.console import Console
    from rich.table import Table

    rows, header = read(root)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 150)
    for name in HEADER[1:]:
        console.print(f"{name}: {header[name]}")
    table = Table("kernel", *COLUMNS)
    for row in rows:
        table.add_row(row.kernel, *row.cells())
    console.print(table)
