"""The diagram of the chapters: who builds on whom, drawn as SVG and said in words."""

from html import escape

from docutils import nodes

from unrolled.authoring.pages.facts import chapters
from unrolled.authoring.pages.generated import Generated


def setup(app):
    app.add_node(drawing, html=(visit_drawing, None))
    app.add_directive("dependencies", Dependencies)


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
