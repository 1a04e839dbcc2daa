"""What each learning system offers for download, in small samples with invented names."""

import csv
import json
import re
import subprocess
import sys
import zipfile
from dataclasses import replace

import pytest
from classes import LAB01, Work
from graded import GRADED_CASE, keep, result

from unrolled.authoring import notebooks
from unrolled.grading.intake import collect as intake
from unrolled.grading.intake.system import all_systems
from unrolled.grading.model import Ending, GradingError, Person
from unrolled.grading.store import gradebook
from unrolled.grading.tell import report, tables

DONE, OTHER = Work().bytes(), Work(spikes="Later.").bytes()
HALF = Work(solved=False).bytes()


@pytest.fixture(params=["archive", "folder"])
def collected(request, tmp_path):
    """f({path: bytes}) -> {student: Submission}, from a zip file or from a folder."""

    def collected(files, assignment=LAB01):
        if request.param == "archive":
            path = tmp_path / "download.zip"
            with zipfile.ZipFile(path, "w") as archive:
                for name, data in files.items():
                    archive.writestr(name, data)
        else:
            path = tmp_path / "download"
            for name, data in files.items():
                (path / name).parent.mkdir(parents=True, exist_ok=True)
                (path / name).write_bytes(data)
        return {one.student: one for one in intake.collect(path, assignment)}

    return collected


def problems(found):
    return {student: one.problem for student, one in found.items()}


def test_moodle(collected):
    found = collected(
        {
            "Ada Lovelace_201_assignsubmission_file_/lab01.ipynb": DONE,
            "Bo Li_202_assignsubmission_file_lab01.ipynb": DONE,
            "Cy_von_Ott_203_assignsubmission_onlinetext_/onlinetext.html": b"<p>See file</p>",
            "Participant_204_assignsubmission_file_/sub/lab.ipynb": DONE,
        }
    )
    assert problems(found) == {
        "Ada Lovelace_201": None,
        "Bo Li_202": None,
        "Cy_von_Ott_203": "no notebook was handed in, but onlinetext.html",
        "Participant_204": None,
    }
    assert found["Ada Lovelace_201"].person == Person(
        "Moodle",
        number="201",
        name="Ada Lovelace",
        returns="Ada Lovelace_201_assignsubmission_file_/feedback.html",
    )


def test_canvas(collected):
    found = collected(
        {
            "lovelaceada_11_9001_lab01.ipynb": DONE,
            "lovelaceada_11_9001_text.html": b"<p>My answer</p>",
            "liBo_12_text.html": b"<p>Only a text</p>",
            "van_der_bergcy_LATE_13_9003_lab01_convolution-2.ipynb": DONE,
            "ottdora_LATE_14_9004_link.html": b"https://example.org",
        }
    )
    assert problems(found) == {
        "liBo_12": "no notebook was handed in, but text.html",
        "lovelaceada_11": None,
        "ottdora_14": "no notebook was handed in, but link.html",
        "van_der_bergcy_13": None,
    }
    assert {name: one.late for name, one in found.items()} == {
        "liBo_12": False,
        "lovelaceada_11": False,
        "ottdora_14": True,
        "van_der_bergcy_13": True,
    }
    person = found["van_der_bergcy_13"].person
    assert (person.number, person.name) == ("13", "van_der_bergcy")
    assert person.returns == "van_der_bergcy_LATE_13_9003_feedback.html"
    assert found["lovelaceada_11"].person.returns == "lovelaceada_11_9001_feedback.html"


def test_canvas_anonymous(collected):
    found = collected(
        {
            "anon_aB3xY_9001_lab01.ipynb": DONE,
            "LATE_anon_Zq81k_9002_lab01.ipynb": HALF,
            "LATE_anon_Zq81k_9005_lab01-1.ipynb": DONE,
            "anon_77777_text.html": b"<p>Only a text</p>",
        }
    )
    assert list(found) == ["anon_77777", "anon_Zq81k", "anon_aB3xY"]
    assert found["anon_Zq81k"].late is True
    assert found["anon_Zq81k"].endings == {}
    assert found["anon_aB3xY"].late is False
    assert found["anon_77777"].problem == "no notebook was handed in, but text.html"
    assert found["anon_aB3xY"].person.name == ""


def test_blackboard(collected):
    at = "Lab 1_alovelace_attempt_2027-01-{}"
    found = collected(
        {
            at.format("29-23-00-00") + ".txt": b"Name: Ada Lovelace (alovelace)",
            at.format("29-23-00-00_lab01.ipynb"): HALF,
            at.format("30-12-00-00") + ".txt": b"Name: Ada Lovelace (alovelace)",
            at.format("30-12-00-00_lab01.ipynb"): DONE,
            "Lab 1_bli_attempt_2027-01-30-12-30-00.txt": b"Name: Bo Li (bli)",
        }
    )
    assert problems(found) == {
        "alovelace": None,
        "bli": "no notebook was handed in, but Lab 1_bli_attempt_2027-01-30-12-30-00.txt",
    }
    assert found["alovelace"].endings == {}
    assert found["alovelace"].notes == ("Handed in 2 times; the last counts.",)
    assert found["alovelace"].person == Person("Blackboard", login="alovelace")


def test_brightspace(collected):
    found = collected(
        {
            "index.html": b"<html>Submissions</html>",
            "501-88 - Ada Lovelace - Jan 29, 2027 1105 PM/lab01.ipynb": HALF,
            "501-88 - Ada Lovelace - Jan 30, 2027 105 AM/lab01 (1).ipynb": DONE,
            "502-88 - Bo van-Li - 30 January, 2027 9:05 AM/lab01.ipynb": DONE,
        }
    )
    assert problems(found) == {"Ada Lovelace_501": None, "Bo van-Li_502": None}
    assert found["Ada Lovelace_501"].endings == {}
    assert found["Ada Lovelace_501"].person.number == "501"


GRADESCOPE = """\
submission_301:
  :submitters:
  - :name: Ada Lovelace
    :sid: '7001'
    :email: ada@example.org
  :created_at: 2027-01-30 12:00:00.123456000 Z
  :score: 0.0
submission_302:
  :submitters:
  - :name: Bo Li
    :sid:
    :email: bo@example.org
  - :name: Cy Ott
    :sid: 7003
    :email: cy@example.org
  :created_at: '2027-02-01 12:00:00 UTC'
"""


@pytest.mark.parametrize("outer", ["", "assignment_456_export/"])
def test_gradescope(collected, outer):
    found = collected(
        {
            f"{outer}submission_metadata.yml": GRADESCOPE.encode(),
            f"{outer}submission_301/lab01.ipynb": DONE,
            f"{outer}submission_302/lab01.ipynb": OTHER,
            f"{outer}submission_303/lab01.ipynb": DONE,
        }
    )
    assert list(found) == ["Ada Lovelace_7001", "Bo Li", "Cy Ott_7003", "submission_303"]
    assert found["Ada Lovelace_7001"].person == Person(
        *("Gradescope", "", "7001", "", "ada@example.org", "Ada Lovelace"),
        returns="submission_301",
    )
    assert found["Bo Li"].cells == found["Cy Ott_7003"].cells
    assert found["Cy Ott_7003"].person.sid == "7003"


@pytest.mark.parametrize("told", [b"- 1", b"a: [", b"\xff\xfe\x00"])
def test_metadata_that_cannot_be_read(collected, told):
    with pytest.raises(GradingError, match=r"^submission_metadata\.yml [^\n]*$"):
        collected({"submission_metadata.yml": told, "submission_301/lab01.ipynb": DONE})


@pytest.mark.parametrize("told", [b"{}", b"submission_301: &a [*a]", b"submission_301: {a: 1}"])
def test_metadata_that_say_nothing(collected, told):
    files = {"submission_metadata.yml": told, "submission_301/lab01.ipynb": DONE}
    assert "submission_301" in collected(files)


@pytest.mark.parametrize("outer", ["", "submitted/"])
def test_nbgrader(collected, outer):
    found = collected(
        {
            f"{outer}ada/week1/lab01.ipynb": DONE,
            f"{outer}ada/week1/timestamp.txt": b"2027-01-31 12:00:00.000000 UTC",
            f"{outer}bo/week1/timestamp.txt": b"2027-01-31 12:00:00.000000 UTC",
            f"{outer}bo/week1/notes.pdf": b"%PDF",
        }
    )
    assert problems(found) == {
        "ada": None,
        "bo": "no notebook was handed in, but notes.pdf",
    }
    assert found["ada"].person == Person(plain="ada")


def test_drive(collected):
    found = collected(
        {
            "Copy of ada.ipynb": DONE,
            "bo.ipynb": DONE,
            "Kopie von Copy of bo.ipynb": DONE,
            "Cy Ott - Copy of lab01_convolution.ipynb": DONE,
            "dora/Copy of lab01.ipynb": DONE,
        }
    )
    assert list(found) == ["Cy Ott", "ada", "bo", "dora"]
    assert found["Cy Ott"].person == Person("Google Drive", name="Cy Ott")
    assert "are the same file" in found["bo"].notes[0]


def test_one_students_folder_is_not_the_class(collected):
    found = collected({"Ada_9_assignsubmission_file_/a.ipynb": DONE, "bo/a.ipynb": HALF})
    assert list(found) == ["Ada_9", "bo"]


def test_a_download_within_a_folder(collected):
    files = {"Lab 1-42/Ada_9_assignsubmission_file_/a.ipynb": DONE}
    files |= {"Lab 1-42/Bo_10_assignsubmission_file_/a.ipynb": DONE}
    assert list(collected(files)) == ["Ada_9", "Bo_10"]


def test_a_folder_of_one_student_with_two_files(tmp_path):
    Work().write(tmp_path / "ada/one.ipynb")
    Work(solved=False).write(tmp_path / "ada/two.ipynb")
    assert [one.student for one in intake.collect(tmp_path, LAB01)] == ["ada"]


# ------------------------------------------------------------------------------- the page's table
def formats():
    """[(system, paths of files, columns of a table, name of an archive)] of the page."""
    page = (notebooks.ROOT / "chapters/instructors.md").read_text(encoding="utf-8")
    section = page.split("\n## Formats\n")[1].split("\n## ")[0]
    found = []
    for line in section.splitlines():
        if line.startswith("|") and not line.startswith(("|---", "| system")):
            cells = [one.strip() for one in re.split(r"(?<!\\)\|", line)[1:-1]]
            files, columns, back = (re.findall("`([^`]+)`", one) for one in cells[1:])
            header = columns[0].replace("\\|", "|").split(", ") if columns else []
            found.append(pytest.param(files, header, back[:1], id=cells[0]))
    return found


TOLD = b"submission_301:\n  :submitters:\n  - :name: Ada Lovelace\n    :email: ada@example.org\n"
BESIDE = {"submission_metadata.yml": TOLD, "timestamp.txt": b"2027-01-31 12:00:00 UTC"}
CELLS = {
    "Identifier": "Participant 201",
    "ID": "Teilnehmer/in201",
    "Full name": "Ada Lovelace",
    "Vollständiger Name": "Ada Lovelace",
    "First name": "Ada",
    "Last name": "Lovelace",
    "Last Name": "Lovelace",
    "First Name": "Ada",
    "Maximum Grade": "18",
    "Bestwertung": "18",
    "Student": "Lovelace, Ada",
    "Username": "ada",
    "SIS Login ID": "ada",
    "Email address": "ada@example.org",
    "OrgDefinedId": "#7001",
    "End-of-Line Indicator": "#",
}


@pytest.mark.parametrize(("files", "header", "back"), formats())
def test_a_line_of_the_page(tmp_path, files, header, back):
    for name in files:
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(BESIDE.get(path.name, DONE))
    (one,) = intake.collect(tmp_path / "in", LAB01)
    assert one.endings == {}
    folder = keep(tmp_path / "graded", [result(one.student)])
    gradebook.note_intake(folder, [one])
    options = report.Options(exercises_only=True)
    if header:
        cells = CELLS | ({"ID": "201"} if "Student" in header else {})
        roster = tmp_path / "roster.csv"
        with roster.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([header, [cells.get(name, "") for name in header]])
        options = replace(options, roster=roster)
    says = report.write(folder, tmp_path / "out", options)
    made = {path.name for path in (tmp_path / "out").iterdir()}
    if header:
        (name,) = made & (report.IMPORTS - {"roster.csv"})
        table = tables.load(tmp_path / "out" / name)
        assert table.columns == header
        assert "18" in [
            cell for title, cell in zip(header, table.rows[0]) if cells.get(title, "") != cell
        ], says
    assert made & report.ARCHIVES == {*back}
    for name in back:
        with zipfile.ZipFile(tmp_path / "out" / name) as archive:
            (member,) = archive.namelist()
            assert archive.read(member)


def test_every_system_is_in_the_table_of_the_page():
    named = " ".join(one.id for one in formats())
    assert all(system.name in named for system in all_systems())
    assert len(all_systems()) == 8


# ------------------------------------------------------------------------------- back again
def given_back(tmp_path, found, files):
    """{name: text} of the archive that goes back for the Results found, of these files."""
    folder = keep(tmp_path / "graded", found)
    path = tmp_path / "in"
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    gradebook.note_intake(folder, intake.collect(path, LAB01))
    report.write(folder, tmp_path / "out")
    (name,) = report.ARCHIVES & {path.name for path in (tmp_path / "out").iterdir()}
    with zipfile.ZipFile(tmp_path / "out" / name) as archive:
        return {one: archive.read(one).decode() for one in archive.namelist()}


def test_moodle_takes_feedback_back(tmp_path):
    files = {"Ada Lovelace_201_assignsubmission_file_/lab01.ipynb": DONE}
    back = given_back(tmp_path, [result("Ada Lovelace_201", correlate=Ending.WRONG)], files)
    ((name, page),) = back.items()
    # Moodle cuts the name at its underscores: participant, plugin, file
    assert name.split("_")[1:4] == ["201", "assignsubmission", "file"]
    assert name.endswith("_/feedback.html")
    assert "correlate</code>: wrong" in page


def test_canvas_takes_feedback_back(tmp_path):
    files = {"lovelaceada_LATE_11_9001_lab01.ipynb": DONE, "liBo_12_text.html": b"x"}
    back = given_back(tmp_path, [result("lovelaceada_11"), result("liBo_12")], files)
    (name,) = back  # there is no file to give back to who handed in a text only
    # Canvas takes the first two numbers between underscores: the student, the file handed in
    assert [one for one in name.split("_") if one.isdigit()] == ["11", "9001"]


def test_gradescope_takes_results_back(tmp_path):
    files = {
        "submission_metadata.yml": GRADESCOPE.encode(),
        "submission_301/lab01.ipynb": DONE,
        "submission_302/lab01.ipynb": DONE,
    }
    students = ["Ada Lovelace_7001", "Bo Li", "Cy Ott_7003"]
    answered = {"spikes": ""}
    found = [result(students[0], answered, correlate=Ending.WRONG)]
    found += [result(one, answered, correlate=Ending.CRASHED) for one in students[1:]]
    back = given_back(tmp_path, found, files)
    assert list(back) == ["submission_301/results.json", "submission_302/results.json"]
    ada, team = (json.loads(text) for text in back.values())
    assert ada["score"] == 17
    assert ada["tests"][0]["score"] == 0
    assert ada["tests"][0]["max_score"] == 1
    assert ada["tests"][0]["output"].startswith("It differs")
    assert sum(one["score"] for one in ada["tests"]) == 17
    assert "score" not in team  # a person decides
    assert "score" not in team["tests"][0]
    assert GRADED_CASE not in "".join(back.values())


# ------------------------------------------------------------------------------- another system
def test_a_students_own_metadata_change_nothing(collected):
    own = {
        "Ada_9_assignsubmission_file_/submission_metadata.yml": GRADESCOPE.encode(),
        "Ada_9_assignsubmission_file_/submission_301/lab01.ipynb": HALF,
        "Ada_9_assignsubmission_file_/timestamp.txt": b"2000-01-01 00:00:00 UTC",
        "Bo_10_assignsubmission_file_/lab01.ipynb": DONE,
    }
    found = collected(own)
    assert list(found) == ["Ada_9", "Bo_10"]
    assert found["Ada_9"].handed_in is None


def test_metadata_that_grow_when_they_are_written_out(collected):
    bomb = "a: &a [x, x]\n" + "".join(
        f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n"
        for old, new in zip("abcdefghi", "bcdefghij")
    )
    told = f"{bomb}submission_301:\n  :submitters:\n  - :name: *j\n    :email: ada@example.org\n"
    files = {"submission_metadata.yml": told.encode(), "submission_301/lab01.ipynb": DONE}
    assert list(collected(files)) == ["ada@example.org"]


ACME = """
from unrolled.grading.intake.system import Owner, System
from unrolled.grading.model import Person

class Acme(System):
    name, order = "Acme", 15

    def owner(self, parts):
        if not parts[0].startswith("acme-"):
            return None
        login = parts[0].split("-")[1]
        return Owner(login, Person("Acme", login=login), parts[-1])
"""


def test_a_new_system_is_one_class_in_one_file(tmp_path):
    (tmp_path / "more").mkdir()
    (tmp_path / "more/acme.py").write_text(ACME)
    Work().write(tmp_path / "in/acme-ada-lab01.ipynb")
    script = (
        "import sys; from pathlib import Path; sys.path.insert(0, 'tests')\n"
        "from unrolled.grading.intake import systems, collect\n"
        "from classes import LAB01\n"
        "if __name__ == '__main__':\n"
        f"    systems.__path__.append({str(tmp_path / 'more')!r})\n"
        f"    (one,) = collect.collect(Path({str(tmp_path / 'in')!r}), LAB01)\n"
        "    print(one.student, one.person.system, one.endings)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=notebooks.ROOT
    )
    assert done.stdout == "ada Acme {}\n", done.stderr
