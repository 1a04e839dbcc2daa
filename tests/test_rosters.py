"""Marks into tables of learning systems: each into its own line, or into none."""

import csv
from pathlib import Path
from types import SimpleNamespace

import pytest
from graded import canvas, keep, moodle, result
from hypothesis import given, settings
from hypothesis import strategies as st

from unrolled.grading.intake.system import KINDS, Wanted, agree, same_name
from unrolled.grading.intake.systems.canvas import Canvas
from unrolled.grading.model import Ending, GradingError, Person
from unrolled.grading.tell import report, rosters, tables

WORKSHEET = (
    "Identifier,Full name,Email address,Status,Grade,Maximum Grade,Grade can be changed,"
    "Last modified (submission),Last modified (grade),Feedback comments\n"
)
GRADEBOOK = "Student,ID,SIS User ID,SIS Login ID,Section,Lab 1: Convolution (777),Quiz (3)\n"


def filled(tmp_path, students, text, named=moodle, encoding="utf-8", **options):
    """(the rows by their first value, roster.csv, what was told) after a report."""
    found = [one if not isinstance(one, str) else result(one) for one in students]
    folder = keep(tmp_path / "graded", found, named=named)
    roster = tmp_path / "roster of the class.csv"
    roster.write_bytes(text.encode(encoding))
    options = report.Options(roster=roster, exercises_only=True, **options)
    says = report.write(folder, tmp_path / "out", options)
    (target,) = (
        p
        for p in (tmp_path / "out").glob("*.csv")
        if p.stem in ("moodle", "canvas", "blackboard", "brightspace")
    )
    table = tables.load(target)
    account = list(csv.DictReader((tmp_path / "out/roster.csv").open(encoding="utf-8")))
    rows = {row[0]: dict(zip(table.columns, row)) for row in table.rows if row}
    return SimpleNamespace(rows=rows, account=account, says=" | ".join(says), path=target)


# ------------------------------------------------------------------------------- the right person
def test_of_two_with_one_name_only_the_one_who_handed_in_has_a_mark(tmp_path):
    found = filled(
        tmp_path,
        ["Ada Lovelace_201"],
        WORKSHEET
        + "Participant 201,Ada Lovelace,ada@example.org,Submitted,-,18.00,Yes,-,-,\n"
        + "Participant 202,Ada Lovelace,other@example.org,None,-,18.00,Yes,-,-,\n"
        + "Participant 203,Bob Stone,201@example.org,None,-,18.00,Yes,-,-,\n",
    )
    assert {name: row["Grade"] for name, row in found.rows.items()} == {
        "Participant 201": "18",
        "Participant 202": "-",
        "Participant 203": "-",
    }
    assert found.rows["Participant 203"]["Feedback comments"] == ""
    assert "2 of 3 handed in nothing: Ada Lovelace (202), Bob Stone (203)" in found.says
    assert [line["what"] for line in found.account] == [
        *("filled in", "handed in nothing", "handed in nothing")
    ]


def test_of_two_with_one_name_in_canvas_the_number_decides(tmp_path):
    found = filled(
        tmp_path,
        ["lovelaceada_111"],
        GRADEBOOK
        + "    Points Possible,,,,,18,5\n"
        + '"Lovelace, Ada",112,u2,ada2,S1,,\n'
        + '"Lovelace, Ada",111,u1,ada1,S1,,4\n',
        named=canvas,
    )
    table = tables.load(found.path)
    assert [(row[1], row[5], row[6]) for row in table.rows] == [
        *(("", "18", "5"), ("112", "", ""), ("111", "18", "4"))
    ]


def test_a_mark_that_stands_there_is_kept_and_listed(tmp_path):
    text = (
        WORKSHEET
        + "Participant 11,Ada Lovelace,a@example.org,Submitted,17.50,18.00,Yes,-,-,Well done.\n"
        + "Participant 12,Bob Stone,b@example.org,Submitted,18.00,18.00,Yes,-,-,\n"
    )
    found = filled(tmp_path, ["Ada Lovelace_11", "Bob Stone_12"], text)
    assert found.rows["Participant 11"]["Grade"] == "17.50"
    assert found.rows["Participant 11"]["Feedback comments"] == "Well done."
    assert "left as it stands" in found.says
    assert "Ada Lovelace (11) has 17.50, not 18; --overwrite replaces it" in found.says
    assert "Bob" not in found.says  # the same mark is no conflict
    found = filled(tmp_path, ["Ada Lovelace_11", "Bob Stone_12"], text, overwrite=True)
    assert found.rows["Participant 11"]["Grade"] == "18"
    assert found.rows["Participant 11"]["Feedback comments"].startswith("correlate: 1 of 1")


def test_a_number_that_belongs_to_another_name_is_for_a_person(tmp_path):
    found = filled(
        tmp_path,
        ["Ada Lovelace_11"],
        WORKSHEET + "Participant 11,Bob Stone,b@example.org,Submitted,,18.00,Yes,-,-,\n",
    )
    assert found.rows["Participant 11"]["Grade"] == ""
    assert "Ada Lovelace_11 (the line that fits has another name, Bob Stone)" in found.says
    assert found.account[0]["what"] == "for a person: may be that of Ada Lovelace_11"
    assert found.account[1]["student"] == "Ada Lovelace_11"


def test_a_name_decides_only_where_there_is_nothing_better(tmp_path):
    header = "First name,Last name,ID number,Email address,Assignment: Lab 1 (Real)\n"
    both = header + "Ada,Lovelace,7001,a@x.org,-\nAda,Lovelace,7002,b@x.org,-\nBo,Li,7003,c@x,-\n"
    found = filled(tmp_path, ["Ada Lovelace_11", "Bo Li_12"], both)
    assert [row[4] for row in tables.load(found.path).rows] == ["-", "-", "18"]
    assert "several lines fit: Ada Lovelace (7001), Ada Lovelace (7002)" in found.says
    assert "found by their name alone: Bo Li_12" in found.says
    one = header + "Ada,Lovelace,7001,a@x.org,-\n"
    found = filled(tmp_path / "1", ["Ada Lovelace_11", "Ada Lovelace_12"], one)
    assert tables.load(found.path).rows[0][4] == "-"
    assert found.account[0]["what"].startswith("for a person: may be that of Ada Lovelace_11, Ada")


def test_files_named_by_hand(tmp_path):
    lines = '"Lovelace, Ada",11,7001,ada,S1,,\n"Stone, Bob",12,7002,bob,S1,,\n'
    students = ["ADA", "7002", "Bob Stone", "carla"]
    found = filled(tmp_path, students, GRADEBOOK + lines)
    assert found.rows["Lovelace, Ada"]["Lab 1: Convolution (777)"] == "18"
    assert found.rows["Stone, Bob"]["Lab 1: Convolution (777)"] == "18"  # by a number
    assert "Bob Stone (the line of Stone, Bob (12) is that of 7002)" in found.says
    assert "carla (no line fits)" in found.says
    found = filled(tmp_path / "1", students[:1], GRADEBOOK + lines, named_by="address")
    assert found.rows["Lovelace, Ada"]["Lab 1: Convolution (777)"] == ""
    found = filled(tmp_path / "2", ["11"], GRADEBOOK + lines)  # Canvas's own number is not known
    assert found.rows["Lovelace, Ada"]["Lab 1: Convolution (777)"] == ""


def test_a_number_in_two_columns_is_for_a_person(tmp_path):
    lines = '"Lovelace, Ada",11,7001,x1,S1,,\n"Stone, Bob",12,7002,7001,S1,,\n'
    found = filled(tmp_path, ["7001"], GRADEBOOK + lines)
    assert all(not row["Lab 1: Convolution (777)"] for row in found.rows.values())
    assert "7001 (several lines fit: Lovelace, Ada (11), Stone, Bob (12))" in found.says


def test_what_is_open_leaves_the_line_as_it_is(tmp_path):
    found = filled(
        tmp_path,
        [result("Ada Lovelace_11", correlate=Ending.MISSING)],
        WORKSHEET + "Participant 11,Ada Lovelace,a@x.org,Submitted,3.00,18.00,Yes,-,-,+1 bonus\n",
        overwrite=True,
    )
    assert found.rows["Participant 11"]["Grade"] == "3.00"
    assert found.rows["Participant 11"]["Feedback comments"] == "+1 bonus"
    assert found.account[0]["what"] == "open"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Ada Lovelace", "Lovelace, Ada", True),
        ("lovelaceada", "Lovelace, Ada", True),
        ("lovelaceada", "Ada Lovelace", True),
        ("de la Cruz, María", "María de la Cruz", True),
        ("Anna Lee", "Ann Alee", False),
        ("Ada", "Ada Lovelace", False),
        ("", "", False),
        ("JOSÉ Núñez", "José Núñez", True),
        ("Jose Nunez", "José Núñez", False),
    ],
)
def test_names(one, other, same):
    assert same_name(one, other) is same
    assert same_name(other, one) is same
    assert not same or agree(one, other)


# ------------------------------------------------------------------------------- a thousand classes
NAMES = ("Ada Lovelace", "Ada Li", "Li Ada", "Bo Li", "Bo", "201 Twohundred")
VALUES = ("201", "202", "203", "204")  # numbers of every kind are drawn from the same few


@st.composite
def classes(draw):
    """(people, who handed in, the system, how files are named, columns of the table)."""
    size = draw(st.integers(1, 4))
    columns = {
        "number": draw(st.permutations(VALUES)),
        "sid": draw(st.permutations(VALUES)),
        "login": draw(st.permutations([*VALUES[:2], "ada", "li"])),
        "address": [f"{one}@example.org" for one in draw(st.permutations([*VALUES[:2], "a", "b"]))],
    }
    people = [
        {kind: values[index] for kind, values in columns.items()}
        | {"name": draw(st.sampled_from(NAMES))}
        for index in range(size)
    ]
    handed = draw(st.sets(st.integers(0, size - 1), min_size=1))
    system = draw(st.sampled_from(["Moodle", "Canvas", "Gradescope", "Blackboard", "folder"]))
    shown = draw(st.sets(st.sampled_from([*KINDS, "name"]), min_size=1))
    return people, sorted(handed), system, draw(st.sampled_from(rosters.NAMED)), shown, draw


TOLD = {
    "Moodle": ("number", "name"),
    "Canvas": ("number", "name"),
    "Gradescope": ("sid", "address", "name"),
    "Blackboard": ("login",),
}


CANVAS_COLUMNS = (
    *(("Student", "name"), ("ID", "number"), ("SIS User ID", "sid"), ("SIS Login ID", "login")),
    ("Lab 1 (5)", None),
)


def read_back(lines, columns):
    """{row: Person} of Canvas's table with its columns in this order."""
    rows = [[getattr(one, kind) if kind else "" for _, kind in columns] for one in lines.values()]
    table = tables.Table(Path("x.csv"), [title for title, _ in columns], rows, [0] * len(rows))
    layout = Canvas.layout(table, Wanted(("Lab 1",), 1))
    assert table.columns[layout.grade] == "Lab 1 (5)"
    return layout.people


@settings(max_examples=1000, deadline=None)
@given(classes())
def test_no_line_ever_has_another_persons_mark(made):
    people, handed, system, named_by, shown, draw = made
    order = draw(st.permutations(range(len(people))))
    table_of = draw(st.sampled_from(["Moodle", "Canvas"]))
    lines = {
        row: Person(system=table_of, **{kind: people[index][kind] for kind in shown})
        for row, index in enumerate(order)
    }
    if table_of == "Canvas" and {"number", "name"} <= shown:  # read from a table, in any order
        lines = read_back(lines, draw(st.permutations(CANVAS_COLUMNS)))
    persons, says = {}, None
    kind = "sid" if named_by == "number" else named_by
    for index in handed:
        one = people[index]
        if system == "folder":
            persons.setdefault(f"{one[kind]}", (index, Person(plain=one[kind])))
        else:
            told = {name: one[name] for name in TOLD[system]}
            persons[f"{one['name']}_{index}"] = (index, Person(system, **told))
    if system == "folder":
        twice = [one[kind] for one in (people[index] for index in handed)]
        if len(set(twice)) < len(twice):
            return  # two students in one file: no download is like that
        # the instructor says what the files are named by where the table does not have it
        says = None if kind in shown and draw(st.booleans()) else named_by
    matched = rosters.match({name: one for name, (_, one) in persons.items()}, lines, says)
    for row, student in matched.students.items():
        assert order[row] == persons[student][0]
    given_ = list(matched.students.values())
    assert len(set(given_)) == len(given_)
    assert {*given_} | matched.doubts.keys() == persons.keys()
    assert not {*given_} & matched.doubts.keys()


def test_numbers_and_logins_find_their_lines():
    """The property above is not kept by finding nobody."""
    people = {f"s{n}": Person("Moodle", number=str(n), name="Ada Li") for n in range(300)}
    lines = {
        n: Person("Moodle", number=str(n), name="Li, Ada", login=str(n + 1)) for n in range(300)
    }
    matched = rosters.match(people, lines)
    assert matched.students == {n: f"s{n}" for n in range(300)}
    assert not matched.doubts


# ------------------------------------------------------------------------------- tables in and out
GERMAN = (
    "ID;Vollständiger Name;E-Mail-Adresse;Status;Bewertung;Bestwertung;"
    "Bewertung kann geändert werden;Zuletzt geändert (Bewertung);Feedback als Kommentar\r\n"
    "Teilnehmer/in11;Jörg Größe;j@x.org;Abgegeben;-;20,00;Ja;-;\r\n"
    "Teilnehmer/in12;Ada Lovelace;a@x.org;Abgegeben;3,50;20,00;Ja;-;+1 Bonus – gut\r\n"
    "Teilnehmer/in13;=SUMME(1);b@x.org;Keine Abgabe;-;20,00;Ja;-;-\r\n"
)


def test_a_worksheet_of_another_language_comes_back_as_it_was(tmp_path):
    students = [result("Jörg Größe_11", correlate=Ending.WRONG), "Ada Lovelace_12"]
    found = filled(tmp_path, students, GERMAN, encoding="cp1252")
    written = found.path.read_bytes().decode("cp1252").split("\r\n")
    before = GERMAN.split("\r\n")
    assert written[0] == before[0]
    assert written[1].startswith("Teilnehmer/in11;Jörg Größe;j@x.org;Abgegeben;17;20,00;Ja;-;")
    assert "correlate: 0 of 1 (wrong); stack_geometry: 3 of 3" in written[1]
    assert written[2:] == before[2:]  # kept, `-` and `+1` and all
    table = tables.load(found.path)
    assert (table.number(17.5), table.number(17)) == ("17,5", "17")


def test_a_worksheet_in_a_language_nobody_told_us(tmp_path):
    text = "識別,名前,評点,満点,コメント\n参加者 11,Ada Lovelace,,18,\n参加者 12,Bo Li,,18,\n"
    found = filled(tmp_path, ["Ada Lovelace_11"], text)
    assert found.rows["参加者 11"] == {
        "識別": "参加者 11",
        "名前": "Ada Lovelace",
        "評点": "18",
        "満点": "18",
        "コメント": "",
    }


def test_moodles_gradebook(tmp_path):
    header = (
        "First name,Last name,ID number,Institution,Department,Email address,"
        "Assignment: Lab 1: Convolution (Real),Assignment: Lab 10 (Real),Course total (Real),"
        "Last downloaded from this course\n"
    )
    found = filled(
        tmp_path,
        ["ada@x.org", "7002"],
        header + "Ada,Lovelace,7001,,,ada@x.org,-,4.00,4.00,99\nBo,Li,7002,,,bo@x.org,-,-,-,99\n",
    )
    column = "Assignment: Lab 1: Convolution (Real)"
    assert {name: row[column] for name, row in found.rows.items()} == {"Ada": "18", "Bo": "18"}
    assert found.rows["Ada"]["Assignment: Lab 10 (Real)"] == "4.00"


def test_blackboards_grade_centre(tmp_path):
    text = (
        '"Last Name"\t"First Name"\t"Username"\t"Student ID"\t"Lab 1 [Total Pts: 18 Score] |77"\n'
        '"Lovelace"\t"Ada"\t"alovelace"\t"7001"\t""\n"Li"\t"Bo"\t"bli"\t"7002"\t"3"\n'
    )
    found = filled(
        tmp_path,
        ["x_alovelace"],
        text,
        lambda _: ("Lab 1_alovelace_attempt_2027-01-30-12-00-00_lab01.ipynb",),
        "utf-16",
    )
    assert found.path.name == "blackboard.csv"
    assert found.rows["Lovelace"]["Lab 1 [Total Pts: 18 Score] |77"] == "18"
    assert found.rows["Li"]["Lab 1 [Total Pts: 18 Score] |77"] == "3"
    assert found.path.read_bytes()[:2] == b"\xff\xfe"


def test_brightspaces_grades(tmp_path):
    text = (
        "OrgDefinedId,Username,Last Name,First Name,Email,"
        "Lab 1 Points Grade <Numeric MaxPoints:18>,End-of-Line Indicator\n"
        "#7001,#ada,Lovelace,Ada,a@x.org,,#\n"
    )
    found = filled(tmp_path, ["ada"], text)
    assert found.rows["#7001"]["Lab 1 Points Grade <Numeric MaxPoints:18>"] == "18"
    assert found.path.name == "brightspace.csv"


@pytest.mark.parametrize(
    ("title", "column", "found"),
    [
        ("lab01 (777)", None, True),
        ("Lab 1: Convolution (12345)", None, True),
        ("Lab 01 – filters (12345)", None, True),
        ("Convolution (12345)", None, True),
        ("Homework three (5)", "Homework three", True),
        ("Homework three (5)", None, False),
        ("Lab 10 (5)", None, False),
        ("Collab 1 (5)", None, False),
    ],
)
def test_the_column_of_canvas(tmp_path, title, column, found):
    text = GRADEBOOK.replace("Lab 1: Convolution (777)", title) + '"Lovelace, Ada",11,,,S1,,\n'
    made = filled(tmp_path, ["lovelaceada_11"], text, canvas, column=column)
    row = made.rows["Lovelace, Ada"]
    assert row[title] == ("18" if found else "")
    assert ("a new one is added" in made.says) is not found
    assert row.get("lab01", "") in ("18", "")


def test_two_columns_that_may_be_meant(tmp_path):
    text = (
        GRADEBOOK.replace(": Convolution", "").replace("Quiz", "Lab 1 again")
        + '"Lovelace, Ada",11,,,S1,,\n'
    )
    with pytest.raises(GradingError, match=r"which column is meant, Lab 1.*Name it by --column"):
        filled(tmp_path, ["lovelaceada_11"], text, canvas)
    with pytest.raises(GradingError, match=r"no column 'Lab 2' for marks; there are: Section|Lab"):
        filled(tmp_path, ["lovelaceada_11"], text, canvas, column="Lab 2")


def test_a_table_that_nobody_knows(tmp_path):
    with pytest.raises(GradingError) as caught:
        filled(tmp_path, ["ada"], "Matrikel,Punkte\n1,2\n")
    says = str(caught.value)
    assert "Its columns are `Matrikel`, `Punkte`" in says
    for known in ("Canvas's gradebook", "Moodle's grading worksheet", "Blackboard", "Brightspace"):
        assert known in says


def test_while_a_file_fits_no_line_nobody_is_said_to_have_handed_in_nothing(tmp_path):
    lines = "Participant 201,Ada Lovelace,ada@example.org,Submitted,-,18.00,Yes,-,-,\n"
    found = filled(tmp_path, ["countess"], WORKSHEET + lines)
    assert "1 of 1 are without a file: Ada Lovelace (201)" in found.says
    what = {line["student"]: line["what"] for line in found.account}
    assert what["countess"].startswith("for a person: no line fits: name the file by the full name")


def test_other_maxima_of_the_table_are_told(tmp_path):
    lines = "Participant 201,Ada Lovelace,ada@example.org,Submitted,-,13.00,Yes,-,-,\n"
    found = filled(tmp_path, ["Ada Lovelace_201"], WORKSHEET + lines)
    assert "the most points are 13.00 in" in found.says


def test_who_handed_in_nothing_is_named_up_to_a_length(tmp_path):
    lines = "".join(
        f"Participant {n},Student{n} Number{n},s{n}@x.org,None,,18.00,Yes,-,-,\n" for n in range(40)
    )
    found = filled(tmp_path, ["Student3 Number3_3"], WORKSHEET + lines)
    assert "39 of 40 handed in nothing: Student0 Number0 (0)" in found.says
    assert "and 29 more" in found.says
    assert len(found.says) < 2000
    assert sum(line["what"] == "handed in nothing" for line in found.account) == 39
