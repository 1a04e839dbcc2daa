"""Verdicts: what a check says, as text for a terminal and as HTML for a notebook."""

from dataclasses import dataclass, replace
from enum import StrEnum
from html import escape


class Status(StrEnum):
    """How a check can end."""

    PASSED = "passed"
    WRONG = "wrong"
    NOT_ATTEMPTED = "not attempted"
    ERROR = "error"
    TIMED_OUT = "timed out"
    CHANGED_INPUT = "changed its input"
    WRONG_TYPE = "wrong type"
    WRONG_SHAPE = "wrong shape"
    WRONG_DTYPE = "wrong dtype"
    NOT_FINITE = "not finite"


@dataclass(frozen=True)
class Entry:
    """One number of an answer beside the expected one, all as text."""

    index: str
    expected: str
    got: str
    differs: bool


@dataclass(frozen=True)
class Verdict:
    """The result of one check.

    `says` holds whole sentences; `arguments` the values of the case that is shown, so that
    `answer(*verdict.arguments)` repeats it; `entries` that case's numbers side by side;
    `misconception` the name of the mistake that was recognised; `kind` says by what a diagnosis was
    found (see `diagnosis.Kind`), or nothing.
    """

    exercise: str
    status: Status
    points: int
    says: tuple[str, ...] = ()
    case: str = ""
    arguments: tuple = ()
    entries: tuple[Entry, ...] = ()
    misconception: str | None = None
    diagnosis: str = ""
    kind: str = ""
    advice: str = ""
    printed: str = ""

    @property
    def passed(self) -> bool:
        return self.status is Status.PASSED

    @property
    def score(self) -> int:
        return self.points if self.passed else 0

    @property
    def result(self) -> str:
        """The status, and the mistake where it was recognised."""
        return f"{self.status}: {self.misconception}" if self.misconception else str(self.status)

    @property
    def headline(self) -> str:
        points = "point" if self.points == 1 else "points"
        if self.status is Status.NOT_ATTEMPTED:
            return f"{self.exercise}: not attempted yet, worth {self.points} {points}"
        return f"{self.exercise}: {self.status}, {self.score} of {self.points} {points}"

    def noting(self, repaired):
        """This verdict, with a word on names that had been replaced before the check."""
        if not repaired:
            return self
        names = ", ".join(f"`{name}`" for name in repaired[:5])
        note = f"Before the check, {names} had been replaced; the original has been put back."
        return replace(self, says=(*self.says, note))

    def __repr__(self):
        lines = [f"{_sign(self.status)} {self.headline}"]
        lines += [f"  {sentence}" for sentence in self.says]
        if self.case:
            lines.append(f"  Smallest case that fails: {self.case}")
        lines += [f"    {row}" for row in _text_table(self.entries)]
        recognised = f"Recognised: {self.misconception}. " if self.misconception else ""
        lines += [f"  {text}" for text in (recognised + self.diagnosis, self.advice) if text]
        if self.printed:
            lines.append(f"  {self._whose_output()}")
            lines += [f"    {line}" for line in self.printed.splitlines()]
        return "\n".join(lines)

    def _whose_output(self):
        warned = "Warning: " in self.printed
        return "Your code printed, or NumPy warned:" if warned else "Your code printed:"

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"text/plain": repr(self), "text/html": self._html()}

    def _html(self):
        parts = [f"<p><strong>{_html_sign(self.status)}{escape(self.headline)}</strong></p>"]
        parts += [f"<p>{_prose(sentence)}</p>" for sentence in self.says]
        if self.case:
            parts.append(f"<p>Smallest case that fails: <code>{escape(self.case)}</code></p>")
        if self.entries:
            parts.append(_html_table(self.entries))
        if self.diagnosis:
            name = self.misconception
            recognised = f"<strong>Recognised: {escape(name)}.</strong> " if name else ""
            parts.append(f"<p>{recognised}{_prose(self.diagnosis)}</p>")
        if self.advice:
            parts.append(f"<p>{_prose(self.advice)}</p>")
        if self.printed:
            parts.append(f"<p>{self._whose_output()}</p><pre>{escape(self.printed)}</pre>")
        return _framed(self.status, f"Check of {self.exercise}: {self.status}", parts)


@dataclass(frozen=True)
class Line:
    """One line of a summary: an exercise with its score, or a question graded by hand."""

    name: str
    result: str
    score: int | None
    points: int


@dataclass(frozen=True)
class Summary:
    """The score of a whole lab."""

    title: str
    lines: tuple[Line, ...]

    @property
    def score(self) -> int:
        return sum(line.score for line in self.lines if line.score is not None)

    @property
    def points(self) -> int:
        return sum(line.points for line in self.lines if line.score is not None)

    @property
    def by_hand(self) -> int:
        return sum(line.points for line in self.lines if line.score is None)

    @property
    def total(self) -> str:
        by_hand = f", and {self.by_hand} to be graded by hand" if self.by_hand else ""
        return f"{self.score} of {self.points} points{by_hand}"

    def __repr__(self):
        name = max(len(line.name) for line in self.lines)
        result = max(len(line.result) for line in self.lines)
        rows = [
            f"  {line.name:<{name}}  {line.result:<{result}}  {_score(line):>2} of {line.points:>2}"
            for line in self.lines
        ]
        return "\n".join([self.title, *rows, f"  Total: {self.total}"])

    def _repr_mimebundle_(self, include=None, exclude=None):
        rows = "".join(
            f'<tr><th scope="row"><code>{escape(line.name)}</code></th>'
            f"<td>{escape(line.result)}</td><td>{_score(line)} of {line.points}</td></tr>"
            for line in self.lines
        )
        html = (
            f'<table class="unrolled-table"><caption>{escape(self.title)}: {self.total}</caption>'
            '<thead><tr><th scope="col">Exercise</th><th scope="col">Result</th>'
            f'<th scope="col">Points</th></tr></thead><tbody>{rows}</tbody></table>'
        )
        return {"text/plain": repr(self), "text/html": html}


# Grey-green, grey-red and grey: each at least 3:1 on a white and on a black page. The word in
# the headline says the same, so nothing hangs on the colour.
COLOURS = {Status.PASSED: "#2f8f4e", Status.NOT_ATTEMPTED: "#7a7f87"}
MISTAKE = "#c8553d"


def _sign(status):
    return {Status.PASSED: "✓", Status.NOT_ATTEMPTED: "○"}.get(status, "✗")


def _html_sign(status):
    return f'<span aria-hidden="true">{_sign(status)} </span>'


def _prose(sentence):
    """HTML of a sentence; what stands between backticks is code."""
    pieces = escape(sentence).split("`")
    if len(pieces) % 2 == 0:  # a lone backtick is only a backtick
        return escape(sentence)
    return "".join(f"<code>{p}</code>" if i % 2 else p for i, p in enumerate(pieces))


def _framed(status, label, parts):
    colour = COLOURS.get(status, MISTAKE)
    style = f"border-left: 4px solid {colour}; padding-left: 0.8em"
    return (
        f'<div class="unrolled-verdict" role="group" aria-label="{escape(label)}" '
        f'style="{style}">{"".join(parts)}</div>'
    )


def _text_table(entries):
    if not entries:
        return []
    rows = [("index", "expected", "got", "")]
    rows += [(e.index, e.expected, e.got, "  <- differs" if e.differs else "") for e in entries]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return [
        f"{i:<{widths[0]}}  {e:>{widths[1]}}  {g:>{widths[2]}}{mark}".rstrip()
        for i, e, g, mark in rows
    ]


def _html_table(entries):
    rows = "".join(
        f'<tr><th scope="row">{escape(e.index)}</th><td>{escape(e.expected)}</td>'
        f"<td>{escape(e.got)}</td><td>{'differs' if e.differs else 'equal'}</td></tr>"
        for e in entries
    )
    titles = ("Index", "Expected", "Got", "Compared")
    head = "".join(f'<th scope="col">{title}</th>' for title in titles)
    return (
        f'<table class="unrolled-table"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
    )


def _score(line):
    return "–" if line.score is None else str(line.score)
