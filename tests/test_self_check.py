"""The directive {self-check}: what it refuses, and its questions answered in a real browser."""

import math

import pytest
from browser import UNFOLD, axe
from playwright.sync_api import expect
from test_book import HEADER, write

from unrolled.authoring import book, notebooks, self_check
from unrolled.authoring.notebooks import ROOT

# of Sphinx's extensions, about themselves
pytestmark = pytest.mark.filterwarnings(
    "ignore::FutureWarning", "ignore::PendingDeprecationWarning"
)
QUESTIONS = r"""
- ask: How many numbers does $W_i$ of an LSTM hold?
  choices:
    - answer: $3HD$
      why: That is the GRU of {ref}`home`.
    - answer: $4HD$
      right: true
      why: Four gates, each with its own $(H, D)$ block.
    - answer: 1. `H + D`, or so
      why: |
        That is a sum.

        ~~~python
        np.zeros(H + D)
        ~~~
- ask: |
    What does this print?

    ~~~python
    x = np.full(3, 0.5)
    print(x.mean())
    ~~~
  number: 0.5
  why: It is $\frac12$.
  mistakes:
    - {number: 1.5, why: "That is the sum, not the mean."}
- ask: A third, to two digits?
  number: 1/3
  within: 0.005
  why: Near enough.
  mistakes:
    - {number: 3, why: That is its inverse.}
    - {number: -1/3, why: The sign.}
- ask: Four less seven?
  number: -3
  why: A debt.
- ask: A thousandth?
  number: 1e-3
  why: Small.
"""
PAGE = f"# A page\n\n[Before](index.md)\n\n```{{self-check}}{QUESTIONS}```\n\n[After](index.md)\n"


def good(number):
    """A question in one line."""
    return f"- {{ask: Twice {number}, number: {2 * number}, why: Yes.}}\n"


CHOICES = """\
- ask: Which?
  choices:
    - {answer: A cat, why: It purrs.}
    - {answer: A dog, why: It barks., right: true}
"""
NUMBER = """\
- ask: How many?
  number: 12
  why: A dozen.
  mistakes:
    - {number: 10, why: Ten.}
    - {number: 11, why: Eleven.}
"""
FAULTS = {  # what is replaced, by what, the text on the line named, what is said
    "no YAML": ("How many?", "How many: none?", "none?", "no valid YAML (mapping values"),
    "a tab": ("  number", "\tnumber", "\tnumber", "no valid YAML (found character"),
    "a control character": ("A dozen", "A \x07 dozen", None, "take that character out"),
    "no right choice": (", right: true", "", "{answer: A cat", "no right choices; mark one"),
    "two right choices": ("purrs.", "purrs., right: true", "A cat", "2 right choices; mark one"),
    "not so right": ("right: true", "right: yes", "right: yes", "`right: yes`; write `right: t"),
    "choice without why": (", why: It purrs.", "", "A cat", "a choice without `why`; add it"),
    "empty why": ("It purrs.", "''", "A cat", "a choice with an empty `why`; fill it in"),
    "a comma": ("It purrs.", "It, purrs.", "purrs.", "a text with a comma stands in quotes"),
    "twice the same choice": ("A dog", "A cat", "It barks", "the choice 'A cat' comes twice"),
    "one choice": (
        "    - {answer: A cat, why: It purrs.}\n",
        "",
        "A dog",
        "1 choices; a question has 2 to 8",
    ),
    "choices that are none": (CHOICES[12:], "\n  choices: Two.\n", "choices", "is no list"),
    "question without ask": ("- ask: How many?\n ", "-", "number: 12", "without `ask`; add it"),
    "question without answers": ("number: 12", "x: 1", "ask: How", "without answers; give it"),
    "number without why": ("  why: A dozen.\n", "", "ask: How", "number without `why`; add it"),
    "unknown key": ("  why: A", "  wy: A", "  wy: A", "number has no `wy`; its keys are ask,"),
    "no number": ("number: 12", "number: a dozen", "a dozen", "'a dozen' is no number; write"),
    "a comma in a number": ("number: 12", "number: 1,2", "1,2", "'1,2' is no number"),
    "division by zero": ("number: 12", "number: 1/0", "1/0", "'1/0' is no number"),
    "mistake without why": (", why: Ten.", "", "number: 10", "a mistake without `why`; add it"),
    "twice the same mistake": (
        "number: 11",
        "number: 10.0",
        "number: 10.0",
        "the mistake 10.0 is the same number as the mistake 10; make one of them",
    ),
    "mistakes too close": ("  why: A", "  within: 1\n  why: A", "r: 11", "as the right answer 12"),
    "mistake that is right": ("number: 11", "number: 12", "Eleven", "as the right answer 12"),
    "negative tolerance": ("  why: A", "  within: -1\n  why: A", "within", "`within` is negative"),
    "a list for a text": ("ask: Which?", "ask: [a]", "[a]", "a list or mapping in the place"),
    "a text for a question": ("- ask: How many?\n", "- Hm\n- ask: How many?\n", "- Hm", "no mapp"),
    "twice the same key": ("  why: A d", "  why: B\n  why: A d", "why: A d", "`why` twice; take"),
    "four questions": (good(3), "", None, "4 questions; a self-check has 5 to 8"),
    "nine questions": (good(3), good(3) * 5, None, "9 questions; a self-check has 5 to 8"),
    "no list": (CHOICES, "a: b\n", None, "no valid YAML"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_fault(case):
    old, new, needle, hint = FAULTS[case]
    text = CHOICES + NUMBER + "".join(map(good, range(1, 4)))
    assert len(self_check.questions(text)) == 5
    assert old in text
    text = text.replace(old, new, 1)
    with pytest.raises(self_check.Fault) as caught:
        self_check.questions(text)
    assert hint in caught.value.message
    if needle:
        assert needle in text.splitlines()[caught.value.line - 1]


@pytest.mark.parametrize(("text", "hint"), [("", "no questions"), ("a: b", "no list"), ("a", "no")])
def test_no_questions(text, hint):
    with pytest.raises(self_check.Fault, match=hint):
        self_check.questions(text)


NUMBERS = {
    "12": 12,
    "-3": -3,
    "+.5": 0.5,
    "2.": 2,
    "1e-3": 1e-3,
    "1/3": 1 / 3,
    "-3 / 4": -0.75,
} | dict.fromkeys(["", "x", "1/0", "1e999", "0x10", "1 2", "½"])
TYPED = NUMBERS | {
    "0,5": 0.5,
    "0,125": 0.125,
    "−3": -3,
    "− 3": -3,
    " 7 ": 7,
    "1,5/3": 0.5,
    "1e−3": 1e-3,
}
TYPED |= dict.fromkeys(["1,234", "1,234,567", "1.2.3", "12 345", "5 %"])


def test_numbers_in_the_sources():
    for text, value in NUMBERS.items():
        assert self_check.read_number(text) == value


# A book of two pages


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    tree = tmp_path_factory.mktemp("book")
    write(tree, "_config.yml", (ROOT / "_config.yml").read_text("utf-8"))
    write(
        tree, "_toc.yml", "format: jb-book\nroot: chapters/index\nchapters:\n- file: chapters/a\n"
    )
    write(tree, "requirements.txt", "")
    write(tree, "chapters/references.bib", "")
    write(tree, "chapters/index.md", "(home)=\n# Home\n")
    write(tree, "chapters/a.md", PAGE)
    return book.build(root=tree) / "chapters"


@pytest.fixture(scope="module")
def browser(site, chromium):
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(site, browser):
    yield from opened(site, browser)


def opened(site, browser, **options):
    context = browser.new_context(viewport={"width": 1280, "height": 900}, **options)
    page = context.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto((site / "a.html").as_uri())
    yield page
    assert not errors
    context.close()


def test_by_keyboard_alone(page):
    forms, said = page.locator(".self-check form"), page.locator(".self-check-said")
    press = page.keyboard.press
    page.get_by_role("link", name="Before").focus()

    press("Tab")
    group = page.get_by_role("group", name="Question 1 of 5 How many numbers does")
    expect(group.get_by_role("radio", name="C 1. H + D, or so")).to_be_visible()
    first = group.get_by_role("radio").first
    expect(first).to_be_focused()
    expect(page.locator("details:visible")).to_have_count(0)
    press("Tab")
    button = page.get_by_role("button", name="Check question 1 of 5")
    expect(button).to_be_focused()
    press("Enter")
    expect(said.nth(0)).to_have_text("Choose an answer first.")
    press("Shift+Tab")
    press("Space")
    expect(first).to_be_checked()
    press("Tab")
    press("Space")
    expect(said.nth(0)).to_have_text("Not right. That is the GRU of Home.\nTry again.")
    expect(button).to_be_focused()
    press("Shift+Tab")
    press("ArrowDown")
    press("ArrowDown")
    press("Enter")
    expect(said.nth(0)).to_contain_text("Not right. That is a sum.")
    expect(said.nth(0).locator("pre")).to_have_text("np.zeros(H + D)\n")
    press("ArrowUp")
    press("Enter")
    expect(said.nth(0)).to_contain_text("Right. Four gates")
    assert said.nth(0).locator("mjx-container").count() == 1, "the formula as it is shown"
    press("Tab")
    press("Tab")
    expect(forms.nth(0).locator("summary")).to_be_focused()
    press("Enter")
    expect(page.get_by_text("A is wrong.")).to_be_visible()
    press("Tab")  # the link in the explanation

    press("Tab")
    field = page.get_by_role("group", name="Question 2 of 5 What does this print?")
    expect(field.get_by_role("textbox", name="Your answer, a number:")).to_be_focused()
    for typed, answer in {
        "": "Write a number first.",
        "half": "“half” is not clear as a number. Write it like 12, 0.5, −3, 1/3 or 1e-3.",
        "1,5": "Not right. That is the sum, not the mean.\nTry again.",
        "7": "Not right. Nor is it a mistake foreseen here. Try again.",
        "0,5": "Right. It is",
    }.items():
        press("Control+a")
        press("Delete")
        page.keyboard.type(typed)
        press("Enter")
        expect(said.nth(1)).to_contain_text(answer.split("\n")[0])
    expect(page.locator(".self-check-score")).to_be_empty()
    for number, typed in enumerate(["0.33", "−3", "1/1000"], start=2):
        press("Tab")  # the button
        press("Tab")  # the explanations
        press("Tab")
        page.keyboard.type(typed)
        press("Enter")
        expect(said.nth(number)).to_contain_text("Right.")
    expect(page.locator(".self-check-score")).to_contain_text("3 of 5 at the first try.")
    assert [said.nth(n).get_attribute("role") for n in range(5)] == ["status"] * 5
    axe_finds_nothing(page)

    for _ in range(3):  # the button, the explanations, and
        press("Tab")
    expect(page.get_by_role("button", name="Start again")).to_be_focused()
    press("Enter")
    expect(first).to_be_focused()
    expect(first).not_to_be_checked()
    assert said.all_inner_texts() == [""] * 5
    expect(page.locator("details:visible")).to_have_count(0)


def axe_finds_nothing(page):
    page.evaluate(UNFOLD)
    assert axe(page) == []


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_narrow_in_both_modes(site, browser, mode):
    for page in opened(site, browser, color_scheme=mode, reduced_motion="reduce"):
        page.set_viewport_size({"width": 390, "height": 800})
        axe_finds_nothing(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        for number, right in enumerate([False, False, True, True, True]):
            form = page.locator(".self-check form").nth(number)
            choose(form, right)
            expect(form.locator(".self-check-said > strong")).to_have_text(
                "Right." if right else "Not right."
            )
        targets = page.locator(
            ".self-check :is(label.self-check-choice, input[type=text], button, summary):visible"
        )
        sizes = [target.bounding_box() for target in targets.all()]
        assert len(sizes) == 3 + 4 + 5 + 3
        assert min(min(box["width"], box["height"]) for box in sizes) >= 24
        axe_finds_nothing(page)


def choose(form, right):
    """Give a right answer, or a wrong one."""
    value = form.locator("li[data-right]" if right else "li:not([data-right])").first
    value = value.get_attribute("data-value")
    if form.locator("input[type=radio]").count():
        form.locator(f"input[value={value}]").check()
    else:
        form.locator("input").fill(value)
    form.locator("button").click()


def test_numbers_as_they_are_typed(page):
    for text, value in TYPED.items():
        got = page.evaluate("(text) => readNumber(text)", text)
        assert math.isnan(got) if value is None else got == pytest.approx(value), text


def test_on_paper(page):
    page.emulate_media(media="print")
    for hidden in ("button", ".self-check-said", "details"):
        expect(page.locator(f".self-check {hidden}:visible")).to_have_count(0)
    expect(page.locator(".self-check label:visible")).to_have_count(3 + 4)


def test_without_a_script(site, browser):
    for page in opened(site, browser, java_script_enabled=False):
        expect(page.locator(".self-check :is(button, input[type=text]):visible")).to_have_count(0)
        expect(page.locator(".self-check label:visible")).to_have_count(3)
        expect(page.locator(".self-check summary:visible")).to_have_count(5)
        page.locator(".self-check summary").nth(1).click()
        expect(page.get_by_text("1.5 is wrong. That is the sum, not the mean.")).to_be_visible()


def test_the_script_is_loaded_where_it_is_needed(site):
    assert "self_check.js" in (site / "a.html").read_text("utf-8")
    assert "self_check" not in (site / "index.html").read_text("utf-8")


def test_in_the_notebook_it_is_a_list(tmp_path):
    write(tmp_path, "01_a.md", f"{HEADER}{PAGE}")
    notebook = notebooks.read(tmp_path / "01_a.md", tmp_path)
    text = self_check.as_markdown(notebook.cells[0])
    assert "self-check" not in text
    assert text.startswith("# A page\n\n[Before](index.md)\n\n1. How many numbers does $W_i$")
    assert "\n\n   - A: $3HD$\n   - B: $4HD$\n" in text
    assert "\n2. What does this print?\n\n   ~~~python\n   x = np.full" in text
    assert "````{dropdown} All answers explained\n1. - **A is wrong.** That is the GRU" in text
    assert text.endswith("5. - **1e-3 is right.** Small.\n````\n\n[After](index.md)")
