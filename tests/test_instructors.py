"""The page for instructors: its commands are run on a small class, its outputs compared."""

import csv
import re
import shlex
import subprocess
import sys
from functools import partial

import pytest
import yaml
from classes import Work
from click.testing import CliRunner

from unrolled.__main__ import main
from unrolled.authoring.notebooks import ROOT
from unrolled.grading.assign import handout
from unrolled.grading.assign.assignment import load
from unrolled.grading.assign.lab_notebook import lab_notebook, select

PAGE = (ROOT / "chapters/instructors.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(bash|yaml|text)\n(.*?)```", PAGE, re.DOTALL)


def run(*arguments):
    return CliRunner().invoke(main, arguments, prog_name="python -m unrolled")


def commands(block):
    """Run the lines of a block of the page; what they print."""
    printed = []
    for line in block.strip().splitlines():
        words = shlex.split(line)
        if words[0] == "cat":
            with open(words[1], encoding="utf-8", newline="") as file:
                printed.append(file.read().replace("\r\n", "\n"))
            continue
        assert words[:3] == ["python", "-m", "unrolled"], line
        target = None
        if ">" in words:
            words, (target,) = words[: words.index(">")], words[words.index(">") + 1 :]
        result = run(*words[3:])
        assert result.exit_code == 0, result.output
        if target:
            with open(target, "w", encoding="utf-8") as file:
                file.write(result.stdout)
        else:
            printed.append(result.stdout)
    return "".join(printed)


def hand_in(folder, assignment):
    """The class of the page."""
    given = select(lab_notebook("lab01"), assignment)[0]

    work = partial(Work, nb=given)
    work(spikes="What changes fast.").write(folder / "ada.ipynb")
    bert = work(
        spikes="The tall ones.",
        causal_conv="def causal_conv(x, m, dilation):\n    return np.convolve(x, m)[: len(x)]\n",
    )
    answer = bert.cell("correlate").source
    bert["correlate"] = Work(solved=False).cell("correlate").source
    bert.add(answer).write(folder / "bert.ipynb")
    cleo = work()
    cleo["causal_conv"] = Work(solved=False).cell("causal_conv").source
    cleo.add("def correlate(x, m):\n    return np.dot(x, m)\n")
    place = cleo.place("spikes")
    del cleo.nb.cells[place - 1 : place + 1]
    del cleo.nb.cells[1]
    cleo.write(folder / "cleo/my lab.ipynb")
    summed = "\n".join(
        [
            "def causal_conv(x, m, dilation):",
            "    c = np.zeros(len(x))",
            "    for t in range(len(x)):",
            "        for k in range(min(t + 1, len(m))):",
            "            c[t] += m[k] * x[t - k]",
            "    return c",
        ]
    )
    work(spikes="Sharp edges.", causal_conv=summed).write(folder / "eve.ipynb")
    lines = work().text().splitlines(True)
    (folder / "dan.ipynb").write_text("".join(lines[:40]))


def fill_in(table):
    points = {("ada", "spikes"): "4.5", ("bert", "spikes"): "3", ("cleo", "correlate"): "2"}
    points |= {("eve", "spikes"): "4"}
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    for row in rows:
        row[2] = points.get((row[0], row[1]), row[2])
    with table.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def name_it(path, filled):
    """Fill in the file as the page does: the name and the sentence, nothing else."""
    given, wanted = yaml.safe_load(path.read_text(encoding="utf-8")), yaml.safe_load(filled)
    assert given == wanted | {"name": "", "says": ""}
    path.write_text(filled, encoding="utf-8")


@pytest.mark.sandbox
def test_the_page_does_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    printed = ""
    for kind, block in BLOCKS:
        if kind == "yaml" and block.startswith("group:"):
            name_it(tmp_path / "mistake.yml", block)
        elif kind == "yaml":
            fresh = yaml.safe_load((tmp_path / "week1.yml").read_text())["secret"]
            text = block.replace("leave what stands here", fresh)
            (tmp_path / "week1.yml").write_text(text, encoding="utf-8")
            hand_in(tmp_path / "submissions", load("week1.yml"))
        elif kind == "bash":
            if "marks read" in block:
                fill_in(tmp_path / "marking/marks.csv")
            printed = commands(block)
        else:
            pattern = re.escape(block).replace("…", ".*")
            assert re.fullmatch(pattern, printed), f"{printed}\nis not\n{block}"
    assert {"week1", "submissions", "results", "marking", "reports", "course"} <= {
        path.name for path in tmp_path.iterdir()
    }
    page = (tmp_path / "reports/class.html").read_text(encoding="utf-8")
    assert re.search(r'<td class="n">2</td><th scope="row">no dilation<br>', page)
    told = [
        path.name.split("-")[0]
        for path in (tmp_path / "reports/feedback").iterdir()
        if "Recognised: no dilation." in path.read_text(encoding="utf-8")
    ]
    assert sorted(told) == ["bert", "eve"]


def test_the_page_names_the_limits_as_they_are():
    from unrolled.grading.assign.seeds import SEEDS
    from unrolled.grading.intake import reading

    assert f"may have {reading.LARGEST_FILE >> 20} MB" in PAGE
    assert f"beyond {reading.LARGEST_TEXT >> 20} MB of text" in PAGE
    assert SEEDS == 3
    assert "three sets of inputs" in PAGE


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["assign"],
        ["collect"],
        ["grade"],
        ["regrade"],
        ["marks"],
        ["marks", "collect"],
        ["marks", "read"],
        ["report"],
        ["name"],
    ],
)
def test_every_command_explains_itself(arguments):
    result = run(*arguments, "--help")
    assert result.exit_code == 0
    assert "Usage: python -m unrolled" in result.output
    assert len(result.output) > 200
    assert all(len(line) <= 80 for line in result.output.splitlines())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["assign", "none.yml", "out"], "Error: none.yml: cannot be read: No such file"),
        (["assign", "--new", "lab77"], "Error: no lab 'lab77'; there are lab01"),
        (["collect", "a.yml", "none"], "Error: none: cannot be read: No such file"),
        (["report", "none", "out"], "Error: none: no record.json"),
        (["marks", "collect", "none", "out"], "Error: none: no record.json"),
        (["marks", "read", "none", "x.csv"], "Error: none: no record.json"),
        (["name", "none", "correlate-0"], "Error: none: no record.json"),
        (["name", "none", "--read", "none.yml"], "Error: none.yml: cannot be read: No such file"),
        (["assign", "a.yml", "a.yml/x"], "Error: a.yml: "),
    ],
)
def test_a_fault_is_one_line(tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yml").write_text("lab: lab01\nsecret: sixteen characters\n")
    result = run(*arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith(said)
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["assign"],
        ["assign", "a.yml"],
        ["assign", "a.yml", "--new", "lab01"],
        ["assign", "a.yml", "out", "--nbgrader", "c"],
        ["grade", "a.yml", "x", "y", "--workers", "0"],
        ["report", "x", "y", "--as-zero", "wrong"],
        ["name", "x"],
        ["name", "x", "correlate-0", "--read", "a.yml"],
    ],
)
def test_wrong_use_is_told(tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Usage:" in result.stderr


def test_it_starts_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "unrolled", "--help"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert "assign week3.yml handout " in done.stdout


def test_due_dates_in_words():
    assert handout.due_in_words(None) is None
    assert handout.due_in_words("2027-01-31T23:59:00+01:00") == (
        "Sunday, 31 January 2027, 23:59 (UTC+01:00)"
    )
