"""Building the site from small books, good and bad: what is executed, what fails, what is kept."""

import os
import signal
import subprocess
import sys
import time

import pytest

from unrolled.authoring import book, execute, warm
from unrolled.authoring.notebooks import ROOT, AuthoringError
from unrolled.common.code import reached

# of Sphinx's extensions, about themselves
pytestmark = pytest.mark.filterwarnings(
    "ignore::FutureWarning", "ignore::PendingDeprecationWarning"
)
HEADER = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

"""
# a notebook which counts its executions, in a file at the root of the book
CHAPTER = (
    HEADER
    + """# {title}

```{{code-cell}} ipython3
from unrolled.{module} import answer

with open("../executed", "a") as log:
    log.write("{title}\\n")
```

```{{code-cell}} ipython3
print("the answer is", answer())
```
"""
)


@pytest.fixture
def tree(tmp_path):
    """A book of two chapters, each of which uses a module of its own."""
    write(tmp_path, "_config.yml", (ROOT / "_config.yml").read_text("utf-8"))
    write(tmp_path, "_toc.yml", (ROOT / "_toc.yml").read_text("utf-8").split("  - caption: Ref")[0])
    write(tmp_path, "requirements.txt", "")
    write(tmp_path, "chapters/references.bib", "")
    write(tmp_path, "chapters/index.md", "(home)=\n# Home\n")
    write(tmp_path, "unrolled/__init__.py", "")
    for number, module in enumerate(["first", "second"], start=1):
        title = module.capitalize()
        write(
            tmp_path, f"chapters/0{number}_{module}.md", CHAPTER.format(title=title, module=module)
        )
        write(tmp_path, f"unrolled/{module}.py", f"def answer():\n    return {number}\n")
    return tmp_path


def write(tree, name, text):
    path = tree / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def append(tree, name, text):
    path = tree / name
    path.write_text(path.read_text("utf-8") + text, encoding="utf-8")


def executed(tree):
    """Titles of the notebooks executed since the last call, sorted."""
    log = tree / "executed"
    found = sorted(log.read_text().split()) if log.exists() else []
    log.unlink(missing_ok=True)
    return found


def page(tree, name, site="html"):
    return (tree / "_build" / site / f"{name}.html").read_text("utf-8")


def written(tree):
    """{file of what was built: when it was written}."""
    return {path: path.stat().st_mtime_ns for path in (tree / "_build").rglob("*")}


def fails(tree, capsys, edition="learner"):
    """Build a book that must fail; what it says on stderr."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as exit:
        book.build(edition, tree)
    assert exit.value.code == 1
    return capsys.readouterr().err


def test_each_notebook_is_executed_once_and_only_after_what_it_uses_changed(tree, capsys):
    book.build(root=tree)
    assert executed(tree) == ["First", "Second"], "Sphinx must find the outputs in the cache"
    assert "the answer is 1" in page(tree, "chapters/01_first")

    capsys.readouterr()
    before = written(tree)
    book.build(root=tree)
    assert "nothing to do" in capsys.readouterr().out
    assert executed(tree) == []
    assert written(tree) == before

    write(tree, "unrolled/second.py", "def answer():\n    return 'renewed'\n")
    book.build(root=tree)
    assert executed(tree) == ["Second"]
    assert "the answer is renewed" in page(tree, "chapters/02_second")

    (tree / "chapters/02_second.md").unlink()
    book.build(root=tree)
    assert executed(tree) == []
    assert not list((tree / "_build/html/chapters").glob("02_second*")), "a page nobody asked for"
    assert "02_second" not in (tree / "_build/html/searchindex.js").read_text("utf-8")


def test_failing_cells_fail_every_build_and_leave_the_last_good_site(tree, capsys):
    book.build(root=tree)
    good = page(tree, "chapters/01_first")
    append(tree, "chapters/01_first.md", "\n```{code-cell} ipython3\nx = 1\n\nx / 0\n```\n")
    append(tree, "chapters/02_second.md", "\n```{code-cell} ipython3\nundefined\n```\n")
    lines = (tree / "chapters/01_first.md").read_text("utf-8").splitlines()
    line = lines.index("x / 0") + 1
    for _ in range(2):
        said = fails(tree, capsys)
        first = f"chapters/01_first.md, cell 2 (line {line}): ZeroDivisionError: division by zero"
        assert first in said.splitlines()
        assert "chapters/02_second.md, cell 2 (line " in said
        assert "NameError: name 'undefined' is not defined" in said
        assert len(said.splitlines()) == 3, "a line for each, and where the tracebacks are"
        assert "_build/failures.log" in said
    assert "Traceback" in (tree / "_build/failures.log").read_text("utf-8")
    assert page(tree, "chapters/01_first") == good


def test_a_warning_and_a_cell_without_end_are_failures(tree, capsys, monkeypatch):
    monkeypatch.setattr(execute, "CELL_SECONDS", 2)
    append(
        tree,
        "chapters/01_first.md",
        "\n```{code-cell} ipython3\nimport warnings\nwarnings.warn('beware of this')\n```\n",
    )
    append(tree, "chapters/02_second.md", "\n```{code-cell} ipython3\nwhile True: pass\n```\n")
    said = fails(tree, capsys)
    assert "chapters/01_first.md, cell 2" in said
    assert "beware of this" in said
    assert "tag the cell remove-stderr" in said
    assert "cell 2 (line" in said
    assert "ran longer than 2 s" in said


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("\nSee {ref}`nowhere`.\n", "nowhere"),
        ("\nSee [that](nowhere.md).\n", "nowhere.md"),
        ("\n![A curve](https://example.org/curve.png)\n", "fetches https://example.org/curve.png"),
        (
            '\n<img src="https://example.org/a.png" alt="A curve">\n',
            "fetches https://example.org/a",
        ),
        (
            "\n```{code-cell} ipython3\nimport matplotlib.pyplot as plt\n"
            "_ = plt.figure().add_subplot()\n```\n",
            "without alt text",
        ),
    ],
)
def test_what_sphinx_must_refuse(tree, capsys, text, complaint):
    append(tree, "chapters/01_first.md", text)
    assert complaint in fails(tree, capsys)
    assert not (tree / "_build/html").exists()
    assert complaint in fails(tree, capsys), "a page already read warns again"


def test_questions_that_sphinx_must_refuse_are_named_by_their_lines(tree, capsys):
    asked = "".join(f"- ask: Twice {n}?\n  number: {2 * n}\n  why: Yes.\n" for n in range(5))
    name = "chapters/01_first.md"
    append(tree, name, f"\nWords.\n\n```{{self-check}}\n{asked}```\n")
    good = (tree / name).read_text("utf-8")

    def refused(text, marks):
        """Build with this text; the faults are expected on the lines of these marks."""
        write(tree, name, text)
        said = fails(tree, capsys).replace(f"{tree}/", "")
        assert "Traceback" not in said
        assert "Exception" not in said
        for mark, fault in marks.items():
            line = next(n for n, row in enumerate(text.splitlines(), start=1) if mark in row)
            assert f"{name}:{line}: WARNING: {fault}" in said

    wrong = good.replace("6\n  why", "6\n  way")
    refused(wrong, {"  way": "self-check: a question for a number has no `way`; its keys are ask"})
    choices = (
        "choices:\n  - {answer: '{ref}`no`', why: No.}\n  - {answer: B, why: So., right: true}"
    )
    wrong = good.replace("Twice 3?", "|\n    ~~~python\n    x\n    ~~~")
    wrong = wrong.replace("8\n  why: Yes.", "8\n  why: See {ref}`none`.")
    wrong = wrong.replace("number: 2\n  why: Yes.", choices)
    faults = {
        "~~~python": "self-check: a question begins with something else; ask in words first",
        "{ref}`none`": "undefined label: 'none'",
        "{ref}`no`": "undefined label: 'no'",
    }
    refused(wrong, faults)


def test_a_label_that_is_gone_is_missed_on_pages_that_did_not_change(tree, capsys):
    append(tree, "chapters/01_first.md", "\nBack {ref}`home`.\n")
    book.build(root=tree)
    write(tree, "chapters/index.md", "# Home\n")
    assert "undefined label: 'home'" in fails(tree, capsys)


def test_a_word_that_changed_is_written_on_its_page_alone(tree):
    def built():
        """Each page and when it was written, after a build as the command makes it."""
        command = [sys.executable, "-m", "unrolled.authoring", "--root", tree, "book"]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        made = (tree / "_build" / "work" / "learner" / "html" / "chapters").glob("0*.html")
        return {path.stem: path.stat().st_mtime_ns for path in made}

    before = built()
    append(tree, "chapters/01_first.md", "\nA word.\n")
    after = built()
    assert {name for name in after if after[name] != before[name]} == {"01_first"}
    assert "A word." in page(tree, "chapters/01_first")
    append(tree, "chapters/01_first.md", "\n## Another heading\n")
    last = built()
    assert all(last[name] != after[name] for name in after), "others may link to it"


@pytest.mark.parametrize("lost", [False, True])
def test_notebooks_run_in_forks_and_without_where_there_are_none(tree, monkeypatch, lost):
    asked = []

    def ask(nursery, line, ask=warm.Nursery._ask):
        asked.append("" if lost else ask(nursery, line))
        return asked[-1]

    monkeypatch.setattr(warm.Nursery, "_ask", ask)
    monkeypatch.setattr(execute, "WORTH_A_NURSERY", 1)
    book.build(root=tree)
    assert executed(tree) == ["First", "Second"]
    assert "the answer is 2" in page(tree, "chapters/02_second")
    if sys.platform == "linux":
        assert len(asked) == 2
        assert all(map(str.isdigit, asked)) is not lost


def test_the_class_edition_has_no_solution(tree):
    secret = HEADER + "# Lab 1, solution\n\n```{code-cell} ipython3\nhidden_answer = 42\n```\n"
    write(tree, "solutions/lab01_first.md", secret)
    lab = HEADER + "# Lab 1\n\n```{code-cell} ipython3\nprint('not attempted')\n```\n"
    write(tree, "labs/lab01_first.md", lab)
    book.build("learner", tree)
    book.build("class", tree)
    assert 'href="../solutions/lab01_first.html"' in page(tree, "labs/lab01_first")
    assert 'href="../labs/lab01_first.html"' in page(tree, "solutions/lab01_first")
    for path in (tree / "_build/html-class").rglob("*"):
        assert "solutions" not in path.parts
        if path.is_file() and "_static" not in path.parts:
            content = path.read_bytes()
            assert b"hidden_answer" not in content, path
            assert b"solutions/" not in content, path


def test_the_table_of_contents_names_what_is_missing(tree):
    write(
        tree, "_toc.yml", "format: jb-book\nroot: chapters/index\nchapters:\n- file: chapters/03\n"
    )
    with pytest.raises(AuthoringError, match=r"_toc.yml: there is no page chapters/03; write it"):
        book.build(root=tree)
    write(tree, "_toc.yml", "format: [")
    with pytest.raises(AuthoringError, match=r"_toc.yml: invalid YAML"):
        book.build(root=tree)


def test_what_a_notebook_depends_on(tree):
    write(tree, "unrolled/first.py", "from unrolled import second\n")
    write(tree, "unrolled/room/__init__.py", "from .tool import use\n")
    write(tree, "unrolled/room/tool.py", "def use():\n    import unrolled.first\n")
    write(tree, "unrolled/room/colours.style", "")
    write(tree, "unrolled/room/other.py", "")

    def names(code):
        return {path.relative_to(tree / "unrolled").as_posix() for path in reached(code, tree)}

    assert names("import numpy") == set()
    assert names("import unrolled.second") == {"__init__.py", "second.py"}
    assert names("from unrolled.first import answer") == {"__init__.py", "first.py", "second.py"}
    assert names("from unrolled.room import use") == {
        "__init__.py",
        "first.py",
        "second.py",
        "room/__init__.py",
        "room/tool.py",
        "room/colours.style",
    }
    write(tree, "chapters/studies/sweep.csv", "1,2\n")
    assert execute.named("read('studies/sweep.csv', 'none.csv')", tree / "chapters") == {
        tree / "chapters/studies/sweep.csv"
    }


@pytest.mark.skipif(os.name != "posix", reason="SIGINT is sent as POSIX systems do")
def test_an_interrupt_leaves_no_kernel_behind(tree):
    append(
        tree,
        "chapters/01_first.md",
        "\n```{code-cell} ipython3\nimport os, time\n"
        "open('../kernel', 'w').write(str(os.getpid()))\ntime.sleep(600)\n```\n",
    )
    build = (
        "import signal; from unrolled.authoring.book import build; "
        # where the tests are a shell's background job, SIGINT is ignored from birth
        "signal.signal(signal.SIGINT, signal.default_int_handler); "
        f"build(root={str(tree)!r})"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", build],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    kernel = tree / "kernel"
    wait_until(lambda: kernel.exists() and kernel.read_text(), 120)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=120) != 0
    wait_until(lambda: not alive(int(kernel.read_text())), 60)


def wait_until(true, seconds):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.05)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
