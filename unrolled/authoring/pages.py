"""What the site generates: slide map, errata, glossary, course plan, the diagram of the chapters,
and in each chapter the margin notes that lead back to the slides.

Part of the site's Sphinx extension. All of it is read from data and code at build time, so that
none of it can drift.
"""

import ast
import re
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective, SphinxRole

from unrolled import exercises
from unrolled.authoring import notebooks, slides
from unrolled.authoring.markup import blocks

GENERATED = ("chapters/index", "chapters/slides", "chapters/errata", "chapters/notation")
DEFINES = re.compile(r"^(?:def|class) (\w+)", re.MULTILINE)
CHECKS = re.compile(r"^check\(\"(\w+)\"", re.MULTILINE)
WORDS_A_MINUTE, LINES_A_MINUTE = 180, 15  # of prose and of code, read with a pencil
MINUTES = re.compile(r"Plan (\d+) to (\d+) minutes")


def setup(app):
    app.add_node(drawing, html=(visit_drawing, None))
    app.add_node(heading, html=(visit_heading, depart_heading))
    app.add_directive("slide-map", SlideMap)
    app.add_directive("errata", Errata)
    app.add_directive("terms", Terms)
    app.add_directive("course-plan", CoursePlan)
    app.add_directive("dependencies", Dependencies)
    app.add_role("chapter", ChapterRole())
    app.connect(
        "env-get-outdated", lambda app, env, *_: [p for p in GENERATED if p in env.all_docs]
    )
    app.connect("doctree-read", name_code)
    app.connect("doctree-read", lead_back_to_slides)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


# What the pages are made of


@dataclass(frozen=True)
class Chapter:
    """What the book-wide pages say of a chapter."""

    number: int
    stem: str
    title: str
    minutes: int  # to read it
    module: frozenset  # topics of the chapters that its module imports
    page: frozenset  # topics of those that its page imports

    @property
    def topic(self):
        return self.stem.partition("_")[2]


def chapters(root):
    """The book's chapters, in order."""
    stamps = tuple((path, path.stat().st_mtime_ns) for path in notebooks.chapters(root))
    return _chapters(stamps, Path(root))


@cache
def _chapters(stamps, root):
    return [_chapter(notebooks.read(path, root), root) for path, _ in stamps]


def _chapter(notebook, root):
    stem = notebook.path.stem
    shown = [cell for cell in notebook.code if "remove-cell" not in cell.tags]
    lines = sum(
        len(cell.source.splitlines())
        for cell in shown
        if not {"hide-input", "remove-input"} & set(cell.tags)
    )
    text = [cell for cell in notebook.cells if cell.kind == "markdown"]
    words = sum(
        len(block.token.content.split())
        for cell in text
        for block in blocks(cell)
        if block.token.type == "inline" and "solution" not in block.inside
    )
    title = next(re.search(r"^# (.+)", cell.source, re.MULTILINE) for cell in text)[1]
    module = root / "unrolled" / f"{stem.partition('_')[2]}.py"
    code = [notebooks.syntax_tree(notebook, cell) for cell in notebook.code]
    topics = {path.stem.partition("_")[2] for path in notebooks.chapters(root)}
    return Chapter(
        int(stem[:2]),
        stem,
        title,
        round((words / WORDS_A_MINUTE + lines / LINES_A_MINUTE) / 5) * 5,
        frozenset(imported([ast.parse(module.read_text("utf-8"))]) & topics),
        frozenset(imported(code) & topics),
    )


def imported(trees):
    """The modules directly in the package that syntax trees import: {'convolution', ...}."""
    found = set()
    for node in (node for tree in trees if tree for node in ast.walk(tree)):
        if isinstance(node, ast.ImportFrom) and node.module == "unrolled":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("unrolled."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            parts = (alias.name.split(".") for alias in node.names)
            found |= {part[1] for part in parts if part[0] == "unrolled" and len(part) > 1}
    return found


def entries(text):
    """The lines `term | meaning | label` of a glossary, in the order of the alphabet."""
    found = [[part.strip() for part in line.split("|")] for line in text if line.strip()]
    for parts in found:
        if len(parts) != 3 or not all(parts):
            raise ValueError(f"expected `term | meaning | label`, got {' | '.join(parts)!r}")
    return sorted(found, key=lambda parts: parts[0].casefold())


# Directives


class Generated(SphinxDirective):
    """A directive whose content is made, not written."""

    @property
    def root(self):
        return Path(self.env.srcdir)

    def deck(self):
        """The deck that the directive's argument names."""
        decks = {deck.id: deck for deck in slides.read(self.root)}
        if self.arguments[0] not in decks:
            known = ", ".join(decks) or "none, chapters/slides.yml is missing"
            raise self.error(f"there is no deck {self.arguments[0]!r}; there are: {known}")
        return decks[self.arguments[0]]

    def parsed(self, text, classes=()):
        """A block with MyST text, as if it stood on the page."""
        block = nodes.container(classes=list(classes))
        lines = StringList(text.splitlines(), source=self.env.doc2path(self.env.docname))
        self.state.nested_parse(lines, self.content_offset, block)
        return block

    def inline(self, text):
        """The nodes of a line of MyST text."""
        return self.parsed(text)[0].children

    def to(self, label, text=None):
        """A link to a label; its text is the heading's unless it is given."""
        link = addnodes.pending_xref(
            refdomain="std",
            reftype="ref",
            reftarget=label,
            refexplicit=text is not None,
            refdoc=self.env.docname,
            refwarn=True,
        )
        link += nodes.inline(text=text or label)
        return link

    def section(self, label):
        """A link to a section, and the number of its chapter."""
        where = nodes.inline()
        for path in notebooks.chapters(self.root):
            if label in slides.labels(path):
                where += nodes.Text(f"chapter {int(path.stem[:2])}, ")
        where += self.to(label)
        return where

    def anchored(self, node, label):
        """The node, to which {ref} leads by the label."""
        node["names"].append(label)
        self.state.document.note_explicit_target(node, node)
        return node


class heading(nodes.TextElement):
    """A heading of the third level that opens no section, so that no contents list it."""


def visit_heading(self, node):
    self.body.append(self.starttag(node, "h3", ""))


def depart_heading(self, node):
    self.body.append("</h3>\n")


class SlideMap(Generated):
    """The rows of one deck: what each item is, and links to all that pays for it."""

    required_arguments = 1

    def run(self):
        deck = self.deck()
        return [self.row(deck, item) for item in deck.items if item.section]

    def row(self, deck, item):
        row = self.anchored(nodes.container(classes=["slide-item"]), item.label)
        head = nodes.container(classes=["slide-what"])
        place = deck.place(item)
        title = heading(classes=["slide-title"])
        title += nodes.inline(text=place[0].upper() + place[1:], classes=["slide-place"])
        title += [nodes.Text(" "), *self.inline(item.title)]
        head += title
        head += self.parsed(f"$$\n{item.tex}\n$$\n\n{item.what}" if item.tex else item.what)
        links = nodes.field_list(classes=["slide-links"])
        links += self.field("Derived", [self.section(item.section)])
        links += self.field("Code", [self.code(name) for name in item.functions])
        home = f"test_{item.chapter[3:]}.py::"  # where a reader expects them
        tests = [nodes.literal(text=name.removeprefix(home)) for name in item.tests]
        links += self.field("Tests", tests)
        links += self.field("Labs", [self.exercise(name) for name in item.exercises])
        several = len(item.errata) > 1
        wrong = [
            self.to(f"erratum-{item.id}-{number}", f"{e.kind} {number}" if several else e.kind)
            for number, e in enumerate(item.errata, start=1)
        ]
        links += self.field("Errata", wrong)
        row += [head, links]
        return row

    def field(self, name, values):
        """One kind of links, or nothing where there are none."""
        if not values:
            return []
        body = nodes.bullet_list(classes=["slide-values"])
        for value in values:
            body += nodes.list_item("", nodes.paragraph("", "", value))
        return nodes.field("", nodes.field_name(text=name), nodes.field_body("", body))

    def code(self, name):
        """The function, as a link to the cell that defines it where that is on a page."""
        module, _, function = name.rpartition(".")
        if "." in module or module in ("support",):
            return nodes.literal(text=name)
        link = self.to(f"code-{name}".lower(), function)
        return nodes.inline("", "", link, classes=["code-name"])

    def exercise(self, name):
        lab, _, exercise = name.partition(".")
        number = int(lab.removeprefix("lab"))
        link = self.to(f"exercise-{name}".lower(), f"lab {number}, {exercise}")
        return nodes.inline("", "", link, classes=["exercise-name"])


class Errata(Generated):
    """What is wrong, or easy to get wrong, on the slides of one deck."""

    required_arguments = 1

    def run(self):
        deck = self.deck()
        return [
            self.entry(deck, item, erratum, number)
            for item in deck.items
            for number, erratum in enumerate(item.errata, start=1)
            if item.section
        ]

    def entry(self, deck, item, erratum, number):
        entry = nodes.container(classes=["erratum", f"erratum-{erratum.kind}"])
        self.anchored(entry, f"erratum-{item.id}-{number}")
        place = deck.place(item)
        title = heading(classes=["slide-title"])
        title += self.to(item.label, place[0].upper() + place[1:])
        title += [nodes.Text(" "), *self.inline(item.title), nodes.Text(" ")]
        title += nodes.inline(text=erratum.kind, classes=["erratum-kind"])
        entry += title
        entry += self.parsed(f"*The slide.* {erratum.has}\n\n*Instead.* {erratum.right}").children
        shown = [nodes.emphasis(text="Computed in"), nodes.Text(" "), self.section(erratum.shown)]
        entry += nodes.paragraph("", "", *shown)
        return entry


class Terms(Generated):
    """The glossary: each line is `term | meaning | label of the section that defines it`."""

    has_content = True

    def run(self):
        try:
            found = entries(self.content)
        except ValueError as error:
            raise self.error(f"terms: {error}") from None
        listed = nodes.definition_list(classes=["terms"])
        for term, meaning, label in found:
            head = self.anchored(nodes.term("", "", *self.inline(term)), term_label(term))
            said = nodes.paragraph("", "", *self.inline(meaning), nodes.Text(" "))
            said += self.section(label)
            listed += nodes.definition_list_item("", head, nodes.definition("", said))
        return [listed]


def term_label(term):
    return "term-" + re.sub(r"\W+", "-", term.lower()).strip("-")


class CoursePlan(Generated):
    """One session for each chapter: what to read and which lab to assign, in minutes and points."""

    def run(self):
        rows = [
            "| session | before it, read | minutes | after it, assign | minutes | points |",
            "|---|---|---|---|---|---|",
            *(self.session(chapter) for chapter in chapters(self.root)),
        ]
        return [self.parsed("\n".join(rows), ["course-plan"])]

    def session(self, chapter):
        name = f"lab{chapter.number:02}"
        page = f"[{chapter.title}](/chapters/{chapter.stem}.md)"
        row = f"| {chapter.number} | {page} | {chapter.minutes} |"
        source = self.root / "solutions" / f"{name}_{chapter.topic}.md"
        if name not in exercises.names() or not source.exists():
            return f"{row} | | |"
        lab = exercises.load(name)
        minutes = MINUTES.search(source.read_text("utf-8"))
        points = sum(exercise.points for exercise in lab.exercises.values())
        spoken = sum(question.points for question in lab.questions.values())
        link = f"[lab {chapter.number}](/labs/{source.stem}.ipynb)"
        spoken = f" + {spoken}" if spoken else ""
        return f"{row} {link} | {minutes[1]}–{minutes[2]} | {points}{spoken} |"


class ChapterRole(SphinxRole):
    """`{chapter}`7``: the words 'chapter 7', a link where that chapter is in the book. `{Chapter}`
    begins a sentence."""

    def run(self):
        word = "Chapter" if self.rawtext.startswith(":C") else "chapter"
        text = f"{word} {self.text}"
        found = sorted(Path(self.env.srcdir).glob(f"chapters/{int(self.text):02}_*.md"))
        if not found:
            return [nodes.Text(text)], []
        link = addnodes.pending_xref(
            refdomain="std",
            reftype="doc",
            reftarget=f"/chapters/{found[0].stem}",
            refexplicit=True,
            refdoc=self.env.docname,
            refwarn=True,
        )
        link += nodes.inline(text=text)
        return [link], []


# The diagram of the chapters


class drawing(nodes.General, nodes.Element):
    """An SVG made here; `svg` is its markup."""


def visit_drawing(self, node):
    self.body.append(node["svg"])
    raise nodes.SkipNode


class Dependencies(Generated):
    """How the chapters depend on one another: drawn, and in words for those who cannot see it."""

    def run(self):
        found = chapters(self.root)
        listed = nodes.bullet_list()
        for chapter in found:
            listed += nodes.list_item("", self.sentence(chapter, found))
        return [drawing(svg=diagram(found)), listed]

    def sentence(self, chapter, found):
        numbers = {other.topic: other.number for other in found}
        needs = sorted(numbers[topic] for topic in chapter.module)
        shows = sorted(numbers[topic] for topic in chapter.page - chapter.module)
        parts = [f"{{Chapter}}`{chapter.number}`, {chapter.title}"]
        parts += [f"builds on {_all_of(needs)}"] if needs else []
        parts += [f"borrows from {_all_of(shows)} on its page"] if shows else []
        parts += [] if needs or shows else ["stands on its own"]
        return self.parsed(", ".join(parts) + ".")[0]


def _all_of(numbers):
    *first, last = map(str, numbers)
    return f"{', '.join(first)} and {last}" if first else last


def layers(found):
    """{topic: (row, column)}: each chapter below all that it uses, longest chain at the left."""
    uses = {chapter.topic: chapter.module | chapter.page for chapter in found}
    depth, height = {}, {}
    for chapter in found:
        depth[chapter.topic] = max((depth[t] + 1 for t in uses[chapter.topic]), default=0)
    for chapter in reversed(found):
        users = [height[topic] + 1 for topic in height if chapter.topic in uses[topic]]
        height[chapter.topic] = max(users, default=0)
    places = {}
    for row in range(max(depth.values()) + 1):
        here = [topic for topic in depth if depth[topic] == row]
        here.sort(key=lambda topic: -height[topic])
        places |= {topic: (row, column) for column, topic in enumerate(here)}
    return places


def arrows(found):
    """[(from, to, whether the module needs it)], without those that others imply."""
    uses = {chapter.topic: chapter.module | chapter.page for chapter in found}

    def implied(topic):
        """All that the chapters `topic` uses have in turn used."""
        below = set(uses[topic])
        for other in uses[topic]:
            below |= implied(other)
        return below

    return [
        (other, chapter.topic, other in chapter.module)
        for chapter in found
        for other in sorted(uses[chapter.topic])
        if not any(other in implied(t) for t in uses[chapter.topic] - {other})
    ]


BOX, STEP = (264, 40), (304, 74)  # a chapter's box, and from one to the next: width and height


def diagram(found):
    """The chapters as boxes, an arrow to each from what it uses, as SVG."""
    places, titles = layers(found), {c.topic: f"{c.number}  {c.title}" for c in found}
    columns = 1 + max(column for _, column in places.values())
    rows = 1 + max(row for row, _ in places.values())
    width, height = columns * STEP[0] - 20, rows * STEP[1] - 20

    def corner(topic):
        row, column = places[topic]
        return 10 + column * STEP[0], 7 + row * STEP[1]

    paths = [_arrow(corner(start), corner(end), sure) for start, end, sure in arrows(found)]
    boxes = []
    for topic, title in titles.items():
        x, y = corner(topic)
        boxes.append(
            f'<rect x="{x}" y="{y}" width="{BOX[0]}" height="{BOX[1]}" rx="8"/>'
            f'<text x="{x + BOX[0] / 2}" y="{y + BOX[1] / 2}">{escape(title)}</text>'
        )
    name = "The chapters as boxes, with an arrow to each from what it uses. The list below says it."
    return (
        f'<svg class="chapter-map" role="img" aria-label="{name}" viewBox="0 0 {width} {height}" '
        f'style="--drawn-width: {width}px">{"".join([*paths, *boxes])}</svg>\n'
    )


def _arrow(start, end, sure):
    """From one box to another: down, or, between columns, out of one side and round the corner."""
    kind = "" if sure else ' class="borrowed"'
    x, y, u, v = start[0] + BOX[0] / 2, start[1] + BOX[1], end[0] + BOX[0] / 2, end[1]
    if start[0] > end[0]:
        u, v = end[0] + BOX[0], end[1] + BOX[1] / 2
        line, towards = f"M{x} {y} L{x} {v - 16} Q{x} {v} {x - 16} {v} L{u + 7} {v}", "left"
    elif start[0] < end[0]:
        x, y = start[0] + BOX[0], start[1] + BOX[1] / 2
        line, towards = f"M{x} {y} L{u - 16} {y} Q{u} {y} {u} {y + 16} L{u} {v - 7}", "down"
    else:
        line, towards = f"M{x} {y} L{u} {v - 7}", "down"
    return f'<path{kind} d="{line}"/>{_head(u, v, towards)}'


def _head(x, y, towards):
    if towards == "left":
        points = f"{x},{y} {x + 9},{y - 5} {x + 9},{y + 5}"
    else:
        points = f"{x},{y} {x - 5},{y - 9} {x + 5},{y - 9}"
    return f'<polygon points="{points}"/>'


# Links into and out of the chapters


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
        if folder == "chapters" and "export" in cell["cell_metadata"].get("tags", ()):
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
