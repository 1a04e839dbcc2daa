"""Studies: results written whole, read back with their head, run when their code changed."""

import getpass
import platform
import re
import subprocess
import sys

import numpy as np
import pytest

from unrolled.authoring import notebooks, studies
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
    assert "broken failed; its result is left as it was" in capfd.readouterr().out


def test_a_change_of_the_package_is_seen(script):
    alone = study.digest(script)
    script.write_text("from unrolled import convolution\n" + script.read_text())
    assert study.digest(script) != alone


def test_pages_that_read_a_study_need_not_the_press():
    code = "import sys, unrolled.support.study; sys.exit('unrolled.authoring' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=notebooks.ROOT).returncode == 0


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_every_study_has_a_result_that_names_no_place_or_person(path):
    result = study.read(path.with_suffix(".csv"))
    assert all(np.isfinite(column).all() for column in result.values() if column.dtype.kind == "f")
    head = " ".join(result.header.values())
    assert "/home" not in head
    assert not re.search(r"(^|\s)/", head)
    for word in (platform.node(), getpass.getuser()):
        assert not re.search(rf"\b{re.escape(word)}\b", head)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_every_study_is_plotted_by_a_page(path):
    pages = [page.read_text("utf-8") for page in notebooks.chapters(notebooks.ROOT)]
    assert any(f'"studies/{path.stem}.csv"' in page for page in pages)


def test_studies_are_no_pages():
    names = {path.name for path in notebooks.chapters(notebooks.ROOT)}
    assert not names & {path.name for path in SCRIPTS}
