"""Blocks of a chapter that are folded when its page opens, and how long the rest takes to read.

    ```{deeper-start} Fast loops
    ```
    … text and cells, executed, exported and checked as everywhere …
    ```{deeper-end}
    ```

Both marks stand in one section; without an end the block goes on to the next heading.
"""

from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from unrolled.authoring import notebooks, reading_time


class mark(nodes.General, nodes.Element):
    """The place of a `{deeper-start}`, which has a `title`, or of a `{deeper-end}`."""


def setup(app):
    app.add_node(mark)
    app.add_directive(reading_time.START, Start)
    app.add_directive(reading_time.END, End)
    app.connect("doctree-resolved", wrap, priority=800)  # before admonitions are folded
    app.connect("html-page-context", tell_time, priority=940)


class Start(SphinxDirective):
    required_arguments = 1
    final_argument_whitespace = True

    def run(self):
        found = mark(title=self.arguments[0])
        self.set_source_info(found)
        return [found]


class End(SphinxDirective):
    def run(self):
        found = mark()
        self.set_source_info(found)
        return [found]


def wrap(app, doctree, docname):
    """Move what stands between two marks into an admonition with the class `dropdown`."""
    starts = [found for found in doctree.findall(mark) if "title" in found]
    minutes = reading_time.deeper(chapter(app, docname)) if starts else {}
    for start in starts:
        section = start.parent
        place = section.index(start)
        after = section.children[place + 1 :]
        ends = (i for i, node in enumerate(after) if isinstance(node, (mark, nodes.section)))
        length = next(ends, len(after))
        title = nodes.title(text=start["title"])
        title += nodes.Text(" ")
        title += nodes.inline(text=in_minutes(minutes[start["title"]]), classes=["deeper-minutes"])
        block = nodes.admonition("", title, *after[:length], classes=["deeper", "dropdown"])
        block.source, block.line = start.source, start.line
        section.children[place : place + 1 + length] = [block]
        block.parent = section
    for end in list(doctree.findall(mark)):
        end.parent.remove(end)


def tell_time(app, pagename, templatename, context, doctree):
    """Below the title of a chapter: how long it takes."""
    body = context.get("body")
    folder, _, stem = pagename.partition("/")
    if body and folder == "chapters" and stem[0].isdigit():
        prose, whole = reading_time.minutes(chapter(app, pagename))
        text = f"{in_minutes(prose)} to read, {in_minutes(whole)} with the code"
        line = f'<p class="reading-time">{text}</p>'
        context["body"] = body.replace("</h1>", f"</h1>\n{line}", 1)


def chapter(app, docname):
    return notebooks.read(Path(app.env.doc2path(docname)), Path(app.srcdir))


def in_minutes(number):
    rounded = max(1, round(number))
    return f"{rounded} minute{'' if rounded == 1 else 's'}"
