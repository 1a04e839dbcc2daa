"""The table of the package's functions: what each takes and returns, its slides, its tests."""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

from docutils import nodes

from unrolled.authoring import slides
from unrolled.authoring.export import EXPERIMENTS, PACKAGE
from unrolled.authoring.pages.generated import Generated

COLUMNS = {"function": 22, "takes and returns": 48, "slides": 10, "tests": 20}  # name: width
RULE = "test_arguments.py"  # it calls every function of the mathematics


@dataclass(frozen=True)
class Function:
    """A public function of a chapter's module."""

    module: str  # 'lstm', or 'experiments.lstm'
    name: str
    arguments: str
    text: tuple[str, ...]  # the paragraphs of its docstring
    tests: tuple[str, ...]  # those in the file of its chapter that name it


def setup(app):
    app.add_directive("library", Library)


def functions(topic, root):
    """The public functions of a chapter, those of its experiments last: a list of Function."""
    found = []
    named = _named_in_tests(Path(root, "tests", f"test_{topic}.py"))
    for module in (topic, f"{EXPERIMENTS}.{topic}"):
        path = Path(root, PACKAGE, *module.split(".")).with_suffix(".py")
        if not path.exists():
            continue
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                text = (ast.get_docstring(node) or "").split("\n\n")
                tests = tuple(test for test, names in named.items() if node.name in names)
                found.append(
                    Function(
                        module,
                        node.name,
                        ast.unparse(node.args),
                        tuple(" ".join(part.split()) for part in text),
                        tests,
                    )
                )
    return found


def _named_in_tests(path):
    """{test function: the names that it, or what it calls in the same file, mentions}."""
    if not path.exists():
        return {}
    tree = ast.parse(path.read_text("utf-8"))
    mentioned = {}
    for node in tree.body:
        names = {part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)}
        names |= {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
        if isinstance(node, ast.FunctionDef):
            mentioned[node.name] = names
        elif isinstance(node, ast.Assign):
            mentioned |= {t.id: names for t in node.targets if isinstance(t, ast.Name)}
    return {
        name: names.union(*(mentioned[other] for other in names & mentioned.keys()))
        for name, names in mentioned.items()
        if name.startswith("test_")
    }


class Library(Generated):
    """The functions of one chapter, in the order of its page."""

    required_arguments = 1

    def run(self):
        topic = self.arguments[0]
        found = functions(topic, self.root)
        if not found:
            raise self.error(f"library: {PACKAGE}/{topic}.py has no public function")
        taught = {}  # module.name: {place on the slides: label of its first item there}
        for deck in slides.read(self.root):
            for item in filter(lambda item: item.section, deck.items):
                for name in item.functions:
                    taught.setdefault(name, {}).setdefault(deck.place(item), item.label)
        group = nodes.tgroup(cols=len(COLUMNS))
        group += [nodes.colspec(colwidth=width) for width in COLUMNS.values()]
        head = nodes.row()
        head += [nodes.entry("", nodes.paragraph(text=name)) for name in COLUMNS]
        group += nodes.thead("", head)
        body = nodes.tbody()
        for function in found:
            places = taught.get(f"{function.module}.{function.name}", {})
            body += self.row(function, places)
        group += body
        return [nodes.table("", group, classes=["library", "colwidths-given"])]

    def row(self, function, places):
        row, tests = nodes.row(), nodes.paragraph()
        topic = function.module.removeprefix(f"{EXPERIMENTS}.")
        link = self.to(f"code-{topic}.{function.name}".lower(), function.name)
        name = nodes.paragraph("", "", nodes.inline("", "", link, classes=["code-name"]))
        if topic != function.module:
            name += nodes.inline(text=f" ({EXPERIMENTS})")
        takes = nodes.paragraph("", "", nodes.literal(text=f"({function.arguments})"))
        said = [nodes.paragraph("", "", *marked(part)) for part in function.text]
        slide = nodes.paragraph()
        for number, (place, label) in enumerate(places.items()):
            slide += [nodes.Text(", ")] if number else []
            slide += self.to(label, place)
        shown = function.tests or ((RULE,) if topic == function.module else ())
        tests += nodes.literal(text=shown[0]) if shown else []
        if len(shown) > 1:
            tests += nodes.Text(f" and {len(shown) - 1} more")
        for parts in ([name], [takes, *said], [slide], [tests]):
            row += nodes.entry("", *parts)
        return row


def marked(text):
    """The nodes of a docstring's line, in which names stand between `backticks`."""
    for number, part in enumerate(re.split(r"`([^`]+)`", text)):
        if part:
            yield nodes.literal(text=part) if number % 2 else nodes.Text(part)
