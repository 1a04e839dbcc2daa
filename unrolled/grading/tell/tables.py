"""CSV files that spreadsheets and learning systems read, and that do nothing when opened."""

import codecs
import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path

from unrolled.common.files import write_atomically, write_bytes_atomically
from unrolled.grading.model import GradingError

# A spreadsheet takes what begins so for a formula, at the beginning of a value, and after anything
# that another spreadsheet takes for the end of one.
FORMULA = re.compile(r"(^|[,;\t|\r\n])([ \u00a0\"]*)('*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])")
BLANK = ("\t", "\r")  # Excel leaves these out at the beginning
LARGEST = 20 * 2**20  # bytes


def safe(value):
    """A value as text that no spreadsheet executes, whatever it takes for a separator.

    An apostrophe stands before what would begin a formula; one more, where there are some, so that
    no two values become the same.
    """
    text = FORMULA.sub(r"\1\2'\3", "" if value is None else str(value))
    return f"'{text}" if text.startswith(BLANK) else text


def text(rows):
    """Rows of values as CSV, every text made safe."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows([safe(value) for value in row] for row in rows)
    return out.getvalue()


def write(path, rows):
    """Write rows as CSV, the whole file or nothing."""
    write_atomically(path, text(rows))


@dataclass
class Table:
    """A CSV as it was found: all that is needed to write it back with nothing else changed."""

    path: Path
    columns: list
    rows: list  # of lists of text, each as long as there are columns
    lines: list  # the line of each row in the file
    encoding: str = "utf-8"
    delimiter: str = ","
    newline: str = "\n"

    def set(self, row, column, value):
        """Fill in a value of ours, as text that no spreadsheet executes."""
        self.rows[row][column] = safe(value)

    def add_column(self, title):
        """The index of a new column, the last."""
        self.columns.append(title)
        for row in self.rows:
            row.append("")
        return len(self.columns) - 1

    def number(self, value):
        """A number as this table writes numbers, with a point or with a comma."""
        values = [value.strip() for row in self.rows for value in row]
        comma = any(re.fullmatch(r"\d+,\d+", one) for one in values)
        point = any(re.fullmatch(r"\d+\.\d+", one) for one in values)
        return number(value).replace(".", ",") if comma and not point else number(value)

    def write(self, path):
        """Write it as it was read; a letter that its encoding has not becomes a question mark."""
        out = io.StringIO()
        writer = csv.writer(out, delimiter=self.delimiter, lineterminator=self.newline)
        writer.writerows([self.columns, *self.rows])
        write_bytes_atomically(path, out.getvalue().encode(self.encoding, "replace"))


def load(path):
    """The Table of a CSV in any common encoding, separated by commas, semicolons or tabs."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise GradingError(f"{path}: cannot be read: {error.strerror}") from None
    if len(data) > LARGEST:
        raise GradingError(f"{path}: too large for a table of marks")
    whole, encoding = _decoded(data)
    head = whole.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    newline = "\r\n" if head.endswith("\r") else "\n"
    reader = csv.reader(io.StringIO(whole, newline=""), delimiter=delimiter)
    rows, lines = [], []
    try:
        columns = [name.strip() for name in next(reader, [])]
        for row in reader:
            rows.append([*row, *[""] * (len(columns) - len(row))])
            lines.append(reader.line_num)
    except csv.Error as error:
        raise GradingError(f"{path}, line {reader.line_num}: {error}") from None
    return Table(path, columns, rows, lines, encoding, delimiter, newline)


def _decoded(data):
    """(text, the encoding to write it back in)."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace"), "utf-16"
    for encoding in ("utf-8-sig" if data.startswith(codecs.BOM_UTF8) else "utf-8", "cp1252"):
        try:
            return data.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1"), "latin-1"


def read(path):
    """[(line, {column: value})] of a CSV; its lines may be separated by commas or semicolons."""
    table = load(path)
    if len(set(table.columns)) < len(table.columns):
        raise GradingError(f"{path}: two columns have the same name")
    rows = [
        (line, dict(zip(table.columns, row)))
        for line, row in zip(table.lines, table.rows)
        if any(value.strip() for value in row)
    ]
    return table.columns, rows


def number(value):
    """A number as it is written: without a point where it is whole."""
    if value is None:
        return ""
    return str(int(value)) if value == int(value) else f"{value:g}"
