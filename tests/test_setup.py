"""The set-up from a bare machine, the lock, and the memory of what passed."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import distributions
from itertools import chain
from pathlib import Path

import pytest
from click.testing import CliRunner
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from unrolled.authoring import bootstrap, checks, lock, machine
from unrolled.authoring.__main__ import main
from unrolled.authoring.notebooks import ROOT


def test_lock_is_exact_and_plain():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    assert lines == sorted(set(lines), key=lines.index)
    for line in lines:
        if not line.startswith("#") and line:
            assert re.fullmatch(r"[a-z0-9._-]+==[0-9][0-9a-z.]*", line), line


def test_lock_holds_what_pyproject_asks_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = (ROOT / "requirements.txt").read_text().split("\n")
    locked = dict(line.split("==") for line in lines if "==" in line)
    extras = project["optional-dependencies"].values()
    for wanted in map(Requirement, [*project["dependencies"], *chain.from_iterable(extras)]):
        if wanted.name == project["name"]:  # an extra that takes in others
            assert wanted.extras <= project["optional-dependencies"].keys()
            continue
        assert wanted.specifier.contains(locked[wanted.name]), f"{wanted}: run make lock"


def test_lock_installs_on_the_oldest_python_we_promise():
    """pip refuses a release whose Requires-Python excludes the Python at hand."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    oldest = project["requires-python"].removeprefix(">=") + ".0"
    wanted = {d.name: d.metadata.get("Requires-Python") for d in distributions()}
    too_new = {k: v for k, v in wanted.items() if v and not SpecifierSet(v).contains(oldest)}
    assert not too_new, "hold these back in pyproject.toml, then run make lock"


@pytest.mark.parametrize(
    ("asked", "option"),
    [("", []), ("1", ["--upgrade"]), ("numpy, six", ["--upgrade-package=numpy", "six"])],
)
def test_lock_raises_what_is_asked_for_and_says_what_changed(tmp_path, monkeypatch, asked, option):
    def compiled(command, **options):
        (output,) = (part for part in command if part.startswith("--output-file="))
        Path(output.partition("=")[2]).write_text(
            "numpy==2.5.0+cpu\nrich==15.0.0\nunrolled @ file:///here\n"
        )
        given = " ".join(part for part in command if "--upgrade" in part)
        assert all(part in given for part in option)
        assert bool(given) == bool(option)
        return subprocess.CompletedProcess(command, 0)

    (tmp_path / "requirements.txt").write_text("numpy==2.4.6\nsix==1.0\n")
    monkeypatch.setattr(lock.subprocess, "run", compiled)
    result = CliRunner().invoke(main, ["--root", str(tmp_path), "lock", "--upgrade", asked])
    assert result.output == "numpy 2.4.6 → 2.5.0\nrich 15.0.0 is new\nsix 1.0 is gone\n"
    assert (tmp_path / "requirements.txt").read_text() == "numpy==2.5.0\nrich==15.0.0\n"
    result = CliRunner().invoke(main, ["--root", str(tmp_path), "lock"])
    assert "nothing changed" in result.output or option
    result = CliRunner().invoke(main, ["--root", str(tmp_path), "lock", "--upgrade", "nmupy"])
    assert result.exit_code == 1
    assert "no package nmupy" in result.output


@pytest.fixture
def clone(tmp_path):
    """What the set-up reads, in a folder of its own."""
    for name in ("requirements.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def test_set_up_says_nothing_when_there_is_nothing_to_do(clone, capsys):
    (clone / ".venv").mkdir()
    (clone / ".venv" / "installed").write_text(bootstrap.digest(clone))
    bootstrap.main(clone)
    assert capsys.readouterr().out == ""


def test_an_old_python_is_refused_in_one_line(monkeypatch):
    monkeypatch.setattr(bootstrap.sys, "version_info", (3, 9, 0))
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: None)
    with pytest.raises(SystemExit, match=r"Python 3\.11 or newer is needed") as stopped:
        bootstrap.find_python()
    assert "\n" not in str(stopped.value)


def test_a_python_without_venv_leaves_nothing(clone):
    python = clone / "python"
    python.write_text("#!/bin/sh\nmkdir -p .venv; exit 1\n")
    python.chmod(0o755)
    with pytest.raises(SystemExit, match="python3-venv"):
        bootstrap.make_environment(str(python), clone / ".venv")
    assert not (clone / ".venv").exists()


def test_no_network_is_one_line_and_can_be_gone_on_with(clone, monkeypatch):
    """pip with an index that is not there: one line, a log, and no mark of success."""
    (clone / "requirements.txt").write_text("torch==0.0.1\nno-such-package==1.0\n")
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    nowhere = "http://127.0.0.1:9/"  # the discard port: refused at once
    monkeypatch.setenv("PIP_INDEX_URL", nowhere)
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setattr(bootstrap, "TORCH_CPU", nowhere)
    with pytest.raises(SystemExit, match="needs a network") as stopped:
        bootstrap.main(clone)
    assert "\n" not in str(stopped.value)
    assert (clone / ".venv" / "install.log").exists()
    assert not (clone / ".venv" / "installed").exists()


@pytest.fixture(params=["checkout", "download"])
def tree(request, tmp_path, monkeypatch):
    """A small tree, and a stand-in for pytest: it passes at first, and fails from then on."""
    if request.param == "checkout":
        subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text("_build/\n.venv/\n")
    for name in ("source.py", ".ci/run", "chapters/a.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("a = 1\n")
    calls, run = [], subprocess.run

    def pytest_run(command, **options):
        if command[1:] == ["-m", "pytest"]:
            calls.append(command)
            return subprocess.CompletedProcess(command, returncode=len(calls) - 1)
        return run(command, **options)

    monkeypatch.setattr(checks.subprocess, "run", pytest_run)
    monkeypatch.setattr(machine, "described", lambda: "a machine")
    monkeypatch.setattr(machine, "missing", dict)
    monkeypatch.setattr(machine, "fetch", lambda: None)
    return tmp_path, calls


@pytest.mark.parametrize("name", ["source.py", ".ci/run", "chapters/a.md"])
def test_passed_checks_are_remembered_for_exactly_these_files(tree, capsys, name):
    root, calls = tree
    assert checks.run(root) == 0
    (root / ".venv").mkdir()
    (root / ".venv" / "made.py").write_text("")
    assert checks.run(root) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert len(calls) == 1
    (root / name).write_text("a = 2\n")
    assert checks.run(root) == 1
    (root / name).write_text("a = 1\n")
    assert checks.run(root) == 2, "a failure in between is not forgotten"


def test_passed_checks_are_remembered_for_this_machine(tree, monkeypatch, capsys):
    root, calls = tree
    monkeypatch.setattr(machine, "missing", lambda: {"sandbox": "it is not installed"})
    assert checks.run(root) == 0
    assert checks.run(root) == 0
    assert "not checked: the sandbox\n" in capsys.readouterr().out
    monkeypatch.setattr(machine, "described", lambda: "a machine with bubblewrap")
    assert checks.run(root) == 1
    assert len(calls) == 2


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """A machine on whose path is nothing but what a test puts there."""

    def put(name, script):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        return str(program)

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("UNROLLED_CHROMIUM", raising=False)
    monkeypatch.setattr(machine, "ON_MACOS", ())
    monkeypatch.setattr(machine, "PLAYWRIGHT", [put("playwright", "exit 0")])
    monkeypatch.setattr(machine, "_of_playwright", lambda: ())
    monkeypatch.setattr(machine.os, "geteuid", lambda: 1000)
    forget()
    yield put
    forget()


def forget():
    for cached in (machine.driver_says, machine.browser, machine.version):
        cached.cache_clear()


def test_the_browser_is_the_one_that_is_named_or_the_first_that_starts(bare, monkeypatch):
    assert machine.browser() is None
    assert "UNROLLED_CHROMIUM" in machine.why_no_browser()
    bare("chromium", "exit 1")
    edge = bare("microsoft-edge", "echo Edge 1")
    forget()
    assert machine.browser() == edge
    assert machine.version(edge) == "Edge 1"
    assert machine.why_no_browser() == ""
    monkeypatch.setenv("UNROLLED_CHROMIUM", "/nowhere/chromium")
    forget()
    assert "/nowhere/chromium" in machine.why_no_browser()


def test_a_browser_that_cannot_be_fetched_is_one_line(bare, monkeypatch, capsys):
    fails = "echo 'Error: no such host'; echo '  at stack'; exit 1"
    bare("playwright", f"[ $1 = --version ] || {{ {fails}; }}")
    machine.fetch()
    first, second = capsys.readouterr().out.splitlines()
    assert "Playwright" in first
    assert "Error: no such host" in second


def test_a_library_that_playwright_misses_is_named_and_fetched(bare, monkeypatch):
    bare("chromium", "echo Chromium 1")
    said = "node: error while loading shared libraries: libatomic.so.1: cannot open it"
    there = Path(bare("apt-get", 'echo "$*" >> "$0.log"')).with_name("libatomic")
    bare("playwright", f'[ -e {there} ] || {{ echo "{said}" >&2; exit 127; }}')
    assert machine.why_no_browser().endswith("on Debian: apt install libatomic1.")
    assert machine.browser(), "a browser alone is not enough"
    monkeypatch.setattr(machine.os, "geteuid", lambda: 0)
    bare("apt-get", f'echo "$*" >> "$0.log"; : > {there}')
    machine.fetch()
    log = Path(machine.shutil.which("apt-get") + ".log").read_text().splitlines()
    assert log[1].endswith("libatomic1")
    assert machine.why_no_browser() == ""


def test_what_apt_brings_is_asked_for_as_root_only(bare, monkeypatch, capsys):
    monkeypatch.setattr(machine, "_fetch_with_playwright", lambda: None)
    bare("apt-get", 'echo "$*" >> "$0.log"')
    log = Path(machine.shutil.which("apt-get") + ".log")
    machine.fetch()
    assert not log.exists()
    monkeypatch.setattr(machine.os, "geteuid", lambda: 0)
    machine.fetch()
    assert log.read_text().splitlines()[-1].endswith("chromium bubblewrap")


RUN = """
import pytest


def test_a(chromium):
    raise AssertionError("was to be left out")


@pytest.mark.sandbox
def test_b():
    raise AssertionError("was to be left out")


def test_c():
    pass
"""


@pytest.mark.parametrize("everything", [{}, {"CI": "true"}, {"EVERYTHING": "1"}])
def test_the_end_says_what_was_not_checked(tmp_path, everything):
    (tmp_path / "test_few.py").write_text(RUN)
    for name in ("conftest.py", "browser.py"):
        (tmp_path / name).write_text(Path(ROOT, "tests", name).read_text())
    environment = {key: value for key, value in os.environ.items() if key not in ("CI", "PATH")}
    environment |= {"PATH": "/nowhere", "UNROLLED_CHROMIUM": "/nowhere/x", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "pytest", "-c", Path(ROOT, "pyproject.toml"), "--rootdir"]
    done = subprocess.run(
        [*command, tmp_path, "-n", "0", tmp_path / "test_few.py"],
        capture_output=True,
        text=True,
        env=environment | everything,
        cwd=tmp_path,
    )
    if everything:
        assert done.returncode == 1
        assert "1 passed, 2 errors" in done.stdout
    else:
        assert done.returncode == 0, done.stdout
        assert "not checked: the site in a browser (1 tests), the sandbox (1 tests)" in done.stdout
        assert "UNROLLED_CHROMIUM" in done.stdout
        assert "bubblewrap" in done.stdout


def test_ci_runs_the_command_of_the_readme():
    readme, ci = (Path(ROOT, name).read_text() for name in ("README.md", ".ci/run"))
    assert re.search(r"^make test\b", readme, re.MULTILINE)
    assert ci.rstrip().endswith("make test")
    workflow = Path(ROOT, ".github/workflows/test.yml").read_text()
    assert "run: make test" in workflow
