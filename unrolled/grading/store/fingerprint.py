"""Fingerprints of code, by winnowing (Schleimer, Wilkerson and Aiken, 2003).

Two programs that share a run of WINDOW + RUN - 1 tokens share a number. Names, numbers, comments
and layout do not count, so that renaming changes nothing.
"""

import io
import keyword
import token
import tokenize
from zlib import crc32

RUN, WINDOW, MOST = 12, 8, 4000
LONGEST = 50_000  # characters of a cell that are read
SKIPPED = {
    *(token.NEWLINE, token.INDENT, token.DEDENT, token.ENDMARKER),
    *(tokenize.COMMENT, tokenize.NL, tokenize.ENCODING),
}


def fingerprint(sources):
    """Sorted numbers of the code of these cells; what is no Python counts as far as it is read."""
    shapes = [shape for source in sources for shape in _tokens(source)]
    runs = [crc32(" ".join(shapes[i : i + RUN]).encode()) for i in range(len(shapes) - RUN + 1)]
    windows = (runs[i : i + WINDOW] for i in range(max(1, len(runs) - WINDOW + 1)))
    return tuple(sorted({min(window) for window in windows if window}))[:MOST]


def _tokens(source):
    shapes = []
    try:
        for one in tokenize.generate_tokens(io.StringIO(source[:LONGEST]).readline):
            if one.type in SKIPPED:
                continue
            if one.type == token.NAME:
                shapes.append(one.string if keyword.iskeyword(one.string) else "name")
            elif one.type == token.STRING:
                shapes.append("text")
            else:
                shapes.append("number" if one.type == token.NUMBER else one.string)
    except (tokenize.TokenError, SyntaxError, ValueError, RecursionError):
        pass
    return shapes
