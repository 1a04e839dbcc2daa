"""How long a page takes to read, by one formula, for what stands unfolded on it.

Prose at 200 words a minute, 45 s for a displayed equation, 4 s for a line of code, 30 s for a
figure. What is folded when the page opens does not count: solutions of exercises, hidden code,
blocks between `{deeper-start}` and `{deeper-end}`; nor do the questions at the end, nor the
explorables, on which no text depends.
"""

import re
from dataclasses import dataclass, field

from unrolled.authoring.markup import blocks

WORD, EQUATION, LINE, FIGURE = 60 / 200, 45.0, 4.0, 30.0  # seconds
NOT_SHOWN = {"remove-cell", "remove-input", "hide-input", "hide-cell"}
NOT_READ = {"solution", "solution-start", "self-check", "explorable", "bibliography"}
START, END = "deeper-start", "deeper-end"
ANSWER, ESSAY = (60.0, 120.0), (300.0, 600.0)  # seconds: a line of an answer; an answer in words


@dataclass
class Section:
    """What is read under a heading of the second level, in seconds, without and with its code.

    deeper: {title: seconds, code included} of the folded blocks in it.
    """

    title: str
    prose: float = 0.0
    code: float = 0.0
    deeper: dict = field(default_factory=dict)


def sections(notebook):
    """The Sections of a chapter, in order; the first is what stands before its first heading."""
    found, folded, solution = [Section("")], None, False
    for cell in notebook.cells:
        if cell.kind == "code":
            prose, code = _figure_seconds(cell), _code_seconds(cell)
            if folded:
                found[-1].deeper[folded] += prose + code
            elif not solution:
                found[-1].prose += prose
                found[-1].code += code
            continue
        for block, seconds in _walk(cell):
            if block.token.type == "heading_open" and not block.inside:
                folded = None  # a block without an end goes on to the next heading
                if block.token.tag == "h2":
                    found.append(Section(_title(cell, block)))
            if block.directive == START:
                folded = block.argument
                found[-1].deeper[folded] = 0.0
            elif block.directive == END:
                folded = None
            elif block.directive in ("solution-start", "solution-end"):
                solution = block.directive == "solution-start"
            if folded:
                found[-1].deeper[folded] += seconds
            elif not solution:
                found[-1].prose += seconds
    return found


def minutes(notebook):
    """(minutes without code, with code) of a chapter as it opens, unrounded."""
    found = sections(notebook)
    prose = sum(section.prose for section in found)
    return prose / 60, (prose + sum(section.code for section in found)) / 60


def lab_minutes(solution):
    """(least, most) minutes of a lab: to read it, and to write what its solution writes.

    A minute or two for each line of an answer, thinking, checks and hints included, and five or
    ten for an answer in words. What its cells take to run is left out: seconds.
    """
    read, lines, essays = 0.0, 0, 0
    for cell in solution.cells:
        if cell.kind == "code":
            given, answer = _given_and_answer(cell.source.splitlines())
            read, lines = read + LINE * given, lines + answer
        elif "answer" in cell.tags:
            essays += 1
        else:
            read += sum(seconds for _, seconds in _walk(cell))
    return tuple((read + ANSWER[k] * lines + ESSAY[k] * essays) / 60 for k in (0, 1))


def _given_and_answer(lines):
    """How many lines of code a lab gives, and how many it leaves to the student."""
    counts, inside = [0, 0], False
    for line in filter(str.strip, lines):
        if "BEGIN SOLUTION" in line or "END SOLUTION" in line:
            inside = "BEGIN" in line
        else:
            counts[inside] += 1
    return counts


def deeper(notebook):
    """{title: minutes} of the folded blocks of a chapter, code included."""
    return {
        title: seconds / 60
        for section in sections(notebook)
        for title, seconds in section.deeper.items()
    }


def _walk(cell):
    """(block, seconds it takes to read) for the blocks of a text cell."""
    for block in blocks(cell):
        if NOT_READ & {block.directive, *block.inside}:
            yield block, 0.0
        elif block.token.type == "inline":
            yield block, WORD * _words(block.token)
        elif block.token.type in ("math_block", "math_block_label", "amsmath"):
            yield block, EQUATION
        elif block.directive in ("figure", "image"):
            yield block, FIGURE
        else:
            yield block, 0.0


def _words(token):
    """Words of a line of text; a formula within it counts as one."""
    spoken = 0
    for child in token.children or []:
        if child.type == "text":
            spoken += len(child.content.split())
        elif child.type in ("math_inline", "code_inline", "myst_role"):
            spoken += 1
    return spoken


def _title(cell, heading):
    line = cell.source.splitlines()[heading.line - 1]
    return re.sub(r"^#+\s*", "", line)


def _code_seconds(cell):
    return 0.0 if NOT_SHOWN & set(cell.tags) else LINE * len(cell.source.splitlines())


def _figure_seconds(cell):
    options = cell.metadata.get("mystnb")
    return FIGURE if isinstance(options, dict) and "figure" in options else 0.0
