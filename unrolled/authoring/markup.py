"""The text of a cell in blocks, as MyST parses it in the build, with directives opened up."""

import re
from dataclasses import dataclass, field
from itertools import dropwhile

from markdown_it.renderer import RendererHTML
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser
from myst_parser.parsers.options import TokenizeError, options_to_items

VERBATIM = {"code", "code-block", "math", "raw", "literalinclude", "bibliography"}
VERBATIM |= {"self-check", "explorable"}
PARSER = create_md_parser(
    MdParserConfig(enable_extensions={"amsmath", "attrs_inline", "colon_fence", "dollarmath"}),
    RendererHTML,
)


@dataclass(frozen=True)
class Block:
    """A piece of a cell's text: a markdown-it token or, if `directive` is given, a directive."""

    token: object
    line: int  # from 1, in the cell
    end: int  # the line after the last
    inside: tuple[str, ...]  # the directives around it
    directive: str = ""
    argument: str = ""
    options: dict = field(default_factory=dict)


def blocks(cell):
    """The blocks of a text cell in order; those of a directive follow it."""
    return list(_walk(cell.source, 1, ()))


def _walk(text, first, inside):
    for token in PARSER.parse(text):
        if token.map is None:
            continue
        line, end = first + token.map[0], first + token.map[1]
        found = re.match(r"\{([\w:+-]+)\}\s*(.*)", token.info)
        if token.type not in ("fence", "colon_fence") or not found:
            yield Block(token, line, end, inside)
            continue
        options, body = _options(token.content)
        directive, argument = found[1], found[2].strip()
        yield Block(token, line, end, inside, directive, argument, options)
        if directive not in VERBATIM:
            skipped = len(token.content.splitlines()) - len(body)
            yield from _walk("\n".join(body), line + 1 + skipped, (*inside, directive))


def _options(content):
    """The options at the head of a directive, and the lines after them.

    Malformed options are none here: the strict build reports them.
    """
    lines = content.splitlines()
    if content.startswith("---"):
        closing = (number for number, line in enumerate(lines[1:], 1) if line.startswith("---"))
        length = next(closing, len(lines))
        block, body = lines[1:length], lines[length + 1 :]
    else:
        body = list(dropwhile(lambda line: line.lstrip().startswith(":"), lines))
        block = [line.lstrip()[1:] for line in lines[: len(lines) - len(body)]]
    try:
        return dict(options_to_items("\n".join(block))[0]), body
    except TokenizeError:
        return {}, body
