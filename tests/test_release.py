"""Solutions to labs: what is released, that nbgrader takes it, and what is refused."""

import json
import os
import re
import shutil
import sys
from pathlib import Path
from textwrap import dedent

import nbformat
import pytest
from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from nbgrader.nbgraderformat import MetadataValidator
from traitlets.config import Config
from trees import Book, code, text

from unrolled import exercises
from unrolled.authoring import notebooks, release
from unrolled.common.files import ROOT
from unrolled.common.links import linked

SOLUTION = "solutions/lab01_sums.md"
LAB = "labs/lab01_sums.ipynb"
REGISTRY = "unrolled/exercises/lab01.py"

IMPORTS = code("from unrolled.exercises.lab01 import check, ready, summary")
DOUBLE = code(
    '''
    def double(x):
        """Twice x."""
        ### BEGIN SOLUTION
        secret = 2 * x
        return secret
        ### END SOLUTION
    ''',
    "exercise",
)
CHECK = code('check("double", double)', "check")
WHY = text(
    """
    *Your answer:*

    ### BEGIN SOLUTION
    A secret reason.
    ### END SOLUTION
    """,
    "answer",
    "name-why",
)
SUMMARY = code("summary()", "hide-input")


def registry(
    exercises=("double",), questions=("why",), number=1, chapter="01_sums", misconceptions=3
):
    """The text of a labNN.py."""
    return dedent(
        f"""\
        from unrolled.exercises import Exercise, Lab, Misconception, Question, Source


        def exercise(name, points):
            return Exercise(
                name=name,
                points=points,
                section="Forward",
                cases=lambda rng: [{{"x": 1}}],
                shapes={{}},
                returns={{"y": "an int"}},
                reference=Source("ours", lambda x: 2 * x),
                misconceptions=tuple(
                    Misconception(f"m{{i}}", lambda x: 0, "No.") for i in range({misconceptions})
                ),
            )


        LAB = Lab(
            {number},
            "Sums",
            "{chapter}",
            [exercise(name, 3) for name in {list(exercises)}],
            [Question(name, 2) for name in {list(questions)}],
        )
        """
    )


@pytest.fixture
def book(tmp_path):
    book = Book(tmp_path)
    book.write("chapters/01_sums.md", code("x = 1"))
    book.write(REGISTRY, registry())
    return book


def test_a_solution_makes_a_lab(book):
    book.write(SOLUTION, IMPORTS, text("Double it.", "remember"), DOUBLE, CHECK, WHY, SUMMARY)
    assert book.press("sync").output == f"wrote {LAB}\n"
    whole = (book.root / LAB).read_text(encoding="utf-8")
    assert "secret" not in whole
    nb = nbformat.reads(whole, as_version=4)
    nbformat.validate(nb)
    MetadataValidator().validate_nb(nb)
    title, _, statement, exercise, check, answer, last = nb.cells
    assert exercise.source == (
        'def double(x):\n    """Twice x."""\n'
        '    raise NotImplementedError("replace this line with your answer")'
    )
    assert answer.source == "*Your answer:*\n\n*Write your answer here, in place of this line.*"
    assert check.source == 'check("double", double)'
    assert statement.metadata == {"tags": ["remember"]}
    assert title.metadata == {}
    assert last.metadata == {"tags": ["hide-input"]}
    keys = ("grade_id", "grade", "solution", "locked", "points", "schema_version")
    told = [[cell.metadata.nbgrader.get(key) for key in keys] for cell in (exercise, check, answer)]
    assert told == [
        ["double", False, True, False, None, 3],
        ["check-double", True, False, True, 3, 3],
        ["why", True, True, False, 2, 3],
    ]
    assert all("checksum" in c.metadata.nbgrader for c in (exercise, check, answer))
    assert check.metadata.editable is False
    assert check.metadata.deletable is False
    assert exercise.metadata.deletable is False
    assert "editable" not in exercise.metadata
    assert nb.metadata.kernelspec.name == "python3"
    assert nb.metadata.language_info == {"name": "python"}
    assert not any(cell.get("outputs") for cell in nb.cells)


def test_a_release_is_the_same_every_time(book):
    book.write(SOLUTION, IMPORTS, DOUBLE, CHECK, WHY, SUMMARY)
    book.press("sync")
    first = (book.root / LAB).read_bytes()
    (book.root / LAB).unlink()
    assert book.press("sync").exit_code == 0
    assert (book.root / LAB).read_bytes() == first
    assert "nothing to do" in book.press("sync").output


def test_points_come_from_the_registry(book):
    book.write(SOLUTION, IMPORTS, DOUBLE, CHECK, WHY, SUMMARY)
    book.press("sync")
    book.write(REGISTRY, registry().replace("exercise(name, 3)", "exercise(name, 5)"))
    result = book.press("sync", "--check")
    assert result.exit_code == 1
    assert '"points": 5' in result.stdout
    assert book.press("sync").output == f"updated {LAB}\n"


def test_the_lab_goes_with_its_solution_but_a_copy_stays(book):
    solution = book.write(SOLUTION, IMPORTS, DOUBLE, CHECK, WHY, SUMMARY)
    book.press("sync")
    shutil.copy(book.root / LAB, book.root / "labs/lab01_sums-mine.ipynb")
    (book.root / "labs/lab99_notes.ipynb").write_text("{}")
    solution.unlink()
    assert book.press("sync", "--check").exit_code == 1
    assert book.press("sync").output == f"removed {LAB}: its source is gone\n"
    left = sorted(path.name for path in (book.root / "labs").iterdir())
    assert left == ["lab01_sums-mine.ipynb", "lab99_notes.ipynb"]


def test_a_bad_lab_keeps_good_modules_unwritten(book):
    book.write("chapters/01_sums.md", code("def f(x):\n    return x", "export"))
    book.write(SOLUTION, IMPORTS, DOUBLE)
    assert "without a check" in book.refused("sync")


def test_a_registry_imports_what_the_chapter_says_today(book):
    """Also before the module is written, and not what this process imported before."""
    book.write("chapters/01_sums.md", code("POINTS = 4", "export"))
    book.write(SOLUTION, IMPORTS, DOUBLE, CHECK, WHY)
    imports = "from unrolled.sums import POINTS\n"
    book.write(
        REGISTRY, imports + registry().replace("exercise(name, 3)", "exercise(name, POINTS)")
    )
    assert book.press("sync").exit_code == 0
    assert '"points": 4' in (book.root / LAB).read_text()
    book.write("chapters/01_sums.md", code("POINTS = 5", "export"))
    assert book.press("sync").exit_code == 0
    assert '"points": 5' in (book.root / LAB).read_text()
    assert "unrolled.sums" not in sys.modules
    book.write("chapters/01_sums.md", code("POINTS = 5"))
    assert book.refused("sync").startswith(
        f"{REGISTRY} (line 1): ModuleNotFoundError: No module named 'unrolled.sums'; mend it"
    )


BARE = code("def double(x):\n    return 2 * x", "exercise")
FLAT = code("### BEGIN SOLUTION\ndouble = abs\n### END SOLUTION", "exercise")
CUT = code(
    "def double(x):\n    y = (1 *\n    ### BEGIN SOLUTION\n    x)\n    ### END SOLUTION",
    "exercise",
)
OPEN = code("def double(x):\n    ### BEGIN SOLUTION\n    return 2 * x", "exercise")
SHUT = code("def double(x):\n    return 2 * x\n    ### END SOLUTION", "exercise")
NESTED = code(
    "def double(x):\n    ### BEGIN SOLUTION\n    ### BEGIN SOLUTION\n    ### END SOLUTION",
    "exercise",
)
ODD = code("def double(x):\n    # BEGIN SOLUTION\n    return 2 * x\n    # END SOLUTION", "exercise")

REFUSED = {  # cells, the cell named, a text on the line named, what is said
    "no markers": ([BARE, CHECK], "cell 0", "def double", "no solution markers; put the answer"),
    "no END": ([OPEN, CHECK], "cell 0", "### BEGIN", "BEGIN without an END; close it"),
    "no BEGIN": ([SHUT, CHECK], "cell 0", "### END", "END without a BEGIN; pair each"),
    "nested": ([NESTED, CHECK], "cell 0", "    ### BEGIN", "BEGIN inside a solution; pair each"),
    "malformed": ([ODD, CHECK], "cell 0", "# BEGIN", "a malformed marker; write"),
    "marker elsewhere": (
        [IMPORTS, code("### BEGIN SOLUTION\nx = 1\n### END SOLUTION"), DOUBLE, CHECK, WHY],
        "cell 1",
        "### BEGIN",
        "a solution marker outside an exercise; tag the cell",
    ),
    "answer without markers": (
        [DOUBLE, CHECK, text("A secret.", "answer", "name-why")],
        "text before cell 2",
        "A secret.",
        "no solution markers",
    ),
    "solution not in a function": (
        [FLAT, CHECK, WHY],
        "cell 0",
        "### BEGIN",
        "the untouched lab would stop here; put the markers inside the function",
    ),
    "stub that is no Python": ([CUT, CHECK, WHY], "cell 0", "def", "without its solution the"),
    "no check": (
        [IMPORTS, DOUBLE, SUMMARY],
        "cell 1",
        "def double",
        "an exercise without a check; add",
    ),
    "no check before the next": (
        [DOUBLE, DOUBLE.replace("double", "treble"), CHECK],
        "cell 0",
        "def double",
        "an exercise without a check; add",
    ),
    "no exercise": (
        [IMPORTS, CHECK],
        "cell 1",
        "check(",
        "'double' has no exercise before it; tag",
    ),
    "two checks": ([DOUBLE, CHECK, CHECK], "cell 2", "check(", "has no exercise before it"),
    "more than a check": (
        [DOUBLE, code('check("double", double)\nprint()', "check")],
        "cell 1",
        "check(",
        'one statement, `check("name", function)`; make it so',
    ),
    "check without a name": (
        [DOUBLE, code("check(double)", "check")],
        "cell 1",
        "check(",
        "make it so",
    ),
    "check that is no Python": ([DOUBLE, code("check(", "check")], "cell 1", "check(", "mend this"),
    "check of another function": (
        [DOUBLE, code('check("double", treble)', "check")],
        "cell 1",
        "check(",
        "checks 'treble', which the exercise before it (cell 0) does not define; pass",
    ),
    "twice in a lab": (
        [DOUBLE, CHECK, IMPORTS, DOUBLE, CHECK],
        "cell 3",
        "def double",
        "a second exercise 'double', after cell 0; rename",
    ),
    "question and exercise": (
        [DOUBLE, CHECK, WHY.replace("name-why", "name-double")],
        "text before cell 2",
        "*Your answer:*",
        "a second exercise 'double'",
    ),
    "question without a name": (
        [DOUBLE, CHECK, WHY.replace(', "name-why"', "")],
        "text before cell 2",
        "*Your answer:*",
        "one name; tag it `name-my-question`",
    ),
    "name that nbgrader does not take": (
        [DOUBLE, CHECK.replace('"double"', '"to double"'), WHY],
        "cell 0",
        "def double",
        "'to double' is no name for nbgrader; use letters",
    ),
    "exercise that is not registered": (
        [DOUBLE.replace("double", "treble"), CHECK.replace("double", "treble"), WHY],
        "cell 1",
        "check(",
        f"no exercise 'treble' is registered in {REGISTRY}, which knows double; register",
    ),
    "question that is not registered": (
        [DOUBLE, CHECK, WHY, WHY.replace("name-why", "name-how")],
        "text before cell 2",
        None,
        f"no question 'how' is registered in {REGISTRY}, which knows why",
    ),
    "points in a tag": (
        [DOUBLE, CHECK.replace("[check]", "[check, points-3]"), WHY],
        "cell 1",
        "check(",
        f"points are kept in {REGISTRY}; remove the tag 'points-3'",
    ),
    "name of a cell that is no question": (
        [DOUBLE.replace("[exercise]", "[exercise, name-double]"), CHECK],
        "cell 0",
        "def double",
        "belongs to an `answer` cell; remove it",
    ),
    "two roles": (
        [DOUBLE.replace("[exercise]", "[exercise, check]"), CHECK],
        "cell 0",
        "def double",
        "is tagged check and exercise; keep one",
    ),
    "role of text on code": (
        [code("x = 1", "answer")],
        "cell 0",
        "x = 1",
        "tags of code cells, `answer` of text; move",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(book, case):
    cells, cell, needle, hint = REFUSED[case]
    book.write(SOLUTION, *cells)
    said = book.refused("sync")
    assert said.startswith(f"{SOLUTION}, {cell} (line ")
    assert hint in said
    if needle:
        line = int(said.split("(line ")[1].split(")")[0])
        assert needle in (book.root / SOLUTION).read_text().splitlines()[line - 1]
    assert book.refused("sync", "--check") == said


def test_two_labs_do_not_share_a_name(book):
    book.write(SOLUTION, IMPORTS, DOUBLE, CHECK, WHY)
    book.write("solutions/lab02_more.md", IMPORTS, WHY, DOUBLE, CHECK)
    book.write("unrolled/exercises/lab02.py", registry(number=2))
    said = book.refused("sync")
    assert said.startswith("solutions/lab02_more.md, cell 1 (line ")
    assert f"the exercise 'double' is in {SOLUTION} too; rename" in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"exercises": ("double", "treble")},
            f"{SOLUTION}: the exercise 'treble', registered in {REGISTRY}, has no check cell here",
        ),
        (
            {"questions": ("why", "how")},
            f"{SOLUTION}: the question 'how', registered in {REGISTRY}, has no `answer` cell here",
        ),
        ({"misconceptions": 2}, f'{REGISTRY} (line 5): exercise "double"'),
        ({"number": 2}, f"{REGISTRY}: its Lab has the number 2; give it"),
        ({"chapter": "01_gone"}, f"{REGISTRY}: its Lab follows chapters/01_gone.md, which is not"),
    ],
)
def test_registries_that_do_not_fit(book, change, said):
    book.write(SOLUTION, IMPORTS, DOUBLE, CHECK, WHY)
    book.write(REGISTRY, registry(**change))
    assert book.refused("sync").startswith(said)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("x = 1\ny = \n", f"{REGISTRY} (line 2): SyntaxError: invalid syntax"),
        ("x = 1\ny = z\n", f"{REGISTRY} (line 2): NameError: name 'z' is not defined"),
        ("x = 1\n", f"{REGISTRY}: "),
    ],
)
def test_registries_that_cannot_be_imported(book, content, said):
    book.write(SOLUTION, IMPORTS, DOUBLE, CHECK, WHY)
    book.write(REGISTRY, content)
    assert book.refused("sync").startswith(said)


def test_a_lab_without_a_registry(book):
    book.write(SOLUTION, IMPORTS, DOUBLE, CHECK, WHY)
    (book.root / REGISTRY).unlink()
    assert book.refused("sync") == (
        f"{SOLUTION}: {REGISTRY} is missing; register the lab's exercises there"
    )


@pytest.mark.parametrize("name", ["lab1_a", "labs", "01_a", "lab01-a"])
def test_names_of_solutions(book, name):
    book.write(f"solutions/{name}.md", IMPORTS)
    said = book.refused("sync")
    assert said.startswith(f"solutions/{name}.md: the file's name is not labNN_topic.md")


# nbgrader accepts every lab; grading is the same for all, and the first shows it
AUTOGRADED = notebooks.solutions()[:1]


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # nbgrader's own sessions
@pytest.mark.parametrize("path", notebooks.solutions(), ids=lambda path: path.stem)
def test_stock_nbgrader_takes_a_release_and_grades_it(path, tmp_path, monkeypatch):
    """Graded, an untouched lab gets no point, the solution every point that a check gives."""
    solution = notebooks.read(path)
    released = nbformat.reads(release.lab(solution)[0], as_version=4)
    solved = nbformat.from_dict(json.loads(json.dumps(released)))
    for cell, source in zip(solved.cells, solution.cells, strict=True):
        if "exercise" in source.tags:
            cell.source = source.source
    for folder, nb in {
        "source/.": released,
        "submitted/untouched": released,
        "submitted/solved": solved,
    }.items():
        target = tmp_path / folder / path.stem / f"{path.stem}.ipynb"
        target.parent.mkdir(parents=True)
        nbformat.write(nb, target)
    monkeypatch.setenv("PYTHONPATH", str(notebooks.ROOT))
    # nbgrader calls alembic by its name, and the environment need not be activated
    scripts = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{scripts}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    config = Config(CourseDirectory={"root": str(tmp_path)}, Exchange={"root": str(tmp_path)})
    api = NbGraderAPI(config=config)
    made = api.generate_assignment(path.stem)
    assert made["success"], made
    parts = {"untouched": 0, "solved": 1} if path in AUTOGRADED else {}
    for student in parts:
        graded = api.autograde(path.stem, student)
        assert graded["success"], graded
    with Gradebook(f"sqlite:///{tmp_path / 'gradebook.db'}") as gradebook:
        for student, part in parts.items():
            notebook = gradebook.find_submission_notebook(path.stem, path.stem, student)
            scores = {g.name: g.auto_score for g in notebook.grades if g.name.startswith("check-")}
            points = {
                cell.metadata.nbgrader.grade_id: part * cell.metadata.nbgrader.points
                for cell in released.cells
                if "nbgrader" in cell.metadata and cell.metadata.nbgrader.locked
            }
            assert scores == points


@pytest.mark.parametrize(
    ("url", "words"),
    [("", "%pip install FOLDER"), ("https://example.org/book", "git+https://example.org/book")],
)
def test_a_lab_without_its_package_says_what_to_do(tmp_path, monkeypatch, url, words):
    (tmp_path / "_config.yml").write_text(f'repository:\n  url: "{url}"\n', encoding="utf-8")
    known = exercises.load("lab05")
    monkeypatch.setattr(release, "_registered", lambda solution, graded, root: known)
    solution = notebooks.read(next((ROOT / "solutions").glob("lab05*.md")), ROOT)
    nb, _ = release.annotated(solution, tmp_path)
    first = next(cell for cell in nb.cells if cell.cell_type == "code")
    monkeypatch.setitem(sys.modules, "unrolled", None)  # import unrolled raises ImportError
    with pytest.raises(ModuleNotFoundError, match=re.escape(words)) as raised:
        exec(first.source, {})
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("book", "text"),
    [
        ("", "after chapter 5."),
        ("https://a.org/b/", "after [chapter 5](https://a.org/b/chapters/05_bptt.html)."),
    ],
)
def test_links_of_a_lab_that_leaves_the_repository(book, text):
    assert linked("after [chapter 5](../chapters/05_bptt.md).", book) == text
