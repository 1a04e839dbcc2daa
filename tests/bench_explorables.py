"""What an explorable asks of the main thread for a frame while it is moved.

Each slider and each picture is dragged, each text typed, in three sweeps after one that warms up;
the longest frame of the best sweep takes at most 32 ms on a processor four times slower. That is
four times the thread's own time here: a browser told to be slow would count what other processes
take, four times. The pages are those of tests/test_explorables.py, with weights of the sizes that
the chapters keep. `make bench CHECK=1`, or `python -m pytest -n 0 -s tests/bench_explorables.py`.
BOOK=_build/html before either measures the whole chapters of the book that is built there instead.
"""

import json
import os
from pathlib import Path
from statistics import median, mode

import pytest
import test_explorables
from browser import launched, served
from test_explorables import NAMES, page_of, random_language_model, random_textcnn, small_book

from unrolled.authoring import book
from unrolled.support import data

# of Sphinx's extensions, about themselves
pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::PendingDeprecationWarning"),
]
LONGEST, SLOWER = 32.0, 4  # ms; times
SWEEPS, MOVES, APART = 3, 16, 45  # APART: ms between two moves
LETTERS = "".join(map(chr, range(32, 127)))
LARGE = {
    "names": random_textcnn(LETTERS, data.LANGUAGES, D=32, K=96),
    "sampling": random_language_model(LETTERS, D=32, H=112),
}
TRACED = ["-*", "disabled-by-default-devtools.timeline", "devtools.timeline"]


@pytest.fixture(scope="module")
def addresses(tmp_path_factory):
    """{name of an explorable: the address of a page that has it}"""
    if "BOOK" in os.environ:
        chapters = Path(os.environ["BOOK"], "chapters")
        pages = {path: path.read_text(encoding="utf-8") for path in chapters.glob("*.html")}
        with served(chapters.parent) as address:
            yield {
                name: f"{address}/chapters/{path.name}"
                for name in NAMES
                for path, page in pages.items()
                if f'id="explorable-{name}"' in page
            }
        return
    tree = tmp_path_factory.mktemp("book")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(test_explorables, "DATA", test_explorables.DATA | LARGE)
        small_book(tree, {name: page_of(name, tree) for name in NAMES})
    with served(book.build(root=tree)) as address:
        yield {name: f"{address}/chapters/{name}.html" for name in NAMES}


@pytest.fixture(scope="module")
def browser(addresses):
    with launched() as browser:
        yield browser


def sweep(page, part):
    """Move one part of an explorable from end to end and back; leaves it as it was."""
    if part.get_attribute("type") == "text":
        part.focus()
        for n in range(MOVES):
            page.keyboard.press("abcde 01"[n] if n < 8 else "Backspace")
            page.wait_for_timeout(APART)
        return
    part.scroll_into_view_if_needed()
    box = part.bounding_box()
    for n in range(MOVES + 1):
        across = abs(1 - 2 * n / MOVES)  # 1 … 0 … 1
        page.mouse.move(
            box["x"] + 8 + across * (box["width"] - 16),
            box["y"] + box["height"] * (0.5 if part.get_attribute("type") else 0.2 + 0.6 * across),
        )
        if n == 0:
            page.mouse.down()
        page.wait_for_timeout(APART)
    page.mouse.up()


def frames(events):
    """The slower ms of each frame that a script drew: input, script, style, layout and paint."""
    drawn = [event for event in events if event["name"] == "FireAnimationFrame"]
    if not drawn:
        return []
    main = mode((event["pid"], event["tid"]) for event in drawn)
    tasks = [
        event
        for event in events
        if event["name"] == "RunTask" and (event["pid"], event["tid"]) == main and "dur" in event
    ]
    return [
        SLOWER * task["tdur"] / 1e3
        for task in tasks
        if any(task["ts"] <= event["ts"] <= task["ts"] + task["dur"] for event in drawn)
    ]


def parts_of(page, name):
    """Name and element of all that can be moved."""
    for part in page.locator(f"#explorable-{name} input:not([type=radio])").all():
        yield part.get_attribute("name").removeprefix(f"explorable-{name}-"), part
    picture = page.locator(f"#explorable-{name} .explorable-touched")
    if picture.count():
        yield "picture", picture


@pytest.mark.parametrize("name", NAMES)
def test_no_frame_is_long_while_it_is_moved(name, browser, addresses, capsys):
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    if "BOOK" not in os.environ:
        page.route("**/mathjax/**", lambda route: route.abort())  # not needed here
    page.goto(addresses[name])
    page.locator(f"#explorable-{name}").scroll_into_view_if_needed()
    page.wait_for_selector(f"#explorable-{name}[data-ready]")
    longest = {}
    for label, part in parts_of(page, name):
        sweep(page, part)
        sweeps = []
        for _ in range(SWEEPS):
            page.wait_for_timeout(700)  # what comes when all is at rest has come
            browser.start_tracing(page=page, categories=TRACED)
            sweep(page, part)
            sweeps.append(frames(json.loads(browser.stop_tracing())["traceEvents"]))
        assert all(sweeps), f"{name}: moving {label} draws nothing"
        longest[label] = min(map(max, sweeps))
        with capsys.disabled():
            every = [one for found in sweeps for one in found]
            print(f"\n{name:9} {label:12} {median(every):5.1f} ms, at most", end="")
            print(f" {longest[label]:5.1f} (best sweep), {max(every):5.1f} (all)", end="")
        page.locator(f"#explorable-{name} button").click()
    page.close()
    assert max(longest.values()) <= LONGEST, longest
