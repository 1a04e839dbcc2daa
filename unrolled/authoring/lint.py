"""The rules of CONTRIBUTING.md that a program can see, held against chapters and solutions.

A finding is an AuthoringError that is collected, not raised: one line with file, cell, line, the
rule, what is wrong, and what to do.
"""

import ast
import re
from dataclasses import dataclass, field, replace
from itertools import pairwise

from unrolled.authoring import notebooks, self_check
from unrolled.authoring.markup import VERBATIM, Block, blocks
from unrolled.authoring.notebooks import ROOT, Cell
from unrolled.authoring.reading_time import lab_minutes
from unrolled.support.study import FEWEST_SEEDS

CODE_LINES = 30
CODE_WIDTH = 88  # characters, what a page shows at its usual width without scrolling
FEWEST_WORDS = 3  # of a paragraph that counts as a sentence
ALT_LENGTH = 20
EXERCISES = range(2, 5)
NOT_TOLD = {"exercise", "exercise-start", "solution", "solution-start"}  # what is asked, not told
COMPARES = re.compile(
    r"(?<!to )\b(beats?|beaten|outperform(s|ed)?|(better|worse) than|wins (against|over)|loses? to"
    r"|level with|ahead of)\b",
    re.IGNORECASE,
)
CITED = "[]"  # where a sentence cites: it reports what others have found
NUMBER = re.compile(r"\d|\b(two|three|four|five|six|seven|eight|nine|ten|every|each|all|none)\b")
PLAN = re.compile(r"Plan (\d+) to (\d+) minutes")
SLACK = 5  # minutes by which a plan may be short
HIDDEN = {"remove-cell", "remove-input"}  # tags of code that the page does not show
DRAWING = {"plt", "figures"}  # modules whose calls make a figure ...
NOT_DRAWING = {"use", "style", "close", "rcParams"}  # ... but for these


def findings(root=ROOT):
    """Every breach in the chapters and solutions of a tree, in order: a list of AuthoringError."""
    found = []
    for path in notebooks.chapters(root):
        found += chapter_findings(notebooks.read(path, root))
    for path in notebooks.solutions(root):
        solution = notebooks.read(path, root)
        found += [
            *text_findings(solution),
            *plain_text_findings(solution),
            *plan_findings(solution),
        ]
    return found


def chapter_findings(chapter):
    """All the rules of a chapter; those about the chapter as a whole come last."""
    trees = {
        cell.index: notebooks.syntax_tree(chapter, cell) or ast.Module([], [])
        for cell in chapter.code
    }
    found = [
        *code_findings(chapter, trees),
        *figure_findings(chapter, trees),
        *gradient_findings(chapter, trees),
        *text_findings(chapter),
        *self_check_findings(chapter),
        *comparison_findings(chapter),
    ]
    return sorted(found, key=lambda error: error.line) + anatomy_findings(chapter, trees)


def code_findings(notebook, trees):
    """Length and width, a sentence before each cell, and no allclose."""
    for cell in notebook.code:
        length = len(cell.source.splitlines())
        if length > CODE_LINES:
            yield notebook.error(
                f"length: {length} lines, at most {CODE_LINES} are allowed; split the cell",
                cell,
            )
        for number, line in enumerate(cell.source.splitlines(), start=1):
            if len(line) > CODE_WIDTH:
                yield notebook.error(
                    f"width: {len(line)} characters, at most {CODE_WIDTH} are shown without "
                    "scrolling; break the line",
                    cell,
                    number,
                )
        before = notebook.cells[cell.index - 1] if cell.index else None
        if not HIDDEN & set(cell.tags) and not (before and _ends_in_prose(before)):
            yield notebook.error(
                "sentence: no sentence directly before this cell; say why it comes", cell
            )
        for node in ast.walk(trees[cell.index]):
            if isinstance(node, ast.Call) and _last_name(node.func) == "allclose":
                yield notebook.error(
                    "allclose: its answer does not fail the page; use `verify`, or "
                    "np.testing.assert_allclose",
                    cell,
                    node.lineno,
                )


def figure_findings(chapter, trees):
    """Every cell that draws has a caption, a name to refer to, and alt text of its own."""
    drawers = set()
    for cell in chapter.code:
        tree = trees[cell.index]
        drawn = _draws(tree, drawers)
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and _draws(ast.Module(node.body, []), drawers):
                drawers.add(node.name)
        figure, image = _figure(cell)
        if (not drawn and not figure) or "remove-cell" in cell.tags:
            continue
        caption, alt = (
            " ".join(str(text or "").split()) for text in (figure.get("caption"), image.get("alt"))
        )
        for key, value in (("caption", caption), ("name", figure.get("name"))):
            if not value:
                yield chapter.error(
                    f"figure: no {key}; give it in the cell's options, mystnb: figure: {key}:",
                    cell,
                )
        if len(alt) < ALT_LENGTH:
            fault = f"alt text of {len(alt)} characters" if alt else "no alt text"
            yield chapter.error(
                f"figure: {fault}; say what is seen, in {ALT_LENGTH} characters or more, in "
                "mystnb: image: alt:",
                cell,
            )
        elif alt.casefold().rstrip(".") == caption.casefold().rstrip("."):
            yield chapter.error(
                "figure: the alt text repeats the caption; say what is seen, the caption says "
                "what it means",
                cell,
            )


def _figure(cell):
    """What the options of a cell say of its figure and of its image: two dicts."""
    options = cell.metadata.get("mystnb")
    parts = [options.get(key) if isinstance(options, dict) else None for key in ("figure", "image")]
    return [part if isinstance(part, dict) else {} for part in parts]


def gradient_findings(chapter, trees):
    """Each exported f with an f_backward is compared with torch on the page."""
    return [
        chapter.error(
            f"gradient: {name} and {name}_backward are exported, but never compared with torch; "
            f"add verify.against_torch({name}, {name}_backward, ...)",
            *place,
        )
        for name, place in _pairs(chapter, trees).items()
        if not any(_compares(trees[cell.index], name) for cell in chapter.code)
    ]


def _pairs(chapter, trees):
    """{name: (cell, line)} of the public functions exported together with their backward."""
    exported = {
        node.name: (cell, node.lineno)
        for cell in chapter.code
        if "export" in cell.tags
        for node in trees[cell.index].body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }
    return {name: place for name, place in exported.items() if f"{name}_backward" in exported}


def text_findings(notebook):
    """Display formulas on their own lines, alt text for images, nothing from another host."""
    for cell in notebook.cells:
        if "<script" in cell.source.lower():
            line = cell.source.lower().split("<script")[0].count("\n") + 1
            yield notebook.error(
                "script: pages carry no script of their own; remove it", cell, line
            )
        if cell.kind != "markdown":
            continue
        yield from _formula_findings(notebook, cell)
        for line, source, alt in _images(cell):
            if re.match(r"(https?:)?//", source):
                yield notebook.error(
                    f"image: {source} is on another host; keep the file with the book",
                    cell,
                    line,
                )
            if not alt.strip():
                yield notebook.error(
                    f"image: {source} has no alt text; say what is seen on it", cell, line
                )


def self_check_findings(chapter):
    """What the build would refuse of the questions, sooner."""
    for cell in chapter.cells:
        for block in blocks(cell) if cell.kind == "markdown" else []:
            if block.directive == "self-check":
                try:
                    self_check.questions(block.token.content)
                except self_check.Fault as fault:
                    place = (cell, block.line + fault.line)
                    yield chapter.error(f"self-check: {fault.message}", *place)


def comparison_findings(chapter):
    """A sentence that says which of two does better, with numbers, says where it is from.

    `[…]{.finding study="depth"}` names a study that has a result; `seeds="5"`, how many seeds the
    page itself trains with; `exact="…"`, why nothing depends on chance.
    """
    for cell in chapter.cells:
        options = cell.metadata.get("mystnb") if cell.kind == "code" else None
        figure = options.get("figure") if isinstance(options, dict) else None
        caption = figure.get("caption") if isinstance(figure, dict) else None
        text = replace(cell, source=str(caption or "")) if cell.kind == "code" else cell
        heading = False
        for block in blocks(text):
            if block.token.type == "heading_open":
                heading = True
            elif block.token.type == "inline":
                if not heading and not NOT_TOLD & {*block.inside}:
                    line = block.line if text is cell else 1
                    for fault in _comparison_faults(chapter, block.token.children):
                        yield chapter.error(f"finding: {fault}", cell, line)
                heading = False


def _comparison_faults(chapter, tokens):
    """What is wrong with the findings of a paragraph, tagged or not."""
    outside, spans = [], []
    for token in tokens:
        if token.type == "span_open":
            tagged = "finding" in str(token.attrs.get("class", "")).split()
            spans.append(tagged)
            if tagged:
                yield from _source_faults(chapter, token.attrs)
        elif token.type == "span_close":
            spans.pop()
        elif not any(spans):
            outside.append(_said(token))
    for sentence in re.split(r"(?<=[.!?])\s+", "".join(outside)):
        found = COMPARES.search(sentence)
        if found and NUMBER.search(sentence) and CITED not in sentence:
            yield (
                f"“{found[0]}”, with numbers, and nothing says where it is from; write "
                '[…]{.finding study="name"}'
            )


def _source_faults(chapter, attributes):
    """What is wrong with where a tagged sentence says that it is from."""
    study, seeds = attributes.get("study"), str(attributes.get("seeds", ""))
    if study is not None:
        for name in str(study).split():
            if not (chapter.path.parent / "studies" / f"{name}.csv").is_file():
                yield f"no study {name}; a result chapters/studies/{name}.csv expected"
    elif seeds:
        if not seeds.isdecimal() or int(seeds) < FEWEST_SEEDS:
            yield f"{seeds} seeds; at least {FEWEST_SEEDS} expected, or a study"
    elif not attributes.get("exact"):
        yield 'a finding without a source; give it study="name", seeds="5" or exact="why"'


def _said(token):
    """A piece of a sentence: words as they are, a number of the page as a digit."""
    if token.type == "myst_role":
        name = token.meta["name"]
        return " 0 " if name.startswith("glue") else CITED if name.startswith("cite") else " … "
    if token.type in ("softbreak", "hardbreak"):
        return " "
    return token.content if token.type == "text" else ""


def plain_text_findings(solution):
    """A lab is read in JupyterLab and VS Code, which know neither directives nor roles."""
    for cell in solution.cells:
        if cell.kind != "markdown":
            continue
        for block in blocks(cell):
            if block.directive or "myst_role" in [c.type for c in block.token.children or []]:
                yield solution.error(
                    "plain: a MyST directive or role, which JupyterLab and VS Code show as it "
                    "stands; write plain Markdown",
                    cell,
                    block.line,
                )


def plan_findings(solution):
    """A lab says how long it takes, and not less than it does; the course plan repeats it."""
    texts = [cell.source for cell in solution.cells if cell.kind == "markdown"]
    told = next(filter(None, map(PLAN.search, texts)), None)
    if told is None:
        yield solution.error(
            "plan: no “Plan N to M minutes”; say in the opening how long the lab takes"
        )
        return
    least, most = lab_minutes(solution)
    if int(told[2]) + SLACK < most:
        yield solution.error(
            f"plan: at most {told[2]} minutes are told; by its text and the lines of its answers "
            f"the lab takes {least:.0f} to {most:.0f}"
        )


@dataclass
class Section:
    """What stands under one heading of the second level; `title` is '' before the first."""

    title: str
    cell: Cell
    line: int
    blocks: list[Block] = field(default_factory=list)
    code: list[Cell] = field(default_factory=list)


def anatomy_findings(chapter, trees):
    """The parts of a chapter that CONTRIBUTING.md asks for, as far as a program can recognise them.

    A part is known by the first word of its heading, as in `## Forward: one filter`.
    """
    sections = _sections(chapter)
    if not sections:
        return [chapter.error("anatomy: the chapter is empty; write its question first")]
    parts = ["setting", "experiment", "exercises", "check yourself", "summary"]
    if _pairs(chapter, trees):
        parts[1:1] = ["forward", "backward"]
    places = {part: _place(sections, part) for part in parts}
    found = []

    def report(message, place=None):
        section = sections[place] if place is not None else None
        cell, line = (section.cell, section.line) if section else (None, None)
        found.append(chapter.error(f"anatomy: {message}", cell, line))

    opening = " ".join(b.token.content + b.argument for s in sections[:2] for b in s.blocks)
    if "?" not in opening or "predict" not in opening.casefold():
        report("the opening lacks a question or a call to predict its answer; begin with both", 0)
    for part, place in places.items():
        if place is None:
            report(f"no section `## {part.capitalize()}`; add it, as CONTRIBUTING.md says")
    present = {part: place for part, place in places.items() if place is not None}
    for (part, place), (later, limit) in pairwise(present.items()):
        if place > limit:
            report(
                f"{part.capitalize()} comes after {later.capitalize()}; change their order", place
            )
    if places["experiment"] is not None:
        shown = sections[places["experiment"] : places["exercises"]]
        if not any(_figure(cell)[0] for section in shown for cell in section.code):
            report("the experiment shows no figure; draw its finding", places["experiment"])
    if places["exercises"] is not None:
        for message in _exercise_faults(sections[places["exercises"]]):
            report(message, places["exercises"])
    check, summary = places["check yourself"], places["summary"]
    homes = [n for n, s in enumerate(sections) for b in s.blocks if b.directive == "self-check"]
    if check is not None and homes != [check]:
        report("a chapter has one {self-check} directive, in the section Check yourself", check)
    if None not in (check, summary):
        between = set(range(check + 1, summary)) - set(places.values())
        if between:
            report("a section stands between Check yourself and Summary; move it up", min(between))
    if places["summary"] not in (None, len(sections) - 1):
        report("a section follows the summary; end with the summary", len(sections) - 1)
    return found


def _place(sections, part):
    """The number of the first section whose heading begins with the word, or None."""
    starts = (re.match(rf"{part}\b", section.title, re.IGNORECASE) for section in sections)
    return next((number for number, match in enumerate(starts) if match), None)


def _exercise_faults(section):
    exercises = [b for b in section.blocks if b.directive in ("exercise", "exercise-start")]
    solutions = {
        b.argument: b for b in section.blocks if b.directive in ("solution", "solution-start")
    }
    if len(exercises) not in EXERCISES:
        yield (
            f"{len(exercises)} exercises; a chapter has {EXERCISES[0]} to {EXERCISES[-1]}, as "
            "{exercise} directives"
        )
    for exercise in exercises:
        label = exercise.options.get("label", "without a label")
        solution = solutions.get(label)
        if solution is None:
            yield f"the exercise {label} has no solution; add {{solution}} and the label"
        elif "dropdown" not in str(solution.options.get("class", "")):
            yield f"the solution of {label} is not folded; give it `:class: dropdown`"
    if not any(re.search(r"labs?/lab\d\d_", b.token.content) for b in section.blocks):
        yield "no pointer to the lab; link to ../labs/labNN_topic.ipynb"


def _sections(chapter):
    sections = [Section("", chapter.cells[0], 1)] if chapter.cells else []
    for cell in chapter.cells:
        if cell.kind == "code":
            sections[-1].code.append(cell)
            continue
        for block, following in pairwise([*blocks(cell), None]):
            if block.token.type == "heading_open" and block.token.tag == "h2" and following:
                sections.append(Section(following.token.content, cell, block.line))
            sections[-1].blocks.append(block)
    return sections


def _ends_in_prose(cell):
    """Whether text follows the last heading of a cell, other than a formula or a directive."""
    if cell.kind != "markdown":
        return False
    prose, in_heading = False, False
    for block in blocks(cell):
        if block.token.type == "heading_open":
            prose, in_heading = False, True
        elif block.token.type == "inline" and in_heading:
            in_heading = False
        elif block.token.type == "inline" and not block.inside:
            words = [c.content for c in block.token.children if c.type in ("text", "code_inline")]
            prose = prose or len(" ".join(words).split()) >= FEWEST_WORDS
    return prose


def _formula_findings(notebook, cell):
    verbatim = set()
    for block in blocks(cell):
        plain_code = block.token.type in ("fence", "code_block") and not block.directive
        if plain_code or block.directive in VERBATIM:
            verbatim.update(range(block.line, block.end))
    for number, line in enumerate(cell.source.splitlines(), start=1):
        bare = re.sub(r"`[^`]*`|\\\$", "", line)
        alone = re.fullmatch(r"[\s>]*\$\$(\s*\([\w:.-]+\))?\s*", bare)
        if "$$" in bare and not alone and number not in verbatim:
            yield notebook.error(
                "formula: `$$` shares its line, and would be misrendered; put it on its own",
                cell,
                number,
            )


def _images(cell):
    """(line, source, alt) of every image in a text cell."""
    for block in blocks(cell):
        if block.directive in ("figure", "image"):
            yield block.line, block.argument, str(block.options.get("alt") or "")
        for child in block.token.children or []:
            if child.type == "image":
                yield block.line, child.attrs["src"], child.content
        html = [block.token, *(block.token.children or [])]
        for token in html:
            if token.type in ("html_block", "html_inline"):
                for tag in re.findall(r"<img\b[^>]*>", token.content, re.IGNORECASE):
                    values = dict(re.findall(r"""(src|alt)\s*=\s*["']([^"']*)""", tag))
                    yield block.line, values.get("src", ""), values.get("alt", "")


def _draws(tree, drawers):
    """Whether the statements draw: they call plt or figures, or a function that does."""
    nodes = list(tree.body)
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Call):
            names = _dotted(node.func)
            of_module = names[0] in DRAWING and len(names) > 1
            if names[0] in drawers or (of_module and not NOT_DRAWING & set(names)):
                return True
        if not isinstance(node, (ast.FunctionDef, ast.Lambda)):
            nodes += ast.iter_child_nodes(node)
    return False


def _compares(tree, name):
    """Whether a cell compares `name` and its backward with torch."""
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    called = {_last_name(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    if f"{name}_backward" not in names:
        return False
    by_hand = "compare" in called and "torch" in names
    return by_hand or ("against_torch" in called and name in names)


def _dotted(node):
    """The names of `a.b.c`; [''] for what is no such expression."""
    names = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return [node.id if isinstance(node, ast.Name) else "", *reversed(names)]


def _last_name(node):
    return _dotted(node)[-1]
