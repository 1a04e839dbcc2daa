"""The bibliography, read for its tests: every entry can be found, is cited, and stands once."""

import re
from pathlib import Path

from unrolled.authoring.notebooks import ROOT

CITATION = re.compile(r"\{cite(?::\w+)?\}`([^`]+)`")
FINDABLE = ("doi", "eprint", "isbn", "url")  # any of these leads to the work


def read(root=ROOT):
    """{key: fields, in lower case, with `type`} of chapters/references.bib."""
    from pybtex.database import parse_file

    entries = parse_file(str(Path(root, "chapters/references.bib"))).entries
    return {
        key: {name.lower(): value for name, value in entry.fields.items()} | {"type": entry.type}
        for key, entry in entries.items()
    }


def cited(root=ROOT):
    """{key: the pages that cite it}, over all pages of the book and the slides' data."""
    pages = [*Path(root, "chapters").glob("*.md"), *Path(root, "chapters").glob("*.yml")]
    found = {}
    for path in sorted(pages):
        for keys in CITATION.findall(path.read_text("utf-8")):
            for key in keys.split(","):
                found.setdefault(key.strip(), []).append(path.name)
    return found
