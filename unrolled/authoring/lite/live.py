"""Adds to the browser labs of a site what runs the chapters on their own pages.

One file a chapter has its cells, and the results of studies that it reads: fetched when a reader
makes the page live, and not before.
"""

import json
import re
import shutil
from pathlib import Path

from unrolled.authoring import notebooks
from unrolled.authoring.lite.available import FOLDER

PLACE = "live"  # in the folder of the labs
THEME = Path(__file__).parents[1] / "theme" / "live"
ON_PAGES = ("button.js",)  # which pages have before anyone makes them live
PYTHON = (Path(__file__).with_name("driver.py"), Path(__file__).parents[1] / "svg.py")
STUDY = re.compile(r"studies/\w+\.csv")


def assemble(root, site):
    """Write the folder of a site in which the labs have been assembled; returns it."""
    target = Path(site, FOLDER, PLACE)
    target.mkdir(parents=True, exist_ok=True)
    for path in [*THEME.iterdir(), *PYTHON]:
        if path.name not in ON_PAGES:
            shutil.copy(path, target / path.name)
    for path in notebooks.chapters(root):
        text = json.dumps(chapter(path, root), ensure_ascii=False, sort_keys=True)
        (target / f"{path.stem}.json").write_text(text, encoding="utf-8")
    return target


def chapter(path, root):
    """The cells of a chapter and the files they read.

    `shown` cells are on the page, in this order; the page runs the others without saying so.
    """
    notebook = notebooks.read(path, root)
    cells, files = [], {}
    for cell in notebook.code:
        cells.append(
            {
                "source": cell.source,
                "shown": "remove-cell" not in cell.tags,
                "alt": cell.metadata.get("mystnb", {}).get("image", {}).get("alt", ""),
            }
        )
        for name in STUDY.findall(cell.source):
            files[name] = (path.parent / name).read_text("utf-8")
    return {"cells": cells, "files": files}
