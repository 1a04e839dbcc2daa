"""CSV files that spreadsheets, Canvas and Moodle read, and that do nothing when they are opened."""

import csv
import io

from unrolled.common.files import write_atomically
from unrolled.grading.model import GradingError

# A spreadsheet takes what begins so for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")
LARGEST = 20 * 2**20  # bytes


def safe(value):
    """A value as text that no spreadsheet executes."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def text(rows):
    """Rows of values as CSV, every text made safe."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows([safe(value) for value in row] for row in rows)
    return out.getvalue()


def write(path, rows):
    """Write rows as CSV, the whole file or nothing."""
    write_atomically(path, text(rows))


def read(path):
    """[(line, {column: value})] of a CSV; its lines may be separated by commas or semicolons."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise GradingError(f"{path}: cannot be read: {error.strerror}") from None
    if len(data) > LARGEST:
        raise GradingError(f"{path}: too large for a table of marks")
    try:
        whole = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        whole = data.decode("cp1252", "replace")
    head = whole.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(whole, newline=""), delimiter=delimiter)
    rows = []
    try:
        columns = [name.strip() for name in next(reader, [])]
        for row in reader:
            if any(value.strip() for value in row):
                rows.append((reader.line_num, dict(zip(columns, row))))
    except csv.Error as error:
        raise GradingError(f"{path}, line {reader.line_num}: {error}") from None
    if len(set(columns)) < len(columns):
        raise GradingError(f"{path}: two columns have the same name")
    return columns, rows


def number(value):
    """A number as it is written: without a point where it is whole."""
    if value is None:
        return ""
    return str(int(value)) if value == int(value) else f"{value:g}"
