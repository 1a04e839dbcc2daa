"""The rules of CONTRIBUTING.md that a program can hold, on small chapters and on the real ones."""

import pytest
from trees import HEADER, Book, code, export, text

from unrolled.authoring import lint, notebooks

QUESTION = text("What is twice a number? Predict it now.")
IMPORTS = text("## Setting\n\nWe need some names.") + code(
    "import torch\nfrom unrolled.support import verify"
)
FORWARD = text("## Forward\n\nIt is one line.\n\n$$\ny = 2x\n$$ (eq-double)") + export(
    "def double(x):\n    return 2 * x, None"
)
BACKWARD = text("## Backward\n\nIts derivative is two.") + export(
    "def double_backward(dout, cache):\n    return 2 * dout"
)
CHECK = text("## Check\n\nWe compare it with torch.") + code(
    "verify.against_torch(double, double_backward, lambda x: 2 * x, arguments, rng)"
)
FIGURE = """\
```{code-cell} ipython3
---
tags: [hide-input]
mystnb:
  figure:
    caption: The slope is two, and nothing else.
    name: fig-double
  image:
    alt: A straight line that rises from the lower left corner to the upper right.
---
fig, ax = figures.axes()
ax.plot([0, 2])
```

"""
EXPERIMENT = text("## Experiment: numbers\n\nWe draw the line.") + FIGURE
EXERCISE = text(
    """
    ```{exercise}
    :label: ex-one

    Why two?
    ```

    ```{solution} ex-one
    :class: dropdown

    Because.
    ```
    """
)
EXERCISES = (
    text("## Exercises")
    + EXERCISE
    + EXERCISE.replace("ex-one", "ex-two")
    + text("Then go to [the lab](../labs/lab01_double.ipynb).")
)
SELF_CHECK = text("## Check yourself\n\nNo page is needed.") + text(
    "```{self-check}\n"
    + "".join(f"- {{ask: Twice {n}, number: {2 * n}, why: It is.}}\n" for n in range(5))
    + "```"
)
SUMMARY = text("## Summary\n\nTwice is twice. The next chapter halves.")
GOOD = (
    QUESTION + IMPORTS + FORWARD + BACKWARD + CHECK + EXPERIMENT + EXERCISES + SELF_CHECK + SUMMARY
)


@pytest.fixture
def book(tmp_path):
    return Book(tmp_path)


def test_a_good_chapter_passes(book):
    book.write("chapters/01_a.md", GOOD)
    result = book.press("lint")
    assert result.exit_code == 0, result.stderr
    assert result.output == "1 chapters, nothing found\n"


def long(lines):
    return code("\n".join(f"x{i} = {i}" for i in range(lines)))


SAID = "We say why."
BREACHES = {  # what is replaced, by what, the text on the line named, what is said
    "long cell": (SUMMARY, text(SAID) + long(31) + SUMMARY, "x0 =", "length: 31 lines, at most 30"),
    "wide line": (
        SUMMARY,
        text(SAID) + code("y = 1\nx = " + "1 + " * 21 + "11") + SUMMARY,
        "x = 1 +",
        "width: 90 characters, at most 88",
    ),
    "no text": (SUMMARY, code("x = 1") + code("y = 1") + SUMMARY, "y = 1", "sentence: no sentence"),
    "only a heading": (
        "We need some names.",
        "We need.\n\n## Names",
        "import torch",
        "sentence: no sentence directly before this cell; say why",
    ),
    "only a formula": (
        "We need some names.",
        "$$\na b c d\n$$",
        "import torch",
        "sentence: no sentence",
    ),
    "only a box": (
        "We need some names.",
        "```{note}\nWords in a box.\n```",
        "import torch",
        "sentence: no sentence",
    ),
    "printed allclose": (
        SUMMARY,
        text(SAID) + code("x = 1\nprint(np.allclose(x, x))") + SUMMARY,
        "print(",
        "allclose: its answer does not fail the page; use `verify`, or np.testing",
    ),
    "bare allclose": (
        SUMMARY,
        text(SAID) + code("allclose(x, x)") + SUMMARY,
        "allclose",
        "allclose",
    ),
    "asserted allclose": (
        SUMMARY,
        text(SAID) + code("assert torch.allclose(x, x)") + SUMMARY,
        "assert",
        "allclose",
    ),
    "no caption": (
        "    caption: The slope is two, and nothing else.\n",
        "",
        "figures.axes",
        "figure: no caption; give it in the cell's options, mystnb: figure: caption:",
    ),
    "no name": ("    name: fig-double\n", "", "figures.axes", "figure: no name; give it"),
    "figure of no shape": (
        EXPERIMENT,
        EXPERIMENT
        + text(SAID)
        + "```{code-cell} ipython3\n---\nmystnb:\n  figure: {name: fig-x, caption: Words.}\n"
        + "  image: A.\n---\nx = 1\n```\n",
        "x = 1",
        "figure: no alt text; say what is seen",
    ),
    "short alt": (
        "A straight line that rises from the lower left corner to the upper right.",
        "A line.",
        "figures.axes",
        "figure: alt text of 7 characters; say what is seen, in 20 characters or more",
    ),
    "alt is caption": (
        "A straight line that rises from the lower left corner to the upper right.",
        "the slope is two,  and nothing else",
        "figures.axes",
        "figure: the alt text repeats the caption; say what is seen",
    ),
    "image without alt": (
        SUMMARY,
        text("See\n![](a.svg).") + SUMMARY,
        None,
        "image: a.svg has no alt text; say what",
    ),
    "figure directive without alt": (
        SUMMARY,
        text("Look:\n\n```{figure} a.svg\nWords.\n```") + SUMMARY,
        "```{figure}",
        "image: a.svg has no alt text",
    ),
    "tag without alt": (
        SUMMARY,
        text('Look:\n\n<img src="a.svg">') + SUMMARY,
        "<img",
        "image: a.svg has no alt text",
    ),
    "image of another host": (
        SUMMARY,
        text("![A black cat](https://example.org/cat.png)") + SUMMARY,
        "![A",
        "image: https://example.org/cat.png is on another host; keep the file",
    ),
    "image of another host in a box": (
        SUMMARY,
        text("Now:\n\n:::{note}\n:class: tip\n\n![A black cat](//example.org/cat.png)\n:::")
        + SUMMARY,
        "![A",
        "is on another host",
    ),
    "script": (SUMMARY, text("Now:\n\n<script>x</script>") + SUMMARY, "<script", "script: pages"),
    "formula in a line": (
        SUMMARY,
        text("Thus $$x = 1$$ holds.") + SUMMARY,
        "Thus",
        "formula: `$$` shares its line, and would be misrendered; put it on its own",
    ),
    "formula in a box": (
        SUMMARY,
        text(":::{note}\nThus $$\nx\n$$\n:::") + SUMMARY,
        "Thus",
        "formula: `$$` shares its line",
    ),
    "gradient not checked": (
        CHECK,
        text("## Check\n\nWe look at it.") + code("double_backward(1, None)"),
        "def double",
        "gradient: double and double_backward are exported, but never compared with torch; add",
    ),
    "no question": (
        "What is twice a number? Predict it now.",
        "Twice a number is big. Predict it.",
        "# A title",
        "anatomy: the opening lacks a question or a call to predict its answer; begin with both",
    ),
    "no prediction": ("Predict it now", "Think", "# A title", "anatomy: the opening lacks"),
    "no setting": ("## Setting", "## Names", None, "anatomy: no section `## Setting`; add it"),
    "no backward": ("## Backward", "## Gradient", None, "anatomy: no section `## Backward`; add"),
    "order": (
        BACKWARD + CHECK + EXPERIMENT,
        EXPERIMENT + BACKWARD + CHECK,
        "## Backward",
        "anatomy: Backward comes after Experiment; change their order",
    ),
    "no experiment": (EXPERIMENT, "", None, "anatomy: no section `## Experiment`; add it"),
    "experiment without a figure": (
        FIGURE,
        code("print(1)"),
        "## Experiment",
        "anatomy: the experiment shows no figure; draw its finding",
    ),
    "no exercises": (EXERCISES, "", None, "anatomy: no section `## Exercises`; add it"),
    "one exercise": (EXERCISE, "", "## Exercises", "anatomy: 1 exercises; a chapter has 2 to 4"),
    "exercise without solution": (
        "{solution} ex-one",
        "{solution} ex-three",
        "## Exercises",
        "anatomy: the exercise ex-one has no solution; add {solution} and the label",
    ),
    "solution not folded": (
        "{solution} ex-one\n:class: dropdown\n",
        "{solution} ex-one\n",
        "## Exercises",
        "anatomy: the solution of ex-one is not folded; give it `:class: dropdown`",
    ),
    "no pointer to the lab": (
        "[the lab](../labs/lab01_double.ipynb)",
        "the lab",
        "## Exercises",
        "anatomy: no pointer to the lab; link to ../labs/labNN_topic.ipynb",
    ),
    "no self-check": (SELF_CHECK, "", None, "anatomy: no section `## Check yourself`; add it"),
    "self-check without its directive": (
        "{self-check}",
        "{note}",
        "## Check yourself",
        "anatomy: a chapter has one {self-check} directive, in the section Check yourself",
    ),
    "self-check elsewhere": (
        "## Check yourself\n\nNo page is needed.\n\n",
        "Words.\n\n",
        None,
        "anatomy: no section `## Check yourself`; add it",
    ),
    "self-check too early": (
        EXERCISES + SELF_CHECK,
        SELF_CHECK + EXERCISES,
        "## Exercises",
        "anatomy: Exercises comes after Check yourself; change their order",
    ),
    "self-check before another section": (
        SUMMARY,
        text("## Afterword\n\nWords.") + SUMMARY,
        "## Afterword",
        "anatomy: a section stands between Check yourself and Summary; move it up",
    ),
    "question without its number": (
        "{ask: Twice 3, number: 6, ",
        "{ask: Twice 3, ",
        "Twice 3",
        "self-check: a question without answers; give it `choices:` or a `number:`",
    ),
    "compares without a study": (
        "We draw the line.",
        "Ours reaches 4.2.\n\nThe doubled line beats the plain one by 3.",
        "beats the plain",
        "finding: “beats”, with numbers, and nothing says where it is from; write […]{.finding",
    ),
    "compares in a caption": (
        "The slope is two, and nothing else.",
        "With 5 seeds two is better than one.",
        None,
        "finding: “better than”",
    ),
    "no such study": (
        "We draw the line.",
        '[It beats the plain one by 3.]{.finding study="lines"}',
        "beats the plain",
        "finding: no study lines; a result chapters/studies/lines.csv expected",
    ),
    "three seeds": (
        "We draw the line.",
        '[It beats the plain one by 3.]{.finding seeds="3"}',
        "beats the plain",
        "finding: 3 seeds; at least 5 expected, or a study",
    ),
    "finding from nowhere": (
        "We draw the line.",
        "[It is the best of 3.]{.finding}",
        "the best",
        "finding: a finding without a source",
    ),
    "no summary": (SUMMARY, "", None, "anatomy: no section `## Summary`; add it"),
    "more after the summary": (
        SUMMARY,
        SUMMARY + text("## Afterword\n\nWords."),
        "## Afterword",
        "anatomy: a section follows the summary; end with the summary",
    ),
}


@pytest.mark.parametrize("case", BREACHES)
def test_breach(book, case):
    old, new, needle, hint = BREACHES[case]
    assert old in GOOD
    book.write("chapters/01_a.md", GOOD.replace(old, new, 1))
    said = book.refused("lint")
    assert hint in said
    if needle is None:
        assert said.startswith("chapters/01_a.md")
    else:
        line = int(said.split("(line ")[1].split(")")[0])
        assert needle in (book.root / "chapters/01_a.md").read_text().splitlines()[line - 1]
        assert said.startswith("chapters/01_a.md, cell ") or "text before cell" in said


FINE = {
    "options as a block": text("```{figure} a.svg\n---\nalt: A cat: black\n---\nWords.\n```"),
    "options with a colon": text("```{figure} a.svg\n:alt: 'A cat: black'\n\nWords.\n```"),
    "thirty lines": text(SAID) + long(30),
    "dollars in code": text("A dollar `$$` sign.\n\n```python\nx = '$$'  # $$\n```\n\nAnd \\$\\$."),
    "formula in a list": text("- one\n\n  $$\n  x\n  $$\n\n- two"),
    "hidden cell": code("x = 1", "remove-cell"),
    "style": text(SAID) + code("figures.use()\nplt.close('all')"),
    "function that draws": text(SAID) + code("def draw(x):\n    plt.plot(x)"),
    "image with alt": text("![A black cat](cat.svg) or <img src='a.svg' alt='A cat'>"),
    "link": text("[A page](https://example.org/cat.png)."),
    "testing": text(SAID) + code("np.testing.assert_allclose(x, x)"),
    "findings": text(
        '[It beats two.]{.finding seeds="5"} [It beats two.]{.finding exact="a proof"}'
    ),
    "no finding": text(
        "Slide 3 is hard to beat. That is better than nothing.\n\n### It beats 3\n\n"
        "Two networks are ahead of a third {cite}`someone`."
    ),
    "magic": text(SAID) + code("%timeit x"),
    "helper with its backward": text(SAID)
    + export("def _twice(x):\n    return 2 * x\n\ndef _twice_backward(dx):\n    return 2 * dx"),
}


@pytest.mark.parametrize("case", FINE)
def test_no_breach(book, case):
    book.write("chapters/01_a.md", GOOD.replace(SUMMARY, FINE[case] + SUMMARY))
    result = book.press("lint")
    assert result.exit_code == 0, result.stderr


def test_a_finding_names_a_study_that_has_a_result(book):
    said = text('[The line beats the curve by {glue:text}`gap`.]{.finding study="lines"}')
    book.write("chapters/01_a.md", GOOD.replace(SUMMARY, said + SUMMARY))
    assert "no study lines" in book.refused("lint")
    (book.root / "chapters/studies").mkdir()
    book.write("chapters/studies/lines.csv", "")
    assert book.press("lint").exit_code == 0


def test_an_empty_chapter(book):
    (book.root / "chapters/01_a.md").write_text(HEADER.replace("# A title", ""))
    assert book.refused("lint").startswith("chapters/01_a.md: anatomy: the chapter is empty")


def test_a_call_of_a_function_that_draws_is_a_figure(book):
    drawer = text(SAID) + code("def draw(x):\n    plt.plot(x)") + text(SAID) + code("draw(1)")
    book.write("chapters/01_a.md", GOOD.replace(SUMMARY, drawer + SUMMARY))
    result = book.press("lint")
    assert result.exit_code == 1
    assert result.stderr.count("figure: no") == 3


def test_a_gradient_may_be_compared_by_hand(book):
    check = text("## Check\n\nWe compare it with torch.") + code(
        "x = torch.ones(3)\nverify.compare('double', double_backward(x, None), x.grad)"
    )
    book.write("chapters/01_a.md", GOOD.replace(CHECK, check))
    assert book.press("lint").exit_code == 0


def test_all_findings_are_reported_at_once(book):
    book.write("chapters/01_a.md", code("x = 1"))
    book.write("chapters/02_b.md", GOOD.replace("name: fig-double", "x: y"))
    lines = book.press("lint").stderr.splitlines()
    assert len(lines) > 4
    assert lines[0].startswith("chapters/01_a.md, cell 0 (line 15): sentence: ")
    assert lines[-1].startswith("chapters/02_b.md, cell ")


@pytest.mark.parametrize(
    ("breach", "hint"),
    [
        (":::{note}\nWords.\n:::", "plain: a MyST directive or role"),
        ("See {ref}`there`.", "plain: a MyST directive or role"),
        ("So $$x$$ is.", "formula: `$$` shares its line"),
    ],
)
def test_labs_are_plain(book, breach, hint):
    (book.root / "solutions/lab01_a.md").write_text(
        HEADER + text("Fine.\n\n$$\nx\n$$\n\nPlan 5 to 10 minutes.") + text(breach)
    )
    said = book.refused("lint")
    assert said.startswith("solutions/lab01_a.md, text before cell 0 (line ")
    assert hint in said


def test_a_lab_says_how_long_it_takes(book):
    (book.root / "solutions/lab01_a.md").write_text(HEADER + text("Plan a minute."))
    assert "lab01_a.md: plan: no “Plan N to M minutes”" in book.refused("lint")


def test_a_lab_does_not_take_longer_than_it_says(book):
    answer = "### BEGIN SOLUTION\n" + "x = 1\n" * 30 + "### END SOLUTION"
    lab = f"{HEADER}{text('Plan 5 to 20 minutes.')}{code(answer)}"
    (book.root / "solutions/lab01_a.md").write_text(lab)
    assert "at most 20 minutes are told; by its text" in book.refused("lint")


def test_the_real_sources_keep_the_rules():
    assert [str(finding) for finding in lint.findings(notebooks.ROOT)] == []
