"""A student's file as cells: read as data from a stranger, forgiving in form, never executed.

nbformat refuses what it would not have written; here any list of cells will do, in any encoding.
"""

import codecs
import json
import re
from dataclasses import dataclass

LARGEST_FILE = 400 * 2**20  # bytes; outputs of that size are skipped, never decoded
LARGEST_TEXT = 20 * 2**20  # bytes of what is left without outputs
LARGEST_RECODED = 64 * 2**20  # bytes of a file in UTF-16 or UTF-32, which has to be decoded whole
LARGEST_CELL = 200_000  # characters
MOST_CELLS = 5_000
SLIM_FROM = 2**20  # bytes; a smaller file is parsed as it is

# What grading never looks at, and what makes a notebook large.
SKIPPED = {b'"outputs"', b'"attachments"', b'"widgets"'}
# a string that does not end goes to the end of the file, so that it is looked at once
TOKEN = re.compile(rb'[\[\]{}]|"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
COLON = re.compile(rb"\s*+:\s*+")
BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
DISGUISED = (
    (b"PK\x03\x04", "an archive; unpack it and hand in the notebook (nothing in it was opened)"),
    (b"%PDF", "a PDF; hand in the notebook itself"),
    (b"<", "a web page; hand in the notebook itself (in Jupyter: File, Download)"),
)


class Unreadable(Exception):
    """Why a file cannot be read as a notebook, for the student and the instructor."""


@dataclass(frozen=True)
class RawCell:
    """A cell as it stands in the file; `number` counts all cells from 1."""

    number: int
    kind: str  # "code", "markdown", ...
    source: str
    metadata: dict
    pictures: bool = False


def cells(data):
    """(the RawCells of a notebook's bytes, notes on how it had to be read), or Unreadable."""
    if not data.strip(b"\0 \t\r\n"):
        raise Unreadable("the file is empty")
    for start, what in DISGUISED:
        if data.lstrip()[: len(start)] == start:
            raise Unreadable(f"this is {what}")
    text, notes = _text(data)
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        if not text.lstrip().startswith("{"):
            raise Unreadable("not a notebook: it does not begin as one") from None
        raise Unreadable(
            f"not a whole notebook: its JSON breaks off or is damaged at line {error.lineno} "
            f"({error.msg})"
        ) from None
    except (RecursionError, ValueError):
        raise Unreadable("not a notebook: its JSON is nested or written as no tool would") from None
    listed = _listed(found, notes)
    if len(listed) > MOST_CELLS:
        raise Unreadable(f"{len(listed):,} cells; at most {MOST_CELLS:,} are read")
    return [_cell(number, raw) for number, raw in enumerate(listed, start=1)], notes


def _text(data):
    notes = []
    encoding = next((name for bom, name in BOMS if data.startswith(bom)), None)
    if encoding is None and b"\0" in data[:4]:
        encoding = "utf-16-be" if data[0] == 0 else "utf-16-le"
    if encoding is not None:
        if len(data) > LARGEST_RECODED:
            raise Unreadable(f"{encoding.upper()} and too large; save it as UTF-8")
        try:
            data = data.decode(encoding).encode("utf-8", "replace")
        except UnicodeDecodeError:
            raise Unreadable(f"it begins as {encoding.upper()}, but is not") from None
        notes.append(f"The file was not in UTF-8, but in {encoding.upper()}.")
    data = data.removeprefix(codecs.BOM_UTF8)
    if len(data) > SLIM_FROM:
        data = _slim(data)
    if len(data) > LARGEST_TEXT:
        size = len(data) / 2**20
        raise Unreadable(
            f"{size:.0f} MB of text and code, outputs not counted; at most "
            f"{LARGEST_TEXT / 2**20:.0f} MB are read"
        )
    try:
        return data.decode("utf-8"), notes
    except UnicodeDecodeError:
        notes.append("The file was not in UTF-8; it was read as Windows-1252.")
        return data.decode("cp1252", "replace"), notes


def _slim(data):
    """The JSON without what is SKIPPED, found token by token without building any of it."""
    kept, done, depth, skipping = [], 0, 0, None
    tokens = TOKEN.finditer(data)
    for token in tokens:
        first = data[token.start()]
        if first == 0x22:  # a string
            if skipping is None and token.end() - token.start() < 16 and token[0] in SKIPPED:
                colon = COLON.match(data, token.end())
                opening = colon and data[colon.end() : colon.end() + 1]
                if opening and opening in b"[{":
                    kept.append(data[done : colon.end()])
                    kept.append(b"[]" if opening == b"[" else b"{}")
                    skipping = depth
        elif first in b"[{":
            depth += 1
        else:
            depth -= 1
            if depth == skipping:
                done, skipping = token.end(), None
    if skipping is None:
        kept.append(data[done:])
    return b"".join(kept)


def _listed(found, notes):
    """The list of cells of nbformat 4, or of 3 and older."""
    if not isinstance(found, dict):
        raise Unreadable("not a notebook: a JSON file of another kind")
    if isinstance(found.get("cells"), list):
        return found["cells"]
    sheets = found.get("worksheets")
    if isinstance(sheets, list):
        notes.append("The notebook is in an old format (3 or older).")
        return [
            cell
            for sheet in sheets
            if isinstance(sheet, dict) and isinstance(sheet.get("cells"), list)
            for cell in sheet["cells"]
        ]
    raise Unreadable("not a notebook: it has no cells")


def _cell(number, raw):
    if not isinstance(raw, dict):
        return RawCell(number, "unknown", "", {})
    kind = raw.get("cell_type")
    source = raw.get("source", raw.get("input", ""))
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    if not isinstance(source, str):
        source = ""
    metadata = raw.get("metadata")
    return RawCell(
        number,
        kind if isinstance(kind, str) else "unknown",
        source.encode("utf-8", "replace").decode().replace("\r\n", "\n").replace("\r", "\n"),
        metadata if isinstance(metadata, dict) else {},
        bool(raw.get("attachments")) or "](attachment:" in source,
    )
