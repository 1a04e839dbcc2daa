"""Chapters to modules: what is written, and what is refused."""

import subprocess
import sys

import pytest
from trees import Book, code, export, text

from unrolled.authoring import notebooks

BACK = "def f(x):\n    return np.sum(x)"


@pytest.fixture
def book(tmp_path):
    return Book(tmp_path)


def run(book, expression):
    """What `expression` is, in a process that imports the tree's package `unrolled`."""
    done = subprocess.run(
        [sys.executable, "-c", f"print({expression})"],
        cwd=book.root,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_a_chapter_makes_a_module(book):
    book.write(
        "chapters/01_sums.md",
        code("import os, math\nimport numpy as np\nfrom unrolled.support import figures, verify"),
        export("SCALE = 2.0"),
        text("Some prose."),
        export("def total(x):\n    return SCALE * np.sum(x) + math.pi * _zero()"),
        code("%timeit total([1])\nprint(total([1.0, 2.0]))"),
        export('import os.path\n\ndef _zero():\n    """Text\n\n    kept."""\n    return 0 # none'),
    )
    assert book.press("sync").output == "wrote unrolled/sums.py\n"
    module = (book.root / "unrolled/sums.py").read_text()
    assert module == (
        '"""Chapter 1: A title.\n\n'
        "Generated from chapters/01_sums.md; an edit made here is lost. Edit the chapter's cells"
        " tagged\n`export`, then run `make sync`.\n"
        '"""\n\n'
        "import math\n\nimport numpy as np\n\n"
        '__all__ = ["SCALE", "total"]\n\n'
        "SCALE = 2.0\n\n\n"
        "def total(x):\n    return SCALE * np.sum(x) + math.pi * _zero()\n\n\n"
        'def _zero():\n    """Text\n\n    kept."""\n    return 0  # none\n'
    )
    (book.root / "unrolled/__init__.py").touch()
    assert run(book, "__import__('unrolled.sums').sums.total([1, 2]) // 1") == "6.0"


def test_sync_writes_once_and_check_never(book):
    book.write("chapters/01_a.md", code("import numpy as np"), export(BACK))
    before = book.files()
    result = book.press("sync", "--check")
    assert result.exit_code == 1
    assert "+++ unrolled/a.py" in result.stdout
    assert "+def f(x):" in result.stdout
    assert "make sync" in result.stderr
    assert book.files() == before
    assert book.press("sync").exit_code == 0
    assert "nothing to do" in book.press("sync").output
    assert book.press("sync", "--check").exit_code == 0
    target = book.root / "unrolled/a.py"
    target.write_text(target.read_text() + "x = 1\n")
    result = book.press("sync", "--check")
    assert result.exit_code == 1
    assert "-x = 1" in result.stdout
    assert book.press("sync").output == "updated unrolled/a.py\n"


def test_the_command_says_one_line_and_no_traceback(book):
    book.write("chapters/01_a.md", export("def f(x):\n    return pad(x)"))
    command = [sys.executable, "-m", "unrolled.authoring", "--root", str(book.root), "sync"]
    done = subprocess.run(command, cwd=notebooks.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert not done.stdout
    assert done.stderr.startswith("chapters/01_a.md, cell 0 (line 18): uses 'pad'")
    assert done.stderr.count("\n") == 1


def test_one_change_is_written_alone(book):
    for name in ("01_a", "02_b"):
        book.write(f"chapters/{name}.md", export(f"def {name[3:]}_of(x):\n    return x"))
    book.press("sync")
    book.write("chapters/02_b.md", export("def b_of(x):\n    return -x"))
    assert book.press("sync").output == "updated unrolled/b.py\n"


def test_the_module_goes_with_its_chapter(book):
    chapter = book.write("chapters/01_a.md", export("def f(x):\n    return x"))
    book.press("sync")
    chapter.rename(book.root / "chapters/01_b.md")
    result = book.press("sync", "--check")
    assert result.exit_code == 1
    assert "unrolled/a.py" in result.stdout
    assert "source is gone" in result.stdout
    assert book.press("sync").output == (
        "wrote unrolled/b.py\nremoved unrolled/a.py: its source is gone\n"
    )
    assert not (book.root / "unrolled/a.py").exists()


def test_experiments_make_a_module_of_their_own_that_uses_the_mathematics(book):
    book.write(
        "chapters/01_a.md",
        code("import numpy as np"),
        export("def f(x):\n    return np.sum(x)"),
        code("def run(steps):\n    return f(np.ones(steps))", "experiment", "hide-input"),
    )
    book.write(
        "chapters/02_b.md",
        code("from unrolled.experiments.a import run"),
        code("def again(steps):\n    return run(2 * steps)", "experiment"),
    )
    made = ("unrolled/a.py", "unrolled/experiments/a.py", "unrolled/experiments/b.py")
    assert book.press("sync").output == "".join(f"wrote {name}\n" for name in made)
    module = (book.root / "unrolled/experiments/a.py").read_text()
    assert module.startswith(
        '"""Experiments of chapter 1: A title.\n\nGenerated from chapters/01_a'
    )
    assert "`experiment`" in module
    assert "from unrolled.a import f\n" in module
    assert '__all__ = ["run"]' in module
    assert "def run" not in (book.root / "unrolled/a.py").read_text()
    for package in ("unrolled", "unrolled/experiments"):
        (book.root / package / "__init__.py").touch()
    assert run(book, "__import__('unrolled.experiments.b').experiments.b.again(3)") == "6.0"
    (book.root / "unrolled/experiments/a.py").write_text(module + "x = 1\n")
    assert "-x = 1" in book.press("sync", "--check").stdout
    book.press("sync")
    (book.root / "chapters/02_b.md").unlink()
    assert book.press("sync").output == ("removed unrolled/experiments/b.py: its source is gone\n")


def test_pages_and_chapters_without_exports_make_no_module(book):
    for name in ("index", "notation"):
        (book.root / f"chapters/{name}.md").write_text("# No notebook\n")
    book.write("chapters/01_a.md", code("import numpy as np"))
    assert "nothing to do" in book.press("sync").output


def test_both_of_two_dotted_imports_are_taken(book):
    book.write(
        "chapters/01_a.md",
        code("import scipy.signal\nimport scipy.ndimage"),
        export("def f(x):\n    return scipy.signal.correlate(x, scipy.ndimage.sobel(x))"),
    )
    book.press("sync")
    module = (book.root / "unrolled/a.py").read_text()
    assert "import scipy.ndimage\nimport scipy.signal\n" in module


def test_private_names_may_recur_in_another_chapter(book):
    for name in ("01_a", "02_b"):
        book.write(
            f"chapters/{name}.md",
            export(f"def _g(x):\n    return x\ndef {name[3]}(x):\n    return _g(x)"),
        )
    assert book.press("sync").exit_code == 0


REFUSED = {
    "undefined": (
        [export("def f(x):\n    return pad(x)")],
        "cell 0",
        "return pad(x)",
        "uses 'pad', which no cell imports or defines; define it",
    ),
    "defined in a cell that is not exported": (
        [code("def pad(x):\n    return x"), export("def f(x):\n    return pad(x)")],
        "cell 1",
        "return pad(x)",
        "defined only in cell 0 (line 15), which is not exported; tag that cell `export`",
    ),
    "syntax error": (
        [code("x = 1"), export("def f(x):\n    return x +")],
        "cell 1",
        "return x +",
        "not valid Python: invalid syntax; mend this line",
    ),
    "syntax error outside the export": ([code("x ="), export(BACK)], "cell 0", "x =", "mend this"),
    "magic in an export cell": ([export("%time x = 1")], "cell 0", "%time", "not valid Python"),
    "statement": (
        [export("def f(x):\n    return x\n\nprint(f(1))")],
        "cell 0",
        "print(f(1))",
        "definitions, constants and imports only; move this statement",
    ),
    "loop": ([export("for i in range(3):\n    x = i")], "cell 0", "for i", "move this statement"),
    "assignment to an attribute": ([export("f.x = 1")], "cell 0", "f.x", "move this statement"),
    "defined twice": (
        [export("def f(x):\n    return x"), export("f = 3")],
        "cell 1",
        "f = 3",
        "defines 'f' a second time, after cell 0; export one",
    ),
    "star": (
        [code("from numpy import *"), export(BACK)],
        "cell 0",
        "from numpy",
        "imports * from numpy; import each name",
    ),
    "one name for two imports": (
        [code("import numpy as np"), code("import numpy.ma as np"), export(BACK)],
        "cell 1",
        "numpy.ma",
        "`import numpy.ma as np`, but an earlier cell says `import numpy as np`",
    ),
    "import beside another statement": (
        [export("import math; x = math.pi")],
        "cell 0",
        "import math",
        "give it its own",
    ),
    "own module": (
        [code("from unrolled.a import f"), export("def f(x):\n    return x")],
        "cell 0",
        "from unrolled.a",
        "imports unrolled.a, which is made from this chapter; use the name as the page defines it",
    ),
    "what ruff finds": (
        [export("x = 1"), export("def f(x):\n    y = 1\n    return x")],
        "cell 1",
        "def f",
        "ruff: F841 Local variable `y` is assigned to but never used; mend it",
    ),
    "an experiment in the mathematics": (
        [code("def run():\n    return 1", "experiment"), export("def f(x):\n    return run()")],
        "cell 1",
        "return run()",
        "uses 'run', which",
    ),
    "a name in the mathematics and in the experiments": (
        [export("def f(x):\n    return x"), code("f = 3", "experiment")],
        "cell 1",
        "f = 3",
        "exports 'f', as chapters/01_a.md does; rename one of the two",
    ),
    "both tags": (
        [code("def f(x):\n    return x", "export", "experiment")],
        "cell 0",
        "def f",
        "tagged export and experiment; choose one",
    ),
    "text tagged export": (
        [text("Words.", "export")],
        "text before cell 0",
        "Words.",
        "tag code cells only",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(book, case):
    cells, cell, needle, hint = REFUSED[case]
    book.write("chapters/01_a.md", *cells)
    book.write("chapters/02_fine.md", export("def fine(x):\n    return x"))
    line = book.line_of("chapters/01_a.md", needle)
    said = book.refused("sync")
    assert said.startswith(f"chapters/01_a.md, {cell} (line {line}): ")
    assert hint in said
    assert book.refused("sync", "--check") == said


@pytest.mark.parametrize(
    "statement",
    [
        "import unrolled.b",
        "from unrolled import b",
        "from unrolled.b import g",
        "import unrolled.experiments.b",
        "from unrolled.experiments import b",
        "from unrolled.experiments.b import g",
    ],
)
def test_a_later_chapter_is_not_imported(book, statement):
    book.write("chapters/01_a.md", code("def plot():\n    " + statement))
    book.write(
        "chapters/02_b.md", code("from unrolled.a import f"), export("def g(x):\n    return x")
    )
    said = book.refused("sync")
    assert said.startswith("chapters/01_a.md, cell 0 (line 16): imports unrolled.b,")
    assert "chapters/02_b.md: a chapter never imports a later chapter; move" in said


def test_an_earlier_chapter_is_imported(book):
    book.write("chapters/01_a.md", export("def f(x):\n    return x"))
    book.write(
        "chapters/02_b.md", code("from unrolled.a import f"), export("def g(x):\n    return f(x)")
    )
    assert book.press("sync").exit_code == 0
    assert "from unrolled.a import f\n" in (book.root / "unrolled/b.py").read_text()


def test_the_mathematics_does_not_import_experiments(book):
    book.write("chapters/01_a.md", code("def run():\n    return 1", "experiment"))
    book.write(
        "chapters/02_b.md",
        code("from unrolled.experiments.a import run"),
        export("def g(x):\n    return run()"),
    )
    assert "needs unrolled.experiments; tag it `experiment`" in book.refused("sync")


def test_two_chapters_do_not_export_one_name(book):
    book.write("chapters/01_a.md", export("def f(x):\n    return x"))
    book.write("chapters/02_b.md", export("y = 1\n\ndef f(x):\n    return -x"))
    said = book.refused("sync")
    assert said.startswith(
        "chapters/02_b.md, cell 0 (line 19): exports 'f', as chapters/01_a.md does"
    )
    assert "rename" in said


@pytest.mark.parametrize("name", ["1_a", "01-a", "01_A", "01_", "011_a", "01_a-b"])
def test_names_of_chapters(book, name):
    book.write(f"chapters/{name}.md", code("x = 1"))
    said = book.refused("sync")
    assert said.startswith(f"chapters/{name}.md: the file's name is not NN_topic.md")
    assert "rename it" in said


@pytest.mark.parametrize(
    ("names", "hint"),
    [
        (["01_a", "01_b"], "has the same number as chapters/01_a.md; renumber"),
        (["01_a", "02_a"], "has the same topic as chapters/01_a.md; rename"),
        (["01_a", "02_exercises"], "'exercises' cannot be a module of unrolled; rename"),
        (["01_a", "02_class"], "'class' cannot be a module of unrolled; rename"),
    ],
)
def test_chapters_that_collide(book, names, hint):
    for name in names:
        book.write(f"chapters/{name}.md", export(f"def f{name[:2]}(x):\n    return x"))
    said = book.refused("sync")
    assert said.startswith(f"chapters/{names[1]}.md: ")
    assert hint in said


@pytest.mark.parametrize("name", ["a", "other"])
def test_a_module_made_by_hand_is_not_overwritten(book, name):
    book.write("chapters/01_a.md", export("def f(x):\n    return x"))
    (book.root / f"unrolled/{name}.py").write_text("x = 1\n")
    said = book.refused("sync")
    assert said.startswith(f"unrolled/{name}.py: was not generated")
    assert "move it" in said


@pytest.mark.parametrize(
    ("content", "line", "hint"),
    [
        (b"# No header\n", 1, "no header of a MyST notebook; begin the file with the front matter"),
        (b"---\njupytext: [\n---\n", None, "Notebook metadata"),
        (b"---\n- a\n---\n", 1, "front matter"),
        (b"---\na: b\n---\n\n\xff\n", 5, "not UTF-8; save"),
    ],
)
def test_files_that_are_no_notebooks(book, content, line, hint):
    (book.root / "chapters/01_a.md").write_bytes(content)
    said = book.refused("sync")
    assert said.startswith(f"chapters/01_a.md (line {line})" if line else "chapters/01_a.md: ")
    assert hint in said


def test_cell_options_that_are_no_yaml(book):
    book.write("chapters/01_a.md", "```{code-cell} ipython3\n:tags: [export\n\nx = 1\n```\n")
    said = book.refused("sync")
    assert said.startswith("chapters/01_a.md (line 14): ")
    assert "mend the options" in said


@pytest.mark.parametrize("tags", ["export", "[export, export]"])
def test_tags_that_are_no_list(book, tags):
    book.write("chapters/01_a.md", f"```{{code-cell}} ipython3\n:tags: {tags}\n\nx = 1\n```\n")
    said = book.refused("sync")
    assert said.startswith("chapters/01_a.md (line 15): tags are ")
    assert "write a list, each tag once: `:tags: [export]`" in said


def test_a_title_of_any_kind(book):
    path = book.write("chapters/01_a.md", export("def f(x):\n    return x"))
    title = 'Of \\"quotes\\", $\\\\alpha$ and """, in a title that is longer than a line, ' * 2
    path.write_text(path.read_text().replace("# A title", f"# {title}"))
    assert book.press("sync").exit_code == 0
    compile((book.root / "unrolled/a.py").read_text(), "a.py", "exec")
