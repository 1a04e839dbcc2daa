"""The built site in a real browser: every page, light and dark, wide and narrow; and as files.

The pages are visited once, in one browser; each test then asks one question of all of them.
"""

import json
import re
import zipfile
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import nbformat
import pytest
from browser import CONTRAST, LAYOUT, STRUCTURE, UNFOLD, axe, served
from jupyter_cache import get_cache

from unrolled import exercises
from unrolled.authoring import book, execute, notebooks, site, slides
from unrolled.authoring.lite import available, live
from unrolled.authoring.notebooks import ROOT
from unrolled.authoring.pages import facts
from unrolled.authoring.svg import themed
from unrolled.common.links import linked
from unrolled.support.figures import COLOURS

# of Sphinx's extensions, about themselves
pytestmark = pytest.mark.filterwarnings(
    "ignore::FutureWarning", "ignore::PendingDeprecationWarning"
)
LIGHT_WIDE, DARK_NARROW = ("light", 1280), ("dark", 390)
# of what the slides teach, the items whose chapter is written
WRITTEN = [item for deck in slides.read() for item in deck.items if item.section]

PAGE_BYTES = 700_000
# an explorable, and a setting that answers its question with what its page has trained
SOLVED = {
    "02_pooling": "names?name=Itäsaari",
    "07_lstm": "adding?second=12&by_f=-6",
}
TYPESET = """async () => {
  await window.MathJax?.startup?.promise;
  await window.MathJax?.startup?.document?.lazyTypesetAll();
}"""
LOOK = """() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const seen = new Set(), repeated = new Set();
  for (const element of all("[id]")) {
    if (seen.has(element.id)) repeated.add(element.id);
    seen.add(element.id);
  }
  const main = document.querySelector("main");
  return {
    theme: document.documentElement.dataset.theme,
    written: all("span.math, div.math").length,
    rendered: all(".math mjx-container").length,
    broken: all("mjx-merror, .MathJax_Error").map((e) => e.closest("mjx-container")?.textContent),
    repeated: [...repeated],
    unnamed: all("main svg.unrolled-figure, main img")
      .filter((e) => !(e.getAttribute("aria-label") ?? e.getAttribute("alt") ?? "").trim())
      .map((e) => e.outerHTML.slice(0, 100)),
    folds: all("main details").length,
    unreachable: all("main details:not([hidden])").filter((e) => {
      const around = [];  // a block in a closed one is reached when that is opened
      for (let p = e; (p = p.parentElement?.closest("details:not([open])")); ) around.push(p);
      around.forEach((p) => (p.open = true));
      const summary = e.querySelector(":scope > summary");
      summary?.focus();
      const reached = summary && document.activeElement === summary;
      around.forEach((p) => (p.open = false));
      return !reached;
    }).map((e) => e.outerHTML.slice(0, 100)),
  };
}"""
# A chapter has ten thousand pieces of text, and axe needs milliseconds for each. It is spared what
# it cannot judge: strokes of figures (each is one image with one name) and boxes of formulas. And
# two pieces alike in colour, ground, size and weight have one contrast: the first is enough.
THIN_OUT = """() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  all("svg.unrolled-figure, mjx-container > mjx-math").forEach((e) => e.replaceChildren());
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const style = getComputedStyle(e);
      if (style.backgroundImage !== "none") return "image";
      if (!/^rgba\\(.*, 0\\)$|^transparent$/.test(style.backgroundColor)) {
        return style.backgroundColor;
      }
    }
    return "";
  };
  const seen = new Set();
  const written = (node) => node.nodeType === Node.TEXT_NODE && node.data.trim();
  const texts = all("main *").filter((element) => [...element.childNodes].some(written));
  const alike = texts.filter((element) => {
    const style = getComputedStyle(element);
    const look = [style.color, style.fontSize, style.fontWeight, style.opacity, ground(element)];
    const known = seen.has(look.join());
    seen.add(look.join());
    return known;
  });
  for (const element of alike) {
    if (element.closest("div.highlight pre")) element.replaceWith(...element.childNodes);
    else element.dataset.alike = "";
  }
  return seen.size;
}"""
HIDE_ALIKE = """() => {
  for (const element of document.querySelectorAll("[data-alike]")) {
    if (element.childElementCount) element.style.visibility = "hidden";
    else element.textContent = "";
  }
  document.querySelectorAll("main :not([data-alike])").forEach((element) => {
    element.style.visibility = "visible";
  });
}"""
OVERFLOW = "() => document.documentElement.scrollWidth - window.innerWidth"
# figures wider than the screen, and formulas that go on beyond an edge without showing it
CUT = """() => {
  const shown = (selector) =>
    [...document.querySelectorAll(selector)].filter((e) => e.getClientRects().length);
  const figures = shown("svg.unrolled-figure").filter((e) => {
    const place = e.getBoundingClientRect();
    return place.left < 0 || place.right > window.innerWidth;
  });
  const formulas = shown("mjx-container[display='true']").filter(
    (e) => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).maskImage === "none",
  );
  return [...figures, ...formulas].map((e) => e.outerHTML.slice(0, 160));
}"""
CONTRASTS = """(names) => {
  const probe = document.querySelector("main").appendChild(document.createElement("span"));
  const luminance = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map((v) => v / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const value = (colour) => {
    probe.style.color = colour;
    return luminance(getComputedStyle(probe).color);
  };
  const page = value("var(--pst-color-background)");
  return Object.fromEntries(names.map((name) => {
    const figure = value(`var(--figure-${name})`);
    return [name, (Math.max(page, figure) + 0.05) / (Math.min(page, figure) + 0.05)];
  }));
}"""


@dataclass
class Visit:
    """What one page did and showed in one mode."""

    page: str
    mode: str
    width: int
    elsewhere: list
    errors: list
    look: dict
    answered: str
    violations: list
    overflow: int
    cut: list
    contrasts: dict

    def __str__(self):
        return f"{self.page} ({self.mode}, {self.width} px)"


def built(edition):
    try:
        return book.build(edition)
    except SystemExit:
        pytest.fail(f"the {edition} edition does not build; `make book` says why", pytrace=False)


@pytest.fixture(scope="session")
def learner():
    return built("learner")


@pytest.fixture(scope="session")
def classroom():
    return built("class")


@pytest.fixture(scope="session")
def visits(learner, chromium):
    with chromium() as browser:
        return list(visit_all(learner, browser))


def visit_all(folder, browser):
    with served(folder) as address:
        for mode, width in (LIGHT_WIDE, DARK_NARROW):
            context = browser.new_context(
                color_scheme=mode,
                viewport={"width": width, "height": 900},
                reduced_motion="reduce",
            )
            for name in pages(folder):
                if (mode, width) not in modes(name):
                    continue
                yield visit(context.new_page(), f"{address}/", name, mode, width)
            context.close()


def modes(name):
    """Light and wide, dark and narrow; of a lab and its solution, which look alike, one each."""
    folder = name.partition("/")[0]
    return {"labs": [DARK_NARROW], "solutions": [LIGHT_WIDE]}.get(folder, [LIGHT_WIDE, DARK_NARROW])


def visit(page, home, name, mode, width):
    elsewhere, errors = [], []
    page.on(
        "request",
        lambda request: (
            request.url.startswith((home, "data:", "blob:")) or elsewhere.append(request.url)
        ),
    )
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: message.type == "error" and errors.append(message.text))
    page.on(
        "response",
        lambda answer: answer.status >= 400 and errors.append(f"{answer.status} {answer.url}"),
    )
    page.goto(home + name, wait_until="load")
    page.evaluate(TYPESET)
    look = page.evaluate(LOOK)
    answered = answer_by_keyboard(page) if mode == "light" else ""
    page.evaluate(UNFOLD)
    overflow, cut = page.evaluate(OVERFLOW), page.evaluate(CUT)
    assert page.evaluate(THIN_OUT), f"{name} has text"
    violations = axe(page, STRUCTURE if mode == "light" else LAYOUT)
    page.evaluate(HIDE_ALIKE)
    violations += axe(page, CONTRAST)
    named = [name for name in COLOURS if name not in ("grid", "paper")]
    contrasts = page.evaluate(CONTRASTS, named)
    page.close()
    return Visit(
        name, mode, width, elsewhere, errors, look, answered, violations, overflow, cut, contrasts
    )


def answer_by_keyboard(page):
    """Answer the page's self-check rightly with nothing but keys; what it says in the end."""
    forms = page.locator(".self-check form").all()
    for form in forms:
        inputs = form.locator("input")
        if form == forms[0]:
            inputs.first.focus()
        for _ in range(10):
            if page.evaluate("document.activeElement.name") == inputs.first.get_attribute("name"):
                break
            page.keyboard.press("Tab")
        right = form.locator("li[data-right]").get_attribute("data-value")
        if inputs.first.get_attribute("type") == "radio":
            page.keyboard.press("Space")
            for _ in range("ABCDEFGH".index(right)):
                page.keyboard.press("ArrowDown")
        else:
            page.keyboard.type(right)
        page.keyboard.press("Enter")
    return page.locator(".self-check-score").inner_text() if forms else ""


def pages(folder):
    """Every page, relative to the site's folder, but the first, which only leads to another."""
    found = (path.relative_to(folder) for path in folder.rglob("*.html"))
    other = ("_static", available.FOLDER)  # the labs in the browser: test_lite.py
    found = sorted(path.as_posix() for path in found if path.parts[0] not in other)
    return [name for name in found if not redirected(folder / name)]


def redirected(path):
    """Where a page that is only a redirection leads to, or None."""
    found = re.fullmatch(
        r'\s*<meta http-equiv="refresh" content="0; url=([^"]+)" />\s*', read(path), re.IGNORECASE
    )
    return found and found[1]


def none_of(visits, what):
    """Fail with every page where `what(visit)` is not empty."""
    found = [f"{visit}: {fault}" for visit in visits for fault in what(visit)]
    assert not found, "\n".join(found)


def test_every_page_was_visited(visits, learner):
    assert {(visit.page, (visit.mode, visit.width)) for visit in visits} == {
        (name, mode) for name in pages(learner) for mode in modes(name)
    }
    assert len(visits) > 40
    none_of(
        visits, lambda visit: [visit.look["theme"]] if visit.look["theme"] != visit.mode else []
    )


def test_nothing_is_fetched_from_another_host(visits):
    none_of(visits, lambda visit: visit.elsewhere)


def test_no_script_fails_and_no_file_is_missing(visits):
    none_of(visits, lambda visit: visit.errors)


def test_all_formulas_are_rendered(visits):
    assert sum(visit.look["written"] for visit in visits) > 100, "the book has formulas"
    none_of(visits, lambda visit: visit.look["broken"])
    none_of(
        visits,
        lambda visit: (
            [f"{visit.look['written']} formulas, {visit.look['rendered']} rendered"]
            if visit.look["rendered"] < visit.look["written"]
            else []
        ),
    )


def test_each_self_check_is_answered_by_keyboard_alone(visits):
    wide = [v for v in visits if v.mode == "light" and re.match(r"chapters/\d\d_", v.page)]
    assert wide
    for visit in wide:
        assert re.match(r"(\d) of \1 at the first try", visit.answered), (
            f"{visit}: {visit.answered}"
        )


def test_axe_finds_nothing(visits):
    none_of(visits, lambda visit: visit.violations)


def test_nothing_scrolls_sideways_but_by_itself(visits):
    none_of(visits, lambda visit: [visit.overflow] if visit.overflow > 0 else [])


def test_no_figure_is_wider_than_the_screen_and_no_formula_ends_without_a_cue(visits):
    assert any(visit.width == 390 for visit in visits)
    none_of(visits, lambda visit: visit.cut)


def test_every_figure_has_a_name(visits):
    none_of(visits, lambda visit: visit.look["unnamed"])


def test_ids_are_unique(visits):
    none_of(visits, lambda visit: visit.look["repeated"])


def test_folds_are_within_reach_of_the_keyboard(visits):
    assert any(visit.look["folds"] for visit in visits)
    none_of(visits, lambda visit: visit.look["unreachable"])


def test_colours_of_figures_can_be_read_in_both_modes(visits):
    none_of(
        visits,
        lambda visit: [
            f"{name} has contrast {ratio:.2f}, 4.5 is asked"
            for name, ratio in visit.contrasts.items()
            if ratio < 4.5
        ],
    )


# As files


def test_the_first_page_leads_to_the_book(learner):
    target = redirected(learner / "index.html")
    assert target is None or (learner / target).is_file()


def test_every_notebook_page_offers_its_notebook(learner):
    offered = 0
    for name in pages(learner):
        source = name.removesuffix(".html")
        here = (learner / name).parent
        links = re.findall(r'<a href="([^"]+\.ipynb)" download>([^<]+)</a>', read(learner / name))
        if re.fullmatch(r"(chapters/\d\d_\w+|(labs|solutions)/lab\d\d_\w+)", source):
            assert len(links) == 1, f"{name} offers {links}"
        for address, text in links:
            offered += 1
            assert "notebook" in text
            nb = nbformat.read(here / address, as_version=4)
            nbformat.validate(nb)
            assert not any(cell.get("outputs") for cell in nb.cells), f"{address} has outputs"
            lab = ROOT / f"{source}.ipynb"
            if lab.exists():
                released = nbformat.read(lab, as_version=4)
                for cell in released.cells:  # no address of the site is known here
                    if cell.cell_type == "markdown":
                        cell.source = linked(cell.source, "")
                assert nb == released, "the lab as released"
    assert offered >= 3


def test_labs_and_solutions_are_tied(learner):
    labs = sorted((ROOT / "labs").glob("*.ipynb"))
    assert labs
    for lab in labs:
        address = f'href="../solutions/{lab.stem}.html"'
        page = read(learner / "labs" / f"{lab.stem}.html")
        assert address in page
        if (learner / available.FOLDER).exists():
            assert f'href="../{available.FOLDER}/index.html?lab={lab.stem}"' in page
        solution = read(learner / "solutions" / f"{lab.stem}.html")
        assert f'href="../labs/{lab.stem}.html"' in solution
        assert "<h1>Solution of " in solution
        assert "SOLUTION" not in solution, "the press's markers are not for readers"


def test_each_chapter_can_be_made_live_where_the_site_has_a_python(learner, classroom):
    for path in notebooks.chapters():
        name = f"chapters/{path.stem}.html"
        page = read(learner / name)
        assert "make-live" not in read(classroom / name)
        runs = learner / available.FOLDER / live.PLACE / f"{path.stem}.json"
        assert ('<button class="make-live"' in page) == runs.exists()
        if runs.exists():
            cells = json.loads(read(runs))["cells"]
            assert page.count('<div class="cell ') == sum(cell["shown"] for cell in cells)
    assert not (classroom / available.FOLDER / live.PLACE).exists()


def test_no_line_begins_with_the_comma_after_a_formula(learner):
    kept = re.compile(rf'<span class="unbroken">\(?{site.MATH}[^<]*</span>')
    count = 0
    for path in (learner / "chapters").glob("*.html"):
        loose, together = kept.subn("", read(path))
        count += together
        found = re.findall(rf"{site.MATH}[,.;:)]", loose)
        assert not found, f"{path}: {found}"
    assert count > 100


def test_the_class_edition_gives_no_answer_away(classroom):
    public = "\n".join(
        read(path)
        for folder in ("chapters", "labs", "unrolled")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".md", ".ipynb", ".py") and "exercises" not in path.parts
    )
    answers = {
        line.strip()
        for path in (ROOT / "solutions").glob("*.md")
        for block in re.findall(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", read(path), re.DOTALL)
        for line in block.splitlines()
        if len(line.strip()) > 20 and line.strip() not in public
    }
    assert answers, "there are solutions to keep"
    for path in classroom.rglob("*"):
        assert "solutions" not in path.relative_to(classroom).parts
        if path.name.startswith("unrolled-") and path.suffix == ".whl":  # of labs in the browser
            with zipfile.ZipFile(path) as wheel:
                given = "\n".join(
                    wheel.read(name).decode() for name in wheel.namelist() if name.endswith(".py")
                )
            assert not [answer for answer in answers if answer in given]
        others = {"_static", "build", "extensions"}.intersection(path.relative_to(classroom).parts)
        if path.suffix in (".html", ".js", ".ipynb", ".inv") and not others:
            raw = path.read_bytes().decode("utf-8", "replace")
            text = unescape(re.sub(r"<[^>]+>", "", raw))
            if path.suffix != ".ipynb":  # whose metadata name the source a lab is made from
                assert not re.search(r'(href|src)="[^"]*solutions/', raw), path
            found = [answer for answer in answers if answer in text]
            assert not found, f"{path} holds {found}"


def test_no_file_names_a_host_to_fetch_from(learner):
    for path in learner.rglob("*"):
        if path.suffix == ".html":
            found = [a for a in site.fetched_elsewhere(read(path)) if not is_link(path, a)]
            assert not found, f"{path}: {found}"
        elif path.suffix == ".css":
            found = re.findall(r"""(?:url\(|@import)\s*["']?((?:https?:)?//[^"')]+)""", read(path))
            assert not found, f"{path}: {found}"


def is_link(path, address):
    """Whether a <link> only names the address, as rel=canonical does, and fetches nothing."""
    return f'<link rel="canonical" href="{address}"' in read(path)


def test_there_is_no_button_for_a_repository_that_is_not_named(learner):
    settings = read(ROOT / "_config.yml")
    if re.search(r'^  url: ""', settings, re.MULTILINE):
        for name in pages(learner):
            assert not re.search(
                r"mybinder|colab\.research|/edit/|/issues/new", read(learner / name)
            )


def test_labs_as_released_say_not_attempted(learner):
    cache = get_cache(execute.cache_folder(ROOT))
    checks = 0
    for lab in sorted((ROOT / "labs").glob("*.ipynb")):
        _, nb = cache.merge_match_into_notebook(execute.read(ROOT, f"labs/{lab.name}"))
        for cell in nb.cells:
            outputs = cell.get("outputs", [])
            assert not any(output.output_type == "error" for output in outputs), cell.source
            if cell.cell_type == "code" and cell.source.startswith("check("):
                checks += 1
                assert "not attempted" in json.dumps(outputs), f"{lab.name}: {cell.source}"
    assert checks


def test_a_figure_follows_the_mode_of_the_page():
    svg = (
        '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" '
        'xmlns:xlink="http://www.w3.org/1999/xlink" width="72pt" height="36pt" viewBox="0 0 72 36">'
        "<metadata>made by</metadata><defs><style>*{stroke-linejoin: round}</style></defs>"
        '<g id="figure_1"><g id="patch_1"><path d="M0 0" style="fill: #ffffff"/></g>'
        f'<path id="m1" style="stroke: {COLOURS["blue"]}; stroke-width: 2"/>'
        '<path style="fill: #123456" clip-path="url(#p1)"/><use xlink:href="#m1"/></g>'
        '<clipPath id="p1"/></svg>'
    )
    markup, narrow = themed(svg, "figure3-", 'A line, "rising" & blue')
    assert not narrow, "of one that holds a single drawing"
    assert 'role="img"' in markup
    assert 'aria-label="A line, &quot;rising&quot; &amp; blue"' in markup
    assert "stroke: var(--figure-blue); stroke-width: 2" in markup
    mark, clip = re.findall(r'id="(figure3-\d)"', markup)
    assert f'href="#{mark}"' in markup
    assert f'clip-path="url(#{clip})"' in markup
    assert "fill: #123456" in markup, "a colour outside the palette stays"
    assert "fill: none" in markup, "the background goes"
    assert "<style" not in markup
    assert "metadata" not in markup
    assert "--figure-width: 96px" in markup


@pytest.mark.parametrize(("height", "stacked"), [(120, False), (216, True)])
def test_panels_are_one_above_the_other_where_the_drawing_is_so_much_higher(height, stacked):
    wide, narrow = '<svg viewBox="0 0 400 160">', f'<svg viewBox="0 0 200 {height}">'
    assert site._stacked(wide, narrow) == stacked


def test_a_page_weighs_little(learner):
    heavy = {
        path.relative_to(learner).as_posix(): path.stat().st_size
        for path in learner.rglob("*.html")
        if path.stat().st_size > PAGE_BYTES
    }
    assert not heavy


def test_formulas_are_typeset_as_they_come_into_view(learner, chromium):
    """Of the page with most of them: a phone is not busy with formulas that nobody has reached."""
    waiting = "document.querySelectorAll('main mjx-lazy').length"
    formulas = {path: read(path).count('class="math ') for path in learner.glob("chapters/*.html")}
    name = max(formulas, key=formulas.get)
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 390, "height": 844})
        page.goto(name.as_uri(), wait_until="load")
        page.evaluate("async () => { await MathJax.startup.promise; }")
        at_first = page.evaluate(waiting)
        assert at_first > formulas[name] * 2 / 3, "most formulas wait"
        last = page.locator("main span.math, main div.math").last
        last.scroll_into_view_if_needed()
        last.locator("mjx-math").first.wait_for(state="attached")
        assert page.evaluate(waiting) > 0, "those passed over still wait"
        page.emulate_media(media="print")
        page.wait_for_function(f"{waiting} === 0")


def test_explorables_can_be_solved_with_what_their_pages_have_trained(learner, chromium):
    """tests/test_explorables.py moves them by keys, with other weights.

    Not `sampling`: its model has read the documentation of the Python at hand.
    """
    with served(learner) as home, chromium() as browser:
        page = browser.new_page()
        page.route("**/mathjax/**", lambda route: route.abort())  # slow, and not needed here
        for chapter, setting in SOLVED.items():
            address = f"{home}/chapters/{chapter}.html#explorable-{setting}"
            page.goto(address, wait_until="domcontentloaded")
            page.locator(f"#explorable-{setting.partition('?')[0]}[data-solved]").wait_for()


def test_the_style_sheet_sets_every_colour_of_the_palette_in_both_modes():
    sheet = read(site.THEME / "static" / "unrolled.css")
    for mode in ("light", "dark"):
        block = re.search(rf'html\[data-theme="{mode}"\] {{(.*?)}}', sheet, re.DOTALL)[1]
        found = dict(re.findall(r"--figure-([\w-]+): ([^;]+);", block))
        assert found.keys() == COLOURS.keys()
        if mode == "light":
            assert found == COLOURS


# The pages made of the book's data


def page_of(folder, name):
    return read(folder / f"{name}.html")


def words(folder, name):
    """The text of a page below chapters/, without markup."""
    text = re.sub(r"<[^>]+>", " ", page_of(folder, f"chapters/{name}"))
    return " ".join(unescape(text).split())


def test_the_map_has_a_row_for_every_item_with_all_its_links(learner):
    text = page_of(learner, "chapters/slides")
    rows = dict(re.findall(r'id="slide-([\w-]+)">(.*?)</dl>', text, re.DOTALL))
    assert rows.keys() == {item.id for item in WRITTEN}
    for item in WRITTEN:
        row = rows[item.id]
        assert f"#{item.section}" in row
        for name in item.functions:
            assert name.rpartition(".")[2] in row
        for name in item.tests:
            assert name.partition("::")[2] in row
        for name in item.exercises:
            assert name.partition(".")[2] in row
        assert row.count('href="errata.html#') == len(item.errata)


def test_the_errata_have_an_entry_for_each_with_a_link_to_the_computation(learner):
    text = page_of(learner, "chapters/errata")
    entries = dict(re.findall(r'id="erratum-([\w-]+)">(.*?)</div>', text, re.DOTALL))
    expected = {
        f"{item.id}-{number}": (item, erratum)
        for item in WRITTEN
        for number, erratum in enumerate(item.errata, start=1)
    }
    assert entries.keys() == expected.keys()
    for key, (item, erratum) in expected.items():
        assert f"#{erratum.shown}" in entries[key]
        assert f'href="slides.html#slide-{item.id}"' in entries[key]


@pytest.mark.parametrize("item", WRITTEN, ids=lambda item: item.id)
def test_the_section_s_margin_leads_back(learner, item):
    text = page_of(learner, f"chapters/{item.chapter}")
    section = text[text.index(f'id="{item.section}"') :]
    in_chapter = item.chapter[0].isdigit()
    margin = re.search(r"<aside.*?</aside>", section, re.DOTALL)[0] if in_chapter else section
    assert f'href="slides.html#slide-{item.id}"' in margin


def test_all_links_between_pages_lead_to_something_that_is_there(learner):
    pages = {
        name: page_of(learner, f"chapters/{name}")
        for name in ("slides", "errata", "notation", "index")
    }
    targets = {}
    for name, text in pages.items():
        for address in re.findall(r'<a class="reference internal" href="([^"]+)"', text):
            path, _, anchor = address.partition("#")
            target = (learner / "chapters" / (path or f"{name}.html")).resolve()
            if target not in targets:
                targets[target] = set(re.findall(r'\sid="([^"]+)"', target.read_text("utf-8")))
            assert not anchor or anchor in targets[target], f"{name}: {address}"
    assert len(targets) > len(list(ROOT.glob("chapters/[0-9]*.md")))


def test_the_course_plan_has_a_row_for_each_chapter_with_the_lab_s_points(learner):
    text = words(learner, "index")
    for chapter in facts.chapters(ROOT):
        lab = exercises.load(f"lab{chapter.number:02}")
        points = sum(exercise.points for exercise in lab.exercises.values())
        spoken = sum(question.points for question in lab.questions.values())
        minutes = f"{chapter.prose_minutes:.0f}, with the code {chapter.minutes:.0f}"
        row = re.escape(f"{chapter.number} {chapter.title} {minutes} lab {chapter.number} ")
        assert re.search(rf"{row}\d+–\d+ {points}( \+ {spoken})? ", text), row


def test_the_dependencies_are_said_in_words_too(learner):
    text = words(learner, "index")
    assert "Chapter 1 , Convolution, stands on its own." in text
    assert "Chapter 5 , Backpropagation through time, builds on 3 and 4, borrows" in text


def read(path):
    return Path(path).read_text(encoding="utf-8")
