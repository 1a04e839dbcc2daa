"""Marking by hand: pages, the table to fill in, and that it comes back whole or not at all."""

import csv
import io
import json
from dataclasses import replace

import pytest
from classes import LAB01
from graded import EVIL, keep, result

from unrolled.grading.model import Ending, GradingError
from unrolled.grading.store import gradebook
from unrolled.grading.tell import marking

CLASS = [
    result("ada", {"spikes": "Fast, not tall."}),
    result("bob", {"spikes": ""}),
    result("cy", {"spikes": None}, correlate=Ending.MISSING),
    result(EVIL, {"spikes": "<script>alert(2)</script>\n`x`"}),
    result(
        "emil",
        {"spikes": None},
        **dict.fromkeys(
            (
                "correlate",
                "stack_geometry",
                "causal_conv",
                "transposed_conv",
                "separable_conv",
                "shared_filter_gradient",
            ),
            Ending.MISSING,
        ),
    ),
]


@pytest.fixture
def folder(tmp_path):
    return keep(tmp_path / "results", CLASS)


def rows(path):
    return list(csv.DictReader(path.open(encoding="utf-8", newline="")))


def fill(path, points, column="points", **more):
    """Fill in points, {(student, question): points}, as a spreadsheet would."""
    found = rows(path)
    for row in found:
        row[column] = points.get((row["student"], row["question"]), row[column])
    out = io.StringIO()
    writer = csv.DictWriter(out, [*found[0], *more.pop("columns", ())], **more)
    writer.writeheader()
    writer.writerows(found)
    path.write_text(out.getvalue(), encoding="utf-8")


def test_a_page_and_a_table(folder, tmp_path):
    assert marking.collect(folder, tmp_path / "out") == ["marks.csv", "spikes.html"]
    page = (tmp_path / "out/spikes.html").read_text()
    assert "Fast, not tall." in page
    assert "&lt;script&gt;alert(2)&lt;/script&gt;" in page
    assert "<script" not in page
    assert "Left empty." in page
    assert "Its cell is gone" in page
    found = {(row["student"], row["question"]): row for row in rows(tmp_path / "out/marks.csv")}
    assert len(found) == 4 + 1 + 1  # of a file that is broken as a whole, one line
    assert found["emil", "everything"]["of"] == "20"
    assert found["emil", "everything"]["why"].startswith("missing: ")
    assert found["bob", "spikes"]["points"] == "0"
    assert found["ada", "spikes"]["points"] == ""
    assert found["cy", "correlate"]["of"] == "1"
    assert found["cy", "correlate"]["why"].startswith("missing: ")
    assert ("'" + EVIL, "spikes") in found


def test_marks_come_back(folder, tmp_path):
    marking.collect(folder, tmp_path)
    table = tmp_path / "marks.csv"
    fill(table, {("ada", "spikes"): "1.5", ("'" + EVIL, "spikes"): "2", ("cy", "correlate"): "1"})
    fill(table, {("ada", "spikes"): "Good; and why?"}, "comment")
    assert marking.read(folder, table) == (4, 1 + 1)
    book = gradebook.read(folder)
    ada, _bob, cy, *_ = sorted(book.results, key=lambda one: one.student)[1:]
    assert book.total(ada) == 18 + 1.5
    assert book.by_hand["ada", "spikes"].comment == "Good; and why?"
    assert book.by_hand[EVIL, "spikes"].points == 2
    assert book.score(cy, "correlate") == 1
    assert book.total(cy) is None
    assert book.open(cy) == [("spikes", "its cell is gone")]
    marking.collect(folder, tmp_path, force=True)
    again = {(row["student"], row["question"]): row["points"] for row in rows(table)}
    assert again["ada", "spikes"] == "1.5"
    assert again["cy", "correlate"] == "1"
    fill(table, {("ada", "spikes"): ""})
    marking.read(folder, table)
    assert ("ada", "spikes") not in gradebook.read(folder).by_hand


@pytest.mark.parametrize("options", [{"delimiter": ";"}, {"delimiter": "\t"}, {"quoting": 1}])
def test_as_spreadsheets_save_it(folder, tmp_path, options):
    marking.collect(folder, tmp_path)
    fill(tmp_path / "marks.csv", {("ada", "spikes"): "1,5"}, **options)
    text = (tmp_path / "marks.csv").read_text().replace("Because", "Größe")
    (tmp_path / "marks.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert marking.read(folder, tmp_path / "marks.csv")[0] == 2
    assert gradebook.read(folder).by_hand["ada", "spikes"].points == 1.5


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("zoe,spikes,1,", "line 3: no student 'zoe' was graded"),
        ("ada,spike,1,", "line 3: no question or exercise 'spike'; there are correlate"),
        ("ada,spikes,3,", "line 3: 3 points for spikes, which has from 0 to 2"),
        ("ada,spikes,-1,", "line 3: -1 points"),
        ("ada,spikes,nan,", "line 3: nan points"),
        ("ada,spikes,inf,", "line 3: inf points"),
        ("ada,spikes,two,", "line 3: the points are 'two'; write a number"),
        ("bob,spikes,1,", "line 3: spikes of bob stands in line 2 already"),
        (",,,x", "line 3: no student ''"),
        ("emil,everything,1,", "line 3: 1 points for everything; only 0 can stand here"),
        ("bob,everything,0,", "line 3: spikes of bob stands in line 2 already"),
    ],
)
def test_a_line_that_cannot_be_right_takes_nothing(folder, tmp_path, line, said):
    table = tmp_path / "marks.csv"
    table.write_text(f"student,question,points,comment\nbob,spikes,2,\n{line}\n")
    with pytest.raises(GradingError) as caught:
        marking.read(folder, table)
    assert f"marks.csv, {said}" in str(caught.value)
    assert gradebook.read(folder).by_hand == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no column `student`"),
        ("student,question,comment\n", "no column `points`"),
        ("student,student,question,points,comment\n", "two columns have the same name"),
    ],
)
def test_a_table_without_its_columns(folder, tmp_path, text, said):
    (tmp_path / "marks.csv").write_text(text)
    with pytest.raises(GradingError, match=said):
        marking.read(folder, tmp_path / "marks.csv")


def test_a_table_that_is_there_is_kept(folder, tmp_path):
    marking.collect(folder, tmp_path)
    fill(tmp_path / "marks.csv", {("ada", "spikes"): "2"})
    before = (tmp_path / "marks.csv").read_text()
    with pytest.raises(GradingError, match="is there already"):
        marking.collect(folder, tmp_path)
    assert (tmp_path / "marks.csv").read_text() == before
    with pytest.raises(GradingError, match=r"none\.csv: cannot be read"):
        marking.read(folder, tmp_path / "none.csv")


def test_anonymous_marking(folder, tmp_path):
    marking.collect(folder, tmp_path, anonymous=True)
    text = (tmp_path / "marks.csv").read_text() + (tmp_path / "spikes.html").read_text()
    assert "ada" not in text
    codes = json.loads((folder / "codes.json").read_text())
    fill(tmp_path / "marks.csv", {(codes["ada"], "spikes"): "2"})
    marking.read(folder, tmp_path / "marks.csv")
    assert gradebook.read(folder).by_hand["ada", "spikes"].points == 2
    marking.collect(folder, tmp_path, anonymous=True, force=True)
    assert json.loads((folder / "codes.json").read_text()) == codes


def test_a_folder_that_was_not_graded(tmp_path):
    with pytest.raises(GradingError, match=r"no record\.json; grade into this folder first"):
        marking.collect(tmp_path, tmp_path / "out")


# ------------------------------------------------------------------------------- another file
def graded_again(folder, assignment=LAB01, **digests):
    """The class once more, some with another file."""
    found = [replace(one, digest=digests.get(one.student, one.digest)) for one in CLASS]
    return keep(folder, found, assignment)


def test_points_do_not_hold_for_another_file(folder, tmp_path):
    marking.collect(folder, tmp_path)
    table = tmp_path / "marks.csv"
    fill(table, {("cy", "correlate"): "1", ("ada", "spikes"): "2"})
    marking.read(folder, table)
    graded_again(folder, cy="f" * 64)
    book = gradebook.read(folder)
    of = {one.student: one for one in book.results}
    why = dict(book.open(of["cy"]))["correlate"]
    assert why == "1 were given by hand for an earlier file: look at the new one"
    assert book.total(of["cy"]) is None
    assert book.given(of["ada"], "spikes").points == 2
    marking.collect(folder, tmp_path, force=True)
    line = next(row for row in rows(table) if (row["student"], row["of"]) == ("cy", "1"))
    assert (line["points"], line["why"]) == ("", why)
    marking.read(folder, table)  # not looked at yet: still open
    assert dict(gradebook.read(folder).open(of["cy"]))["correlate"] == why
    fill(table, {("cy", "correlate"): "0"})
    marking.read(folder, table)
    assert gradebook.read(folder).score(of["cy"], "correlate") == 0


def test_points_above_a_maximum_that_was_lowered_are_not_exported(folder, tmp_path):
    marking.collect(folder, tmp_path)
    fill(tmp_path / "marks.csv", {("ada", "spikes"): "1.5"})
    marking.read(folder, tmp_path / "marks.csv")
    graded_again(folder, replace(LAB01, questions={"spikes": 1}))
    book = gradebook.read(folder)
    ada = next(one for one in book.results if one.student == "ada")
    assert book.score(ada, "spikes") is None
    assert dict(book.open(ada))["spikes"].startswith("1.5 were given by hand, and there are 1 now")


def test_no_points_for_all_of_a_broken_file(folder, tmp_path):
    marking.collect(folder, tmp_path)
    fill(tmp_path / "marks.csv", {("emil", "everything"): "0"})
    assert marking.read(folder, tmp_path / "marks.csv") == (7 + 1, 4)
    book = gradebook.read(folder)
    emil = next(one for one in book.results if one.student == "emil")
    assert book.total(emil) == 0
    assert book.open(emil) == []


def test_the_lines_are_in_the_labs_order_whoever_they_are_of(tmp_path):
    gone = dict.fromkeys(LAB01.exercises, Ending.MISSING)
    found = [result(f"s{n:02}", {"spikes": "Mine."}, **gone) for n in range(20)]
    folder = keep(tmp_path / "results", found)
    marking.collect(folder, tmp_path, anonymous=True)
    lines = [row["question"] for row in rows(tmp_path / "marks.csv")]
    assert lines == [name for name in [*LAB01.exercises, "spikes"] for _ in range(20)]
    codes = json.loads((folder / "codes.json").read_text())
    orders = {}
    for row in rows(tmp_path / "marks.csv"):
        orders.setdefault(row["question"], []).append(row["student"])
    assert [codes[f"s{n:02}"] for n in range(20)] not in orders.values()
    assert len({tuple(order) for order in orders.values()}) == len(orders)


def test_ids_that_look_alike_to_a_spreadsheet(tmp_path):
    found = [result(name, {"spikes": "Mine."}) for name in ("=x", "'=x", "''=x")]
    folder = keep(tmp_path / "results", found)
    marking.collect(folder, tmp_path)
    table = tmp_path / "marks.csv"
    names = {row["student"] for row in rows(table)}
    assert names == {"'=x", "''=x", "'''=x"}
    fill(table, {("'=x", "spikes"): "1", ("''=x", "spikes"): "2"})
    marking.read(folder, table)
    by_hand = gradebook.read(folder).by_hand
    assert {name: given.points for (name, _), given in by_hand.items()} == {"=x": 1, "'=x": 2}


def test_an_endless_text_does_not_make_an_endless_page(tmp_path):
    folder = keep(tmp_path / "results", [result("ada", {"spikes": "x" * 100_000})])
    marking.collect(folder, tmp_path)
    page = (tmp_path / "spikes.html").read_text()
    assert len(page) < 30_000
    assert "… and 80,000 more characters" in page
