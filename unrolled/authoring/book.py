"""Builds the site: executes every notebook, then runs Jupyter Book, strictly, over the outputs.

The finished site goes to a folder of its edition below _build, and only when everything succeeded:
a failed build leaves the last good site in place. A warning is a failure.
"""

import hashlib
import os
import shutil
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from unrolled.authoring.notebooks import ROOT, AuthoringError
from unrolled.common.files import write_atomically


@dataclass(frozen=True)
class Edition:
    """A set of pages: `site` is its folder below _build, and pages of `without` are left out.

    answers: whether the labs in the browser may hold references
    """

    site: str
    without: tuple[str, ...] = ()  # beginnings of their names
    answers: bool = True


EDITIONS = {
    "learner": Edition("html"),
    "class": Edition("html-class", without=("solutions/",), answers=False),  # for labs that count
}
PARTS, ENTRIES = {"parts", "subtrees"}, {"chapters", "sections", "entries"}  # keys of _toc.yml
SOURCES = ("chapters", "solutions", "labs", "unrolled")
SETTINGS = ("_config.yml", "_toc.yml", "requirements.txt")


def build(edition="learner", root=ROOT):
    """Build the `edition` (a name of EDITIONS) of the book at `root`; return the site's folder.

    Where the book cannot be built, says why on stderr, a line for each fault, and exits with 1.
    """
    root = Path(root).resolve()
    site = root / "_build" / EDITIONS[edition].site
    stamp = root / "_build" / "work" / f"{edition}.digest"
    inputs = digest(root, [*SOURCES, *SETTINGS], edition)
    if _is_built(root, site, stamp, inputs):
        print(f"nothing to do: the {edition} edition is up to date\n{_where(site)}")
        return site
    toc = contents(root, edition)
    files = pages(toc)

    from unrolled.authoring import execute  # its libraries take a second to load

    print(f"{edition} edition: {len(files)} pages", flush=True)
    digests, failures = execute.run([file for file in files if _is_notebook(root / file)], root)
    log = root / "_build" / "failures.log"
    if failures:
        write_atomically(log, "\n\n".join(f"{failure}\n{failure.log}" for failure in failures))
        shown = log.relative_to(root)
        _give_up([*failures, f"The site is left as it was. The tracebacks are in {shown}."])
    log.unlink(missing_ok=True)

    runs, answers = _labs_in_browser(root), EDITIONS[edition].answers
    work = root / "_build" / "work" / edition
    if not _typeset(root, work, edition, toc, digests, runs):
        shutil.rmtree(work)  # Sphinx warns of a page only when it reads it: next time, read all
        _give_up(["The site is left as it was: the warnings above are errors."])
    labs = partial(_assemble_labs, root, answers) if runs else None
    _publish(work / "html", site, labs)
    write_atomically(stamp, inputs)
    if digest(root, [*SOURCES, *SETTINGS], edition) != inputs:
        print("files changed during the build; build again to see all of it")
    print(_where(site))
    return site


def _is_built(root, site, stamp, inputs):
    """Whether the site is up to date, and has labs that run in a browser where it could."""
    if not stamp.exists() or stamp.read_text() != inputs or not (site / "index.html").exists():
        return False
    from unrolled.authoring.lite import available

    return (site / available.FOLDER).exists() or not available.at_hand(root)


def _labs_in_browser(root):
    """Whether the labs can be made to run in a browser; where they cannot, says why, in CI as an
    error."""
    from unrolled.authoring.lite import available

    if not available.wanted(root):
        return False
    from unrolled.authoring.lite import shared
    from unrolled.authoring.lite.pyodide import NotReached

    try:
        shared.build()
    except NotReached as why:
        said = f"labs in the browser: left out, {why}"
        if os.environ.get("CI") == "true":
            _give_up([said])
        print(said, flush=True)
        return False
    return True


def digest(root, names, *words):
    """Digest of words and of all files of the book below `names`, by path and content."""
    total = hashlib.sha256("\0".join([sys.version, *words]).encode())
    for name in names:
        top = root / name
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            parts = path.relative_to(root).parts
            if any(part.startswith(".") or part == "__pycache__" for part in parts):
                continue
            if path.is_file():
                total.update("/".join(parts).encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def contents(root, edition):
    """The table of contents of an edition: globs resolved, files with their suffixes, without the
    pages it leaves out."""
    import yaml

    try:
        toc = yaml.safe_load((root / "_toc.yml").read_text("utf-8"))
    except FileNotFoundError:
        raise _toc_error("is missing; restore it") from None
    except yaml.YAMLError as error:
        raise _toc_error(f"invalid YAML: {error}; mend it") from None
    if not isinstance(toc, dict) or "root" not in toc:
        raise _toc_error("names no `root:` page; add it")
    omitted = EDITIONS[edition].without

    def resolved(entry):
        """The entries that `entry` stands for: several for a glob, none for what is left out."""
        if "glob" in entry:
            files = sorted(root.glob(entry["glob"] + ".*"))
            return [resolve({"file": str(path.relative_to(root))}) for path in files]
        return [resolve(entry)]

    def resolve(entry):
        entry = dict(entry)
        for key in {"root", "file"} & entry.keys():
            entry[key] = _file(root, entry[key])
        for key in ENTRIES & entry.keys():
            below = [new for old in entry[key] for new in resolved(old)]
            entry[key] = [new for new in below if not new.get("file", "").startswith(omitted)]
        for key in PARTS & entry.keys():
            entry[key] = [part for part in map(resolve, entry[key]) if _below(part)]
        return entry

    return resolve(toc)


def pages(toc):
    """The files of a table of contents, in order."""
    here = [toc[key] for key in ("root", "file") if key in toc]
    return here + [page for entry in _below(toc) for page in pages(entry)]


def _below(entry):
    return [below for key in sorted(PARTS | ENTRIES) for below in entry.get(key, [])]


def _file(root, name):
    """The page `name` of the table of contents, which may lack its suffix."""
    for candidate in (name, f"{name}.md", f"{name}.ipynb"):
        if (root / candidate).is_file():
            return Path(candidate).as_posix()
    raise _toc_error(f"there is no page {name}; write it, or take it out")


def _toc_error(message):
    return AuthoringError("_toc.yml", None, None, message)


def _is_notebook(path):
    """Whether the page has cells to execute."""
    if path.suffix == ".ipynb":
        return True
    from myst_nb.core.read import is_myst_markdown_notebook

    return is_myst_markdown_notebook(path.read_text("utf-8"))


def _typeset(root, work, edition, toc, digests, runs):
    """Run Jupyter Book from the cache into work/html; whether it was without a warning."""
    import yaml
    from jupyter_book.sphinx import build_sphinx
    from sphinx.util.console import nocolor

    from unrolled.authoring.execute import cache_folder

    # What shapes every page; where it changes, all is made anew, and no page that left the table
    # of contents stays behind.
    listed = yaml.safe_dump(toc, sort_keys=False)
    data = [path for kind in ("bib", "yml") for path in sorted(root.glob(f"chapters/*.{kind}"))]
    shared = [path.relative_to(root).as_posix() for path in data]
    frame = digest(root, [*SETTINGS, "unrolled/authoring", *shared], listed)
    # So too after a build that was cut off: what Sphinx has read need not be written.
    cut_off = work / "unfinished"
    known = (work / "frame").read_text() if (work / "frame").exists() else None
    if known != frame or cut_off.exists():
        shutil.rmtree(work, ignore_errors=True)
    write_atomically(work / "_toc.yml", listed)
    write_atomically(work / "frame", frame)
    write_atomically(cut_off, "")
    settings = {
        "external_toc_path": str(work / "_toc.yml"),
        "nitpicky": True,
        "latex_individualpages": False,
        "nb_execution_cache_path": str(cache_folder(root)),
        "unrolled_runs_labs": runs,
        "unrolled_runs_chapters": runs and EDITIONS[edition].answers,
        "unrolled_digests": {str(Path(name).with_suffix("")): d for name, d in digests.items()},
    }
    if not sys.stderr.isatty():
        nocolor()
    status = build_sphinx(
        root,
        work / "html",
        doctreedir=work / "doctrees",
        path_config=root / "_config.yml",
        noconfig=True,
        confoverrides=settings,
        warningiserror=True,
        keep_going=True,
        quiet=True,
    )
    cut_off.unlink()
    return status == 0


def _assemble_labs(root, answers, site):
    """Put the labs that run in a browser into a site, and with answers what makes pages live."""
    from unrolled.authoring.lite import assemble, live

    assemble.of_tree(root, site, answers)
    if answers:
        live.assemble(root, site)


def _publish(built, site, add=None):
    """Put a copy of `built` in the place of `site`, which is whole but for one rename.

    add: what, called with the copy, completes it
    """
    fresh, old = site.with_name(site.name + ".new"), site.with_name(site.name + ".old")
    for folder in (fresh, old):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(built, fresh, ignore=shutil.ignore_patterns(".*"))
    if add:
        add(fresh)
    if site.exists():
        site.rename(old)
    fresh.rename(site)
    shutil.rmtree(old, ignore_errors=True)


def _where(site):
    return f"open {(site / 'index.html').as_uri()}"


def _give_up(lines):
    for line in lines:
        print(line, file=sys.stderr)
    raise SystemExit(1)
