"""Reports: what the tables say, what a student is told, what the class page shows."""

import csv
import re
from dataclasses import replace

import pytest
from browser import axe
from classes import LAB01, Work, solutions
from graded import EVIL, GRADED_CASE, keep, moodle, result
from hypothesis import given
from hypothesis import strategies as st

from unrolled.grading.model import Ending, GradingError
from unrolled.grading.store import gradebook, results
from unrolled.grading.store.fingerprint import fingerprint
from unrolled.grading.tell import marking, report, similarity, tables

OWN = """
def transposed_conv(y, w, stride, L):
    out = np.zeros((w.shape[1], L))
    for position in range(y.shape[1]):
        start = position * stride
        block = out[:, start : start + w.shape[2]]
        for k, row in enumerate(y):
            for c in range(w.shape[1]):
                for j in range(w.shape[2]):
                    if start + j < L and row[position] != 0.0:
                        block[c, j] = block[c, j] + row[position] * w[k, c, j]
    return out if out.size else None
"""
CLASS = [
    result("Ada Lovelace_11", correlate="flipped filter", late=True, texts={"spikes": ""}),
    result("Bob_12", correlate="flipped filter", causal_conv="one step late"),
    result(
        "Cy_13",
        correlate=Ending.MISSING,
        notes=("Cell `4` <i>moved</i>.",),
        for_instructor=("The name looks like another student's: Hy_16.",),
        code=OWN,
    ),
    result("Dora_14", correlate=Ending.CRASHED, causal_conv=Ending.NOT_ATTEMPTED),
    result(
        EVIL,
        correlate=Ending.AMBIGUOUS,
        causal_conv=Ending.TIMED_OUT,
        code=OWN.replace("position", "p").replace("block", "part"),
        texts={"spikes": "</div><img src=x onerror=1>"},
    ),
    result("fay", correlate=Ending.WRONG, sandbox="limits only"),
]
BOOK = "https://example.org/book/"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return keep(tmp_path_factory.mktemp("graded"), CLASS, named=moodle)


@pytest.fixture(scope="module")
def out(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("reports")
    says = report.write(folder, out, address=BOOK)
    assert says == ["5 of 6 totals are blank: class.html says what is open"]
    return out


def table(path):
    return list(csv.DictReader(path.open(encoding="utf-8", newline="")))


# ------------------------------------------------------------------------------- tables
def test_what_begins_as_a_formula_is_text():
    for text in ("=1", "+1", "-1", "@x"):
        assert tables.safe(text) == f"'{text}"
    assert [tables.safe(v) for v in ("a=1", "", None, 3, "a-b")] == ["a=1", "", "", "3", "a-b"]
    assert [tables.safe(v) for v in ("'=", "''=", ";=1", "a; -1", "\t=1", "\r")] == [
        *("''=", "'''=", ";'=1", "a; '-1", "'\t'=1", "'\r")
    ]


SIGNS = st.text(alphabet="=+-@'\",;\t|\r\n a＝\xa0", max_size=12)


@given(st.lists(SIGNS, min_size=1, max_size=4))
def test_no_separator_makes_a_formula(values):
    """However a spreadsheet cuts the table, no piece begins as a formula does."""
    for piece in re.split(r"[,;\t|\r\n]", tables.text([["x", *values]])):
        assert not re.match('[ \xa0"]*[=+@＝-]', piece), piece


@given(SIGNS, SIGNS)
def test_no_two_values_become_the_same(one, other):
    assert (tables.safe(one) == tables.safe(other)) == (one == other)


def test_the_generic_table(out):
    ada, bob, cy, dora, fay, evil = sorted(
        table(out / "grades.csv"), key=lambda row: (row["student"][0] == "'", row["student"])
    )
    assert list(ada)[:8] == ["student", *LAB01.exercises, "spikes"]
    assert (ada["total"], ada["of"], ada["late"], ada["open"]) == ("17", "20", "late", "")
    assert (bob["total"], bob["open"], bob["correlate"]) == ("", "spikes", "0")
    assert (cy["correlate"], cy["total"], cy["open"]) == ("", "", "correlate; spikes")
    assert (dora["correlate"], dora["causal_conv"]) == ("", "0")
    assert evil["student"] == "'" + EVIL
    assert evil["correlate"] == ""
    assert fay["correlate"] == "0"


def test_blanks_become_zeros_only_on_demand(folder, tmp_path):
    report.write(folder, tmp_path, report.Options(as_zero=("missing",), exercises_only=True))
    rows = {row["student"]: row for row in table(tmp_path / "grades.csv")}
    assert rows["Cy_13"]["total"] == "17"
    assert rows["Cy_13"]["correlate"] == "0"
    assert rows["Dora_14"]["total"] == ""  # crashed is not missing
    assert rows["Bob_12"]["total"] == "14"
    assert rows["Bob_12"]["of"] == "18"
    assert "spikes" not in rows["Bob_12"]


def test_a_lost_file_that_counts_as_zero_is_told_as_such(tmp_path):
    lost = dict.fromkeys(LAB01.exercises, Ending.MISSING)
    folder = keep(tmp_path / "results", [result("Cy_13", **lost, texts={"spikes": None})])
    report.write(folder, tmp_path / "open")
    (page,) = (tmp_path / "open/feedback").iterdir()
    assert "a person will look at it" in page.read_text(encoding="utf-8")
    report.write(folder, tmp_path / "zero", report.Options(as_zero=("missing",)))
    (cy,) = table(tmp_path / "zero/grades.csv")
    assert (cy["total"], cy["open"]) == ("0", "")
    (page,) = (tmp_path / "zero/feedback").iterdir()
    page = page.read_text(encoding="utf-8")
    assert "0 of 20 points." in page
    assert "a person" not in page


def test_pages_of_students_who_are_gone_go(tmp_path):
    for name in ("Ada_1", "Bo_2"):
        folder = keep(tmp_path / name, [result(name)])
        report.write(folder, tmp_path / "out")
    (page,) = (tmp_path / "out/feedback").iterdir()
    assert page.name.startswith("bo-2")


def test_texts_that_wait_are_told_on_the_class_page(out):
    page = (out / "class.html").read_text(encoding="utf-8")
    assert re.search(r"\d texts wait to be marked: <code>python -m unrolled marks collect", page)


def test_canvas_from_the_names_of_files(out):
    rows = table(out / "canvas.csv")
    assert list(rows[0]) == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "lab01"]
    assert rows[0]["Student"].strip() == "Points Possible"
    assert rows[0]["lab01"] == "20"
    found = {row["Student"]: row for row in rows[1:]}
    assert (found["Ada Lovelace"]["ID"], found["Ada Lovelace"]["lab01"]) == ("11", "17")
    assert found["Bob"]["lab01"] == ""
    assert found["fay"]["SIS Login ID"] == "fay"
    assert "'" + EVIL in found


def test_moodle_from_the_names_of_files(out):
    found = {row["Identifier"]: row for row in table(out / "moodle.csv")}
    ada = found["Participant 11"]
    assert (ada["Full name"], ada["Grade"], ada["Maximum Grade"]) == ("Ada Lovelace", "17", "20")
    assert ada["Feedback comments"].startswith("correlate: 0 of 1 (flipped filter); stack_geometry")
    assert found["Participant 13"]["Grade"] == ""
    assert "correlate: open of 1 (missing)" in found["Participant 13"]["Feedback comments"]


def test_reports_do_not_overwrite_what_is_not_theirs(folder, tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(GradingError, match="holds files of another kind"):
        report.write(folder, tmp_path)
    with pytest.raises(GradingError, match=r"no record\.json"):
        report.write(tmp_path / "none", tmp_path / "out")


def test_a_student_of_an_earlier_run_is_not_reported(tmp_path):
    keep(tmp_path / "graded", CLASS)
    keep(tmp_path / "graded", CLASS[:2])
    report.write(tmp_path / "graded", tmp_path / "out")
    assert len(table(tmp_path / "out/grades.csv")) == 2


# ------------------------------------------------------------------------------- pages
def test_feedback_tells_what_it_may(folder, out):
    pages = {path.name: path.read_text() for path in (out / "feedback").iterdir()}
    assert len(pages) == 6
    whole = "".join(pages.values())
    assert GRADED_CASE not in whole
    assert LAB01.secret not in whole
    for answer in solutions().values():
        assert answer.split("### BEGIN SOLUTION")[1].split("\n")[1].strip() not in whole
    assert "<script>" not in whole
    assert "<img" not in whole
    ada = pages[results.path(".", "Ada Lovelace_11").with_suffix(".html").name]
    assert "17 of 20 points." in ada
    assert "handed in late" in ada
    address = f"{BOOK}chapters/01_convolution.html#convolution-or-correlation"
    assert f'href="{address}"' in ada
    cy = pages[results.path(".", "Cy_13").with_suffix(".html").name]
    assert "17 of 20 points so far" in cy
    assert "a person will look at it" in cy
    assert "Hy_16" not in whole
    assert "Hy_16" in (out / "class.html").read_text()
    assert "Cell <code>4</code> &lt;i&gt;moved&lt;/i&gt;." in cy


def test_sections_lead_where_the_book_has_them():
    assert report.templating.anchor("Convolution or correlation?") == "convolution-or-correlation"
    assert report.templating.anchor("Forward: one filter, one signal") == (
        "forward-one-filter-one-signal"
    )


def test_the_class_page(out):
    page = (out / "class.html").read_text()
    text = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "6 students, 20 points" in text
    assert "not all submissions ran in a full sandbox. For 1 of them" in text
    assert "2 flipped filter correlate Convolution or correlation?" in text
    assert "1 one step late causal_conv" in text
    assert text.index("2 flipped filter") < text.index("1 one step late")
    assert "correlate 0 3 0 3 0.2 s" in text or "correlate 0 3 0 3 0.3 s" in text
    assert re.search(r"Dora_14 correlate crashed: It differs", text)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script" not in page
    assert "The other Shared Runs of code" in text
    assert re.search(r"Cy_13</td>", page)
    assert LAB01.secret not in page


def test_links_of_the_class_page_lead_somewhere(out):
    links = re.findall(r'href="([^"]+)"', (out / "class.html").read_text())
    here = [link for link in links if not link.startswith("https://example.org/")]
    assert len(here) == 6
    assert all((out / link).exists() for link in here)


def test_the_pages_in_a_browser(folder, out, tmp_path, chromium):
    marking.collect(folder, tmp_path)
    paths = [out / "class.html", tmp_path / "spikes.html"]
    paths += [
        out / "feedback" / results.path(".", one).with_suffix(".html").name
        for one in ("Ada Lovelace_11", EVIL)
    ]
    asked, said, found = [], [], []
    with chromium() as browser:
        for scheme, width in (("light", 1280), ("dark", 390)):
            context = browser.new_context(
                color_scheme=scheme, viewport={"width": width, "height": 800}, bypass_csp=True
            )
            for path in paths:
                page = context.new_page()
                page.on("request", lambda request: asked.append(request.url))
                page.on("console", lambda message: said.append(message.text))
                page.on("dialog", lambda dialog: said.append("dialog"))
                page.goto(path.as_uri())
                assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
                found += [(path.name, scheme, one) for one in axe(page)]
                page.close()
            context.close()
    assert found == []
    assert said == []
    assert all(address.startswith("file:") for address in asked)


# ------------------------------------------------------------------------------- likeness
def test_renamed_copies_are_alike_and_honest_work_is_not():
    copied = (
        OWN.replace("position", "p")
        .replace("block", "b")
        .replace("0.0", "0")
        .replace("    out = ", "    # mine\n    out = ")
    )
    found = [result("a", code=OWN), result("b", code=copied)]
    found += [result(f"s{n}", code=solutions()[name]) for n, name in enumerate(LAB01.exercises)]
    (pair,) = similarity.pairs(found)
    assert (pair.one, pair.other) == ("a", "b")
    assert pair.share > 0.8


def test_what_is_common_in_the_class_or_handed_out_is_no_likeness():
    same = [result(f"s{n}", code=OWN) for n in range(6)]
    assert similarity.pairs(same) == []
    assert similarity.pairs(same[:2], fingerprint([OWN])) == []
    short = "def correlate(x, m):\n    return np.correlate(x, m)\n"
    assert similarity.pairs([result("a", code=short), result("b", code=short)]) == []
    untouched = "".join(Work(solved=False).cell(name).source for name in LAB01.exercises)
    found = [result("a", code=untouched), result("b", code=untouched)]
    assert similarity.pairs(found, fingerprint([untouched])) == []


def test_points_set_by_hand_replace_a_verdict(tmp_path):
    folder = keep(tmp_path, [replace(CLASS[2])])
    results.write(
        folder / gradebook.BY_HAND,
        {
            "Cy_13": {
                "correlate": {"points": 0.5, "comment": "A <typo>.", "digest": "0" * 64},
                "spikes": {"points": 2, "comment": "", "digest": "0" * 64},
            }
        },
    )
    book = gradebook.read(folder)
    (one,) = book.results
    assert book.total(one) == 19.5
    page = report.feedback_page(book, one)
    assert "19.5 of 20 points." in page
    assert "The points were set by a person. A &lt;typo&gt;." in page


def test_what_was_decided_is_no_longer_for_a_person(tmp_path):
    folder = keep(tmp_path / "graded", CLASS[2:4])
    decided = {"points": 1, "comment": "", "digest": "0" * 64}
    results.write(folder / gradebook.BY_HAND, {"Cy_13": {"correlate": decided}})
    report.write(folder, tmp_path / "out")
    text = " ".join(re.sub(r"<[^>]+>", " ", (tmp_path / "out/class.html").read_text()).split())
    assert "Cy_13 correlate missing" not in text
    assert "Dora_14 correlate crashed" in text
    assert "correlate 1 0 0 1" in text  # passed, failed, not attempted, for a person


def test_a_broken_file_says_so_once(tmp_path):
    says = ("The file could not be read: not a notebook.",)
    broken = result("ada", {"spikes": None}, **dict.fromkeys(LAB01.exercises, Ending.MISSING))
    broken = replace(broken, marks=tuple(replace(mark, says=says) for mark in broken.marks))
    report.write(keep(tmp_path / "graded", [broken]), tmp_path / "out")
    (page,) = (tmp_path / "out/feedback").iterdir()
    for path in (page, tmp_path / "out/class.html"):
        assert path.read_text().count("not a notebook") == 1
    assert table(tmp_path / "out/grades.csv")[0]["open"] == "everything"


def test_thousands_of_notes_do_not_make_a_page_that_no_browser_opens(tmp_path):
    notes = tuple(f"{n} " + "x" * 4000 for n in range(2000))
    report.write(keep(tmp_path / "graded", [result("ada", notes=notes)]), tmp_path / "out")
    (page,) = (tmp_path / "out/feedback").iterdir()
    for path in (page, tmp_path / "out/class.html"):
        assert len(path.read_text()) < 30_000
        assert "and 1,990 more" in path.read_text()
    assert "and 1,990 more" in table(tmp_path / "out/grades.csv")[0]["notes"]
