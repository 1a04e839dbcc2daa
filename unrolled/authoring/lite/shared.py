"""What the browser labs of all trees have alike, put together once in the cache."""

import hashlib
import inspect
import json
import os
import re
import shutil
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

import jupyter_server
import jupyterlite_core

from unrolled.authoring.lite import pyodide, wheels
from unrolled.authoring.lite.available import LOCK, cache

KERNEL = "@jupyterlite/pyodide-kernel-extension"
LEFT_OUT = ("lab", "repl", "tree", "consoles", "edit", "doc")  # applications of JupyterLite
FAVICONS = "static/favicons"  # which JupyterLab shows while a kernel is busy
KEPT = 3  # versions of the shared part that stay in the cache
# what no page of ours uses; of icons' fonts one form is enough
USELESS = re.compile(
    r"index\.html|(notebooks/)?package\.json|rspack.*|manifest\.webmanifest|jupyterlite\.schema.*"
    r"|icon-.*|build/fa-.*\.(svg|eot|ttf|woff)"
)


def extension():
    """The folder of the extension that brings the kernel."""
    return Path(sys.prefix, "share", "jupyter", "labextensions", KERNEL)


def build():
    """The folder of the shared part, made where it is not in the cache. Raises NotReached."""
    fetched = pyodide.fetch()
    known = hashlib.sha256(sys.version.encode())
    for module in (sys.modules[__name__], pyodide, wheels):
        known.update(inspect.getsource(module).encode())
    for name in ("jupyterlite-core", "jupyterlite-pyodide-kernel", *wheels.closure(wheels.KERNEL)):
        known.update(f"{name} {version(name)}\n".encode())
    target = cache() / f"labs-{known.hexdigest()[:16]}"
    if target.exists():
        os.utime(target)
        return target
    fresh = target.with_name(f"{target.name}.{os.getpid()}")
    shutil.rmtree(fresh, ignore_errors=True)
    _unpack(fresh)
    shutil.copytree(
        extension(), fresh / "extensions" / KERNEL, ignore=shutil.ignore_patterns("*.map", "*.whl")
    )
    icons = Path(jupyter_server.__file__).parent / FAVICONS
    shutil.copytree(icons, fresh / FAVICONS)
    (fresh / "pyodide").mkdir()
    for name in pyodide.files(fetched).keys() - {LOCK}:
        shutil.copy(fetched / name, fresh / "pyodide" / name)
    made = wheels.kernels(extension())
    for name, number, wheel in made:
        (fresh / "pyodide" / wheels.file_name(name, number)).write_bytes(wheel)
    (fresh / "pyodide" / LOCK).write_text(wheels.lock(fetched, made), encoding="utf-8")
    keep(fresh, target)
    return target


def keep(fresh, target):
    """Give a folder of the cache its name, KIND-DIGEST, and forget all but KEPT of its kind."""
    try:
        fresh.rename(target)
    except OSError:  # another build was faster
        shutil.rmtree(fresh)
    kind = target.name.partition("-")[0]
    for old in sorted(target.parent.glob(f"{kind}-*"), key=_age)[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)


def _age(path):
    try:
        return -path.stat().st_mtime
    except FileNotFoundError:
        return 0


def _unpack(folder):
    """JupyterLite's notebook application, without maps of its sources."""
    (archive,) = Path(jupyterlite_core.__file__).parent.glob("*.tgz")
    with tarfile.open(archive) as tar:
        for member in tar:
            name = member.name.removeprefix("package/")
            top, _, below = name.partition("/")
            unused = top in LEFT_OUT or (top == "build" and below.split("/")[0] in LEFT_OUT)
            odd = not member.isfile() or ".." in name or name.endswith(".map")
            if unused or odd or USELESS.fullmatch(name):
                continue
            if name == "service-worker.js":
                name = "drive-worker.js"  # ours, which serves the files, calls it
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(tar.extractfile(member).read())
    (folder / "build" / "schemas" / "all_federated.json").write_text("[]")
    api = folder / "api" / "translations"
    api.mkdir(parents=True)
    names = {"en": {"displayName": "English", "nativeName": "English"}}
    (api / "all.json").write_text(json.dumps({"data": names, "message": ""}))
    (api / "en.json").write_text(json.dumps({"data": {}, "message": ""}))
