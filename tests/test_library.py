"""The table of functions: that every one is in it, with shapes and tests."""

import importlib
import inspect

import pytest

from unrolled.authoring import notebooks
from unrolled.authoring.notebooks import ROOT
from unrolled.authoring.pages import library

TOPICS = [path.stem.partition("_")[2] for path in notebooks.chapters(ROOT)]


@pytest.mark.parametrize("topic", TOPICS)
def test_every_public_function_is_in_the_table(topic):
    found = library.functions(topic, ROOT)
    for module in {function.module for function in found}:
        exported = importlib.import_module(f"unrolled.{module}")
        public = [n for n in exported.__all__ if inspect.isfunction(getattr(exported, n))]
        assert sorted(f.name for f in found if f.module == module) == sorted(public)
    assert all(function.text[0] for function in found)


@pytest.mark.parametrize("topic", TOPICS)
def test_tests_are_those_of_the_chapter(topic):
    source = (ROOT / f"tests/test_{topic}.py").read_text("utf-8")
    tests = {test for function in library.functions(topic, ROOT) for test in function.tests}
    assert tests
    assert all(f"def {test}(" in source for test in tests)


def test_every_chapter_has_its_table_on_the_page():
    page = (ROOT / "chapters/library.md").read_text("utf-8")
    assert [line.split()[1] for line in page.splitlines() if line.startswith("```{library}")] == (
        TOPICS
    )


def test_what_a_test_mentions_through_another_name_counts(tmp_path):
    for name in ("unrolled", "tests"):
        (tmp_path / name).mkdir()
    (tmp_path / "unrolled/a.py").write_text(
        'def f(x, n=1):\n    """First.\n\n    x: (T,)\n    or `g`.\n    """\n\n'
        'def g():\n    """Second."""\n\ndef _h():\n    pass\n'
    )
    (tmp_path / "tests/test_a.py").write_text(
        "PAIRS = [a.f]\n\ndef test_pairs():\n    assert PAIRS\n\n"
        "def test_other():\n    assert b.k\n"
    )
    f, g = library.functions("a", tmp_path)
    assert (f.arguments, f.text, f.tests) == (
        "x, n=1",
        ("First.", "x: (T,) or `g`."),
        ("test_pairs",),
    )
    assert (g.module, g.text, g.tests) == ("a", ("Second.",), ())
    literal = list(library.marked(f.text[1]))[1]
    assert (literal.tagname, literal.astext()) == ("literal", "g")
