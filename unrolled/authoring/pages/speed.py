"""The table of speed on its page, one for each kernel, as `make bench` measured it."""

from docutils import nodes

from unrolled.authoring import speed
from unrolled.authoring.pages.generated import Generated


def setup(app):
    app.add_directive("speed", Speed)


class Speed(Generated):
    """What was measured, on what, and which limits are met."""

    def run(self):
        try:
            rows, header = speed.read(self.root)
        except (FileNotFoundError, ValueError) as error:
            raise self.error(f"speed: {error}") from error
        self.env.note_dependency(str(self.root / speed.FILE))
        rounds = min(row.rounds for row in rows)
        said = (
            f"{header['machine']}; {header['versions']}; float32, one thread, forward and "
            f"backward, medians of {rounds} rounds, measured by "
        )
        told = nodes.paragraph(text=said)
        told += [nodes.literal(text=header["command"]), nodes.Text(".")]
        blocks = [told]
        for kernel in dict.fromkeys(row.kernel for row in rows):
            chosen = [row for row in rows if row.kernel == kernel]
            blocks += [self.table(f"NumPy's kernel: {kernel}", chosen)]
        return blocks

    def table(self, title, rows):
        group = nodes.tgroup(cols=len(speed.COLUMNS))
        group += [nodes.colspec(colwidth=1) for _ in speed.COLUMNS]
        group += nodes.thead("", self.row(speed.COLUMNS))
        group += nodes.tbody("", *(self.row(row.cells()) for row in rows))
        return nodes.table("", nodes.title(text=title), group, classes=["speed"])

    def row(self, texts):
        return nodes.row("", *(nodes.entry("", nodes.paragraph(text=text)) for text in texts))
