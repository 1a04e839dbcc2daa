"""HTML pages without scripts and without the network; whatever students wrote is text."""

import re

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from unrolled.grading.model import FOR_A_PERSON, Ending
from unrolled.grading.tell import tables

# One sign and one tone for each ending; the word stands beside, so nothing hangs on the colour.
SIGNS = {
    Ending.PASSED: ("✓", "good"),
    Ending.WRONG: ("✗", "bad"),
    Ending.NOT_ATTEMPTED: ("○", "dull"),
    Ending.ERROR: ("✗", "bad"),
    Ending.TIMED_OUT: ("✗", "bad"),
    Ending.OUT_OF_MEMORY: ("✗", "bad"),
} | dict.fromkeys(FOR_A_PERSON, ("?", "open"))


def prose(sentence):
    """A sentence as HTML; what stands between backticks is code."""
    pieces = str(escape(sentence)).split("`")
    if len(pieces) % 2 == 0:  # a lone backtick is only a backtick
        return Markup("`").join(map(Markup, pieces))
    return Markup("").join(
        Markup(f"<code>{piece}</code>" if index % 2 else piece)
        for index, piece in enumerate(pieces)
    )


def anchor(heading):
    """The address of a heading within its page, as Sphinx makes it."""
    return re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-")


_templates = Environment(
    loader=PackageLoader("unrolled.grading.tell"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_templates.filters |= {"prose": prose, "anchor": anchor, "number": tables.number}
_templates.globals |= {"SIGNS": SIGNS, "FOR_A_PERSON": FOR_A_PERSON}


def render(template, **values):
    """The text of a page."""
    return _templates.get_template(template).render(**values)
