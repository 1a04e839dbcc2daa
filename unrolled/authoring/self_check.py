"""The directive {self-check}: the questions at the end of a chapter, answered in the page.

Its content is a YAML list of questions, five to eight of them:

    - ask: A batch of 32 … How many numbers does $W_i$ hold?
      choices:
        - answer: $4HD$
          right: true
          why: Four gates, each with its own $(H, D)$ block.
        - answer: $3HD$
          why: That is the GRU. …
    - ask: …
      number: 12          # 0.5, -3, 1e-3 and 1/3 are numbers, too
      within: 0.01        # where the answer is not exact
      why: …              # shown when right
      mistakes:
        - {number: 10, why: …}

All texts are MyST; the first paragraph of `ask` is the question, and what follows it (a piece of
code, say) stands below. The page needs theme/self_check/self_check.js to judge the answers;
without a script it shows the explanations, folded.
"""

import math
import re
import textwrap
from contextlib import suppress
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import ascii_uppercase

import yaml
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from unrolled.authoring.markup import blocks

QUESTIONS = range(5, 9)  # of one self-check
CHOICES = range(2, 9)
FILES = sorted(Path(__file__).parent.joinpath("theme", "self_check").iterdir())
DIGITS = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?"
NUMBER = re.compile(rf"{DIGITS}(?: ?/ ?{DIGITS})?", re.IGNORECASE)
LOG = logging.getLogger(__name__)


class Fault(Exception):
    """A self-check that cannot be used: `line`, from 1, in its content, and what to do."""

    def __init__(self, line, message):
        self.line, self.message = line, message
        super().__init__(f"line {line}: {message}")


@dataclass(frozen=True)
class Answer:
    """A choice, or a number that somebody may give."""

    text: str
    line: int
    right: bool
    why: str
    why_line: int


@dataclass(frozen=True)
class Question:
    """Of a question for a number, the first answer is the right one."""

    ask: str
    line: int
    answers: list[Answer]
    within: float | None = None  # None where the answers are choices

    @property
    def named(self):
        """(name, answer) of each: the name is a letter for a choice, the number for a number."""
        if self.within is None:
            return list(zip(ascii_uppercase, self.answers))
        return [(answer.text, answer) for answer in self.answers]


# Reading


def questions(text):
    """The questions in the content of a self-check. Raises Fault at the first that is wrong."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        said = f"no valid YAML ({error.problem}); put a text that holds `: ` or ` #`, or begins "
        said += "with a special character, in quotes, or on lines of its own after `|`"
        raise Fault(error.problem_mark.line + 1, said) from None
    except yaml.YAMLError as error:
        raise Fault(1, f"no valid YAML ({error}); take that character out") from None
    if root is None:
        raise Fault(1, "no questions; begin each with `- ask:`")
    found = [_question(node) for node in _items(root, "the self-check", "`- ask:`")]
    if len(found) not in QUESTIONS:
        said = f"{len(found)} questions; a self-check has {QUESTIONS[0]} to {QUESTIONS[-1]}"
        raise Fault(1, said)
    return found


def read_number(text):
    """The number a text stands for, or None: 12, 0.5, -3, 1e-3, 1/3."""
    if not NUMBER.fullmatch(text):
        return None
    over, *under = map(float, text.split("/"))
    if 0.0 in under:
        return None
    value = over / under[0] if under else over
    return value if math.isfinite(value) else None


def _question(node):
    if "choices" in _keys(node):
        found = _mapping(node, "a question", ["ask", "choices"])
        return Question(_text(found["ask"]), _line(found["ask"]), _choices(found["choices"]))
    if "number" not in _keys(node):
        raise Fault(_line(node), "a question without answers; give it `choices:` or a `number:`")
    optional = ["within", "mistakes"]
    found = _mapping(node, "a question for a number", ["ask", "number", "why"], optional)
    within = _number(found["within"]) if "within" in found else 0.0
    if within < 0:
        raise Fault(_line(found["within"]), "`within` is negative; give the largest error allowed")
    answers = [_answer(found, "number", right=True)]
    listed = found.get("mistakes", yaml.SequenceNode("", []))
    for item in _items(listed, "`mistakes`", "`- {number: …, why: …}`"):
        mistake = _mapping(item, "a mistake", ["number", "why"])
        for known in answers:
            if abs(_number(mistake["number"]) - read_number(known.text)) <= within:
                other = "right answer" if known.right else "mistake"
                said = f"the mistake {mistake['number'].value} is the same number as the {other} "
                raise Fault(_line(item), f"{said}{known.text}; make one of them, or mend the other")
        answers.append(_answer(mistake, "number", right=False))
    return Question(_text(found["ask"]), _line(found["ask"]), answers, within)


def _choices(node):
    answers = []
    for item in _items(node, "`choices`", "`- answer:`"):
        found = _mapping(item, "a choice", ["answer", "why"], ["right"])
        right = "right" in found
        if right and found["right"].value != "true":
            said = f"`right: {found['right'].value}`; write `right: true`, or nothing where wrong"
            raise Fault(_line(found["right"]), said)
        answers.append(_answer(found, "answer", right))
        if answers[-1].text in [other.text for other in answers[:-1]]:
            raise Fault(_line(item), f"the choice {answers[-1].text!r} comes twice; change one")
    if len(answers) not in CHOICES:
        said = f"{len(answers)} choices; a question has {CHOICES[0]} to {CHOICES[-1]}"
        raise Fault(_line(node), said)
    if sum(answer.right for answer in answers) != 1:
        count = sum(answer.right for answer in answers)
        raise Fault(_line(node), f"{count or 'no'} right choices; mark one with `right: true`")
    return answers


def _answer(found, key, right):
    if key == "number":
        _number(found[key])
    text, why = found[key], found["why"]
    return Answer(_text(text), _line(text), right, _text(why), _line(why))


def _number(node):
    value = read_number(_text(node))
    if value is None:
        said = f"{node.value!r} is no number; write it as 12, 0.5, -3, 1e-3 or 1/3"
        raise Fault(_line(node), said)
    return value


def _text(node):
    if not isinstance(node, yaml.ScalarNode):
        raise Fault(_line(node), "a list or mapping in the place of a text; put it in quotes")
    return node.value.strip()


def _items(node, name, example):
    if not isinstance(node, yaml.SequenceNode):
        raise Fault(_line(node), f"{name} is no list; begin each item with {example}")
    return node.value


def _keys(node):
    if not isinstance(node, yaml.MappingNode):
        raise Fault(_line(node), "no mapping `key: value`; look at the indentation, and at colons")
    return [key.value for key, _ in node.value]


def _mapping(node, name, required, optional=()):
    """{key: node} of a mapping that has these keys, each once and with a value, and no others."""
    keys = _keys(node)
    for place, (key, value) in enumerate(node.value):
        if key.value not in (*required, *optional):
            known = ", ".join([*required, *optional])
            said = f"{name} has no `{key.value}`; its keys are {known}, and in `{{…}}` a text with "
            said += "a comma stands in quotes"
            raise Fault(_line(key), said)
        if key.value in keys[:place]:
            raise Fault(_line(key), f"{name} with `{key.value}` twice; take one out")
        if value.value in ("", []):
            raise Fault(_line(key), f"{name} with an empty `{key.value}`; fill it in")
    for key in required:
        if key not in keys:
            raise Fault(_line(node), f"{name} without `{key}`; add it")
    return {key.value: value for key, value in node.value}


def _line(node):
    """The line on which the text of a node begins: that of a block stands below its `|`."""
    block = isinstance(node, yaml.ScalarNode) and node.style in ("|", ">")
    return node.start_mark.line + 1 + block


# The page


class SelfCheck(SphinxDirective):
    """The questions as forms, each with its explanations in <details>."""

    has_content = True

    def run(self):
        try:
            found = questions("\n".join(self.content))
        except Fault as fault:
            self.warn(fault.line, fault.message)
            return []
        check = self.env.new_serialno("self-check") + 1
        shown = [_html('<div class="self-check">')]
        for number, question in enumerate(found, start=1):
            name = f"self-check-{check}-{number}"
            shown += self.form(question, name, f"Question {number} of {len(found)}")
        return [*shown, _html('<p class="self-check-score" role="status"></p></div>')]

    def form(self, question, name, title):
        chosen = question.within is None
        first, *rest = self.parsed(question.ask, question.line)
        if not isinstance(first, nodes.paragraph):
            self.warn(question.line, "a question begins with something else; ask in words first")
        within = "" if chosen else f' data-within="{question.within!r}"'
        yield _html(
            f'<form class="self-check-question" id="{name}" method="dialog"{within}>'
            f'<fieldset><legend><span class="self-check-place">{title}</span> '
        )
        yield nodes.inline("", "", *first.children)
        yield _html("</legend>")
        yield from rest
        for letter, answer in question.named if chosen else []:
            yield _html(
                f'<label class="self-check-choice"><input type="radio" name="{name}" '
                f'value="{letter}"><span class="self-check-letter">{letter}</span> '
            )
            found, _ = self.state.inline_text(answer.text, self.place(answer.line) - 1)
            yield nodes.inline("", "", *found)
            yield _html("</label>")
        if not chosen:
            yield _html(
                '<label class="self-check-number" hidden>Your answer, a number: '
                f'<input type="text" name="{name}" autocomplete="off" spellcheck="false"></label>'
            )
        yield _html(
            f'<button type="submit" aria-label="Check {title.lower()}" hidden>Check</button>'
            '</fieldset><div class="self-check-said" role="status"></div>'
            '<details class="self-check-whys"><summary>All answers explained</summary><ul>'
        )
        for label, answer in question.named:
            value = label if chosen else repr(read_number(label))
            right, verdict = (" data-right", "right") if answer.right else ("", "wrong")
            yield _html(
                f'<li data-value="{value}"{right}><strong>{escape(label)} is {verdict}.</strong> '
                '<div class="self-check-why">'
            )
            yield from self.parsed(answer.why, answer.why_line)
            yield _html("</div></li>")
        yield _html("</ul></details></form>")

    def parsed(self, text, line):
        """The blocks of a text; `line` counts in the content."""
        holder = nodes.container()
        content = StringList(text.splitlines(), self.state.document["source"])
        self.state.nested_parse(content, self.content_offset + line - 1, holder)
        return holder.children or [nodes.paragraph()]

    def place(self, line):
        """The line of the file that is the given one, from 1, of the content."""
        return self.lineno + self.content_offset + line

    def warn(self, line, message):
        LOG.warning("self-check: %s", message, location=(self.env.docname, self.place(line)))


def _html(text):
    return nodes.raw("", text, format="html")


def add_files(app):
    """Put script and style sheet into the site; they lie beside `static`, all of whose scripts
    Jupyter Book would add to every page."""
    if app.builder.format == "html":
        target = Path(app.outdir, "_static")
        target.mkdir(parents=True, exist_ok=True)
        for path in FILES:
            target.joinpath(path.name).write_bytes(path.read_bytes())


def use_files(app, pagename, templatename, context, doctree):
    if '<div class="self-check">' in (context.get("body") or ""):
        app.add_js_file("self_check.js", loading_method="defer")
        app.add_css_file("self_check.css", priority=910)


# The notebook


def as_markdown(cell):
    """The text of a cell, each self-check in it as plain lists, for JupyterLab does not know it."""
    lines = cell.source.splitlines()
    for block in reversed(blocks(cell)):
        if block.directive == "self-check":
            with suppress(Fault):  # the build has said so
                found = _lists(questions(block.token.content))
                lines[block.line - 1 : block.end - 1] = found
    return "\n".join(lines)


def _lists(found):
    asked, answered = [], []
    for number, question in enumerate(found, start=1):
        choices = question.named if question.within is None else []
        listed = "\n".join(_item("- ", f"{letter}: {answer.text}") for letter, answer in choices)
        asked += [_item(f"{number}. ", f"{question.ask}\n\n{listed}".strip()), ""]
        whys = []
        for label, answer in question.named:
            verdict = "right" if answer.right else "wrong"
            whys.append(_item("- ", f"**{label} is {verdict}.** {answer.why}"))
        answered.append(_item(f"{number}. ", "\n".join(whys)))
    return [*asked, "````{dropdown} All answers explained", *answered, "````"]


def _item(mark, text):
    return mark + textwrap.indent(text, " " * len(mark)).lstrip()
