"""Studies: computations too long for a page, run by `make studies`, their results kept as CSV.

A study is a script chapters/studies/NAME.py that holds a `Study` and calls its `run`; its result,
NAME.csv, lies beside it. The lines at the head of a result are its protocol: the question, the rule
that decides it, seeds, how rivals were tuned, the versions, the machine, and a digest of the code,
by which `make studies` sees whether the result is still the code's.
"""

import ast
import csv
import io
import json
import os
import platform
import re
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from importlib import metadata
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np

from unrolled.common.definitions import digest as digest_of_code
from unrolled.common.files import ROOT, write_atomically

HEADER = ("command", "versions", "machine", "code")
VERSIONS = ("numpy", "scikit-learn", "babel")  # what numbers may depend on, besides Python
FEWEST_SEEDS = 5
PROCESSES = "UNROLLED_STUDY_PROCESSES"  # how many a study may use; one for each core without it
AGAIN = "UNROLLED_STUDY_AGAIN"  # set where no run of an earlier result is taken over
MACHINERY = ("unrolled.support.study", "unrolled.support.progress")


class Summary(NamedTuple):
    """What is told of a number that was measured with several seeds."""

    mean: float
    least: float
    most: float
    sd: float  # with n - 1 in the denominator
    n: int


class Result(dict):
    """The columns of a study by name, as arrays; `header` holds the lines at its head."""

    def __init__(self, columns, header):
        super().__init__(columns)
        self.header = header

    def where(self, **values):
        """The rows in which every named column has the value given: a Result again."""
        unknown = [name for name in values if name not in self]
        if unknown:
            raise ValueError(f"{unknown[0]}: one of the columns {', '.join(self)} expected")
        return self._rows(
            np.logical_and.reduce([self[name] == value for name, value in values.items()])
        )

    def _rows(self, rows):
        return Result({name: column[rows] for name, column in self.items()}, self.header)

    def combinations(self, names):
        """The different values that the columns `names` have together, in order of appearance."""
        return list(dict.fromkeys(zip(*(self[name].tolist() for name in names), strict=True)))

    def chosen(self):
        """Of each setting, its values and its best tuned values: a list of tuples.

        The best has the least (or greatest) mean of the column that chooses, over the seeds that
        all values of the setting share, at the last step of each run.
        """
        choose = self._winner if self._tuned() else lambda setting: ()
        return [(*setting, *choose(setting)) for setting in self._settings()]

    def winners(self):
        """The rows of the settings `chosen`, with the seeds that are reported."""
        names = [*self.header["settings"], *self._tuned()]
        kept = np.logical_or.reduce([self._mask(names, values) for values in self.chosen()])
        return self._rows(kept & np.isin(self["seed"], self.header["seeds"]))

    def summary(self, value, **where):
        """The Summary of a column over the rows chosen, which have one row for each seed."""
        rows = self.where(**where) if where else self
        if len(set(rows["seed"].tolist())) != len(rows["seed"]) or not len(rows["seed"]):
            raise ValueError(f"where: one row for each seed expected, got {len(rows['seed'])} rows")
        x = rows[value]
        sd = float(x.std(ddof=1)) if len(x) > 1 else 0.0
        return Summary(float(x.mean()), float(x.min()), float(x.max()), sd, len(x))

    def faults(self):
        """What the protocol of CONTRIBUTING.md finds wanting: sentences."""
        tuned, found = self._tuned(), []
        chosen_by, reported = self.header["chosen_by"], self.header["reported"]
        if tuned and (not chosen_by or chosen_by in reported or not self.header["parts"]):
            found.append("tuned and reported on the same part, or nothing says which parts")
        for setting in self._settings():
            name = ", ".join(map(str, setting)) or "the study"
            rows = self._rows(self._mask(self.header["settings"], setting))
            if tuned and not rows._shared():
                found.append(f"{name}: no seed is common to all tuned values")
                continue
            winner = dict(zip(tuned, self._winner(setting), strict=True)) if tuned else {}
            seeds = set(rows.where(**winner)["seed"].tolist() if winner else rows["seed"].tolist())
            seeds &= set(self.header["seeds"])
            if len(seeds) < FEWEST_SEEDS:
                found.append(f"{name}: {len(seeds)} seeds, at least {FEWEST_SEEDS} expected")
            for column, value in winner.items():
                if rows[column].dtype.kind in "if" and column not in self.header["edge"]:
                    grid = sorted(set(rows[column].tolist()))
                    if value in (grid[0], grid[-1]):
                        found.append(f"{name}: {column} {value:g} lies on the edge of its grid")
        return found

    def _tuned(self):
        return list(self.header["tuned"])

    def _settings(self):
        return self.combinations(self.header["settings"]) if self.header["settings"] else [()]

    def _mask(self, names, values):
        equal = [self[name] == value for name, value in zip(names, values, strict=True)]
        return np.logical_and.reduce([np.ones(len(self["seed"]), dtype=bool), *equal])

    def _shared(self):
        """The seeds that all tuned values of one setting share."""
        each = (self._mask(self._tuned(), values) for values in self.combinations(self._tuned()))
        return set.intersection(*(set(self["seed"][rows].tolist()) for rows in each))

    def _winner(self, setting):
        rows = self._rows(self._mask(self.header["settings"], setting))
        rows = rows._rows(np.isin(rows["seed"], list(rows._shared())))
        if "step" in rows:
            rows = rows._rows(rows["step"] == rows["step"].max())
        sign = -1 if self.header["best"] == "greatest" else 1
        means = {
            values: sign
            * rows._rows(rows._mask(self._tuned(), values))[self.header["chosen_by"]].mean()
            for values in rows.combinations(self._tuned())
        }
        return min(means, key=means.get)


@dataclass(frozen=True)
class Study:
    """What a study asks, and how it is decided: written in its script, before its results.

    The question is the docstring of the script. rule: what decides it. columns: the names of a
    row's values; a run is given the first of them, and `seed` is one of these. settings: the
    columns that name what is reported. seeds: those of the reported rows. tuned: the columns that
    are chosen for each setting by the mean of `chosen_by`; parts: which data choose, and which
    are reported; edge: {column: reason} where a winner may lie on the edge of its grid, as at a
    bound of what is possible; best: "least" or "greatest". A column `step` counts a run's rows.
    """

    rule: str
    columns: tuple
    settings: tuple
    seeds: tuple
    reported: tuple
    tuned: tuple = ()
    chosen_by: str = ""
    parts: str = ""
    edge: dict = field(default_factory=dict)
    best: str = "least"

    def protocol(self, script):
        """The lines of a result's head that say what the study is: {name: text}."""
        chosen = ", ".join(self.tuned) + f" by the {self.best} mean {self.chosen_by}"
        return {
            "question": question(script),
            "rule": _one_line(self.rule),
            "settings": ", ".join(self.settings),
            "seeds": ", ".join(map(str, self.seeds)),
            "tuned": chosen if self.tuned else "nothing",
            "reported": ", ".join(self.reported),
            "parts": _one_line(self.parts) or "one",
            "edge": "; ".join(f"{k}: {_one_line(v)}" for k, v in self.edge.items()) or "no winner",
        }

    def run(self, script, function, runs, then=None):
        """Compute [function(*run) for run in runs], each a row or a list of rows, and write them.

        function: at the top level of the script, so that other processes find it. then: from the
        Result of all these to further runs, such as those of the winners with more seeds. The rows
        of a run are kept as it ends, in a file beside the result: a study that was interrupted
        goes on from there, and one that has more seeds or values than its result computes these.
        What `function` reaches must be the same for that, and machine and versions, too. Raises
        ValueError when a row has not one value for each column.
        """
        script = Path(script).resolve()
        header = self.protocol(script) | head(script)
        header["runs"] = digest_of_code(script, ROOT, MACHINERY, function.__name__)
        kept = _Kept(script.with_suffix(".csv"), header, self.columns)
        rows = kept.all(function, list(runs), script.stem)
        if then is not None:
            result = Result(_columns(self.columns, rows), _parsed(header))
            rows += kept.all(function, list(then(result)), f"{script.stem}, the chosen")
        rows = dict.fromkeys(rows)  # a run of the second part may be one of the first
        write_table(script.with_suffix(".csv"), _columns(self.columns, rows), header)
        kept.path.unlink()

    def tune(self, script, function, grid):
        """`run` for every value tried, with the first seed, then for the winners, with all seeds.

        grid: tuples of a setting and its tuned values; function takes these, then a seed.
        """
        first, *_ = self.seeds
        self.run(
            script,
            function,
            [(*values, first) for values in grid],
            lambda found: [(*values, seed) for values in found.chosen() for seed in self.seeds],
        )


class _Kept:
    """The runs that have ended, one line of JSON each, under one that says whose they are."""

    def __init__(self, result, header, columns):
        self.path, self.width, self.rows = part(result), len(columns), {}
        self.result, self.columns = result, columns
        self.same = {name: header[name] for name in ("runs", "versions", "machine")}
        first = json.dumps(self.same)
        lines = self.path.read_text("utf-8").splitlines() if self.path.is_file() else []
        if lines and lines[0] == first:
            for line in lines[1:]:
                try:
                    run, rows = json.loads(line)
                except ValueError:
                    continue  # the run whose end was interrupted
                self.rows[tuple(run)] = rows
        self._write([first, *(json.dumps(item) for item in self.rows.items())])

    def _from_result(self, length):
        """{run: rows} of the result as it is, runs being the first `length` values of a row."""
        if os.environ.get(AGAIN):
            return {}
        try:
            old = _read(self.result, HEADER)
        except (FileNotFoundError, ValueError):
            return {}
        same = all(old.header.get(name) == value for name, value in self.same.items())
        if not same or tuple(old) != tuple(self.columns):
            return {}
        found = {}
        for row in zip(*(column.tolist() for column in old.values()), strict=True):
            found.setdefault(row[:length], []).append(list(row))
        return found

    def _write(self, lines):
        write_atomically(self.path, "".join(f"{line}\n" for line in lines))

    def all(self, function, runs, text):
        """The rows of all runs, in their order; what has not been run yet runs now."""
        runs = [tuple(run) for run in runs]
        self.rows = self._from_result(len(runs[0])) | self.rows if runs else self.rows
        todo = [run for run in dict.fromkeys(runs) if run not in self.rows]
        show = _Shown(text, len(set(runs)), len(set(runs)) - len(todo))
        with show, self.path.open("a", encoding="utf-8") as file:
            for run, found in _computed(function, todo):
                rows = [_plain(row) for row in (found if isinstance(found, list) else [found])]
                if any(len(row) != self.width for row in rows):
                    raise ValueError(f"rows: {self.width} values each expected, got {rows[0]}")
                file.write(json.dumps((run, rows)) + "\n")
                file.flush()
                os.fsync(file.fileno())
                self.rows[run] = rows
                show.one_more()
        return [tuple(row) for run in dict.fromkeys(runs) for row in self.rows[run]]


def _computed(function, runs):
    """(run, what it returned) as each ends, in several processes where that is allowed."""
    workers = min(len(runs), int(os.environ.get(PROCESSES) or os.cpu_count() or 1))
    if workers < 2:
        for run in runs:
            yield run, function(*run)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        places = {pool.submit(function, *run): run for run in runs}
        try:
            for done in as_completed(places):
                yield places[done], done.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


class _Shown:
    """Runs done and time left: a bar in a terminal, elsewhere a line a minute."""

    def __init__(self, text, total, done):
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

        self.text, self.total, self.done, self.before = text, total, done, done
        self.start = self.said = time.monotonic()
        self.bar = None
        if sys.stderr.isatty():
            columns = "{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
            self.bar = Progress(*columns)
            self.task = self.bar.add_task(text, total=total, completed=done)

    def __enter__(self):
        if self.bar:
            self.bar.start()
        return self

    def __exit__(self, *_):
        if self.bar:
            self.bar.stop()

    def one_more(self):
        """A run has ended."""
        self.done += 1
        now = time.monotonic()
        if self.bar:
            self.bar.update(self.task, completed=self.done)
        elif now - self.said > 60:
            self.said = now
            left = (now - self.start) / (self.done - self.before) * (self.total - self.done)
            print(f"{self.text}: {self.done} of {self.total} runs, about {left / 60:.0f} min left")
            sys.stdout.flush()


def over(function, settings, text="study"):
    """[function(*setting) for setting in settings], in several processes, with a progress bar.

    The function has to be at the top level of the script, so that other processes find it.
    """
    from rich.progress import track

    results = [None] * len(settings)
    workers = min(len(settings), os.cpu_count() or 1)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        places = {pool.submit(function, *setting): i for i, setting in enumerate(settings)}
        for done in track(as_completed(places), text, total=len(settings)):
            results[places[done]] = done.result()
    return results


def write(script, columns):
    """Write the result of the study `script` (its `__file__`) beside it, whole or not at all.

    columns: {name: values}, all of one length. Raises ValueError when they are not.
    """
    script = Path(script).resolve()
    return write_table(script.with_suffix(".csv"), columns, head(script))


def head(script):
    """What made a result, for the lines at its head: {name: text}."""
    return {
        "command": f"python chapters/studies/{Path(script).name}",
        "versions": versions(),
        "machine": machine(),
        "code": digest(script),
    }


def part(result):
    """Where the runs of a study are kept until it is complete: a path beside its result's."""
    return Path(result).with_suffix(".csv.part")


def write_table(target, columns, header):
    """Write columns, {name: values}, under the lines of a header to the path `target`.

    Raises ValueError when the columns are not of one length, at least 1.
    """
    lengths = {name: len(values) for name, values in columns.items()}
    if not lengths or len(set(lengths.values())) != 1 or 0 in lengths.values():
        raise ValueError(f"columns: values of one length, at least 1, expected, got {lengths}")
    text = io.StringIO(newline="")
    text.writelines(f"# {name}: {value}\n" for name, value in header.items())
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*map(_texts, columns.values()), strict=True))
    write_atomically(target, text.getvalue())
    return target


def read(path, expected=HEADER):
    """The Result of a study: columns as arrays of int, float or str, and its header.

    expected: the names of the lines at its head. Raises FileNotFoundError, or ValueError when
    the file is not a study's, or breaks the protocol.
    """
    result = _read(Path(path), expected)
    if "rule" in result.header and (faults := result.faults()):
        raise ValueError(f"path: {Path(path).name}: {'; '.join(faults)}")
    return result


def _read(path, expected):
    if not path.is_file():
        raise FileNotFoundError(f"path: no result {path.name}; `make studies` computes it")
    header, lines = {}, path.read_text(encoding="utf-8").splitlines()
    while lines and (found := re.fullmatch(r"# (\w+): (.*)", lines[0])):
        header[found[1]] = found[2]
        del lines[0]
    missing = [name for name in expected if name not in header]
    if missing:
        raise ValueError(f"path: {path.name} has no line '# {missing[0]}: …' at its head")
    names, *rows = [*csv.reader(lines)] or [[]]
    if not rows or any(len(row) != len(names) for row in rows):
        raise ValueError(f"path: {path.name}: names, and rows of as many values, expected")
    return Result(_columns(names, rows), _parsed(header))


def question(script):
    """The docstring of a study's script, in one line. Raises ValueError when it asks nothing."""
    text = _one_line(ast.get_docstring(ast.parse(Path(script).read_text("utf-8"))) or "")
    if "?" not in text:
        raise ValueError(
            f"script: {Path(script).name} begins with a docstring that asks; none does"
        )
    return text


def digest(script):
    """Digest of the code a script reaches: its own, and the definitions of the package it uses.

    Comments, docstrings and layout do not count, nor does what is never reached: they change no
    number.
    """
    return digest_of_code(script, ROOT, MACHINERY)


def machine():
    """The machine in neutral terms: cores and processor."""
    model = platform.processor() or platform.machine()
    try:
        text = Path("/proc/cpuinfo").read_text()
        model = re.search(r"^model name\s*: (.+)$", text, re.MULTILINE)[1]
    except (OSError, TypeError):
        pass  # not Linux, or a processor without a name
    return f"{os.cpu_count()} cores, {model}, {platform.system()}"


def versions(names=VERSIONS):
    """Python and the packages named, with their versions."""
    packages = [f"{name} {metadata.version(name)}" for name in names]
    return ", ".join([f"Python {platform.python_version()}", *packages])


def _parsed(header):
    """A header with the lists of its protocol taken apart, where it has one."""
    if "rule" not in header:
        return header
    tuned, _, chosen = header["tuned"].partition(" by the ")
    best, _, column = chosen.partition(" mean ")
    edge = re.findall(r"(?:^|; )(\w+): ", header["edge"])
    return header | {
        "settings": _listed(header["settings"]),
        "seeds": [int(seed) for seed in _listed(header["seeds"])],
        "reported": _listed(header["reported"]),
        "tuned": _listed(tuned) if chosen else [],
        "chosen_by": column,
        "best": best,
        "parts": "" if header["parts"] == "one" else header["parts"],
        "edge": edge,
    }


def _listed(text):
    return [part for part in text.split(", ") if part]


def _one_line(text):
    return " ".join(text.split())


def _plain(row):
    """A row with Python's own numbers, as JSON knows them."""
    return [value.item() if isinstance(value, np.generic) else value for value in row]


def _columns(names, rows):
    return {name: _array(values) for name, values in zip(names, zip(*rows, strict=True))}


def _texts(values):
    return [f"{v:.6g}" if isinstance(v, (float, np.floating)) else str(v) for v in values]


def _array(values):
    if all(isinstance(value, str) for value in values):
        for kind in (int, float):
            try:
                return np.array([kind(value) for value in values])
            except ValueError:
                continue
    return np.array(values)
