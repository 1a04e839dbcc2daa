"""The slide map and the errata: what `chapters/slides.yml` says, with links."""

from docutils import nodes

from unrolled.authoring.export import EXPERIMENTS
from unrolled.authoring.pages.generated import Generated, heading


def setup(app):
    app.add_directive("slide-map", SlideMap)
    app.add_directive("errata", Errata)


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
        on_page = name.removeprefix(f"{EXPERIMENTS}.")
        module, _, function = on_page.rpartition(".")
        if "." in module:
            return nodes.literal(text=name)
        link = self.to(f"code-{on_page}".lower(), function)
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
