"""A chapter's page made live in a real browser, and the driver that runs its cells, without one.

The page is a small one; the browser makes it live once, and each test looks at one thing. One real
chapter runs beside it; bench_lite.py runs all of them.
"""

import json
import re
import subprocess
import sys
from dataclasses import dataclass, field

import lite
import pytest
from browser import EVERYTHING, axe, served
from test_explorables import small_book
from test_lite import ABSENT

from unrolled.authoring import book, machine
from unrolled.authoring.lite import assemble, driver, live, pyodide
from unrolled.authoring.notebooks import ROOT

# of Sphinx's extensions, about themselves
pytestmark = pytest.mark.filterwarnings(
    "ignore::FutureWarning", "ignore::PendingDeprecationWarning"
)
PAGE, CHAPTER = "01_small", "01_convolution"
CELLS = """
```{code-cell} ipython3
import matplotlib.pyplot as plt
import torch
from pathlib import Path
```

```{code-cell} ipython3
:tags: [remove-cell]

secret = 7
```

```{code-cell} ipython3
print("sum", sum(range(secret)))
```

```{code-cell} ipython3
---
tags: [hide-input]
mystnb:
  image:
    alt: A line that rises from zero to two
  figure:
    name: fig-line
    caption: The caption stays.
---
figure, ax = plt.subplots()
ax.plot([0, 1, 2]);
```

```{code-cell} ipython3
ones = torch.ones(3)
print("without torch", secret)
```

```{code-cell} ipython3
ones.sum().item()
```

```{code-cell} ipython3
Path("studies/small.csv").read_text().split()
```
"""
START = """async (chapter) => {
  const worker = new Worker("/lite/live/worker.js", { type: "module" });
  const next = (types) => new Promise((resolve, reject) => {
    worker.onerror = () => reject(new Error("the worker failed"));
    worker.onmessage = ({ data }) => {
      if (data.type === "failed") reject(new Error(data.message));
      if (data.type === "output") told.at(-1).outputs.push(data);
      if (types.includes(data.type)) resolve(data);
    };
  });
  const told = [];
  window.chapter = (async () => {
    worker.postMessage({ type: "start", chapter });
    const { cells } = await next(["ready"]);
    for (const [index, { source, alt }] of cells.entries()) {
      told.push({ index, source, outputs: [] });
      worker.postMessage({ type: "run", name: `cell ${index}`, source, alt, narrow: false });
      told.at(-1).status = (await next(["done"])).status;
    }
    worker.terminate();
    return told;
  })();
}"""
SHOWN = "(cell) => cell.innerText"


def chapter_runs(page, address, name):
    """What the cells of a chapter give in the browser's Python: a function that waits for it."""
    page.goto(f"{address}/lite/index.html")
    page.evaluate(START, name)
    return lambda: page.evaluate("window.chapter")


@dataclass
class Story:
    """What happened on the page."""

    asked: list = field(default_factory=list)  # before the click
    elsewhere: list = field(default_factory=list)
    errors: list = field(default_factory=list)
    reached: list = field(default_factory=list)  # by Tab
    cells: list = field(default_factory=list)
    figure: dict = field(default_factory=dict)
    states: list = field(default_factory=list)
    found: list = field(default_factory=list)  # by axe
    sideways: int = 0
    typed: str = ""
    stopped: str = ""
    undefined: str = ""
    again: list = field(default_factory=list)
    chapter: list = field(default_factory=list)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A book of one page, beside the Python of the whole."""
    tree = tmp_path_factory.mktemp("book")
    small_book(tree, {PAGE: CELLS})
    (tree / "chapters" / "studies").mkdir()
    (tree / "chapters" / "studies" / "small.csv").write_text("a,b\n1,2\n", encoding="utf-8")

    def add(root, answers, folder):
        assemble.assemble(folder, ROOT, {})
        live.assemble(ROOT, folder)
        live.assemble(tree, folder)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(book, "_labs_in_browser", lambda root: True)
        patch.setattr(book, "_assemble_labs", add)
        try:
            return book.build(root=tree)
        except pyodide.NotReached as why:
            if machine.everything():
                raise
            pytest.skip(str(why))


@pytest.fixture(scope="module")
def story(site, chromium):
    asked = []
    with served(site, asked=asked) as address, chromium() as browser:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        told = Story(elsewhere=lite.alone(context, address))
        page = opened(context, address)
        page.on("pageerror", lambda error: told.errors.append(str(error)))
        told.asked = list(asked)
        status = page.locator("#live-bar [role=status]")
        page.get_by_role("button", name="Make this page live").press("Enter")
        status.filter(has_text="Python is ready.").wait_for()
        wait = chapter_runs(context.new_page(), address, CHAPTER)
        told.reached = tabbed(page)
        page.get_by_role("button", name="Run all", exact=True).press("Enter")
        status.filter(has_text=re.compile("All cells have run|ended")).wait_for()
        told.cells = page.locator("div.cell .live-output").evaluate_all(
            "(all) => all.map((e) => e.innerText.trim())"
        )
        told.states = page.locator(".live-state").all_inner_texts()
        told.figure = page.evaluate(FIGURE)
        for mode, width in (("light", 1280), ("dark", 390)):
            page.emulate_media(color_scheme=mode)
            page.set_viewport_size({"width": width, "height": 900})
            told.found += axe(page, EVERYTHING, "main")
            over = page.evaluate("document.documentElement.scrollWidth") - width
            told.sideways = max(told.sideways, over)
        endless(page, status, told)
        told.chapter = wait()
    return told


def opened(context, address, page=PAGE):
    """A page of the site, without the formulas, which are slow and not needed here."""
    context.route("**/mathjax/**", lambda route: route.fulfill(body=""))
    page = context.new_page()
    page.set_default_timeout(lite.SECONDS)
    page.goto(f"{address}/chapters/{PAGE}.html")
    return page


def tabbed(page):
    """The names that the Tab key reaches in the first two cells, fields among them."""
    page.get_by_role("textbox", name="Code of cell 1").focus()
    names = []
    for _ in range(5):
        names.append(page.evaluate("document.activeElement.getAttribute('aria-label')"))
        page.keyboard.press("Tab")
    return names


FIGURE = """() => {
  const [figure] = document.querySelectorAll("main figure");
  const shown = [...figure.querySelectorAll("svg.unrolled-figure")].filter(
    (e) => e.getClientRects().length);
  return { count: shown.length, live: Boolean(shown[0]?.closest(".live-figure")),
    alt: shown[0]?.getAttribute("aria-label"),
    caption: figure.querySelector("figcaption").innerText };
}"""


def endless(page, status, told):
    """Type a loop without end, by keys; stop it; then the original code is there again."""
    field = page.get_by_role("textbox", name="Code of cell 2")
    field.focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("while True:")
    page.keyboard.press("Enter")
    page.keyboard.type("1")
    page.keyboard.press("Home")
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    told.typed = field.input_value()
    page.keyboard.press("Shift+Enter")
    status.filter(has_text="Cell 2 runs").wait_for()
    page.get_by_role("button", name="Stop").press("Enter")
    status.filter(has_text="Python is new: nothing is defined any more.").wait_for()
    told.stopped = status.inner_text()
    page.get_by_role("button", name="Reset cell 2").press("Enter")
    status.filter(has_text="Cell 2 is as it was.").wait_for()
    told.again = [field.input_value(), page.locator("div.cell").nth(1).inner_text()]
    page.get_by_role("button", name="Run cell 5").press("Enter")
    status.filter(has_text=re.compile("Cell 5 (has run|ended)")).wait_for()
    told.undefined = page.locator("div.cell .live-output").nth(4).inner_text()
    page.get_by_role("button", name="Run cell 2").press("Enter")
    status.filter(has_text=re.compile("Cell 2 (has run|ended)")).wait_for()
    told.again.append(page.locator("div.cell .live-output").nth(1).inner_text())


def test_nothing_is_fetched_before_the_click_and_no_other_host_is_asked(story):
    assert not [name for name in story.asked if name.startswith("/lite/")]
    assert not story.elsewhere
    assert not story.errors


def test_the_cells_run_in_order_and_the_hidden_one_with_them(story):
    assert story.cells[:3] == ["", "sum 21", ""]
    assert (
        story.cells[3]
        == ("without torch 7\n\nA part of this cell needs torch: download the notebook.")
        or story.cells[3].split("\n")[0] == "without torch 7"
    )
    assert "needs torch: download the notebook" in story.cells[3]
    assert story.cells[4] == "Needs torch: download the notebook."
    assert story.cells[5] == "['a,b', '1,2']"
    assert story.states == [
        *("has run", "has run", "has run"),
        *("has run in part", "has run in part", "has run"),
    ]


def test_a_figure_takes_the_place_of_the_one_on_the_page(story):
    assert story.figure == {
        "count": 1,
        "live": True,
        "alt": "A line that rises from zero to two",
        "caption": story.figure["caption"],
    }
    assert "The caption stays." in story.figure["caption"]


def test_a_live_page_is_accessible_in_both_modes_and_on_a_telephone(story):
    assert not story.found
    assert story.sideways <= 0


def test_tab_walks_past_a_field_in_which_nothing_is_typed(story):
    assert story.reached == [
        *("Code of cell 1", "Run cell 1", "Run all above cell 1"),
        *("Code of cell 2", "Run cell 2"),
    ]


def test_a_cell_without_end_is_stopped_and_the_page_says_so(story):
    assert story.typed == "while True:\n    1"
    assert story.stopped.startswith("Cell 2 was stopped.")
    source, shown, ran = story.again
    assert source == 'print("sum", sum(range(secret)))'
    assert "sum 21" in shown, "as the page had it"
    assert ran.strip() == "sum 21", "in a new Python, with the hidden cell before it"
    assert "NameError" in story.undefined
    assert "Run all above" in story.undefined


def test_a_chapter_runs_to_its_end_without_torch(story):
    bad = [cell for cell in story.chapter if cell["status"] not in ("done", "needs")]
    assert not bad
    kinds = {one["kind"] for cell in story.chapter for one in cell["outputs"]}
    assert {"figure", "stream", "html", "needs"} <= kinds


LACKING = {
    "WebAssembly": (ABSENT.format("globalThis", "WebAssembly"), "has no WebAssembly"),
    "the network": (None, "could not be fetched"),
}


def test_what_is_lacking_is_said_with_the_notebook_beside_it(site, chromium):
    trouble = {"python_stdlib": "cut", "numpy-": "cut"}
    with served(site, trouble) as address, chromium() as browser:
        for script, says in LACKING.values():
            context = browser.new_context(viewport={"width": 390, "height": 800})
            if script:
                context.add_init_script(script)
            refused(opened(context, address), says)
            context.close()
        page = browser.new_page()
        page.goto((site / "chapters" / f"{PAGE}.html").as_uri())
        refused(page, "This page was opened as a file")


def refused(page, says):
    button = page.get_by_role("button", name="Make this page live")
    button.click()
    told = page.locator("#live-says").filter(has_text=says)
    told.wait_for()
    assert told.get_by_role("link").get_attribute("href") == f"{PAGE}.ipynb"
    assert button.is_enabled()
    assert page.locator("#live-bar").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


# The driver ------------------------------------------------------------------------------------


DRIVE = """
import importlib.util, json, sys, tempfile
spec = importlib.util.spec_from_file_location("driver", {file!r})
driver = importlib.util.module_from_spec(spec)
spec.loader.exec_module(driver)
folder, told = tempfile.mkdtemp(), []
for cells in {chapters}:
    outputs = []
    driver.start(lambda kind, text, key: outputs.append((kind, text)), folder, {{}})
    sys.meta_path.insert(0, sys.meta_path.pop())  # before the torch that is here
    for number, source in enumerate(cells):
        outputs.clear()
        status = driver.run(f"cell {{number}}", source)
    told.append([status, outputs[:]])
print(json.dumps(told))
"""


IMPORT = "import torch\nfrom torch.nn.utils.rnn import pad_packed_sequence\ntorch.manual_seed(1)"
CASES = {
    "an import succeeds": ([IMPORT], "done", []),
    "use ends the statement alone": (
        [IMPORT, "a = torch.ones(3)\nprint(1)"],
        "needs",
        [("stream", "1\n"), ("needs", "part torch")],
    ),
    "so does a use by way of a function": (
        [IMPORT, "def f():\n    return torch.ones(3)", "f()"],
        "needs",
        [("needs", "all torch")],
    ),
    "and as a base class": (
        [IMPORT, "class Net(torch.nn.Module):\n    pass"],
        "needs",
        [("needs", "all torch")],
    ),
    "and inside try": (
        [IMPORT, "try:\n    torch.ones(3)\nexcept Exception:\n    pass"],
        "needs",
        [("needs", "all torch")],
    ),
    "what it would have defined is unknown": (
        [IMPORT, "a = 1", "a = torch.ones(3)", "a + 1"],
        "needs",
        [("needs", "all torch")],
    ),
    "until it is defined": ([IMPORT, "a = torch.ones(3)", "a = 2", "a"], "done", [("text", "2")]),
    "what it would have filled is not whole": (
        [IMPORT, "found = {}", "found['a'] = torch.ones(3)", "found['a']"],
        "needs",
        [("needs", "all torch")],
    ),
    "another package that is not there": (
        ["import nowhere.at_all"],
        "needs",
        [("needs", "all nowhere")],
    ),
    "an error ends the cell": (
        ["def f():\n    return 1 / 0", "print(1)\nf()\nprint(2)"],
        "error",
        [
            ("stream", "1\n"),
            (
                "error",
                "cell 1, line 2:  f()\ncell 0, line 2:  return 1 / 0\n"
                "ZeroDivisionError: division by zero",
            ),
        ],
    ),
    "what is no Python": (
        ["1 +"],
        "error",
        [("error", "cell 0, line 1:  1 +\nSyntaxError: invalid syntax")],
    ),
    "exit is an error, and the next cell runs": (["exit()", "1"], "done", [("text", "1")]),
    "a semicolon shows nothing": (["1;"], "done", []),
    "an output is replaced": (
        [
            "h = display({'text/plain': 'a'}, raw=True, display_id=True)\n"
            "h.update({'text/plain': 'b'}, raw=True)"
        ],
        "done",
        [("text", "a"), ("text", "b")],
    ),
}


ENDLESS = "for i in range(100_000):\n    print(i)"


@pytest.fixture(scope="module")
def driven():
    """What the last cell of each case gives, run in a process of its own."""
    cells = [[ENDLESS], *(cells for cells, _, _ in CASES.values())]
    told = subprocess.run(
        [sys.executable, "-c", DRIVE.format(file=driver.__file__, chapters=cells)],
        capture_output=True,
        text=True,
        check=True,
    )
    found = [(status, [*map(tuple, outputs)]) for status, outputs in json.loads(told.stdout)]
    return dict(zip(["endless", *CASES], found, strict=True))


@pytest.mark.parametrize("case", CASES)
def test_the_driver(case, driven):
    _, status, outputs = CASES[case]
    assert driven[case] == (status, outputs)


def test_what_is_printed_without_end_is_cut(driven):
    status, outputs = driven["endless"]
    text = "".join(text for _, text in outputs)
    assert status == "done"
    assert text.endswith("… and more, which is not shown.")
    assert len(text) < driver.LIMIT + 100
