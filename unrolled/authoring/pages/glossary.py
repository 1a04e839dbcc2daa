"""The glossary."""

import re

from docutils import nodes

from unrolled.authoring.pages.generated import Generated


def setup(app):
    app.add_directive("terms", Terms)


def entries(text):
    """The lines `term | meaning | label` of a glossary, in the order of the alphabet."""
    found = [[part.strip() for part in line.split("|")] for line in text if line.strip()]
    for parts in found:
        if len(parts) != 3 or not all(parts):
            raise ValueError(f"expected `term | meaning | label`, got {' | '.join(parts)!r}")
    return sorted(found, key=lambda parts: parts[0].casefold())


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
