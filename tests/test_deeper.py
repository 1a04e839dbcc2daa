"""Reading times by the formula, and blocks that are folded when a chapter opens."""

import re

import pytest
from trees import HEADER, code, text

from unrolled.authoring import notebooks, reading_time

DEEPER = "```{deeper-start} More of it\n```\n\n", "```{deeper-end}\n```\n\n"


@pytest.fixture
def chapter(tmp_path):
    def make(*cells):
        path = tmp_path / "chapters" / "01_topic.md"
        path.parent.mkdir(exist_ok=True)
        path.write_text(HEADER + "".join(cells), "utf-8")
        return notebooks.read(path, tmp_path)

    return make


def words(number):
    return " ".join(["word"] * number) + ".\n\n"


def test_each_part_counts_as_the_formula_says(chapter):
    title = 2 * 60 / 200  # the words of the header's title
    found = chapter(text(words(200)), "$$\nx = y\n$$\n\n", code("a = 1\nb = 2\nc = 3"))
    prose, whole = reading_time.minutes(found)
    assert prose * 60 == pytest.approx(title + 60 + 45)
    assert whole * 60 == pytest.approx(title + 60 + 45 + 3 * 4)
    options = "---\nmystnb:\n  figure:\n    name: f\ntags: [hide-input]\n---\n"
    figure = f"```{{code-cell}} ipython3\n{options}d\n```\n"
    prose, whole = reading_time.minutes(chapter(figure))
    assert prose * 60 == pytest.approx(title + 30)
    assert whole == prose


@pytest.mark.parametrize("tag", sorted(reading_time.NOT_SHOWN))
def test_hidden_code_does_not_count(chapter, tag):
    assert reading_time.minutes(chapter(code("a = 1", tag))) == reading_time.minutes(chapter(""))


def test_what_is_folded_counts_apart(chapter):
    start, end = DEEPER
    before = reading_time.minutes(chapter(text(words(50))))
    found = chapter(text(words(50)), start, words(200), code("a = 1\nb = 2"), end)
    assert reading_time.minutes(found) == pytest.approx(before)
    assert reading_time.deeper(found) == {"More of it": pytest.approx(1 + 8 / 60)}
    found = chapter("## One\n\n", start, words(200), "### Part\n\n", words(200), "## Two\n\n")
    assert reading_time.deeper(found) == {"More of it": pytest.approx(1)}
    folded = "```{solution} x\n:class: dropdown\n\n" + words(100) + "```\n\n"
    assert reading_time.minutes(chapter(text(words(50)), folded)) == pytest.approx(before)


def test_an_explorable_does_not_count(chapter):
    found = chapter('```{explorable} paths\n{"x": [1, 2]}\n```\n\n')
    assert reading_time.minutes(found) == reading_time.minutes(chapter(""))


def test_times_of_the_chapters_belong_to_their_sections():
    for path in notebooks.chapters():
        found = notebooks.read(path)
        parts = reading_time.sections(found)
        titles = re.findall(r"^## (.+)$", path.read_text("utf-8"), re.MULTILINE)
        assert [part.title for part in parts[1:]] == titles
        assert sum(p.prose + p.code for p in parts) / 60 == pytest.approx(
            reading_time.minutes(found)[1]
        )
