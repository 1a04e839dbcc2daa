"""The slides' items: each leads to a section, functions and tests that exist, and is on the map."""

from collections import Counter
from dataclasses import replace

import pytest

from unrolled.authoring import slides

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
COUNTED = {"section": 73, "functions": 166, "tests": 146, "exercises": 103, "errata": 46}

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
