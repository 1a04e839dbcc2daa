"""Intake: whose file it is, whether it can be read, and which answers are in it."""

import io
import json
import os
import random
import socket
import stat
import tracemalloc
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from classes import LAB01, Work, solutions

from unrolled.exercises import load
from unrolled.grading.assign.lab_notebook import lab_notebook, select
from unrolled.grading.intake import answers, archives, reading
from unrolled.grading.intake import collect as intake
from unrolled.grading.model import Ending, GradingError, Stop

HANDOUT = answers.Handout.of(select(lab_notebook("lab01"), LAB01)[0], LAB01)


def take(work):
    data = work if isinstance(work, bytes) else work.bytes()
    raw, notes = reading.cells(data)
    taken = answers.take(raw, HANDOUT)
    taken.notes[:0] = notes
    return taken


def run(taken):
    """What the cells define; only tests run them here, in a namespace of their own."""
    namespace, found = {"__name__": "answers"}, {}
    for cell in taken.cells:
        exec(compile(cell.source, "cell", "exec"), namespace)
        if cell.exercise:
            found[cell.exercise] = namespace[HANDOUT.functions[cell.exercise]]
    return found


def passes(taken, *names):
    """The answers run and are right, by the exercise's own cases."""
    found = run(taken)
    assert set(found) == set(names)
    lab = load("lab01")
    for name, answer in found.items():
        verdict = lab.check(name, answer)
        assert verdict.passed, verdict


def endings(taken):
    return {name: stop.ending for name, stop in taken.endings.items()}


def of(submissions):
    return {one.student: one for one in submissions}


# ------------------------------------------------------------------------------- whole notebooks
def test_a_solved_notebook_has_every_answer():
    taken = take(Work(spikes="Fast, not tall."))
    passes(taken, *LAB01.exercises)
    assert taken.endings == {}
    assert taken.notes == []
    assert taken.texts == {"spikes": "Fast, not tall."}


def test_only_what_the_answers_need_is_handed_on():
    source = "\n".join(cell.source for cell in take(Work()).cells)
    for word in ("check(", "summary(", "plt", "ready(", "figures", "contrast"):
        assert word not in source
    assert "import numpy as np" in source


def test_an_untouched_notebook_is_not_attempted():
    taken = take(Work(solved=False))
    assert set(endings(taken).values()) == {Ending.NOT_ATTEMPTED}
    assert len(taken.endings) == 6
    assert taken.cells == ()
    assert taken.texts == {"spikes": ""}
    assert taken.untouched


def test_everything_is_found_without_metadata_in_any_order():
    work = Work(spikes="In words.").forget()
    first, rest = work.nb.cells[:2], work.nb.cells[2:]
    random.Random(3).shuffle(rest)
    work.nb.cells = [*rest, *first]  # the imports last
    taken = take(work)
    assert taken.endings == {}
    sources = [cell for cell in taken.cells if cell.exercise]
    assert len(sources) == 6
    assert {cell.exercise for cell in sources} == set(LAB01.exercises)


def test_without_metadata_in_order_the_text_is_found_too():
    taken = take(Work(spikes="In words.").forget())
    passes(taken, *LAB01.exercises)
    assert taken.texts == {"spikes": "In words."}


def test_edited_deleted_and_doubled_checks_do_not_matter():
    work = Work()
    checks = [c for c in work.nb.cells if c.source.startswith("check(")]
    checks[0].source = "import os; os._exit(0)"
    work.nb.cells.remove(checks[1])
    work.nb.cells.append(checks[2])
    passes(take(work), *LAB01.exercises)


# ------------------------------------------------------------------------------- one answer
STUB = Work(solved=False).cell("correlate").source
RIGHT = "def correlate(x, m):\n    return np.correlate(x, m)\n"
OTHER = "def correlate(x, m):\n    return np.convolve(x, m)\n"
ALIKE = 'def correlate(x, m):\n    """Mine."""\n    return np.correlate(x,m)  # quick\n'


def test_an_answer_in_a_cell_of_its_own_beside_the_stub():
    taken = take(Work(correlate=STUB).add(RIGHT))
    passes(taken, *LAB01.exercises)
    assert taken.notes == ["correlate: the answer is in cell 35; cell 4 is as it was handed out."]


def test_two_different_answers_are_for_a_person():
    taken = take(Work(correlate=RIGHT).add(OTHER))
    stop = taken.endings["correlate"]
    assert stop.ending is Ending.AMBIGUOUS
    assert "Cells 4 and 35 define `correlate` differently" in stop.says
    passes(taken, *(set(LAB01.exercises) - {"correlate"}))


def test_the_same_answer_twice_is_one():
    taken = take(Work(correlate=RIGHT).add(ALIKE))
    passes(taken, *LAB01.exercises)
    assert "correlate: cells 4 and 35 define `correlate` alike." in taken.notes


def test_a_second_definition_in_the_same_cell_replaces_the_first():
    taken = take(Work(correlate=OTHER + RIGHT))
    passes(taken, *LAB01.exercises)
    assert "more than once" in taken.notes[0]


def test_a_lost_cell_is_missing_and_the_rest_is_there():
    taken = take(Work().remove("correlate"))
    assert taken.endings == {"correlate": Stop(Ending.MISSING, "No cell defines `correlate`.")}
    passes(taken, *(set(LAB01.exercises) - {"correlate"}))


def test_a_renamed_function_is_missing_and_named():
    taken = take(Work(correlate="def corelate(x, m):\n    return 1\n"))
    stop = taken.endings["correlate"]
    assert stop.ending is Ending.MISSING
    assert "The exercise's own cell is there (cell 4); it defines `corelate`." in stop.says


@pytest.mark.parametrize(
    "answer",
    [
        "correlate = lambda x, m: np.correlate(x, m)\n",
        "def mine(x, m):\n    return np.correlate(x, m)\n\n\ncorrelate = mine\n",
        "correlate = np.correlate\n",
        "from numpy import correlate\n",
        "from functools import partial\ncorrelate = partial(np.correlate, mode='valid')\n",
        "if True:\n    def correlate(x, m):\n        return np.correlate(x, m)\n",
        "def correlate(x, m):\n    return np.correlate(x, m)\n\n\n"
        "def slow(f):\n    return f\n\n\ncorrelate = slow(correlate)\n",
        "@staticmethod\ndef correlate(x, m):\n    return np.correlate(x, m)\n",
        "import numpy as np; correlate = np.correlate; print(1)\n",
        "mode = ('va'\n  'lid'); way = [\n  mode]\ndef correlate(x, m):\n"
        "    return np.correlate(x, m, way[0])\n",
        "class correlate:\n    def __new__(cls, x, m):\n        return np.correlate(x, m)\n",
    ],
)
def test_ways_of_giving_an_answer(answer):
    passes(take(Work(correlate=answer)), *LAB01.exercises)


@pytest.mark.parametrize(
    "later",
    [
        "correlate = correlate(np.ones(4), np.ones(2))",
        "correlate = 3",
        "for correlate in range(3):\n    print(correlate)",
        "correlate, rest = [1, 2], 3",
        "import time\ncorrelate = [time.time()]",
        "correlate = max(1, 2)",
    ],
)
def test_a_name_that_is_used_again_for_something_else(later):
    taken = take(Work().add(later, after="correlate"))
    passes(taken, *LAB01.exercises)
    assert taken.notes == [
        "correlate: cell 5 gives `correlate` another value; the function in cell 4 is graded."
    ]


def test_helpers_constants_and_state_come_along():
    helpers = (
        "import math\nfrom numpy import *\nTABLE = {}\nHALF: float = 0.5\n"
        "def add(key, value):\n    TABLE[key] = value\n"
        "def start():\n    global WEIGHT\n    WEIGHT = 2\n"
    )
    use = (
        "add('one', 1)\nTABLE['two'] = 2\nstart()\nfor k in (3, 4):\n    TABLE[k] = k\nprint(TABLE)"
    )
    answer = (
        "def correlate(x, m):\n    assert sorted(map(str, TABLE)) == ['3', '4', 'one', 'two']\n"
        "    return np.correlate(x, m) * HALF * WEIGHT * math.cos(0)\n"
    )
    work = Work(correlate=answer).add(helpers, after="correlate").add(use)
    taken = take(work)
    cells = taken.cells  # as a kernel would have it: the function is called after all cells
    namespace = {}
    for cell in cells:
        exec(cell.source, namespace)
    assert load("lab01").check("correlate", namespace["correlate"]).passed
    assert "print" not in "".join(cell.source for cell in cells)


def test_trials_beside_an_answer_are_not_run():
    trials = "while True:\n    pass\n"
    work = Work().add(trials, after="correlate")
    work["causal_conv"] = "print(1 / 0)\n" + solutions()["causal_conv"] + "\ninput('more?')\n"
    passes(take(work), *LAB01.exercises)


def test_lines_keep_their_numbers():
    answer = "print(1)\n\n\ndef correlate(x, m):\n    return unknown\n"
    (cell,) = [c for c in take(Work(correlate=answer)).cells if c.exercise == "correlate"]
    assert cell.source.split("\n")[3] == "def correlate(x, m):"


def test_two_answers_in_one_cell():
    work = Work().remove("causal_conv")
    work["correlate"] = solutions()["causal_conv"] + "\n\n" + RIGHT
    passes(take(work), *LAB01.exercises)


def test_an_answer_that_uses_another():
    gradient = (
        "def shared_filter_gradient(x, dc, n, stride):\n    correlate(np.ones(2), np.ones(1))\n"
    )
    gradient += solutions()["shared_filter_gradient"].split('"""')[2]
    passes(take(Work(shared_filter_gradient=gradient)), *LAB01.exercises)


def test_a_helper_defined_twice_differently_is_noted():
    one = "def _help(x):\n    return x\n\n\n" + RIGHT.replace("(x, m)\n", "(_help(x), m)\n", 2)
    one = one.replace("def correlate(_help(x), m)", "def correlate(x, m)")
    work = Work(
        correlate="def _help(x):\n    return x\n\n\ndef correlate(x, m):\n"
        "    return np.correlate(_help(x), m)\n"
    )
    work.add("def _help(x):\n    return 0 * x\n")
    taken = take(work)
    assert "Cells 4 and 35 define `_help` differently" in taken.notes[0]
    assert taken.doubts == {"correlate": taken.notes[0]}  # and no other answer's


def test_the_imports_are_ours_when_they_are_gone():
    work = Work()
    del work.nb.cells[1]
    taken = take(work)
    passes(taken, *LAB01.exercises)
    assert taken.notes == ["The cell that gives `np` is gone; the handed-out one was used."]


def test_of_a_lab_module_only_what_is_needed_is_imported():
    work = Work(lab="lab03")
    given = replace(LAB01, lab="lab03", exercises={"reach": 3}, questions={})
    handout = answers.Handout.of(select(lab_notebook("lab03"), given)[0], given)
    work["reach"] = work.cell("reach").source.replace('"""\n', '"""\n    black_box\n')
    for _ in range(2):  # with the cell of imports, then without it
        raw, _ = reading.cells(work.bytes())
        whole = "\n".join(cell.source for cell in answers.take(raw, handout).cells)
        assert "from unrolled.exercises.lab03 import black_box\n" in whole
        assert "check" not in whole
        del work.nb.cells[1]


def test_a_name_that_nothing_defines_is_noted():
    taken = take(Work(correlate="def correlate(x, m):\n    return lost(x)\n"))
    assert taken.notes == ["The answers use `lost`, which nothing in the notebook defines."]


# ------------------------------------------------------------------------------- magics and faults
@pytest.mark.parametrize(
    "source",
    [
        "%%time\n" + RIGHT,
        "%%timeit -n 1\n\n" + RIGHT,
        "%matplotlib inline\n!pip install torch\n" + RIGHT + "%timeit correlate([1], [1])\n?np\n",
        "files = !ls\n" + RIGHT + "correlate?\n",
        "%load_ext autoreload\n" + RIGHT,
    ],
)
def test_magics_are_left_out(source):
    taken = take(Work(correlate=source))
    passes(taken, *LAB01.exercises)
    assert "get_ipython" not in "".join(cell.source for cell in taken.cells)


def test_a_remainder_is_no_magic():
    answer = "def correlate(x, m):\n    t = (7\n  % 4)\n    return np.correlate(x, m) * t / 3\n"
    passes(take(Work(correlate=answer)), *LAB01.exercises)


def test_another_language_is_no_answer():
    taken = take(Work(correlate="%%bash\ndef correlate\n"))
    assert endings(taken) == {"correlate": Ending.MISSING}
    assert "Cell 4 is %%bash, no Python: left out." in taken.notes


@pytest.mark.parametrize(
    "source",
    [
        "def correlate(x, m):\n    return (\n",
        "def correlate(x, m):\n  return 1\n   return 2\n",
        "def correlate(x, m) return x",
        "def correlate(x, m):\n\treturn 1\n        return 2\n",
        "def correlate(x):\n    \x00",
        "def correlate(x):\n    return " + "-" * 100_000 + "1",
        "def correlate(x):\n    return " + "(" * 5_000 + "1" + ")" * 5_000,
        "def correlate(x):\n    return x" + ".y" * 50_000,
        "def correlate(x):\n    return " + "1+" * 50_000 + "1",
        "def correlate(x):\n    return x\nreturn 3\n",
        "def correlate(x):\n    return x\nawait = 3\n",
        "import os\n!ls\n" * 40 + "def correlate(x\n",
        "Dies ist kein Python: def correlate(x)",
    ],
    ids=range(13),
)
def test_a_cell_that_is_no_python_costs_no_other(source):
    taken = take(Work(correlate=source))
    assert endings(taken) == {"correlate": Ending.ERROR}
    passes(taken, *(set(LAB01.exercises) - {"correlate"}))


@pytest.mark.parametrize(
    "source",
    [RIGHT + "#" * 300_000, RIGHT + "a = 1;" * 4_000, RIGHT + "b = 1\n" * 4_000],
    ids=range(3),
)
def test_a_cell_beyond_all_measure_is_for_a_person(source):
    taken = take(Work(correlate=source))
    assert endings(taken) == {"correlate": Ending.MISSING}
    assert "Cell 4 could not be read: it has" in taken.endings["correlate"].says
    passes(taken, *(set(LAB01.exercises) - {"correlate"}))


def test_what_a_kernel_alone_can_do_costs_nothing():
    work = Work().add("import asyncio\nawait asyncio.sleep(1)\n")
    work["correlate"] = "from __future__ import annotations\n" + RIGHT.replace("x,", "x: Lost,", 1)
    passes(take(work), *LAB01.exercises)


def test_a_long_chain_of_names_is_followed_in_time():
    chain = "".join(f"a{n + 1} = a{n}\n" for n in range(2_000))
    answer = "a0 = 1\ndef correlate(x, m):\n    return np.correlate(x, m) * a2000\n"
    passes(take(Work(correlate=answer).add(chain, after="correlate")), *LAB01.exercises)


@pytest.mark.filterwarnings("ignore:invalid escape sequence:DeprecationWarning")
def test_shuffled_and_damaged_cells_have_one_ending_each(rng):
    """Whatever stands in the cells, nothing is raised, and what is handed on is Python."""
    signs = [
        "\n",
        "(",
        ")",
        ":",
        "%",
        "!",
        "'",
        '"',
        "\\",
        "def ",
        "global ",
        "\t",
        ";",
        "=",
        "await ",
    ]
    for _ in range(30):
        work = Work()
        for cell in work.nb.cells:
            if rng.random() < 0.3:
                place = int(rng.integers(len(cell.source) + 1))
                cell.source = cell.source[:place] + str(rng.choice(signs)) + cell.source[place:]
        rng.shuffle(work.nb.cells)
        taken = take(work)
        given = {cell.exercise for cell in taken.cells if cell.exercise}
        assert given | taken.endings.keys() == set(LAB01.exercises)
        assert not given & taken.endings.keys()
        for cell in taken.cells:
            compile(cell.source, "cell", "exec")


def test_a_broken_trial_beside_an_answer_does_not_matter():
    taken = take(Work().add("def correlate(x, m):\n    return (\n"))
    passes(taken, *LAB01.exercises)
    assert "cell 35 is not valid Python and was left out" in taken.notes[0]


# ------------------------------------------------------------------------------- texts
def test_text_below_the_place_for_it():
    work = Work(solved=False).add("Second part.", after="spikes", kind="markdown")
    work.add("First part.", after="spikes", kind="markdown")
    assert take(work).texts == {"spikes": "First part.\n\nSecond part."}


def test_text_beside_what_was_handed_out():
    placeholder = Work(solved=False).cell("spikes").source
    assert take(Work(spikes=f"{placeholder}\n\nMine.")).texts == {"spikes": "Mine."}


def test_text_in_a_copied_cell():
    work = Work(spikes="One.")
    work.nb.cells.append(Work(spikes="Two.").cell("spikes"))
    assert take(work).texts == {"spikes": "One.\n\nTwo."}


def test_a_cell_for_text_that_is_gone():
    work = Work()
    place = work.place("spikes")
    del work.nb.cells[place - 1 : place + 1]
    assert take(work).texts == {"spikes": None}


def test_pictures_are_noted():
    taken = take(Work(spikes="![plot](attachment:plot.png)"))
    assert "has pictures" in taken.notes[0]


def test_an_endless_text_is_cut_and_noted():
    taken = take(Work(spikes="x" * 200_000))
    assert len(taken.texts["spikes"]) == 100_000
    assert "200,000 characters" in taken.notes[0]


# ------------------------------------------------------------------------------- files as bytes
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_encodings(encoding):
    taken = take(Work(spikes="Größe – klein").text().encode(encoding))
    passes(taken, *LAB01.exercises)
    assert taken.texts == {"spikes": "Größe – klein"}
    assert bool(taken.notes) == (encoding != "utf-8-sig")


def test_windows_1252_is_read_and_noted():
    data = json.dumps(Work(spikes="Größe").dict(), ensure_ascii=False).encode("cp1252", "replace")
    taken = take(data)
    assert taken.texts == {"spikes": "Größe"}
    assert "Windows-1252" in taken.notes[0]


def test_an_old_notebook():
    cells = [
        {"cell_type": "code", "input": cell.source.splitlines(True), "language": "python"}
        if cell.cell_type == "code"
        else {"cell_type": cell.cell_type, "source": cell.source}
        for cell in Work().nb.cells
    ]
    old = {"nbformat": 3, "nbformat_minor": 0, "worksheets": [{"cells": cells}], "metadata": {}}
    taken = take(json.dumps(old).encode())
    passes(taken, *LAB01.exercises)
    assert "old format" in taken.notes[0]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "the file is empty"),
        (b"\n\0\0", "the file is empty"),
        (b"Dear professor,", "not a notebook: it does not begin as one"),
        (b"[1, 2]", "a JSON file of another kind"),
        (b"{}", "it has no cells"),
        (b'{"cells": 3}', "it has no cells"),
        (Work().bytes()[:9000], "not a whole notebook: its JSON breaks off or is damaged at line"),
        (b"[" * 200_000, "nested or written as no tool would"),
        (b'{"cells":' + b"[" * 200_000, "nested"),
        (b"PK\x03\x04....", "an archive"),
        (b"%PDF-1.7", "a PDF"),
        (b" <!DOCTYPE html>", "a web page"),
        (b"\xff\xfe\x00", "begins as UTF-16, but is not"),
        (b'{"cells": [' + b"0," * 6000 + b"0]}", "6,001 cells"),
        (b'{"n": ' + b"9" * 5000 + b"}", "nested or written"),
    ],
)
def test_files_that_are_no_notebook(data, said):
    with pytest.raises(reading.Unreadable, match=said):
        reading.cells(data)


def test_odd_cells_are_passed_over():
    nb = Work().dict()
    nb["cells"] += [None, 3, {}, {"cell_type": 4, "source": {"a": 1}}, {"source": [1, "x"]}]
    nb["cells"].append({"cell_type": "code", "source": "\ud800 = 1", "metadata": []})
    nb["cells"].append({"cell_type": "code", "metadata": {"nbgrader": {"grade_id": ["x"]}}})
    passes(take(json.dumps(nb).encode()), *LAB01.exercises)


def test_a_huge_output_is_skipped_without_decoding_it():
    nb = Work().dict()
    code = [cell for cell in nb["cells"] if cell["cell_type"] == "code"]
    code[0]["outputs"] = ["@"]
    code[1]["source"] = ["s = '{\"outputs\": [1, 2]}'\n", code[1]["source"]]
    code[1]["source"] = "".join(["".join(code[1]["source"])])
    data = json.dumps(nb).encode()
    output = b'{"output_type": "stream", "text": ["' + b'\\"]}' * 2**23 + b'", "x"]}'
    data = data.replace(b'"@"', output)
    assert len(data) > 30 * 2**20
    tracemalloc.start()
    taken = take(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 * 2**20
    passes(taken, *LAB01.exercises)


def test_too_much_text_is_refused():
    with pytest.raises(reading.Unreadable, match="MB of text and code"):
        reading.cells(b'{"cells": [{"source": "' + b"x" * 21 * 2**20 + b'"}]}')


# ------------------------------------------------------------------------------- folders
def test_a_folder_of_notebooks(tmp_path):
    Work().write(tmp_path / "alice.ipynb")
    Work().write(tmp_path / "bob/whatever.ipynb")
    Work().write(tmp_path / "carla/lab01/lab01.ipynb")
    Work().write(tmp_path / "carla/.ipynb_checkpoints/lab01-checkpoint.ipynb")
    Work().write(tmp_path / "dora.ipynb.txt")
    Work().write(tmp_path / "emil/lab01.json")
    (tmp_path / "emil/requirements.yml").write_text("numpy")
    (tmp_path / "roster.csv").write_text("alice")
    (tmp_path / ".DS_Store").write_text("")
    (tmp_path / "fritz").mkdir()
    (tmp_path / "fritz/answers.pdf").write_text("")
    (tmp_path / "gerda.docx").write_text("")
    found = of(intake.collect(tmp_path, LAB01))
    assert list(found) == ["alice", "bob", "carla", "dora", "emil", "fritz", "gerda"]
    for name in ("alice", "bob", "carla", "dora", "emil"):
        assert found[name].endings == {}
        assert found[name].problem is None
        assert len(found[name].digest) == 64
        assert found[name].late is None
    assert found["bob"].file == tmp_path / "bob/whatever.ipynb"
    assert found["alice"].cells == found["bob"].cells
    assert found["dora"].notes == ("The file was called dora.ipynb.txt.",)
    assert found["emil"].notes == ("Handed in as lab01.json.",)
    assert found["fritz"].problem == "no notebook was handed in, but answers.pdf"
    assert found["gerda"].problem == "no notebook was handed in, but gerda.docx"
    assert set(found["gerda"].endings) == set(LAB01.exercises)
    assert {stop.ending for stop in found["gerda"].endings.values()} == {Ending.MISSING}
    assert found["gerda"].texts == {"spikes": None}


def test_a_single_notebook(tmp_path):
    (one,) = intake.collect(Work().write(tmp_path / "alice.ipynb"), LAB01)
    assert (one.student, one.endings) == ("alice", {})


def test_two_notebooks_of_one_student(tmp_path):
    Work(spikes="One.").write(tmp_path / "two/a.ipynb")
    Work(spikes="Two.").write(tmp_path / "two/b.ipynb")
    Work().write(tmp_path / "same/a.ipynb")
    Work().write(tmp_path / "same/b.ipynb")
    Work().write(tmp_path / "rest/lab.ipynb")
    Work(solved=False).write(tmp_path / "rest/fresh.ipynb")
    (tmp_path / "rest/notes.ipynb").write_text('{"cells": []}')
    (tmp_path / "rest/half.ipynb").write_text('{"cells": [')
    Work().write(tmp_path / "top/lab.ipynb")
    Work(spikes="Other.").write(tmp_path / "top.ipynb")
    found = of(intake.collect(tmp_path, LAB01))
    for name, files in {"two": "a.ipynb and b.ipynb", "top": "lab.ipynb and top.ipynb"}.items():
        assert {stop.ending for stop in found[name].endings.values()} == {Ending.AMBIGUOUS}
        assert files in found[name].endings["correlate"].says
        assert found[name].cells == ()
        assert len(found[name].digest) == 64
    assert found["two"].texts["spikes"] == "*In a.ipynb:*\n\nOne.\n\n*In b.ipynb:*\n\nTwo."
    assert found["same"].endings == {}
    assert found["same"].notes == ("b.ipynb and a.ipynb are the same file.",)
    assert found["rest"].endings == {}
    assert len(found["rest"].notes) == 3
    assert found["rest"].file.name == "lab.ipynb"


def test_the_submitted_folder_of_nbgrader(tmp_path):
    for student in ("alice", "bob"):
        Work().write(tmp_path / student / "week1/week1.ipynb")
        Work(lab="lab02").write(tmp_path / student / "week2/week2.ipynb")
        (tmp_path / student / "week1/timestamp.txt").write_text("2027-01-31 12:00:00 UTC")
    for one in intake.collect(tmp_path, LAB01):
        assert one.endings == {}
        assert one.file.name == "week1.ipynb"


def test_what_is_no_plain_file_is_refused(tmp_path):
    secret = tmp_path / "secret.ipynb"
    Work().write(secret)
    folder = tmp_path / "class"
    Work().write(folder / "alice.ipynb")
    (folder / "link.ipynb").symlink_to(secret)
    (folder / "linked").symlink_to(tmp_path)
    (folder / "inner").mkdir()
    (folder / "inner/lab.ipynb").symlink_to(folder / "alice.ipynb")
    os.mkfifo(folder / "pipe.ipynb")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(folder / "socket.ipynb"))
    found = of(intake.collect(folder, LAB01))
    for name in ("link", "linked", "inner"):
        assert found[name].problem == "a link, not a file; links are not followed"
    for name in ("pipe", "socket"):
        assert found[name].problem == "not a file (a pipe, a socket or a device)"
    assert found["alice"].endings == {}


def test_a_file_that_became_a_link_is_not_followed(tmp_path):
    (tmp_path / "link").symlink_to(Work().write(tmp_path / "secret"))
    with pytest.raises(reading.Unreadable, match="cannot be read"):
        archives.read_file(tmp_path / "link")


def test_a_file_beyond_all_measure(tmp_path):
    with (tmp_path / "huge.ipynb").open("wb") as file:
        file.truncate(500 * 2**20)  # sparse
    Work().write(tmp_path / "alice.ipynb")
    found = of(intake.collect(tmp_path, LAB01))
    assert "500 MB; at most 400 MB are read" in found["huge"].problem
    assert found["alice"].endings == {}


@pytest.mark.parametrize(
    ("name", "student"),
    [
        ('a,"b".ipynb', 'a,"b"'),
        ("=HYPERLINK(1).ipynb", "=HYPERLINK(1)"),
        ("new\nline.ipynb", "new\\x0aline"),
        ("tab\there.ipynb", "tab\\x09here"),
        ("right\u202eto left.ipynb", "right\\x202eto left"),
        ("zero\u200bwidth.ipynb", "zero\\x200bwidth"),
        ("e\u0301mile.ipynb", "émile"),
        ("日本.ipynb", "日本"),
        (".ipynb.ipynb", None),
        ("  .ipynb", "unnamed"),
        ("back\\slash.ipynb", "back\\slash"),
        ("<script>alert(1)<∕script>.ipynb", "<script>alert(1)<∕script>"),
    ],
)
def test_names_of_students(tmp_path, name, student):
    Work(solved=False).write(tmp_path / name)
    Work(solved=False).write(tmp_path / "zoe.ipynb")
    assert set(of(intake.collect(tmp_path, LAB01))) == {"zoe", student} - {None}


def test_a_name_that_is_no_text(tmp_path):
    with open(os.fsencode(tmp_path) + b"/j\xf6rg.ipynb", "wb") as file:
        file.write(Work().bytes())
    (one,) = intake.collect(tmp_path, LAB01)
    assert one.student.isprintable()
    assert one.endings == {}


def test_names_that_look_alike_are_noted(tmp_path):
    for name in ("anna", "аnna", "ANNA", "bea"):  # the second begins with a Cyrillic letter
        Work().write(tmp_path / f"{name}.ipynb")
    found = of(intake.collect(tmp_path, LAB01))
    assert len(found) == 4
    assert [bool(one.notes_for_instructor) for one in found.values()] == [True, True, False, True]


def test_nothing_there(tmp_path):
    with pytest.raises(GradingError, match="no notebook in it"):
        intake.collect(tmp_path, LAB01)
    with pytest.raises(GradingError, match="No such file"):
        intake.collect(tmp_path / "none", LAB01)
    (tmp_path / "class.zip").write_text("no zip")
    with pytest.raises(GradingError, match="neither a folder nor a zip"):
        intake.collect(tmp_path / "class.zip", LAB01)
    (tmp_path / "half.zip").write_bytes(packed({"a.ipynb": b"x" * 10_000})[:-30])
    with pytest.raises(GradingError, match="neither a folder nor a zip"):
        intake.collect(tmp_path / "half.zip", LAB01)


# ------------------------------------------------------------------------------- downloads
def packed(files, compression=zipfile.ZIP_DEFLATED):
    """A zip file of {name or ZipInfo: bytes}."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def collected(tmp_path, files, **options):
    path = tmp_path / "class.zip"
    path.write_bytes(files if isinstance(files, bytes) else packed(files, **options))
    return of(intake.collect(path, LAB01))


DONE = Work().bytes()
MOODLE = {
    "Ada Lovelace_101_assignsubmission_file_/lab01.ipynb": DONE,
    "Blaise Pascal_102_assignsubmission_file/sub/my lab.ipynb": DONE,
    "José Núñez_103_assignsubmission_file_lab01.ipynb": DONE,
    "Under_Score_104_assignsubmission_file_/lab01.zip": b"PK\x03\x04",
    "Under_Score_104_assignsubmission_onlinetext_/onlinetext.html": b"<p>See file</p>",
    "__MACOSX/._x": b"",
}


@pytest.mark.parametrize("unpacked", [False, True])
def test_a_moodle_download(tmp_path, unpacked):
    if unpacked:
        zipfile.ZipFile(io.BytesIO(packed(MOODLE))).extractall(tmp_path)
        found = of(intake.collect(tmp_path, LAB01))
    else:
        found = collected(tmp_path, MOODLE)
    names = ["Ada Lovelace_101", "Blaise Pascal_102", "José Núñez_103", "Under_Score_104"]
    assert list(found) == names
    assert [one.problem is None for one in found.values()] == [True, True, True, False]
    assert "no notebook was handed in, but " in found["Under_Score_104"].problem
    assert all(one.late is None for one in found.values())


@pytest.mark.parametrize("unpacked", [False, True])
def test_a_canvas_download(tmp_path, unpacked):
    files = {
        "lovelaceada_11_9001_lab01-2.ipynb": DONE,
        "pascalblaise_LATE_12_9002_lab01_convolution.ipynb": DONE,
        "turingalan_13_9003_lab01.ipynb": DONE,
        "turingalan_13_9004_lab01-1.ipynb": Work(solved=False).bytes(),
    }
    if unpacked:
        for name, data in files.items():
            (tmp_path / name).write_bytes(data)
        found = of(intake.collect(tmp_path, LAB01))
    else:
        found = collected(tmp_path, files)
    assert {name: one.late for name, one in found.items()} == {
        "lovelaceada_11": False,
        "pascalblaise_12": True,
        "turingalan_13": False,
    }
    assert all(one.endings == {} for one in found.values())


@pytest.mark.parametrize("wrap", ["", "class/", "week 3/"])
def test_a_packed_folder(tmp_path, wrap):
    files = {f"{wrap}alice.ipynb": DONE, f"{wrap}bob/lab.ipynb": DONE}
    assert list(collected(tmp_path, files)) == ["alice", "bob"]


def test_paths_that_lead_out_are_refused(tmp_path):
    files = {
        "alice.ipynb": DONE,
        "../bob.ipynb": DONE,
        "/etc/carla.ipynb": DONE,
        "C:\\dora.ipynb": DONE,
        "emil/../../alice.ipynb": Work(solved=False).bytes(),
    }
    found = collected(tmp_path, files)
    assert found.pop("alice").endings == {}
    assert list(found) == [
        *("outside__..__bob", "outside__C:__dora", "outside__emil__..__..__alice"),
        "outside__etc__carla",
    ]
    for one in found.values():
        assert one.problem == "its path leads out of the archive; it was not opened"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["class.zip"]


def test_links_and_odd_members_of_an_archive_are_refused(tmp_path):
    link = zipfile.ZipInfo("link.ipynb")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    odd = zipfile.ZipInfo("odd.ipynb")
    odd.compress_type = zipfile.ZIP_LZMA
    data = packed({"alice.ipynb": DONE, link: b"/etc/passwd", odd: DONE, "locked.ipynb": DONE})
    place = data.rindex(b"PK\x01\x02", 0, data.rindex(b"locked.ipynb"))
    data = bytearray(data)
    data[place + 8] |= 1  # the mark of encryption, in the directory
    found = collected(tmp_path, bytes(data))
    assert found["link"].problem == "a link, not a file; links are not followed"
    assert found["odd"].problem == "it is compressed in a way that is not read"
    assert found["locked"].problem == "it is encrypted"
    assert found["alice"].endings == {}


def test_a_damaged_member_costs_no_other(tmp_path):
    data = bytearray(packed({"alice.ipynb": DONE, "bob.ipynb": DONE}))
    data[200] ^= 0xFF
    found = collected(tmp_path, bytes(data))
    assert "it is damaged in the archive" in found["alice"].problem
    assert found["bob"].endings == {}


def test_bombs_do_not_go_off(tmp_path):
    bomb = packed({"bomb.ipynb": b"\0" * 2**20})
    size = (500 * 2**20).to_bytes(4, "little")
    data = bytearray(packed({"alice.ipynb": DONE, "bomb.ipynb": b" " * 2**20, "nest.zip": bomb}))
    place = data.rindex(b"PK\x01\x02", 0, data.rindex(b"bomb.ipynb"))
    data[place + 24 : place + 28] = size
    found = collected(tmp_path, bytes(data))
    assert found["bomb"].problem == "it unpacks to 500 MB; it was not opened"
    assert found["nest"].problem == "no notebook was handed in, but nest.zip"
    assert found["alice"].endings == {}


def test_an_archive_that_unpacks_to_more_than_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "LARGEST_IN_ALL", len(DONE) + 100)
    found = collected(tmp_path, {"alice.ipynb": DONE, "bomb.ipynb": DONE + b" " * 9})
    assert found["alice"].endings == {}
    assert "unpacks to more than is read" in found["bomb"].problem


def test_too_many_files(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MOST_FILES", 5)
    with pytest.raises(GradingError, match="6 files; at most 5 are read"):
        collected(tmp_path, {f"{n}.ipynb": b"{}" for n in range(6)})


def test_names_in_other_encodings(tmp_path):
    data = packed({"j?rg.ipynb": DONE})
    for letter, student in ((b"\xf6", "j÷rg"), (b"\x94", "jörg")):  # Latin-1; code page 437
        assert list(collected(tmp_path, data.replace(b"j?rg", b"j" + letter + b"rg"))) == [student]
    data = packed({"j??rg.ipynb": DONE}).replace(b"j??rg", "jörg".encode())
    assert list(collected(tmp_path, data)) == ["jörg"]


def test_backslashes_are_paths_and_the_same_name_twice_is_two_files(tmp_path):
    found = collected(tmp_path, {"alice\\lab.ipynb": DONE, "bob\\lab.ipynb": DONE})
    assert list(found) == ["alice", "bob"]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("alice.ipynb", DONE)
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("alice.ipynb", Work(correlate=RIGHT).bytes())
    found = collected(tmp_path, buffer.getvalue())
    assert {stop.ending for stop in found["alice"].endings.values()} == {Ending.AMBIGUOUS}


def test_a_part_of_the_lab_is_collected_as_assigned(tmp_path):
    some = replace(LAB01, exercises={"correlate": 5}, questions={})
    Work().write(tmp_path / "alice.ipynb")
    (one,) = intake.collect(tmp_path, some)
    assert [cell.exercise for cell in one.cells if cell.exercise] == ["correlate"]
    assert one.endings == {}
    assert one.texts == {}


def test_nothing_is_executed(tmp_path):
    trap = f"open({str(tmp_path / 'trap')!r}, 'w')"
    work = Work(
        correlate=f"@{trap}\ndef correlate(x, m={trap}):\n    return {trap}\n{trap}\n!touch x"
    )
    work.write(tmp_path / "class/alice.ipynb")
    intake.collect(tmp_path / "class", LAB01)
    assert not (tmp_path / "trap").exists()


def test_cases_of_the_tests_are_those_of_the_exercise():
    assert np.allclose(run(take(Work()))["correlate"](np.ones(3), np.ones(2)), [2, 2])
