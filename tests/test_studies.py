"""Studies: results written whole, read back with their head, run when their code changed."""

import getpass
import platform
import re
import subprocess
import sys

import click
import numpy as np
import pytest

from unrolled.authoring import notebooks, studies
from unrolled.common import definitions
from unrolled.support import study

SCRIPTS = studies.scripts(notebooks.ROOT)


@pytest.fixture
def script(tmp_path):
    """A small study in a tree of its own."""
    path = tmp_path / studies.FOLDER / "squares.py"
    path.parent.mkdir(parents=True)
    path.write_text(
        '"""Squares."""\n'
        "from unrolled.support import study\n\n"
        "def square(x):\n"
        '    """Twice x."""\n'
        "    return x * x  # a comment\n\n"
        "if __name__ == '__main__':\n"
        "    values = study.over(square, [(1,), (2,), (3,)], 'squares')\n"
        "    study.write(__file__, {'x': [1, 2, 3], 'square': values})\n"
    )
    return path


def test_written_and_read_back(script):
    columns = {"form": ["a", "b"], "seed": [0, 1], "accuracy": np.array([0.5, 1 / 3])}
    result = study.read(study.write(script, columns))
    assert result["form"].tolist() == ["a", "b"]
    assert result["seed"].dtype.kind == "i"
    np.testing.assert_allclose(result["accuracy"], [0.5, 1 / 3], atol=1e-6)
    assert list(result.header) == list(study.HEADER)
    assert result.header["command"] == "python chapters/studies/squares.py"
    assert np.__version__ in result.header["versions"]
    assert result.where(form="b", seed=1)["accuracy"].shape == (1,)
    assert result.where(form="b").header is result.header


def test_text_with_commas_and_a_single_row_survive(script):
    result = study.read(study.write(script, {"name": ['a, "b"'], "value": [1e-30]}))
    assert (result["name"][0], result["value"][0]) == ('a, "b"', 1e-30)


def test_a_failed_write_leaves_the_old_result(script):
    target = study.write(script, {"x": [1]})
    before = target.read_text()
    for columns in ({"x": [1], "y": [1, 2]}, {}, {"x": []}):
        with pytest.raises(ValueError, match="columns: values of one length"):
            study.write(script, columns)
    assert target.read_text() == before
    assert sorted(path.name for path in script.parent.iterdir()) == ["squares.csv", "squares.py"]


def test_what_is_no_result_is_refused(script):
    path = script.with_suffix(".csv")
    with pytest.raises(FileNotFoundError, match="`make studies` computes it"):
        study.read(path)
    path.write_text("x,y\n1,2\n")
    with pytest.raises(ValueError, match="no line '# command"):
        study.read(path)
    head = "".join(f"# {name}: ?\n" for name in study.HEADER)
    for body in ("", "x,y\n", "x,y\n1\n"):
        path.write_text(head + body)
        with pytest.raises(ValueError, match=r"squares\.csv"):
            study.read(path)
    with pytest.raises(ValueError, match="form: one of the columns x"):
        study.Result({"x": np.array([1])}, {}).where(form=1)


def test_runs_what_changed_and_nothing_else(script, capfd):
    root = script.parents[2]
    assert studies.stale(script) == "no result yet"
    assert studies.run(root) == 0
    assert study.read(script.with_suffix(".csv"))["square"].tolist() == [1, 4, 9]
    capfd.readouterr()
    assert studies.run(root) == 0
    assert "nothing to do: 1 studies" in capfd.readouterr().out
    code = script.read_text()
    script.write_text(code.replace("Twice x", "x squared").replace("  # a comment", ""))
    assert studies.stale(script) == ""  # neither a docstring nor a comment changes a number
    script.write_text(code.replace("x * x", "x * x * x"))
    assert studies.stale(script) == "its code changed"
    assert studies.run(root) == 0
    assert study.read(script.with_suffix(".csv"))["square"].tolist() == [1, 8, 27]
    assert studies.run(root, again=True) == 0
    assert "asked for" in capfd.readouterr().out


def test_a_failing_study_is_reported_and_the_others_run(script, capfd):
    (script.parent / "broken.py").write_text("raise SystemExit(3)\n")
    assert studies.run(script.parents[2]) == 1
    assert script.with_suffix(".csv").is_file()
    assert "broken failed: exit code 3" in capfd.readouterr().out


PLAN = """
STUDY = study.Study(
    rule="The rival with the least mean error on the test part.",
    columns=("rival", "rate", "seed", "validation", "test"),
    settings=("rival",),
    seeds=range(5),
    reported=("test",),
    tuned=("rate",),
    chosen_by="validation",
    parts="validation, test",
)


def run(rival, rate, seed):
    with (Path(__file__).parent / "runs.txt").open("a") as file:
        file.write("run\\n")
    error = (rate - BEST[rival]) ** 2 + 0.01 * seed
    return rival, rate, seed, error, error + 1


def best(result):
    return [(rival, rate, s) for rival, rate in result.chosen() for s in range(5)]


if __name__ == "__main__":
    runs = [(rival, rate, s) for rival in BEST for rate in RATES for s in range(2)]
    STUDY.run(__file__, run, runs, best)
"""


@pytest.fixture
def rivals(tmp_path):
    """A study of two rivals whose rate is tuned, in a tree of its own."""
    path = tmp_path / studies.FOLDER / "rivals.py"
    path.parent.mkdir(parents=True)
    path.write_text(
        '"""Which rival wins?"""\n'
        "from pathlib import Path\n"
        "from unrolled.support import study\n"
        "BEST = {'a': 0.2, 'b': 0.3}\nRATES = (0.1, 0.2, 0.3, 0.4)\n" + PLAN
    )
    return path


def runs(path):
    """How many runs there have been."""
    return len((path.parent / "runs.txt").read_text().splitlines())


def test_a_study_tells_its_protocol_and_its_winners(rivals):
    assert studies.run(rivals.parents[2], processes=1) == 0
    result = study.read(rivals.with_suffix(".csv"))
    assert result.header["question"] == "Which rival wins?"
    assert result.header["seeds"] == [0, 1, 2, 3, 4]
    assert result.header["tuned"] == ["rate"]
    assert result.chosen() == [("a", 0.2), ("b", 0.3)]
    found = result.winners().summary("test", rival="a")
    np.testing.assert_allclose(found, (1.02, 1.0, 1.04, 0.0158114, 5), rtol=1e-5)
    with pytest.raises(ValueError, match="where: one row for each seed expected, got 10"):
        result.winners().summary("test")
    assert runs(rivals) == 2 * 4 * 2 + 2 * 3  # the chosen have run with two seeds already
    assert not study.part(rivals).exists()


def test_a_grid_runs_with_the_first_seed_and_its_winners_with_all(rivals):
    code, runs_of_its_own = rivals.read_text(), "    runs = [(rival, rate, s) for"
    tuned = "    STUDY.tune(__file__, run, [(rival, rate) for rival in BEST for rate in RATES])\n"
    rivals.write_text(code[: code.index(runs_of_its_own)] + tuned)
    assert studies.run(rivals.parents[2], processes=1) == 0
    result = study.read(rivals.with_suffix(".csv"))
    assert result.winners().combinations(("rival", "rate")) == [("a", 0.2), ("b", 0.3)]
    assert sorted(result.where(rival="a", rate=0.2)["seed"]) == [0, 1, 2, 3, 4]
    assert result.where(rival="a", rate=0.1)["seed"].tolist() == [0]
    assert runs(rivals) == 2 * 4 + 2 * 4


def test_an_interrupted_study_loses_one_run(rivals):
    root, code = rivals.parents[2], rivals.read_text()
    waits = "    rival == 'b' and Path(__file__).with_name('ready').stat()\n    error ="
    rivals.write_text(code.replace("    error =", waits))
    assert studies.run(root, processes=1) == 1
    assert not rivals.with_suffix(".csv").exists()
    assert studies.stale(rivals) == "it was interrupted"
    assert studies.run(root, processes=1) == 1
    assert runs(rivals) == 8 + 2  # what had ended is not repeated
    with study.part(rivals).open("a") as file:
        file.write('[["b", 0.1')  # the machine stopped while a row was written
    rivals.with_name("ready").touch()
    assert studies.run(root, processes=1) == 0
    assert runs(rivals) == 10 + 8 + 6


def test_more_seeds_or_values_are_computed_alone(rivals):
    root, code = rivals.parents[2], rivals.read_text()
    assert studies.run(root, processes=1) == 0
    rivals.write_text(code.replace("0.4)", "0.4, 0.5)"))
    assert studies.stale(rivals) == "its code changed"
    assert studies.run(root, processes=1) == 0
    assert runs(rivals) == 22 + 2 * 2
    rivals.write_text(rivals.read_text().replace("Which rival wins?", "Which of the two wins?"))
    assert studies.stale(rivals) == "its question was reworded"
    assert studies.run(root, names=["rivals"], processes=1) == 0
    assert studies.stale(rivals) == ""
    assert runs(rivals) == 26
    assert studies.run(root, again=True, processes=1) == 0
    assert runs(rivals) == 2 * 26


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("(0.1, 0.2, 0.3, 0.4)", "(0.2, 0.3, 0.4)", "a: rate 0.2 lies on the edge of its grid"),
        ("for s in range(5)]", "for s in range(3)]", "a: 3 seeds, at least 5 expected"),
        ('chosen_by="validation"', 'chosen_by="test"', "tuned and reported on the same part"),
        (
            'parts="validation, test"',
            'parts=""',
            "or nothing says which parts",
        ),
    ],
)
def test_what_breaks_the_protocol_is_refused(rivals, capfd, old, new, said):
    assert old in rivals.read_text()
    rivals.write_text(rivals.read_text().replace(old, new))
    assert studies.run(rivals.parents[2], processes=1) == 1
    assert said in capfd.readouterr().out.replace("\n", " ")
    with pytest.raises(ValueError, match=said):
        study.read(rivals.with_suffix(".csv"))


def test_an_edge_may_have_a_reason(rivals):
    code = rivals.read_text().replace("(0.1, 0.2, 0.3, 0.4)", "(0.2, 0.3, 0.4)")
    rivals.write_text(code.replace("    parts=", "    edge={'rate': 'less is zero'},\n    parts="))
    assert studies.run(rivals.parents[2], processes=1) == 0
    assert study.read(rivals.with_suffix(".csv")).header["edge"] == ["rate"]


def test_no_study_of_that_name(rivals):
    with pytest.raises(click.ClickException, match="no study depth; there are rivals"):
        studies.run(rivals.parents[2], names=["depth"])


MODULES = {
    "unrolled/__init__.py": "",
    "unrolled/room/__init__.py": "",
    "unrolled/room/used.py": (
        '"""Words."""\nimport numpy as np\nfrom unrolled.room import other\n'
        "SIZE = 3\n\ndef f(x):\n    '''Words.'''\n    return other.g(x) + SIZE\n\n"
        "def h(x):\n    return x\n\ndef table():\n    return 'table.csv'\n"
    ),
    "unrolled/room/other.py": "def g(x):\n    return 2 * x\n\ndef k(x):\n    return x\n",
    "unrolled/room/table.csv": "1,2\n",
    "study.py": (
        "from unrolled.room.used import f, table\n\ndef run(x):\n    return f(x), table()\n\n"
        "if __name__ == '__main__':\n    print(run(1))\n"
    ),
}


@pytest.mark.parametrize(
    ("name", "old", "new", "changes"),
    [
        ("unrolled/room/used.py", "Words", "Other words", False),
        ("unrolled/room/used.py", "    return x", "    return -x", False),  # h, never reached
        ("unrolled/room/other.py", "    return x", "    return -x", False),
        ("unrolled/room/used.py", "SIZE = 3", "SIZE = 4", True),
        ("unrolled/room/used.py", "import numpy as np", "import os", False),
        ("unrolled/room/used.py", "SIZE = 3", "SIZE = 3\nprint()", True),
        ("unrolled/room/other.py", "2 * x", "3 * x  # thrice", True),
        ("unrolled/room/table.csv", "1,2", "1,3", True),
        ("study.py", "run(1)", "run(2)", True),
    ],
)
def test_the_digest_is_of_what_is_reached(tmp_path, name, old, new, changes):
    for file, text in MODULES.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)
    before = definitions.digest(tmp_path / "study.py", tmp_path)
    alone = definitions.digest(tmp_path / "study.py", tmp_path, name="run")
    assert old in MODULES[name]
    (tmp_path / name).write_text(MODULES[name].replace(old, new, 1))
    assert (definitions.digest(tmp_path / "study.py", tmp_path) != before) == changes
    after = definitions.digest(tmp_path / "study.py", tmp_path, name="run")
    assert (after != alone) == (changes and name != "study.py")


def test_a_change_of_the_package_is_seen(script):
    alone = study.digest(script)
    code = script.read_text().replace("def square", "from unrolled import bptt\n\ndef square")
    script.write_text(code)
    assert study.digest(script) == alone  # it is imported, and nothing of it is used
    script.write_text(code.replace("x * x", "bptt.rnn_backward(x, x)"))
    assert study.digest(script) != alone


def test_pages_that_read_a_study_need_not_the_press():
    code = "import sys, unrolled.support.study; sys.exit('unrolled.authoring' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=notebooks.ROOT).returncode == 0


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_every_study_has_a_result_that_names_no_place_or_person(path):
    result = study.read(path.with_suffix(".csv"))
    assert all(np.isfinite(column).all() for column in result.values() if column.dtype.kind == "f")
    head = " ".join(map(str, result.header.values()))
    assert "/home" not in head
    assert not re.search(r"(^|\s)/", head)
    for word in (platform.node(), getpass.getuser()):
        assert not re.search(rf"\b{re.escape(word)}\b", head)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_every_study_keeps_the_protocol_and_is_that_of_its_code(path):
    why = studies.stale(path)
    assert why == "", f"{why}: `make studies NAMES={path.stem}` runs what is missing"
    assert "rule" in study.read(path.with_suffix(".csv")).header


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_every_study_is_plotted_by_a_page(path):
    pages = [page.read_text("utf-8") for page in notebooks.chapters(notebooks.ROOT)]
    assert any(f'"studies/{path.stem}.csv"' in page for page in pages)


def test_studies_are_no_pages():
    names = {path.name for path in notebooks.chapters(notebooks.ROOT)}
    assert not names & {path.name for path in SCRIPTS}
