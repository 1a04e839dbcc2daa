"""The pages that speak of the whole book: glossary, course plan, how the chapters hang together."""

import ast
import re
import xml.etree.ElementTree as ET

import pytest

from unrolled.authoring import notebooks, slides
from unrolled.authoring.markup import blocks
from unrolled.authoring.notebooks import ROOT
from unrolled.authoring.pages import diagram, facts, glossary
from unrolled.common import code

NOTATION = (ROOT / "chapters/notation.md").read_text("utf-8")
TERMS = re.search(r"```\{terms\}\n(.*?)```", NOTATION, re.DOTALL)[1].splitlines()
CHAPTERS = notebooks.chapters(ROOT)
LABELS = {label for path in CHAPTERS for label in slides.labels(path)}
# A definition is bold and short. What ends like a sentence or a title is none; nor is what leads a
# list of things the slides leave open.
NO_TERM = re.compile(r"[.?:!]$|[\"“$]")
LONGEST = 4  # words


# Glossary


def defined():
    """{the words of the glossary in lower case, each name of an entry}."""
    return {
        name.strip().lower() for term, _, _ in glossary.entries(TERMS) for name in term.split(",")
    }


def bold(path):
    """The words that a chapter prints in bold to define them."""
    for cell in notebooks.read(path, ROOT).cells:
        if cell.kind != "markdown":
            continue
        title = ""
        for block in blocks(cell):
            if block.token.type == "inline" and block.token.level == 1 and not block.inside:
                title = block.token.content if _is_heading(cell, block) else title
            if block.token.type != "inline" or title.startswith("What the slides leave open"):
                continue
            for term in re.findall(r"\*\*(.+?)\*\*", block.token.content, re.DOTALL):
                if not NO_TERM.search(term) and len(term.split()) <= LONGEST:
                    yield " ".join(term.lower().split())


def _is_heading(cell, block):
    return cell.source.splitlines()[block.line - 1].startswith("#")


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_every_word_a_chapter_defines_is_in_the_glossary(path):
    known = defined()
    unknown = {term for term in bold(path) if not {term, term.removesuffix("s")} & known}
    assert not unknown, (
        f"{path.name} prints {sorted(unknown)} in bold; add them to the glossary in "
        "chapters/notation.md, or stress them in italics"
    )


def test_every_word_of_the_glossary_leads_to_a_section():
    found = glossary.entries(TERMS)
    assert {label for *_, label in found} <= LABELS
    names = [term.lower() for term, *_ in found]
    assert len(set(names)) == len(names)
    assert names == sorted(names)


@pytest.mark.parametrize("line", ["a | b", "a | b | c | d", "a | | c", "only words"])
def test_a_malformed_line_of_the_glossary_is_refused(line):
    with pytest.raises(ValueError, match=r"expected `term \| meaning \| label`, got"):
        glossary.entries(["x | y | z", line])


def test_every_row_of_the_symbols_leads_to_its_first_use():
    table = NOTATION.split("## Symbols")[1].split("## The same")[0]
    rows = re.findall(r"^\|(?!---)(?! symbol)(.+)\|$", table, re.MULTILINE)
    assert len(rows) > 40
    for row in rows:
        number, label = re.search(r"\[(\d+)\]\(#([\w-]+)\) $", row).groups()
        chapter = next(path for path in CHAPTERS if label in slides.labels(path))
        assert chapter.stem.startswith(f"{int(number):02}"), row


def symbols(rows):
    """The letters in the first column of a table, without index of time, layer or direction."""
    for row in rows.splitlines():
        for formula in re.findall(r"\$([^$]+)\$", row.split("|")[1]):
            for symbol in re.split(r"\s*=", formula)[0].split(","):
                letter = re.sub(r"\^\{[^}]*\}|\(A\)", "", symbol)
                yield re.sub(r"_\{?tn?\}?$", "", letter.strip()).strip("\\ ")


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_every_symbol_of_a_chapter_s_setting_is_in_the_notation(path):
    rows = re.compile(r"^\| (?:name|symbol) \|[^\n]*\n\|[-| ]+\n((?:\|.*\n)+)", re.MULTILINE)
    known = set(symbols(rows.search(NOTATION)[1]))
    setting = path.read_text("utf-8").split("\n## Setting\n")[1].split("\n## ")[0]
    unknown = {symbol for table in rows.findall(setting)[:1] for symbol in symbols(table)} - known
    assert not unknown, f"{path.name} uses {sorted(unknown)}; add them to chapters/notation.md"


# Course plan


@pytest.mark.parametrize("chapter", facts.chapters(ROOT), ids=lambda chapter: chapter.stem)
def test_a_chapter_is_read_in_one_sitting(chapter):
    says = f"{chapter.stem}: {chapter.prose_minutes:.2f} minutes unfolded, 25 at most, and "
    says += f"{chapter.minutes:.2f} with code, 40 at most: fold with {{deeper-start}}, or shorten"
    assert chapter.prose_minutes <= 25, says
    assert chapter.minutes <= 40, says


# The diagram


def chain(*uses):
    """Chapters 1, 2, … named a, b, …; of each, the topics its module uses and its page uses."""
    letters = "abcdefghi"
    return [
        facts.Chapter(
            n, f"{n:02}_{letters[n - 1]}", letters[n - 1].upper(), 20, 30, *map(frozenset, use)
        )
        for n, use in enumerate(uses, start=1)
    ]


def test_what_is_implied_is_not_drawn_and_what_a_page_borrows_is_dashed():
    found = chain(("", ""), ("a", "a"), ("", "a"), ("ac", "abc"))
    assert diagram.arrows(found) == [
        ("a", "b", True),
        ("a", "c", False),
        ("b", "d", False),
        ("c", "d", True),
    ]


def test_chapters_stand_below_what_they_use_with_the_longest_chain_at_the_left():
    found = chain(("", ""), ("a", "a"), ("a", "a"), ("c", "c"), ("d", "bd"))
    places = diagram.layers(found)
    assert places == {"a": (0, 0), "c": (1, 0), "b": (1, 1), "d": (2, 0), "e": (3, 0)}
    assert len(set(places.values())) == len(places)


def test_the_diagram_is_an_image_with_a_name():
    found = chain(("", ""), ("a", "a"), ("a", "a"), ("c", "c"), ("d", "bd"))
    svg = ET.fromstring(diagram.diagram(found))
    assert svg.get("role") == "img"
    assert svg.get("aria-label")
    assert [text.text for text in svg.iter("text")] == ["1  A", "2  B", "3  C", "4  D", "5  E"]
    _, _, width, height = map(float, svg.get("viewBox").split())
    for box in svg.iter("rect"):
        assert 0 < float(box.get("x")) < float(box.get("x")) + float(box.get("width")) < width
        assert 0 < float(box.get("y")) < float(box.get("y")) + float(box.get("height")) < height
    assert len([path for path in svg.iter("path") if path.get("class") == "borrowed"]) == 1


def test_titles_of_chapters_are_text_in_the_diagram():
    found = chain(("", ""))
    odd = [facts.Chapter(1, found[0].stem, "Gates & cells", 20, 30, frozenset(), frozenset())]
    svg = ET.fromstring(diagram.diagram(odd))
    assert [text.text for text in svg.iter("text")] == ["1  Gates & cells"]


def test_the_diagram_is_drawn_from_the_imports():
    for chapter in facts.chapters(ROOT):
        module = ROOT / "unrolled" / f"{chapter.topic}.py"
        imports = code.chapters_and_rooms([ast.parse(module.read_text("utf-8"))])
        assert chapter.module == imports - {"support", "common"}
        assert not {other.topic for other in facts.chapters(ROOT)[chapter.number - 1 :]} & (
            chapter.module | chapter.page
        ), "no chapter uses a later one"


def test_imports_are_found_in_every_form():
    text = "import unrolled.a\nfrom unrolled import b\nfrom unrolled.c import x\nimport numpy.d"
    assert code.chapters_and_rooms([ast.parse(text), None]) == {"a", "b", "c"}
