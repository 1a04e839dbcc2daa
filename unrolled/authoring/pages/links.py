"""Links into and out of the chapters: labels for code and exercises, margin notes to the slides."""

import re

from docutils import nodes
from sphinx import addnodes

from unrolled import exercises
from unrolled.authoring import slides
from unrolled.authoring.export import FOLDERS

DEFINES = re.compile(r"^(?:def|class) (\w+)", re.MULTILINE)
CHECKS = re.compile(r"^check\(\"(\w+)\"", re.MULTILINE)


def setup(app):
    app.connect("doctree-read", name_code)
    app.connect("doctree-read", lead_back_to_slides)


def name_code(app, doctree):
    """Labels for what the slide map leads to: `code-topic.name` for the cell that exports a
    function, `exercise-labNN.name` for the section of an exercise or question."""
    page = app.env.docname
    folder, _, stem = page.partition("/")
    known = app.env.domains["std"].anonlabels
    for cell in doctree.findall(nodes.container):
        if cell.get("nb_element") != "cell_code":
            continue
        block = next(cell.findall(nodes.literal_block), None)
        source = block.astext() if block is not None else ""
        if folder == "chapters" and FOLDERS.keys() & set(cell["cell_metadata"].get("tags", ())):
            for name in DEFINES.findall(source):
                cell["ids"].append(f"code-{name}")
                known[f"code-{stem.partition('_')[2]}.{name}".lower()] = page, f"code-{name}"
        elif folder == "labs":
            for name in CHECKS.findall(source):
                section = next(node for node in ancestors(cell) if isinstance(node, nodes.section))
                known[f"exercise-{stem[:5]}.{name}".lower()] = page, section["ids"][0]
    if folder == "labs" and stem[:5] in exercises.names():
        for section in doctree.findall(nodes.section):  # questions are asked at a lab's end
            if section[0].astext().startswith("Experiment"):
                for name in exercises.load(stem[:5]).questions:
                    known[f"exercise-{stem[:5]}.{name}".lower()] = page, section["ids"][0]


def ancestors(node):
    while node.parent is not None:
        node = node.parent
        yield node


def lead_back_to_slides(app, doctree):
    """In the margin of each section that the slide map leads to: links back to the map's rows."""
    folder, _, stem = app.env.docname.partition("/")
    if folder != "chapters" or not stem[0].isdigit():
        return  # the theme's script fails on a page that has margin notes and no parts
    notes = {}
    for deck in slides.read(app.srcdir):
        for item in deck.items:
            if item.chapter == stem and item.section:
                places = notes.setdefault(item.section, {})
                places.setdefault(deck.place(item), []).append(item)
    for label, places in notes.items():
        section = doctree.ids.get(doctree.nameids.get(label))
        if section is not None:
            margin_of(section).insert(0, margin_note(places, app.env.docname))


def margin_of(section):
    """The margin note at the head of a section, made where the author wrote none."""
    place = section.first_child_matching_class(nodes.title) + 1
    first = section[place] if place < len(section) else None
    if not (isinstance(first, nodes.sidebar) and "margin" in first["classes"]):
        section.insert(place, nodes.sidebar(classes=["margin"]))
    return section[place]


def margin_note(places, page):
    """'Slide 4: a, b. Slide 5: c.', each letter a link to its row."""
    note = nodes.paragraph()
    for place, items in places.items():
        note += nodes.Text(f"{' ' if len(note) else ''}{place[0].upper()}{place[1:]}: ")
        for number, item in enumerate(items):
            link = addnodes.pending_xref(
                refdomain="std",
                reftype="ref",
                reftarget=item.label,
                refexplicit=True,
                refdoc=page,
                refwarn=True,
            )
            link += nodes.inline(text=item.title)
            note += [nodes.Text(", ")] if number else []
            note += link
        note += nodes.Text(".")
    return note
