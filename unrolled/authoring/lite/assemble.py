"""Puts the browser labs of a tree beside its pages: the shared part, the package and the labs.

A lab lies in a folder named by its release, a digest of the notebook. So a new release never takes
the place of what a student has written in an old one: the browser keeps work by its path.
"""

import hashlib
import json
import os
import shutil
import zlib
from pathlib import Path

from unrolled.authoring.lite import bundle, shared, wheels
from unrolled.authoring.lite.available import FOLDER, LOCK, cache, labs
from unrolled.common.links import linked

THEME = Path(__file__).parents[1] / "theme" / "lite"
START = "./pyodide/start.mjs"
PLUGIN = f"{shared.KERNEL}:kernel"
SETTINGS = {
    "appName": "Unrolled",
    "contentsStorageName": "unrolled-labs",
    "exposeAppInBrowser": True,
}


def assemble(site, package, notebooks):
    """Write the folder `lite` of a site, and return it; raises NotReached without Pyodide.

    package: the folder that has the package `unrolled` in it
    notebooks: {name of the file: the notebook as a dict}
    """
    base, target = shared.build(), site / FOLDER
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(base, target, copy_function=_link)
    _add_package(target, wheels.ours(package))
    known = json.dumps(_add_labs(target, notebooks), sort_keys=True, ensure_ascii=False)
    (target / "labs.js").write_text(f"globalThis.LABS = {known};\n", encoding="utf-8")
    _configure(target)
    for path in THEME.iterdir():
        place = target / "pyodide" if path.suffix == ".mjs" else target
        shutil.copy(path, place / path.name)
    _hook(target / "notebooks" / "index.html")
    listed = _listed(target)
    if damaged(target, listed):  # in the cache, too: make it anew
        shutil.rmtree(base)
        return assemble(site, package, notebooks)
    _write(target / "files.json", listed)
    prove_own(target)
    return target


def damaged(target, listed):
    """Names of files, of Python's packages and the interface, that are not what was made."""
    wrong = []
    (packages,) = target.glob("pyodide/packages-*.bin")
    name = packages.relative_to(target).as_posix()
    if not listed[name][1].startswith(packages.stem.partition("-")[2]):
        wrong.append(name)
    try:
        parts = bundle.opened((target / shared.PACK).read_bytes())
    except (OSError, EOFError, ValueError, zlib.error):
        return [*wrong, shared.PACK]
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in parts.items()}
    return wrong + [name for name in digests if listed[name][1] != digests[name]]


def of_tree(root, site, answers=True):
    """`assemble` with the package and the labs of a tree.

    answers: whether the package may hold references, from which checks explain more; for a class
    whose labs count it may not
    """
    notebooks = {path.name: _read(path) for path in labs(root)}
    return assemble(site, root if answers else _without_answers(root), notebooks)


def _without_answers(root):
    """A folder in the cache with the package whose checks are recorded: it takes a while."""
    from unrolled.grading.assign import handout

    known = hashlib.sha256(b"".join(path.read_bytes() for path in _sources(root)))
    target = cache() / f"checks-{known.hexdigest()[:16]}"
    if target.exists():
        os.utime(target)
        return target
    print("recording the checks of all labs, for the class edition", flush=True)
    fresh = target.with_name(f"{target.name}.{os.getpid()}")
    handout.copy_package(fresh / "unrolled", [path.stem[:5] for path in labs(root)], root)
    shared.keep(fresh, target)
    return target


def _sources(root):
    package = root / "unrolled"
    rooms = ("common", "support", "experiments", "exercises", "grading/assign", "grading/run")
    found = [path for room in rooms for path in package.glob(f"{room}/**/*.py")]
    return sorted([*package.glob("*.py"), *found])


def _read(path):
    return json.loads(path.read_text("utf-8"))


def _link(source, target):
    """A file of the cache under another name; a copy where the file systems differ."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _write(path, told):
    """Write JSON to a file that may be a link into the cache: as a new file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(json.dumps(told, indent=1, sort_keys=True, ensure_ascii=False), "utf-8")


def _add_package(target, package):
    """Put the tree's wheel beside Pyodide's and into the lock."""
    name, version, wheel = package
    entry = wheels.entry(name, version, wheel)
    # another wheel has another address: no cache can mistake the two
    entry["file_name"] = f"{name}-{version}+{entry['sha256'][:12]}-py3-none-any.whl"
    (target / "pyodide" / entry["file_name"]).write_bytes(wheel)
    told = _read(target / "pyodide" / LOCK)
    told["packages"][name] = entry
    _write(target / "pyodide" / LOCK, told)


def _add_labs(target, notebooks):
    """Write the labs with their listings; {name: what the start page needs to know of it}."""
    told = {}
    for name, notebook in notebooks.items():
        notebook = as_there(notebook)
        text = json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False)
        release = hashlib.sha256(text.encode()).hexdigest()[:8]
        path = target / "files" / release / name
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
        listing = _folder(release, [_entry(f"{release}/{name}", "notebook", path.stat().st_size)])
        _write(target / "api" / "contents" / release / "all.json", listing)
        told[Path(name).stem] = {"release": release, "title": _title(notebook)}
    folders = [_entry(one["release"], "directory", None) for one in told.values()]
    _write(target / "api" / "contents" / "all.json", _folder("", folders))
    return told


def as_there(notebook):
    """A lab as the browser has it: links to the book are text."""
    cells = [
        cell | {"source": linked("".join(cell["source"]), "")}
        if cell["cell_type"] == "markdown"
        else cell
        for cell in notebook["cells"]
    ]
    return notebook | {"cells": cells}


def _title(notebook):
    first = "".join(notebook["cells"][0]["source"])
    return first.partition("\n")[0].lstrip("# ")


def _entry(path, kind, size):
    return {
        "name": path.rpartition("/")[2],
        "path": path,
        "type": kind,
        "size": size,
        "content": None,
        "format": None,
        "mimetype": None,
        "writable": True,
        "created": "1980-01-01T00:00:00Z",
        "last_modified": "1980-01-01T00:00:00Z",
    }


def _folder(path, entries):
    return _entry(path, "directory", None) | {"content": entries, "format": "json"}


def _configure(target):
    path = target / "jupyter-lite.json"
    told = _read(path)
    package = _read(target / "extensions" / shared.KERNEL / "package.json")
    kernel = {
        "pyodideUrl": START,
        "disablePyPIFallback": True,
        "pipliteUrls": [],
        "loadPyodideOptions": {"packages": list(wheels.CLAIMED)},
    }
    config = told["jupyter-config-data"]
    config |= SETTINGS | {
        "federated_extensions": [
            {
                "name": shared.KERNEL,
                "extension": package["jupyterlab"]["_build"]["extension"],
                "load": package["jupyterlab"]["_build"]["load"],
            }
        ],
        "litePluginSettings": {PLUGIN: kernel},
        "contentsAllJsonFile": "all.json",
    }
    _write(path, told)


def _hook(page):
    """Let the notebook page load our script, which starts the kernel's worker, and style sheet."""
    (worker,) = page.parents[1].glob(f"extensions/{shared.KERNEL}/static/comlink.worker.*.js")
    address = "../" + worker.relative_to(page.parents[1]).as_posix()
    text = page.read_text("utf-8")
    page.unlink()
    ours = (
        '<link rel="stylesheet" href="../lab.css">\n'
        f'<script src="../lab.js" data-worker="{address}" defer></script>\n'
    )
    page.write_text(text.replace("</head>", ours + "</head>", 1), encoding="utf-8")


def _listed(target):
    """{file: [size, digest]} of all that the start page fetches before a lab opens."""
    found = {}
    for name, path in shared.kept(target):
        data = path.read_bytes()
        found[name] = [len(data), hashlib.sha256(data).hexdigest()]
    return found


def prove_own(target):
    """Raise AssertionError unless the site runs its own Pyodide and asks no other host."""
    config = _read(target / "jupyter-lite.json")["jupyter-config-data"]
    kernel = config["litePluginSettings"][PLUGIN]
    assert kernel["pyodideUrl"] == START, "the labs would load another Pyodide"
    assert kernel["disablePyPIFallback"] is True, "the labs would ask PyPI for packages"
    for name in (START, "./pyodide/pyodide.mjs"):
        assert (target / name).exists(), "the labs have no Pyodide"
