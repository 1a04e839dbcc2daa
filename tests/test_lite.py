"""The labs in the browser: from the click to the mark, with every other host out of reach.

The browser is used once, for everything it is asked; each test then looks at one thing.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import lite
import pytest
from browser import EVERYTHING, axe, served
from submissions import answers, assignment

from unrolled import exercises
from unrolled.authoring import machine
from unrolled.authoring.lite import assemble, available, bytecode, pyodide, shared
from unrolled.authoring.notebooks import ROOT
from unrolled.grading.assign import handout
from unrolled.grading.model import GradingError

LAB, NOTEBOOK = "lab01", "lab01_convolution"
MEGABYTE = 1e6


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of a site that has nothing but the labs."""
    folder = tmp_path_factory.mktemp("site")
    try:
        assemble.of_tree(ROOT, folder)
    except pyodide.NotReached as why:
        if machine.everything():
            raise
        pytest.skip(str(why))
    return folder


@dataclass
class Story:
    """What happened in the browser."""

    elsewhere: list
    errors: list = field(default_factory=list)
    untouched: list = field(default_factory=list)
    filled: list = field(default_factory=list)
    scores: dict = field(default_factory=dict)
    named: dict = field(default_factory=dict)
    endless: str = ""
    heavy: list = field(default_factory=list)
    by_keyboard: list = field(default_factory=list)
    found: list = field(default_factory=list)  # by axe
    sideways: float = 0
    offline: list = field(default_factory=list)
    offline_scores: dict = field(default_factory=dict)
    newer: list = field(default_factory=list)
    older: list = field(default_factory=list)
    taken_home: dict = field(default_factory=dict)


@pytest.fixture(scope="module")
def story(site, chromium):
    trouble = {}
    with served(site, trouble) as address, chromium() as browser:
        context = browser.new_context()
        context.add_init_script(ASKS)
        told = Story(lite.alone(context, address))
        page = context.new_page()
        page.set_default_timeout(lite.SECONDS)
        page.on("pageerror", lambda error: told.errors.append(str(error)))
        told.by_keyboard = by_keyboard(page, address)
        told.untouched = page.evaluate(lite.RUN_ALL)
        page.evaluate(lite.FILL, {name: cell.source for name, cell in answers(LAB).items()})
        told.filled = page.evaluate(lite.RUN_ALL)
        told.scores = scores(page)
        told.heavy = heavy(page)
        told.named = mistakes(page)
        page.get_by_text("Kept in this browser").wait_for()
        with page.expect_download() as download:
            page.get_by_role("button", name="Download my notebook").click()
        told.taken_home = json.loads(download.value.path().read_text("utf-8"))
        page.set_viewport_size({"width": 390, "height": 800})
        told.found = axe(page, EVERYTHING, "#unrolled-bar")
        told.sideways = page.evaluate("document.getElementById('unrolled-bar').scrollWidth") - 390
        told.endless = endless(page)
        # the tab dies; the other day there is no network (by the server: Playwright's waits for the
        # service worker that has died, too)
        kill(browser, page)
        trouble["/"] = "away"
        page = context.new_page()
        page.set_default_timeout(lite.SECONDS)
        lite.opened(page, address, NOTEBOOK)
        told.offline = page.evaluate(lite.SOURCES)
        page.evaluate(lite.RUN_ALL)
        told.offline_scores = scores(page)
        trouble.clear()
        page.close(run_before_unload=False)
        told.newer, told.older = after_a_release(site, context, address)
    return told


def after_a_release(site, context, address):
    """What the start page offers when the lab has a new release, and the work behind the offer."""
    changed = lite.notebooks()
    changed[NOTEBOOK]["cells"][0]["source"].append("\n\nA new sentence.")
    assemble.assemble(site, ROOT, {f"{name}.ipynb": one for name, one in changed.items()})
    page = context.new_page()
    page.set_default_timeout(lite.SECONDS)
    page.goto(f"{address}/lite/index.html?lab={NOTEBOOK}")
    page.get_by_text("A newer version of this lab is out.").wait_for()
    offered = page.locator("#choices a").all_inner_texts()
    page.get_by_role("link", name="Go on with your work").click()
    page.wait_for_function(lite.OPEN)
    older = page.evaluate(lite.SOURCES)
    page.goto(f"{address}/lite/index.html?lab={NOTEBOOK}")
    page.get_by_role("link", name="Open the newer version beside it").click()
    page.wait_for_function(lite.OPEN)
    newer = page.evaluate(lite.SOURCES)
    page.close(run_before_unload=False)
    return [*offered, *newer], older


def scores(page):
    """{exercise: [score, points]} of the open lab."""
    told = page.evaluate(lite.EXECUTE, lite.SCORES)
    assert not told["error"]
    return json.loads(told["text"])


def mistakes(page):
    told = page.evaluate(lite.EXECUTE, MISTAKES)
    assert not told["error"]
    return json.loads(told["text"])


def by_keyboard(page, address):
    """Open a lab, run its first cell and take it home: what of that was reached by keys alone."""
    page.goto(f"{address}/lite/index.html")
    page.get_by_role("link", name="Lab 1: Convolution").wait_for()
    done = [lite.reached(page, "it.innerText === 'Lab 1: Convolution'")]
    page.keyboard.press("Enter")
    lite.ready(page)
    done.append(lite.reached(page, "Boolean(it.closest('.jp-Notebook'))"))
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+Enter")
    page.wait_for_function(RUN, timeout=lite.SECONDS)
    done.append(lite.reached(page, "it.innerText === 'Download my notebook'", "Shift+Tab"))
    with page.expect_download():
        page.keyboard.press("Enter")
    return done


# {exercise: [a misconception, what the check names]}, in the browser's Python
MISTAKES = f"""
import json as _json
from unrolled.exercises.{LAB} import LAB as _lab
_first = [(e.name, e.misconceptions[0]) for e in _lab.exercises.values()]
print(_json.dumps({{n: [m.name, _lab.check(n, m.function).misconception] for n, m in _first}}))
"""
# a browser that asks the reader whether to keep data, who does not answer
ASKS = "StorageManager.prototype.persist = () => new Promise(() => {})"
KERNEL = "window.jupyterapp.shell.currentWidget.context.sessionContext.session.kernel"
WORKING = f"() => void {KERNEL}.requestExecute({{ code: 'while True: pass' }})"
BUSY = f"() => {KERNEL}.status === 'busy'"
RUN = "() => window.jupyterapp.shell.currentWidget.content.widgets[1].model.executionCount > 0"
HEAVY = f"""
import json as _json
from unrolled.exercises.{LAB} import LAB as _lab
def _calls_itself(x, m):
    return _calls_itself(x, m)
def _asks_for_4_GB(x, m):
    return [0.0] * 2**30
print(_json.dumps([str(_lab.check("correlate", f)) for f in (_calls_itself, _asks_for_4_GB)]))
"""


def heavy(page):
    """Verdicts on answers that call themselves without end, and ask for all memory."""
    told = page.evaluate(lite.EXECUTE, HEAVY)
    assert not told["error"]
    return json.loads(told["text"])


def endless(page):
    """What the notebook says of an answer that does not end; then the right one is back."""
    hurry = f"""
from dataclasses import replace as _replace
from unrolled.exercises.{LAB} import LAB as _lab
_lab.exercises["correlate"] = _replace(_lab.exercises["correlate"], time_limit=1)
"""
    page.evaluate(lite.EXECUTE, hurry)
    page.evaluate(lite.FILL, {"correlate": "def correlate(x, m):\n    while True:\n        pass"})
    page.evaluate(lite.BEGIN, "def correlate")
    page.wait_for_function(lite.READY)
    cell = page.evaluate(lite.BEGIN, 'check("correlate"')
    page.wait_for_function(lite.SAYS, arg=cell)
    said = page.evaluate(lite.OUTPUT, cell)
    status = page.get_by_role("status")
    status.filter(has_text="did not end within").wait_for()  # the restart has kept the work
    page.evaluate(lite.FILL, {"correlate": answers(LAB)["correlate"].source})
    status.filter(has_text="Kept in this browser").wait_for()
    page.wait_for_function(lite.READY)
    return said


def kill(browser, page):
    """Kill the processes of a page while its Python computes, as a lack of memory does."""
    page.evaluate(WORKING)
    page.wait_for_function(BUSY)
    session = browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    with page.expect_event("crash"):
        for process in processes:
            if process["type"] == "renderer":
                os.kill(process["id"], signal.SIGKILL)
    session.detach()
    page.close()


def errors(cells):
    """The errors among the outputs of executed cells."""
    outputs = [output for cell in cells for output in cell["outputs"]]
    return [output for output in outputs if output["output_type"] == "error"]


def test_no_other_host_is_asked_and_no_script_fails(story):
    assert not story.elsewhere
    assert not story.errors


def test_a_lab_runs_untouched_to_its_end(story):
    assert not errors(story.untouched)
    assert "not attempted" in json.dumps(story.untouched[-1])


def test_a_lab_with_its_solution_has_full_score(story):
    assert not errors(story.filled)
    points = {name: one.points for name, one in exercises.load(LAB).exercises.items()}
    assert {name: story.scores[name] for name in points} == {n: [p, p] for n, p in points.items()}


def test_a_misconception_of_each_exercise_is_named(story):
    assert story.named.keys() == exercises.load(LAB).exercises.keys()
    assert all(wanted == found for wanted, found in story.named.values())


def test_an_answer_without_end_costs_a_restart_and_names_its_exercise(story):
    assert "correlate did not end within 1 s," in story.endless


def test_recursion_without_end_and_4_gigabytes_get_a_verdict(story):
    recursion, memory = story.heavy
    assert "RecursionError" in recursion
    assert "MemoryError" in memory


def test_a_lab_is_opened_run_and_taken_home_by_keys_alone(story):
    assert story.by_keyboard == [True, True, True]


def test_work_is_there_after_its_tab_was_killed_and_runs_without_a_network(story):
    for cell in answers(LAB).values():
        assert cell.source in story.offline
    assert story.offline_scores == story.scores


def test_a_new_release_offers_itself_beside_the_old_work(story):
    assert story.newer[:2] == [
        "Go on with your work in the older version",
        "Open the newer version beside it",
    ]
    assert any("A new sentence." in source for source in story.newer)
    assert answers(LAB)["correlate"].source not in story.newer
    assert answers(LAB)["correlate"].source in story.older


def test_the_downloaded_notebook_is_graded_to_full_marks(story, tmp_path):
    assert story.taken_home["metadata"]["kernelspec"]["name"] == "python3"
    work = tmp_path / "class" / "alice"
    work.mkdir(parents=True)
    (work / f"{NOTEBOOK}.ipynb").write_text(json.dumps(story.taken_home), encoding="utf-8")
    command = [sys.executable, "-m", "unrolled"]
    new = subprocess.run([*command, "assign", "--new", LAB], check=True, capture_output=True)
    (tmp_path / "week.yml").write_bytes(new.stdout)
    options = [] if machine.why_no_sandbox() is None else ["--unconfined"]
    graded = subprocess.run(
        [*command, "grade", "week.yml", "class", "results", *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert graded.returncode == 0, graded.stderr
    count = len(exercises.load(LAB).exercises)
    assert graded.stdout.splitlines()[0].split() == [str(count), "passed"]


def test_the_bar_above_a_lab_is_accessible_on_a_telephone(story):
    assert not story.found
    assert story.sideways <= 0


def test_the_start_page_is_accessible_at_every_width(site, chromium):
    with served(site) as address, chromium() as browser:
        for scheme, width in (("light", 1280), ("dark", 390)):
            page = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 800})
            page.goto(f"{address}/lite/index.html")
            page.get_by_role("link", name="Lab 1: Convolution").wait_for()
            assert not axe(page, EVERYTHING)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            page.close()


ABSENT = "Object.defineProperty({0}, '{1}', {{ value: undefined, configurable: true }})"
LACKING = {
    "WebAssembly": (ABSENT.format("globalThis", "WebAssembly"), "has no WebAssembly"),
    "service worker": (ABSENT.format("Navigator.prototype", "serviceWorker"), "no service worker"),
    "secure context": (ABSENT.format("globalThis", "isSecureContext"), "begins with http://"),
    "storage": ("indexedDB.open = () => { throw new Error() }", "keeps no data for this site"),
    "space": (
        "navigator.storage.estimate = async () => ({ quota: 2e7, usage: 1e7 })",
        "need 150 MB of storage, and this browser grants 10",
    ),
}


def test_what_a_browser_lacks_is_said_with_the_notebook_beside_it(site, chromium):
    with served(site) as address, chromium() as browser:
        for script, says in LACKING.values():
            page = browser.new_page(viewport={"width": 390, "height": 800})
            page.add_init_script(script)
            page.goto(f"{address}/lite/index.html?lab={NOTEBOOK}")
            told_with_download(page, says)
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
            page.close()
        page = browser.new_page()
        page.goto(f"{(site / 'lite' / 'index.html').as_uri()}?lab={NOTEBOOK}")
        told_with_download(page, "This page was opened as a file")
        page.goto(f"{address}/lite/index.html?lab=lab99")
        page.get_by_text("There is no lab “lab99” here.").wait_for()


def told_with_download(page, says):
    page.get_by_role("status").filter(has_text=says).wait_for()
    link = page.get_by_role("link", name="Download the notebook")
    assert link.get_attribute("href").endswith(f"{NOTEBOOK}.ipynb")
    assert not axe(page, EVERYTHING)


def test_an_interrupted_download_goes_on_and_damage_is_found(site, chromium):
    trouble, asked = {"/packages-": "cut"}, []
    with served(site, trouble, asked) as address, chromium() as browser:
        page = browser.new_page()
        page.set_default_timeout(lite.SECONDS)
        start = f"{address}/lite/index.html?lab={NOTEBOOK}"
        page.goto(start)
        told_with_download(page, "Fetching the lab was interrupted.")
        trouble["/packages-"] = "damaged"
        asked.clear()
        page.get_by_role("button", name="Try again").click()
        told_with_download(page, "arrived damaged, twice")
        assert not [name for name in asked if "asm.wasm" in name], "what has arrived is kept"
        trouble.clear()
        page.goto(start)
        page.wait_for_url("**/notebooks/index.html?path=*")
        page.goto(f"{address}/lite/index.html")
        page.evaluate(SPOIL)
        asked.clear()
        page.goto(start)
        page.wait_for_url("**/notebooks/index.html?path=*")
        assert page.evaluate(SPOILT) == 0, "what is damaged is fetched again"
        again = {name.rpartition("/")[2].partition("-")[0] for name in asked if "?fresh=" in name}
        assert again <= {"packages"}, "and nothing else"


SPOILT = """async () => {
  let count = 0;
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    for (const request of await cache.keys()) {
      if (!request.url.includes("/packages-")) continue;
      count += (await (await cache.match(request)).text()) === "spoilt";
    }
  }
  return count;
}"""
SPOIL = """async () => {
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    for (const request of await cache.keys()) {
      if (!request.url.includes("/packages-")) continue;
      const { headers } = await cache.match(request);
      await cache.put(request, new Response("spoilt", { headers }));
    }
  }
}"""


def test_a_node_that_does_not_start_is_none_and_says_what_it_lacks(tmp_path, monkeypatch):
    broken = tmp_path / "node"
    said = "node: error while loading shared libraries: libatomic.so.1: cannot open it"
    broken.write_text(f'#!/bin/sh\necho "{said}" >&2\nexit 127\n')
    broken.chmod(0o755)
    monkeypatch.setattr(bytecode, "_candidates", lambda: [str(broken)])
    bytecode.node.cache_clear()
    try:
        program, why = bytecode.node()
    finally:
        bytecode.node.cache_clear()
    assert program is None
    assert why == f"{said}; on Debian: apt install libatomic1, then `make book` again"


def test_a_damaged_cache_of_the_build_is_made_anew(site, tmp_path, monkeypatch):
    good, spoilt = assemble.shared.build(), tmp_path / "spoilt"
    shutil.copytree(good, spoilt)
    (packages,) = spoilt.glob("pyodide/packages-*.bin")
    packages.write_bytes(b"spoilt")
    monkeypatch.setattr(assemble.shared, "build", lambda: spoilt if spoilt.exists() else good)
    folder = assemble.assemble(tmp_path / "site", ROOT, {})
    assert not spoilt.exists()
    assert (folder / "pyodide" / packages.name).read_bytes() != b"spoilt"


def test_a_handout_as_a_site_has_what_is_assigned_and_no_reference(site, tmp_path):
    """`site` proves that Pyodide is at hand."""
    exercise = {"correlate": 2}
    handout.write_site(assignment(LAB, exercise), tmp_path / "week1")
    folder = tmp_path / "week1" / available.FOLDER
    (notebook,) = folder.glob("files/*/*.ipynb")
    told = json.loads(notebook.read_text("utf-8"))
    graded = {cell["metadata"].get("nbgrader", {}).get("grade_id") for cell in told["cells"]}
    assert graded - {None} == {"correlate", "check-correlate"}
    (wheel,) = folder.glob("pyodide/unrolled-*.whl")
    with zipfile.ZipFile(wheel) as opened:
        names = {Path(name).name for name in opened.namelist() if "/exercises/lab0" in name}
        assert names == {f"{LAB}.py", f"{LAB}.bin"}
        module = opened.read(f"unrolled/exercises/{LAB}.py").decode()
    assert "open_lab" in module
    assert "Misconception" not in module
    index = (tmp_path / "week1" / "index.html").read_text("utf-8")
    assert f"{available.FOLDER}/index.html?lab={NOTEBOOK}" in index
    with pytest.raises(GradingError, match="not empty"):
        handout.write_site(assignment(LAB, exercise), tmp_path / "week1")
    handout.write_site(assignment(LAB, exercise), tmp_path / "week1", force=True)


def test_a_site_is_light_and_runs_its_own_python(site):
    folder = site / available.FOLDER
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 60 * MEGABYTE
    listed = json.loads((folder / "files.json").read_text("utf-8"))
    alone = [size for name, (size, _) in listed.items() if not name.startswith(shared.PACKED)]
    fetched = sum(alone) + (folder / shared.PACK).stat().st_size
    assert fetched < 40 * MEGABYTE, "what a first lab fetches"
    assemble.prove_own(folder)
    config = folder / "jupyter-lite.json"
    told = json.loads(config.read_text("utf-8"))
    kernel = told["jupyter-config-data"]["litePluginSettings"][assemble.PLUGIN]
    for name, wrong in (
        ("pyodideUrl", "https://example.org/pyodide.mjs"),
        ("disablePyPIFallback", False),
    ):
        right, kernel[name] = kernel[name], wrong
        config.write_text(json.dumps(told), encoding="utf-8")
        with pytest.raises(AssertionError, match="would"):
            assemble.prove_own(folder)
        kernel[name] = right
    config.write_text(json.dumps(told), encoding="utf-8")
