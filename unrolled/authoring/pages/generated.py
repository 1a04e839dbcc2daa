"""What the directives of this room share, and the role that names a chapter."""

from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective, SphinxRole

from unrolled.authoring import notebooks, slides


def setup(app):
    app.add_node(heading, html=(visit_heading, depart_heading))
    app.add_role("chapter", ChapterRole())


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
