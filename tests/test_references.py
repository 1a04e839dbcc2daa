"""The bibliography: every entry can be found, is cited, and stands there once."""

import re

import pytest

from unrolled.authoring import references

ENTRIES = references.read()
CITED = references.cited()
# What the slides cite, by a piece of the title, and the chapter that has to cite it.
OF_THE_SLIDES = {
    "gradient-based learning applied to document recognition": "02_pooling.md",
    "convolutional neural networks for sentence classification": "02_pooling.md",
    "deep learning": "01_convolution.md",
    "learning internal representations by error propagation": "05_bptt.md",
    "on the difficulty of training recurrent neural networks": "06_clipping.md",
    "long short-term memory": "07_lstm.md",
    "generating sequences with recurrent neural networks": "07_lstm.md",
    "on the properties of neural machine translation": "08_gru.md",
}
FORMS = {
    "doi": r"10\.\d{4,9}/\S+",
    "eprint": r"\d{4}\.\d{4,5}|[a-z-]+/\d{7}",
    "isbn": r"97[89][\d-]{10,14}",
    "url": r"https://\S+",
}


def plain(title):
    return re.sub(r"[^a-z0-9 -]", "", " ".join(title.split()).lower())


@pytest.mark.parametrize("key", ENTRIES)
def test_every_entry_can_be_found(key):
    entry = ENTRIES[key]
    given = [name for name in references.FINDABLE if name in entry]
    assert given, f"{key}: give a doi, an arXiv number (eprint), an isbn or a url"
    for name in given:
        assert re.fullmatch(FORMS[name], entry[name]), f"{key}: {name} = {entry[name]}"
    assert re.fullmatch(r"\d{4}", entry["year"])
    assert entry["year"] in key


@pytest.mark.parametrize("key", ENTRIES)
def test_every_entry_is_cited(key):
    assert key in CITED, f"{key} is cited nowhere; cite it where it is used, or take it out"


def test_every_citation_has_an_entry():
    assert set(CITED) <= set(ENTRIES)


@pytest.mark.parametrize("name", [*references.FINDABLE, "title"])
def test_no_work_stands_twice(name):
    seen = {}
    for key, entry in ENTRIES.items():
        if name in entry:
            value = plain(entry[name])
            assert value not in seen, f"{key} and {seen[value]} are one work"
            seen[value] = key


@pytest.mark.parametrize("title", OF_THE_SLIDES)
def test_the_slides_references_are_here(title):
    page = OF_THE_SLIDES[title]
    keys = [key for key, entry in ENTRIES.items() if plain(entry["title"]).startswith(title)]
    assert any(page in CITED.get(key, ()) for key in keys), f"{page} does not cite it"
