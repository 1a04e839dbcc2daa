"""A chapter 10 with its lab, in a copy of the tree: steps 1, 2 and a part of 3 of CONTRIBUTING.md.

The book of the copy has the new pages only: those of the other chapters are as they were.
"""

import os
import shutil
import subprocess
import sys
from textwrap import dedent

import pytest
from trees import HEADER, code, export, text

from unrolled.authoring.notebooks import ROOT

CHAPTER = HEADER.replace("# A title", "# Leaky sums") + "".join(
    [
        text(
            """
            Does a sum that forgets remember its first term? Predict what is left of it after ten
            terms before you read on.

            ## Setting

            | symbol | shape | meaning |
            |---|---|---|
            | $x$ | $T$ | the inputs |

            We carry one number along and let it decay, with the modules that we need:
            """
        ),
        export("import numpy as np"),
        text("For the experiment we use the book's figures and the check against torch."),
        code(
            """
            import matplotlib.pyplot as plt
            import torch

            from unrolled.support import figures, verify

            figures.use()
            """
        ),
        text("## Forward: the sum\n\nEach step keeps a half of what there was."),
        export(
            '''
            def leaky(x):
                """The leaky sum y_t = y_{t-1} / 2 + x_t of x: (T,), and its cache."""
                y = np.zeros(len(x) + 1)
                for t in range(len(x)):
                    y[t + 1] = y[t] / 2 + x[t]
                return y[1:], len(x)
            '''
        ),
        text(
            "## Backward: the same sum, from the end\n\nWhat reaches a term comes from all later."
        ),
        export(
            '''
            def leaky_backward(dy, cache):
                """The gradient with respect to x: (T,)."""
                return leaky(dy[::-1])[0][::-1]
            '''
        ),
        text("We compare both with torch, which sums the same terms in a matrix."),
        code(
            """
            def by_torch(x):
                steps = torch.arange(len(x))
                powers = (steps[:, None] - steps).double()
                return torch.tril(0.5**powers) @ x

            rng = np.random.default_rng(0)
            verify.against_torch(leaky, leaky_backward, by_torch, {"x": rng.normal(size=7)}, rng)
            """
        ),
        text("## Experiment: what is left\n\nWe feed a single one and watch it fade."),
        "```{code-cell} ipython3\n---\ntags: [hide-input]\nmystnb:\n  figure:\n"
        "    name: fig-leak\n    caption: After ten steps a thousandth is left.\n  image:\n"
        "    alt: A curve that falls by half with each step, from one towards zero.\n---\n"
        "ax = figures.axes()\nax.plot(leaky(np.eye(1, 11)[0])[0], 'o-');\n```\n\n",
        text(
            """
            ## Exercises

            The lab is [lab 10](../labs/lab10_leaky.ipynb).

            ```{exercise}
            :label: ex-leak-one

            What is left after one step?
            ```

            ```{solution} ex-leak-one
            :class: dropdown

            A half.
            ```

            ```{exercise}
            :label: ex-leak-two

            And after two?
            ```

            ```{solution} ex-leak-two
            :class: dropdown

            A quarter.
            ```

            ## Check yourself

            ```{self-check}
            QUESTIONS
            ```

            ## Summary

            A sum that leaks forgets at a steady rate. Recurrent networks learn the rate.
            """
        ),
    ]
)
QUESTION = """\
- ask: Is {n} times the sum the sum of {n} times the terms?
  choices:
    - answer: It is.
      right: true
      why: The sum is linear.
    - answer: It is not.
      why: Then the gradient would depend on the terms.
"""
NUMBER = """\
- ask: How much of a one is left after a step?
  number: 0.5
  why: A half.
  mistakes:
    - number: 2
      why: That is its inverse.
"""
CHAPTER = CHAPTER.replace("QUESTIONS\n", "".join(QUESTION.format(n=n) for n in range(2, 7)))
SOLUTION = HEADER.replace("# A title", "# Lab 10: Leaky sums") + "".join(
    [
        text("Plan 10 to 20 minutes."),
        code("from unrolled.exercises.lab10 import check, ready, summary"),
        text("Write the leaky sum."),
        code(
            '''
            def leak(x):
                """The leaky sum of x: (T,), float64. Returns a float64 array (T,)."""
                ### BEGIN SOLUTION
                y = 1.0 * x
                for t in range(1, len(x)):
                    y[t] += y[t - 1] / 2
                return y
                ### END SOLUTION
            ''',
            "exercise",
        ),
        code('check("leak", leak)', "check"),
        code("summary()", "hide-input"),
    ]
)
REGISTRY = '''\
"""Lab 10: leaky sums."""

from ..leaky import leaky
from . import Exercise, Lab, Misconception, Source, numbers

LEAK = Exercise(
    name="leak",
    points=1,
    section="Forward: the sum",
    cases=lambda rng: [{"x": numbers(rng, T)} for T in (2, 3, 5)],
    shapes={"x": "T"},
    returns={"y": "a float64 array (T,)"},
    reference=Source("unrolled.leaky.leaky", lambda x: leaky(x)[0]),
    misconceptions=(
        Misconception("nothing forgotten", lambda x: x.cumsum(), "This sum keeps everything."),
        Misconception("everything forgotten", lambda x: 1.0 * x, "These are the terms alone."),
        Misconception("from the end", lambda x: leaky(x[::-1])[0][::-1], "It runs backwards."),
    ),
)
LAB = Lab(number=10, title="Leaky sums", chapter="10_leaky", exercises=(LEAK,))
check, ready, summary = LAB.check, LAB.ready, LAB.summary
'''
ALTERNATIVES = '''\
"""Right answers to lab 10, written differently from the solution."""


def by_powers(x):
    return [sum(x[s] / 2 ** (t - s) for s in range(t + 1)) for t in range(len(x))]


ALTERNATIVES = {"leak": [by_powers]}
'''
WRONG = '''\
"""Wrong answers to lab 10, as students might give them."""

import numpy as np

WRONG = {
    "leak": {
        "zeros": lambda x: 0 * x,
        "doubled": lambda x: 2 * x,
        "negated": lambda x: -x,
        "late": lambda x: np.roll(x, 1),
        "one step of memory": lambda x: x + np.append(0, x[:-1]) / 2 + 1,
    }
}
'''
ALTERNATIVE = "tests/alternatives/lab10.py"
TOC = "format: jb-book\nroot: chapters/10_leaky\nparts:\n  - caption: Labs\n    chapters:\n"


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """The copy, with its press already run: what it wrote is there."""
    root = tmp_path_factory.mktemp("copy") / "tree"
    left_out = shutil.ignore_patterns(".*", "_build", "*.egg-info", "__pycache__", "build")
    shutil.copytree(ROOT, root, ignore=left_out)
    shutil.copytree(ROOT / ".github", root / ".github")
    shutil.copy(ROOT / ".gitignore", root)
    for name, content in {
        "chapters/10_leaky.md": CHAPTER,
        "solutions/lab10_leaky.md": SOLUTION,
        "unrolled/exercises/lab10.py": REGISTRY,
        ALTERNATIVE: ALTERNATIVES,
        "tests/wrong_answers/lab10.py": WRONG,
    }.items():
        (root / name).write_text(content, encoding="utf-8")
    said = run(root, "unrolled.authoring", "sync")
    assert "wrote unrolled/leaky.py" in said
    assert "wrote labs/lab10_leaky.ipynb" in said
    return root


def run(root, *arguments, fails=False):
    """What `python -m …` says in the copy, which must succeed, or must not."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert bool(done.returncode) is fails, done.stdout
    return done.stdout


def test_it_keeps_the_rules_and_nothing_is_out_of_date(tree):
    assert "10 chapters, nothing found" in run(tree, "unrolled.authoring", "lint")
    assert "nothing to do" in run(tree, "unrolled.authoring", "sync")


def test_it_is_tested_like_every_other(tree):
    """Its lab, its pages, and its notebooks; but so short a chapter takes no twenty minutes."""
    modules = ("exercises", "pages", "slides", "references", "self_checks")
    chosen = "lab10 or every_lab or leaky or " + " or ".join(f"test_{name}" for name in modules[1:])
    run(
        tree,
        *("pytest", "-n", "0", "-q", "-x", *(f"tests/test_{name}.py" for name in modules)),
        *("chapters/10_leaky.md", "solutions/lab10_leaky.md", "labs/lab10_leaky.ipynb"),
        *("-k", f"({chosen}) and not about_as_long_as_it_should"),
    )


def test_it_is_in_the_course_plan(tree):
    script = dedent(
        """
        from pathlib import Path
        from types import SimpleNamespace
        from unrolled.authoring.pages import facts, plan
        root = Path.cwd()
        (chapter,) = [c for c in facts.chapters(root) if c.number == 10]
        print(plan.CoursePlan.session(SimpleNamespace(root=root), chapter))
        """
    )
    (tree / "show.py").write_text(script)
    row = run(tree, "show")
    (tree / "show.py").unlink()
    assert "[lab 10](/labs/lab10_leaky.ipynb) | 10–20 | 1 |" in row


def test_the_book_has_its_pages(tree):
    whole = (tree / "_toc.yml").read_text("utf-8")
    assert "glob: chapters/[0-9]*" in whole, "the book's contents find it by its name"
    pages = "      - file: labs/lab10_leaky\n      - file: solutions/lab10_leaky\n"
    (tree / "_toc.yml").write_text(TOC + pages)
    try:
        run(tree, "unrolled.authoring", "book")
    finally:
        (tree / "_toc.yml").write_text(whole)
    site = tree / "_build" / "html"
    assert "Leaky sums" in (site / "chapters" / "10_leaky.html").read_text("utf-8")
    assert "Compare with the solution" in (site / "labs" / "lab10_leaky.html").read_text("utf-8")


def test_what_is_forgotten_is_said(tree):
    chapter, solution, alternative = (
        tree / name for name in ("chapters/10_leaky.md", "solutions/lab10_leaky.md", ALTERNATIVE)
    )
    chapter.write_text(CHAPTER.replace(QUESTION.format(n=2), NUMBER))
    solution.write_text(SOLUTION.replace("Plan 10 to 20 minutes.", "Let us begin."))
    alternative.unlink()
    try:
        lint = run(tree, "unrolled.authoring", "lint", fails=True)
        files = ("tests/test_exercises.py", "tests/test_self_checks.py")
        chosen = "(lab10 and differently) or (every_number and 10)"
        said = run(tree, "pytest", "-n", "0", "-q", *files, "-k", chosen, fails=True)
    finally:
        chapter.write_text(CHAPTER)
        solution.write_text(SOLUTION)
        alternative.write_text(ALTERNATIVES)
    assert "solutions/lab10_leaky.md: plan: no “Plan N to M minutes”" in lint
    assert f"write {ALTERNATIVE}" in said
    assert "compute question 1 of chapter 10 in NUMBERS" in said
