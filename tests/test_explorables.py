"""The explorables in a real browser: their numbers beside those of the chapters' functions, each
solved with nothing but keys, in both modes, narrow, and absent on paper and without a script.

The pages are small: each holds one directive as its chapter has it.
"""

import json

import numpy as np
import pytest
from browser import axe, served
from test_book import HEADER, write

from unrolled import (
    bptt,
    clipping,
    convolution,
    deep_bidirectional,
    gru,
    language_models,
    lstm,
    pooling,
    unfolding,
)
from unrolled.authoring import book, notebooks
from unrolled.authoring.markup import blocks
from unrolled.authoring.notebooks import ROOT
from unrolled.authoring.pages import explorable
from unrolled.support import explorables

# of Sphinx's extensions, about themselves
pytestmark = pytest.mark.filterwarnings(
    "ignore::FutureWarning", "ignore::PendingDeprecationWarning"
)
NAMES = explorable.names()
SCRIPT_BYTES = 12_000
DRAWS = 12  # random settings of each
CHAPTERS = {}  # name: (chapter, block of the directive)
for path in notebooks.chapters():
    chapter = notebooks.read(path)
    for cell in chapter.cells:
        for block in blocks(cell) if cell.kind == "markdown" else []:
            if block.directive == "explorable":
                CHAPTERS[block.argument] = chapter, cell, block


def directive(name):
    _, cell, block = CHAPTERS[name]
    return "\n".join(cell.source.splitlines()[block.line - 1 : block.end - 1])


# On the pages


@pytest.mark.parametrize("name", NAMES)
def test_each_stands_below_a_figure_that_stays_without_it(name):
    chapter, cell, block = CHAPTERS[name]
    before = chapter.cells[cell.index - 1]
    assert "figure" in before.metadata.get("mystnb", {}), "paper has that figure, and its caption"
    above = explorable.left_out("\n".join(cell.source.splitlines()[: block.line - 1])).strip()
    assert not above or "```{deeper-end}" in above, "directly below it, or below the fold it is in"


@pytest.mark.parametrize("path", sorted(explorable.FOLDER.glob("*.js")), ids=lambda path: path.name)
def test_scripts_are_small(path):
    assert path.stat().st_size <= SCRIPT_BYTES


def test_a_downloaded_notebook_has_none():
    text = "Before.\n\n```{explorable} lamp\n:data: lamp\n```\n\nAfter.\n\n```{note}\nIt.\n```"
    assert explorable.left_out(text) == "Before.\n\nAfter.\n\n```{note}\nIt.\n```"


FAULTS = {
    "```{explorable} nothing\n```": "there is no explorable 'nothing'; there are: ",
    "```{explorable} paths\n```\n\n```{explorable} paths\n```": "'paths' is on this page already",
    "```{explorable} cliff\n{x}\n```": "its content is no JSON: Expecting property name",
    "```{explorable} lamp\n[1]\n```": 'its content is no JSON object; write {"name": value}',
}


def test_a_directive_that_cannot_be_used_is_refused(tmp_path, capsys):
    small_book(tmp_path, {"a": "\n\n".join(FAULTS)})
    with pytest.raises(SystemExit):
        book.build(root=tmp_path)
    said = capsys.readouterr().err
    for hint in FAULTS.values():
        assert hint in said


def test_what_is_kept_is_near_what_was_given(rng):
    given = {"W": rng.standard_normal((5, 3)), "zeros": np.zeros(2), "words": ["a", "é"], "n": 3}
    kept = explorables.kept(json.loads(explorables.as_json(inner=given)))["inner"]
    assert kept["words"] == given["words"]
    assert kept["n"] == 3
    np.testing.assert_array_equal(kept["zeros"], given["zeros"])
    half = np.abs(given["W"]).max() / explorables.STEPS / 2
    np.testing.assert_allclose(kept["W"], given["W"], rtol=0, atol=1.01 * half)
    with pytest.raises(ValueError, match="finite numbers expected"):
        explorables.as_json(W=np.array([1, np.nan]))


# a page has its trained weights from a cell; this one reads others
CELL = """
```{{code-cell}} ipython3
from pathlib import Path
from myst_nb import glue

glue("explorable-{name}", Path("{path}").read_text("utf-8"), display=False)
```
"""


def page_of(name, folder):
    """The page of one explorable: its directive, and the weights that DATA has for it."""
    if name not in DATA:
        return directive(name)
    path = folder / f"{name}.json"
    path.write_text(explorables.as_json(**DATA[name]), "utf-8")
    return directive(name) + "\n" + CELL.format(name=name, path=path)


def small_book(tree, pages):
    write(tree, "_config.yml", (ROOT / "_config.yml").read_text("utf-8"))
    listed = "".join(f"- file: chapters/{name}\n" for name in pages)
    write(tree, "_toc.yml", f"format: jb-book\nroot: chapters/index\nchapters:\n{listed}")
    write(tree, "requirements.txt", "")
    write(tree, "chapters/references.bib", "")
    write(tree, "chapters/index.md", "(home)=\n# Home\n")
    for name, text in pages.items():
        text = f"# The page\n\n[Before](index.md)\n\n{text}\n\n[After](index.md)\n"
        write(tree, f"chapters/{name}.md", HEADER * ("code-cell" in text) + text)


# In the browser


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    tree = tmp_path_factory.mktemp("book")
    small_book(tree, {name: page_of(name, tree) for name in NAMES})
    return book.build(root=tree)


@pytest.fixture(scope="module")
def home(site):
    with served(site) as address:
        yield f"{address}/chapters/"


@pytest.fixture(scope="module")
def browser(chromium, home):
    """Opened when the book is built, for which asyncio must be free."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def opened(browser, home):
    """opened(name, query, **options): the page of an explorable, which is ready."""
    contexts, errors = [], []

    def open_page(name, query="", wait=True, **options):
        size = {"width": 1280, "height": 900}
        context = browser.new_context(**{"viewport": size, "reduced_motion": "reduce"} | options)
        contexts.append(context)
        context.route("**/mathjax/**", lambda route: route.abort())  # slow, and not needed here
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{home}{name}.html{query}")
        if wait:
            page.wait_for_selector(f"#explorable-{name}[data-ready]")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not errors


def ask(page, script, *arguments):
    """What a function of the element gives."""
    return page.locator(".explorable").evaluate(f"(element, [a]) => {script}", [*arguments, None])


@pytest.mark.parametrize("name", NAMES)
def test_its_numbers_are_those_of_the_chapter(name, opened, rng):
    page = opened(name)
    parameters, data = ask(page, "[element.parameters, element.data ?? null]")
    for _ in range(DRAWS):
        ask(page, "element.set(a)", RANDOM[name](rng, data))
        shown = ask(page, "element.values()")
        for what, (got, expected) in CHECKS[name](shown, parameters, data).items():
            got = np.asarray(got, float)
            np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9, err_msg=what)


@pytest.mark.parametrize("name", NAMES)
def test_solved_by_keyboard_alone(name, opened):
    page = opened(name)
    assert page.locator(".explorable-solved").inner_text() == ""
    page.get_by_role("link", name="Before").focus()
    for control, keys in KEYS[name]:
        for _ in range(30):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.name") == f"explorable-{name}-{control}":
                break
        else:
            pytest.fail(f"no Tab leads to {control}")
        for key in keys:
            page.keyboard.press(key)
    solved = page.locator("[data-solved] .explorable-solved[role=status]")
    solved.wait_for()
    assert solved.inner_text().startswith("Solved.")
    page.wait_for_function(SPOKEN)
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Reset":
            break
    before = ask(page, "element.state")
    page.keyboard.press("Enter")
    assert page.locator(".explorable-solved").inner_text() == ""
    assert ask(page, "element.state") == ask(page, "element.initial()") != before


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("mode", ["light", "dark"])
def test_accessible_in_both_modes_and_narrow(name, mode, opened):
    width = 390 if mode == "dark" else 1280
    page = opened(name, color_scheme=mode, viewport={"width": width, "height": 844})
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    sliders = page.locator(".explorable input[type=range]")
    for slider in sliders.all():
        assert slider.get_attribute("aria-valuetext")


def test_a_setting_is_in_the_address(opened):
    page = opened("paths", "#explorable-paths?w=0.75&t=9&i=3&k=x&no=1")
    state = {"w": 0.75, "t": 6, "i": 3, "k": 6}
    assert ask(page, "element.state") == state
    assert page.locator(".explorable").evaluate("(e) => e.getBoundingClientRect().top < 300")
    page.locator("[name=explorable-paths-k]").press("Home")
    page.wait_for_function("location.hash === '#explorable-paths?w=0.75&t=6&i=3&k=1'")
    page.reload()
    page.wait_for_selector("[data-ready]")
    assert ask(page, "element.state") == state | {"k": 1}
    page.get_by_role("button", name="Reset").click()
    page.wait_for_function("location.hash === ''")


def test_what_is_typed_or_linked_is_no_markup(opened):
    page = opened("lamp", "#explorable-lamp?bits=1%3Cb%3E0%22%26&gain=%3Ci%3E")
    assert ask(page, "element.values().x") == [1, 0]
    assert page.locator(".explorable :is(svg, .explorable-told) b").count() == 0


def test_the_picture_can_be_touched(opened):
    page = opened("paths", viewport={"width": 390, "height": 844}, has_touch=True)
    square = page.locator("svg rect.cell").nth(4).bounding_box()
    page.touchscreen.tap(square["x"] + 5, square["y"] + 5)
    assert [ask(page, "element.state")[key] for key in "ti"] == [3, 2]


def test_nothing_runs_before_it_is_on_screen(opened):
    page = opened("paths", wait=False, viewport={"width": 1280, "height": 900})
    page.wait_for_selector("[data-ready]")
    fetched = "performance.getEntriesByType('resource').map((entry) => entry.name.split('/').pop())"
    assert "paths.js" in page.evaluate(fetched)
    page = opened("paths", wait=False, viewport={"width": 1280, "height": 120})
    page.wait_for_load_state("networkidle")
    assert not {"paths.js", "base.js"} & set(page.evaluate(fetched))
    page.locator(".explorable").scroll_into_view_if_needed()
    page.wait_for_selector("[data-ready]")


def test_on_paper_and_without_a_script_it_is_not_there(opened, site, browser):
    page = opened("cliff")
    page.emulate_media(media="print")
    assert not page.locator(".explorable").is_visible()
    page = opened("cliff", wait=False, java_script_enabled=False)
    assert page.locator(".explorable").bounding_box()["height"] <= 1
    page = browser.new_page()  # as a file, where browsers load no modules
    page.goto((site / "chapters" / "cliff.html").as_uri())
    assert "stands here when the book is served" in page.locator(".explorable").inner_text()
    page.close()


def test_drawing_is_quick_enough_to_drag(opened):
    """A generous bound: the machine may be busy, and is made four times slower here."""
    page = opened("filter")
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": 4})
    spent = ask(page, DRAG)
    assert np.median(spent) < 500


SPOKEN = """() => {
  const words = (part) => document.querySelector(`.explorable-${part}`).textContent.trim();
  return words("told") && words("spoken") === words("told");
}"""
DRAG = """(async () => {
  const spent = [];
  for (let n = 0; n < 20; n++) {
    const begun = performance.now();
    element.set({ m1: (n % 9) / 2 - 2, j: n % 12 });
    element.render();
    element.getBoundingClientRect();
    spent.push(performance.now() - begun);
    await new Promise(requestAnimationFrame);
  }
  return spent;
})()"""


# Random settings, and the same numbers from the chapters' functions


def draw_filter(rng, data):
    steps = {name: int(rng.integers(-4, 5)) / 2 for name in ("m1", "m2", "m3")}
    sizes = {"stride": rng.integers(1, 4), "padding": rng.integers(0, 3)}
    sizes |= {"dilation": rng.integers(1, 4), "j": rng.integers(1, 15)}
    return steps | {name: int(value) for name, value in sizes.items()}


def check_filter(shown, parameters, data):
    x = np.array(parameters["x"], float)
    m = np.array([shown["m1"], shown["m2"], shown["m3"]], float)
    layer = {name: shown[name] for name in ("stride", "padding", "dilation")}
    out, cache = convolution.conv1d(x[None, None], m[None, None], np.zeros(1), **layer)
    dx, dw, _ = convolution.conv1d_backward(out, cache)  # of ½ Σ c_j²
    found = {
        "responses": (shown["c"], out[0, 0]),
        "length": (shown["length"], convolution.output_length(len(x), 3, **layer)),
        "dx": (shown["dx"], dx[0, 0]),
        "dm": (shown["dm"], dw[0, 0]),
        "matrix": (np.array(shown["matrix"]) @ x, out[0, 0]),
    }
    if layer == {"stride": 1, "padding": 0, "dilation": 1}:
        found["Toeplitz"] = shown["matrix"], convolution.toeplitz(m, len(x))
    return found


def draw_cliff(rng, data):
    place = {"tau": int(rng.integers(11)), "eta": int(rng.integers(7))}
    return place | {"w": rng.uniform(3.5, 7), "b": rng.uniform(-3, 1)}


def check_cliff(shown, parameters, data):
    """Each step by itself: over many, the cliff makes much of a rounding error."""

    def slope(w, b):
        h_0, W = np.array([[1 / (1 + np.exp(-0.5))]]), np.array([[w]])
        x, W_i = np.zeros((50, 1, 1)), np.zeros((1, 1))
        h, cache = unfolding.rnn_forward(x, h_0, W_i, W, np.array([b]), "sigmoid")
        dh = np.zeros(h.shape)
        dh[-1] = 2 * (h[-1] - 0.7)
        *_, dW_h, db = bptt.rnn_backward(dh, cache)
        return float((h[-1, 0, 0] - 0.7) ** 2), {"w": dW_h[0], "b": db}

    points, after, norms = shown["points"], [], []
    for w, b in points[:-1:10]:
        clipped, norm = clipping.clip_by_norm(slope(w, b)[1], shown["threshold"])
        after.append([w - shown["rate"] * clipped["w"][0], b - shown["rate"] * clipped["b"][0]])
        norms.append(norm)
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    return {
        "steps": (points[1::10], after),
        "norms": (shown["norms"][::10], norms),
        "loss": (shown["loss"], slope(*points[-1])[0]),
        "longest": (shown["longest"], steps.max()),
        "clipped": (shown["clipped"], np.sum(np.array(shown["norms"]) > shown["threshold"])),
    }


def draw_lamp(rng, data):
    bits = "".join(map(str, rng.integers(2, size=rng.integers(1, 13))))
    return {"bits": bits, "gain": rng.uniform(2, 8), "t": int(rng.integers(1, 13))}


def check_lamp(shown, parameters, data):
    gain, x = shown["gain"], np.array([float(bit) for bit in shown["bits"]])
    W_i, b = gain * np.ones((2, 1)), gain * np.array([-0.5, -1.5])
    W_h = gain * np.array([[1.0, -1.0], [1.0, -1.0]])
    h, _ = unfolding.rnn_forward(x[:, None, None], None, W_i, W_h, b, "sigmoid")
    s, _ = unfolding.readout(h, np.array([[1.0, -1.0]]))
    truth = np.cumsum(np.append(0, x)) % 2
    return {
        "states": (shown["h"], h[:, 0]),
        "pre-activations": (shown["a"], h[:-1, 0] @ W_h.T + x[:, None] @ W_i.T + b),
        "outputs": (shown["s"], s[:, 0, 0]),
        "truth": (shown["truth"], truth),
        "wrong": (shown["wrong"], (s[:, 0, 0] > 0.5) != truth),
    }


def draw_paths(rng, data):
    t = int(rng.integers(1, 7))
    place = {"t": t, "i": int(rng.integers(1, t + 1)), "k": int(rng.integers(1, 7))}
    return place | {"w": rng.uniform(-1.5, 1.5)}


def check_paths(shown, parameters, data):
    x, y = (np.array(parameters[name], float) for name in "xy")
    T, W, one = len(x), np.array([[shown["w"]]]), np.ones((1, 1))
    h_0 = np.array([[parameters["h_0"]]])
    h, cache = unfolding.rnn_forward(x[:, None, None], h_0, one, W, np.zeros(1))
    v = h - np.append(h_0, y)[:, None, None]  # of Σ ½(h_t - y_t)²
    of_loss, lags = [], []
    for t in range(1, T + 1):
        alone = np.where(np.arange(T + 1) == t, v[:, 0, 0], 0)[:, None, None]
        lags.append(bptt.gradient_by_lag(alone, cache)[:t, 0, 0][::-1])
        of_loss.append(bptt.sum_over_paths(alone, cache)[3].item())
    chosen = clipping.step_jacobians(h, W)[shown["i"] : shown["t"]]
    terms = lags[shown["t"] - 1]
    return {
        "states": (shown["h"], h[:, 0, 0]),
        "terms": (np.concatenate(shown["terms"]), np.concatenate(lags)),
        "a row is the gradient of its loss": ([sum(row) for row in shown["terms"]], of_loss),
        "product": (shown["product"], np.prod(chosen)),
        "term": (shown["term"], terms[shown["i"] - 1]),
        "share": (shown["share"], abs(terms[shown["i"] - 1]) / np.abs(terms).sum()),
        "sum": (shown["all"], bptt.sum_over_paths(v, cache)[3]),
        "recursion": (shown["recursion"], bptt.rnn_backward(v, cache)[3]),
        "truncated": (shown["truncated"], bptt.truncated_backward(v, cache, shown["k"])[3]),
    }


def draw_gates(rng, data):
    limits = {"b_i": (-8, 4), "w_i": (0, 14), "b_f": (-4, 8), "w_f": (-8, 8)}
    return {name: float(rng.integers(*limit)) / 1 for name, limit in limits.items()}


def check_gates(shown, parameters, data):
    x, T = np.array(parameters["x"], float), len(parameters["x"])
    mark = np.isin(np.arange(1, T + 1), parameters["marks"]).astype(float)
    W_i = np.array([[0, shown["w_i"]], [0, shown["w_f"]], [1, 0], [0, 0]])  # i, f, g, o
    weights = W_i, np.zeros((4, 1)), np.array([shown["b_i"], shown["b_f"], 0, parameters["b_o"]])
    inputs = np.stack([x, mark], axis=1)[:, None]
    (h, c), cache = lstm.lstm_forward(inputs, None, None, *weights)
    i, f, g, _ = cache[8][:, :, 0, 0].T
    target = np.tanh(x) @ mark
    along = []  # ∂c_T/∂c_t, from the steps after t alone
    for t in range(T):
        _, rest = lstm.lstm_forward(inputs[t:], h[t], c[t], *weights)
        dc = np.zeros((T - t + 1, 1, 1))
        dc[-1] = 1
        along.append(lstm.lstm_backward((np.zeros(dc.shape), dc), rest)[2].item())
    return {
        "i": (shown["i"], i),
        "f": (shown["f"], f),
        "g": (shown["g"], g),
        "c": (shown["c"], c[:, 0, 0]),
        "h": (shown["h"], h[:, 0, 0]),
        "along c": (shown["along"], [*along, 1]),
        "target": (shown["target"], target),
        "off": (shown["off"], c[-1].item() - target),
    }


def draw_adding(rng, data):
    marks = {"first": int(rng.integers(1, 7)), "second": int(rng.integers(7, 13))}
    shifts = {name: int(rng.integers(-24, 25)) / 4 for name in ("by_i", "by_f")}
    return marks | shifts | {"seed": int(rng.integers(1, 51))}


def check_adding(shown, parameters, data):
    W_i, W_h, b, W_o, b_o = (np.array(data[name]) for name in ADDING)
    x, T = np.array(shown["x"]), parameters["T"]
    marks = np.array([shown["first"], shown["second"]]) - 1
    inputs = np.stack([x, np.isin(np.arange(T), marks)], axis=1)[:, None]
    b = b + np.array([shown["by_i"], shown["by_f"], 0, 0])
    (h, c), cache = lstm.lstm_forward(inputs, None, None, W_i, W_h, b)
    y, read = unfolding.readout(h[-1], W_o, b_o)
    dh = np.zeros(h.shape)
    dh[-1] = unfolding.readout_backward(np.ones((1, 1)), read)[0]
    dx, *_ = lstm.lstm_backward((dh, None), cache)
    i, f, g, o = cache[8][:, :, 0, 0].T
    return {
        "i": (shown["i"], i),
        "f": (shown["f"], f),
        "g": (shown["g"], g),
        "o": (shown["o"], o),
        "c": (shown["c"], c[:, 0, 0]),
        "h": (shown["h"], h[:, 0, 0]),
        "along c": (shown["along"], [np.prod(f[t:]) for t in range(T + 1)]),
        "slopes": (shown["slopes"], dx[:, 0, 0]),
        "answer": (shown["y"], y),
        "target": (shown["target"], x[marks].sum()),
        "off": (shown["off"], y - x[marks].sum()),
    }


def draw_reset(rng, data):
    gates = {name: rng.integers(1, 20) / 20 for name in ("r1", "r2", "z")}
    gates |= {"b_n": rng.integers(-10, 11) / 10, "w": rng.integers(-15, 16) / 10}
    return gates | {"steps": int(rng.integers(1, 21))}


def check_reset(shown, parameters, data):
    """The gates as the step has them: of no weights, and of biases that make them so."""
    w, own = shown["w"], parameters["own"]
    gates = np.array([shown["r1"], shown["r2"], shown["z"], shown["z"]])
    b = np.concatenate([np.log(gates / (1 - gates)), parameters["a_n"]])
    W_h = np.vstack([np.zeros((4, 2)), [[own[0], w], [-w, own[1]]]])
    found, ends = {}, []
    for form in ("before", "after"):
        h = [np.array([parameters["h"]], float)]
        for step in range(shown["steps"]):
            x, b_n = np.zeros((1, 1)), np.full(2, shown["b_n"])
            new, cache = gru.gru_step(x, h[-1], np.zeros((6, 1)), W_h, b, b_n, form)
            if step == 0:
                found[f"candidate {form}"] = shown["candidates"][form], cache[6][0]
            h.append(new)
        found[f"states {form}"] = shown["ways"][form], np.concatenate(h)
        ends.append(h[-1])
    return found | {
        "apart": (shown["apart"], np.linalg.norm(ends[0] - ends[1])),
        "span": (shown["span"], -1 / np.log(shown["z"])),
        "kept": (shown["kept"], shown["z"] ** shown["steps"]),
    }


def draw_last(rng, data):
    lengths = {f"n{n}": int(rng.integers(1, 8)) for n in (1, 2, 3)}
    way = {"direction": str(rng.choice(["forward", "backward"]))}
    return lengths | way | {"how": str(rng.choice(["last", "mean", "max"]))}


def check_last(shown, parameters, data):
    x = np.array(parameters["x"], float).T[:, :, None]
    p = {}
    for name, way in (("1f", "forward"), ("1b", "backward")):
        weights = parameters[way]
        p[f"{name}.W_i"], p[f"{name}.W_h"] = ([[weights[key]]] for key in ("W_i", "W_h"))
        p[f"{name}.b"] = [weights["b"]]
    p = {name: np.array(value, float) for name, value in p.items()}
    lengths = np.array([shown["n1"], shown["n2"], shown["n3"]])
    (y, (h,)), _ = deep_bidirectional.deep_forward(x, p, lengths, cell="rnn")
    half = ["forward", "backward"].index(shown["direction"])
    y, h = y[..., half : half + 1], h[half : half + 1]
    summary, _ = deep_bidirectional.summarise(y, (h,), lengths, shown["how"])
    return {
        "outputs": (shown["y"], y[..., 0].T),
        "last states": (shown["last"], h[0, :, 0]),
        "output[-1]": (shown["output"], y[-1, :, 0]),
        "summary": (shown["summary"], summary[:, 0]),
        "wrong": (shown["wrong"], y[-1, :, 0] != h[0, :, 0]),
    }


def draw_pooling(rng, data):
    values = {f"x{t}": int(rng.integers(11)) for t in range(1, 7)}
    kind = str(rng.choice(["max", "average", "min"]))
    return values | {"kind": kind, "n": int(rng.integers(1, 5)), "stride": int(rng.integers(1, 5))}


def check_pooling(shown, parameters, data):
    short = {"max": "max", "average": "avg", "min": "min"}[shown["kind"]]
    forward = getattr(pooling, f"{short}_pool1d")
    backward = getattr(pooling, f"{short}_pool1d_backward")
    x = np.array([shown[f"x{t}"] for t in range(1, 7)], float)[None, None]
    out, cache = forward(x, shown["n"], shown["stride"])
    dx = backward(np.ones(out.shape), cache)
    return {
        "x": (shown["x"], x[0, 0]),
        "pooled": (shown["out"], out[0, 0]),
        "dx": (shown["dx"], dx[0, 0]),
    }


def draw_products(rng, data):
    place = {"size": rng.integers(10, 31) / 20, "turn": 15 * int(rng.integers(12))}
    activation = str(rng.choice(["identity", "tanh"]))
    return place | {"shear": rng.integers(17) / 4, "f": activation}


def check_products(shown, parameters, data):
    angle, size = np.deg2rad(shown["turn"]), shown["size"]
    a, b = size * np.cos(angle), size * np.sin(angle)
    W, T = np.array([[a, shown["shear"] - b], [b, a]]), len(shown["norms"]) - 1
    h, _ = unfolding.rnn_forward(
        np.zeros((T, 1, 1)), parameters["h_0"], np.zeros((2, 1)), W, np.zeros(2), shown["f"]
    )
    largest = np.linalg.norm(W, 2)
    return {
        "W_h": (shown["W"], W),
        "states": (shown["h"], h[:, 0]),
        "norms": (shown["norms"], clipping.lag_norms(h, W, shown["f"])[:, 0]),
        "largest singular value": (shown["largest"], largest),
        "spectral radius": (shown["radius"], np.abs(np.linalg.eigvals(W)).max()),
        "bound": (shown["bound"], largest ** np.arange(T + 1)),
    }


def draw_names(rng, data):
    letters = [*data["characters"], "?"]
    word = "".join(rng.choice(letters, size=rng.integers(2, 21)))
    return {"name": word, "q": int(rng.integers(len(data["languages"]) + 1))}


def scores_of(name, data):
    """What the chapter's network gives for a name: scores and the cache."""
    characters = {c: n for n, c in enumerate(data["characters"], start=pooling.EDGE + 1)}
    p = {key: np.array(data[key]) for key in TEXTCNN}
    return pooling.textcnn(pooling.encode_names([name], characters), p)


def check_names(shown, parameters, data):
    scores, (_, p, h, _, _, caches) = scores_of(shown["name"], data)
    P, _ = language_models.softmax(scores)
    winners = np.concatenate([pool[1][0].ravel() for _, pool in caches])
    language = shown["q"] - 1 if shown["q"] else P.argmax()
    return {
        "scores": (shown["scores"], scores[0]),
        "probabilities": (shown["P"], P[0]),
        "winner": (shown["winner"], P.argmax()),
        "windows": ([one["first"] for one in shown["filters"]], winners),
        "maxima": ([one["h"] for one in shown["filters"]], h[0]),
        "parts": (shown["parts"], p["W_o"][language] * h[0]),
    }


def keys_of_names():
    """A made-up name that the random network of this test takes for Finnish."""
    data, rng = explorables.kept(json.loads(explorables.as_json(**DATA["names"]))), fresh()
    for _ in range(2000):
        word = "".join(rng.choice([*data["characters"]], size=5))
        P, _ = language_models.softmax(scores_of(word, data)[0])
        if P[0, data["languages"].index("fi")] > 0.9:
            return [("name", ["Control+a", *word])]
    raise AssertionError("no name is taken for Finnish; draw other weights")


def draw_sampling(rng, data):
    letters = [*data["tokens"][3:], "?"]
    cuts = {"k": int(rng.integers(1, 22)), "p": rng.integers(1, 21) / 20}
    text = "".join(rng.choice(letters, size=rng.integers(0, 12)))
    return cuts | {
        "beginning": text,
        "temperature": rng.integers(2, 41) / 20,
        "count": int(rng.integers(81)),
        "seed": int(rng.integers(1, 51)),
    }


def check_sampling(shown, parameters, data):
    X, W_i, W_h, b, W_o = (np.array(data[name]) for name in ("X", "W_i", "W_h", "b", "W_o"))
    numbers = {token: n for n, token in enumerate(data["tokens"])}
    read = [numbers.get(letter, data["unknown"]) for letter in shown["beginning"]]
    tokens = np.array([data["start"], *read])
    h, _ = unfolding.rnn_forward(X[tokens][:, None], None, W_i, W_h, b)
    z, _ = unfolding.readout(h[1:], W_o)
    options = {"temperature": shown["temperature"]}
    options |= {"top_k": None if shown["k"] == 21 else shown["k"]}
    options |= {"top_p": None if shown["p"] == 1 else shown["p"]}

    def allowed(scores):
        return np.where(np.arange(len(scores)) == data["start"], -np.inf, scores)

    state, scores, drawn = h[-1], allowed(z[-1, 0]), []
    found = {"scores": (shown["scores"], scores)}
    found["all"] = shown["all"], language_models.next_distribution(scores, shown["temperature"])
    found["cut"] = shown["cut"], language_models.next_distribution(scores, **options)
    found["kept"] = len(shown["kept"]), np.count_nonzero(found["cut"][1])
    for u in shown["draws"]:
        p = language_models.next_distribution(scores, **options)
        drawn.append(int(np.searchsorted(np.cumsum(p), u, side="right")))
        state, _ = unfolding.rnn_step(X[[drawn[-1]]], state, W_i, W_h, b)
        scores = allowed(unfolding.readout(state, W_o)[0][0])
    found["drawn"] = shown["drawn"], drawn
    if read:
        log_p, _ = language_models.sequence_log_prob(z[:-1], np.array(read)[:, None])
        found["log-probability"] = shown["logProbability"], log_p[0]
        found["perplexity"] = shown["perplexity"], language_models.perplexity(log_p, len(read))
    return found


# What stands for trained weights: random ones, large enough that the networks are sure at times


def fresh():
    return np.random.default_rng(8)


TEXTCNN = ("E", "w1", "b1", "w2", "b2", "w3", "b3", "W_o", "b_o")


def random_textcnn(characters="abcdeé &<", languages=("de", "fi", "sv"), D=4, K=5):
    p = pooling.textcnn_parameters(len(characters) + 3, len(languages), fresh(), D=D, K=K)
    p["E"] *= 5
    p["W_o"] *= 12
    return {"characters": characters, "languages": [*languages]} | p


def random_language_model(letters=" abcdefg<", D=4, H=6):
    rng, tokens = fresh(), ["□", "■", "◇", *letters]
    shapes = {"X": (len(tokens), D), "W_i": (H, D), "W_h": (H, H), "b": (H,)}
    weights = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    weights["W_o"] = 3 * rng.standard_normal((len(tokens), H))
    return {"tokens": tokens, "start": 0, "end": 1, "unknown": 2} | weights


ADDING = ("W_i", "W_h", "b", "W_o", "b_o")


def near_the_trained_cell():
    """One unit that adds, with all weights a little off."""
    W_i = [[0.2, 3.2], [0.1, 0.7], [1.6, -0.8], [0.3, 0.2]]
    exact = [W_i, [[0.2], [0.5], [0.1], [1.5]], [-3.5, 4.5, 0.8, 1.5], [[2.2]], [0.4]]
    off = fresh()
    return {
        name: np.array(value) + 0.1 * off.standard_normal(np.shape(value))
        for name, value in zip(ADDING, exact)
    }


DATA = {
    "adding": near_the_trained_cell(),
    "names": random_textcnn(),
    "sampling": random_language_model(),
}
# how each is solved: (control, keys) in the order of the page
KEYS = {
    "adding": [("second", ["End"]), ("by_f", ["Home"])],
    "cliff": [("tau", ["ArrowLeft"] * 6)],
    "filter": [("m1", ["ArrowLeft"] * 3), ("m2", ["ArrowLeft"])],
    "gates": [("b_i", ["Home", *["ArrowRight"] * 4]), ("w_i", ["End"]), ("b_f", ["End"])],
    "lamp": [("bits", ["Control+a", *"100000000000"])],
    "last": [(f"n{n}", ["End"]) for n in (1, 2, 3)] + [("direction", ["ArrowDown"])],
    "names": keys_of_names(),
    "paths": [("w", ["Home", "ArrowRight"]), ("t", ["End"]), ("i", ["Home"])],
    "pooling": [("x1", ["ArrowRight"] * 4)],
    "products": [("size", ["Home"]), ("turn", ["Home"]), ("shear", ["ArrowRight"] * 10)],
    "reset": [("r1", ["Home"]), ("r2", ["Home"]), ("b_n", ["ArrowLeft"] * 6)],
    "sampling": [("beginning", ["Control+a", *"abc"]), ("p", ["ArrowLeft"] * 2)],
}
RANDOM = {name: globals()[f"draw_{name}"] for name in NAMES}
CHECKS = {name: globals()[f"check_{name}"] for name in NAMES}
