"""The slides' items: each leads to a section, functions and tests that exist, and is on the map."""

import re
from collections import Counter
from dataclasses import replace

import pytest

from unrolled.authoring import book as builder
from unrolled.authoring import slides
from unrolled.authoring.notebooks import ROOT

DECKS = slides.read()
ITEMS = [item for deck in DECKS for item in deck.items]
BOOK = slides.book()
LINKS = ("functions", "tests", "exercises")
# The shared list of what the slides teach, by deck and chapter. It is counted here a second time,
# so that an item cannot leave the ledger unseen.
IN_DECKS = {"main": 42, "elman": 7, "state-space": 17, "bptt-notes": 7}
IN_CHAPTERS = {
    "01_convolution": 5,
    "02_pooling": 7,
    "03_unfolding": 16,
    "04_language_models": 7,
    "05_bptt": 12,
    "06_clipping": 7,
    "07_lstm": 9,
    "08_gru": 2,
    "09_deep_bidirectional": 7,
    "references": 1,
}
# How many links of each kind there are. A link that is taken out changes a number; whoever means
# it changes the number, too.
COUNTED = {"section": 55, "functions": 112, "tests": 108, "exercises": 74, "errata": 34}

written = [item for item in ITEMS if item.chapter in BOOK.labels]


def test_all_items_are_there():
    assert Counter(item.deck for item in ITEMS) == IN_DECKS
    assert Counter(item.chapter for item in ITEMS) == IN_CHAPTERS
    assert len(ITEMS) == len({item.id for item in ITEMS}) == 73


def test_items_of_a_deck_stand_in_its_order():
    for deck in DECKS:
        numbers = [item.slide for item in deck.items if item.slide is not None]
        assert numbers == sorted(numbers)
        assert numbers == [] or deck.id == "main"


@pytest.mark.parametrize("item", written, ids=lambda item: item.id)
def test_an_item_leads_somewhere(item):
    assert slides.faults(item, BOOK) == []


def test_no_link_was_taken_out():
    found = {"section": sum(bool(item.section) for item in written)}
    for name in (*LINKS, "errata"):
        found[name] = sum(len(getattr(item, name)) for item in written)
    assert found == COUNTED


def links(item):
    """Every link of an item: (field, link)."""
    yield "section", item.section
    for name in (*LINKS, "errata"):
        for link in getattr(item, name):
            yield name, link


@pytest.mark.parametrize("item", written, ids=lambda item: item.id)
def test_removing_any_link_is_found(item):
    """Out of the ledger, or out of the book: a link that leads nowhere is a fault."""
    for name, link in links(item):
        assert _noticed(slides.without(item, name, link), item), f"{name}: {link}"
        if name in LINKS:
            without = replace(BOOK, **{name: getattr(BOOK, name) - {link}})
            assert slides.faults(item, without), f"{name}: {link} is gone from the book"
    bare = {chapter: known - {item.section} for chapter, known in BOOK.labels.items()}
    assert slides.faults(item, replace(BOOK, labels=bare))


def _noticed(changed, item):
    """Whether a fault is reported, or the count of links of a kind differs."""
    counts = [[len(getattr(one, name)) for name in LINKS] for one in (changed, item)]
    return bool(slides.faults(changed, BOOK)) or counts[0] != counts[1]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"section": "convolution"}, "no heading labelled 'convolution' in 02_pooling"),
        ({"section": ""}, "section: no heading labelled ''"),
        ({"chapter": "10_attention"}, "no heading labelled 'pooling-lenet' in 10_attention"),
        ({"functions": ()}, "functions: at least one expected"),
        ({"functions": ("pooling.lenet6",)}, "functions: there is no pooling.lenet6"),
        ({"tests": ()}, "tests: at least one expected"),
        ({"tests": ("test_pooling.py::test_lenet6",)}, "tests: there is no test_pooling.py"),
        ({"tests": ("test_pooling.py::torch_lenet5",)}, "tests: there is no test_pooling.py"),
        ({"exercises": ("lab02.nothing",)}, "exercises: there is no lab02.nothing"),
        ({"exercises": ("lab02.letters",) * 2}, "exercises: one is named twice"),
        ({"kind": "joke"}, "kind: one of equation"),
        ({"what": ""}, "no what"),
        ({"errata": (slides.Erratum("slip", "a", "b", "pooling-lenet"),)}, "'error' or 'trap'"),
        ({"errata": (slides.Erratum("trap", "", "b", "pooling-lenet"),)}, "`has` and `right`"),
        ({"errata": (slides.Erratum("trap", "a", "b", "pooling-none"),)}, "'pooling-none'"),
    ],
)
def test_faults_say_what_is_missing(change, said):
    lenet = next(item for item in ITEMS if item.id == "main-03-lenet")
    found = slides.faults(replace(lenet, **change), BOOK)
    assert any(said in fault for fault in found), found


def test_every_erratum_is_shown_and_none_is_a_copy():
    errata = [erratum for item in written for erratum in item.errata]
    assert sum(erratum.kind == "error" for erratum in errata) >= 8
    texts = [text for erratum in errata for text in (erratum.has, erratum.right)]
    assert len(set(texts)) == len(texts)


# On the site


@pytest.fixture(scope="module")
def site():
    try:
        return builder.build("learner")
    except SystemExit:
        pytest.fail("the book does not build; `make book` says why", pytrace=False)


def page(site, name):
    return (site / f"{name}.html").read_text("utf-8")


def test_the_map_has_a_row_for_every_item_with_all_its_links(site):
    text = page(site, "chapters/slides")
    rows = dict(re.findall(r'id="slide-([\w-]+)">(.*?)</dl>', text, re.DOTALL))
    assert rows.keys() == {item.id for item in written}
    for item in written:
        row = rows[item.id]
        assert f"#{item.section}" in row
        for name in item.functions:
            assert name.rpartition(".")[2] in row
        for name in item.tests:
            assert name.partition("::")[2] in row
        for name in item.exercises:
            assert name.partition(".")[2] in row
        assert row.count('href="errata.html#') == len(item.errata)


def test_the_errata_have_an_entry_for_each_with_a_link_to_the_computation(site):
    text = page(site, "chapters/errata")
    entries = dict(re.findall(r'id="erratum-([\w-]+)">(.*?)</div>', text, re.DOTALL))
    expected = {
        f"{item.id}-{number}": (item, erratum)
        for item in written
        for number, erratum in enumerate(item.errata, start=1)
    }
    assert entries.keys() == expected.keys()
    for key, (item, erratum) in expected.items():
        assert f"#{erratum.shown}" in entries[key]
        assert f'href="slides.html#slide-{item.id}"' in entries[key]


@pytest.mark.parametrize("item", written, ids=lambda item: item.id)
def test_the_section_s_margin_leads_back(site, item):
    text = page(site, f"chapters/{item.chapter}")
    section = text[text.index(f'id="{item.section}"') :]
    margin = re.search(r'<aside class="margin.*?</aside>', section, re.DOTALL)[0]
    assert f'href="slides.html#slide-{item.id}"' in margin


def test_all_links_between_pages_lead_to_something_that_is_there(site):
    pages = {
        name: page(site, f"chapters/{name}") for name in ("slides", "errata", "notation", "index")
    }
    targets = {}
    for name, text in pages.items():
        for address in re.findall(r'<a class="reference internal" href="([^"]+)"', text):
            path, _, anchor = address.partition("#")
            target = (site / "chapters" / (path or f"{name}.html")).resolve()
            if target not in targets:
                targets[target] = set(re.findall(r'\sid="([^"]+)"', target.read_text("utf-8")))
            assert not anchor or anchor in targets[target], f"{name}: {address}"
    assert len(targets) > len(list(ROOT.glob("chapters/[0-9]*.md")))
