"""The package as students get it: a wheel, in an environment with numpy and matplotlib only."""

import os
import shutil
import subprocess
import sys
import tomllib
import venv
from importlib.metadata import distribution
from pathlib import Path

import pytest
import wheel_labs
import yaml
from packaging.licenses import canonicalize_license_expression
from packaging.requirements import Requirement

import unrolled
from unrolled.authoring.notebooks import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
NOT_THERE = ("torch", "scipy", "sklearn", "babel", "rich", "yaml", "click", "IPython", "jinja2")


def closure(names):
    """The distributions that `names` need, and theirs, as this environment has them."""
    found, todo = {}, list(names)
    while todo:
        one = distribution(todo.pop())
        if one.name not in found:
            found[one.name] = one
            needed = map(Requirement, one.requires or ())
            todo += [r.name for r in needed if r.marker is None or r.marker.evaluate({"extra": ""})]
    return found.values()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy of what is built into it."""
    tree = tmp_path_factory.mktemp("tree")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    shutil.copytree(
        ROOT / "unrolled", tree / "unrolled", ignore=shutil.ignore_patterns("__pycache__")
    )
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", tree, tree], check=True)
    (built,) = tree.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """The folder of a virtual environment with the wheel, numpy, matplotlib and what they need."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    (packages,) = folder.glob("lib/python*/site-packages")
    for one in closure(Requirement(text).name for text in PROJECT["dependencies"]):
        for top in {file.parts[0] for file in one.files} - {"..", "__pycache__"}:
            source = Path(one.locate_file(top))
            if source.exists():
                (packages / top).symlink_to(source)
    pip = [sys.executable, "-m", "pip", "--quiet", "--python", folder / "bin" / "python"]
    apart = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([*pip, "install", "--no-deps", "--no-index", wheel], check=True, env=apart)
    return folder


def test_every_lab_runs_with_the_wheel_and_numpy_and_matplotlib(environment):
    report = wheel_labs.run(environment / "bin" / "python")
    assert Path(report["at"]).is_relative_to(environment)
    assert not set(report["loaded"]) & set(NOT_THERE)
    labs = {name.partition(".")[0] for name in report["exercises"]}
    assert labs == {
        path.stem for path in (ROOT / "unrolled" / "exercises").glob("lab[0-9][0-9].py")
    }
    assert not wheel_labs.faults(report)


@pytest.mark.parametrize(
    ("code", "hint"),
    [("data.names()", "pip install Babel"), ("data.digits()", "pip install scikit-learn")],
)
def test_data_of_an_extra_say_how_to_get_it(environment, code, hint):
    done = subprocess.run(
        [environment / "bin" / "python", "-c", f"from unrolled.support import data; {code}"],
        capture_output=True,
        text=True,
    )
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ModuleNotFoundError: the ")
    assert hint in last
    assert "unrolled[data]" in last


def test_the_command_says_which_extra_it_needs(environment):
    done = subprocess.run(
        [environment / "bin" / "unrolled", "--version"], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "unrolled[instructors]" in done.stderr


def test_the_command_says_its_version():
    command = [sys.executable, "-m", "unrolled", "--version"]
    shown = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert (shown.returncode, shown.stdout) == (0, f"unrolled {unrolled.__version__}\n")
    assert PROJECT["scripts"]["unrolled"] == "unrolled.__main__:main"


def test_metadata_are_said_once_and_of_a_known_form():
    assert "version" in PROJECT["dynamic"]
    assert canonicalize_license_expression(PROJECT["license"]) == PROJECT["license"]
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    address = config["repository"]["url"]
    urls = PROJECT.get("urls", {}).values()
    assert all(url.startswith(address) for url in urls) if address else not urls, (
        "pyproject.toml names the address of _config.yml, and no other"
    )


def test_extras_are_by_user():
    extras = PROJECT["optional-dependencies"]
    assert [Requirement(text).name for text in PROJECT["dependencies"]] == ["numpy", "matplotlib"]
    assert list(extras) == ["torch", "data", "instructors", "book", "dev"]
