"""The button of a chapter that makes its page live: see theme/live/ and lite/live.py."""

import re
import shutil
from pathlib import Path

from unrolled.authoring.lite.available import FOLDER
from unrolled.authoring.lite.live import ON_PAGES, PLACE, THEME
from unrolled.authoring.notebooks import CHAPTER_NAME

SAYS = '<p class="live-says" id="live-says" role="status" hidden></p>\n'


def setup(app):
    app.connect("builder-inited", add_files)
    app.connect("html-page-context", use_files)


def is_offered(app, pagename):
    """Whether the page is a chapter and the site has a Python to run it."""
    folder, _, name = pagename.partition("/")
    chapter = folder == "chapters" and re.fullmatch(CHAPTER_NAME, f"{name}.md")
    return bool(chapter) and app.config.unrolled_runs_chapters


def button(name):
    """Hidden until its script is there."""
    given = f'data-chapter="{name}" data-live="../{FOLDER}/{PLACE}/" data-notebook="{name}.ipynb"'
    return f'<button class="make-live" type="button" {given} hidden>Make this page live</button>'


def add_files(app):
    if app.builder.format == "html":
        target = Path(app.outdir, "_static", "live")
        target.mkdir(parents=True, exist_ok=True)
        for name in ON_PAGES:
            shutil.copy(THEME / name, target / name)


def use_files(app, pagename, templatename, context, doctree):
    if is_offered(app, pagename):
        app.add_js_file("live/button.js", loading_method="defer")
