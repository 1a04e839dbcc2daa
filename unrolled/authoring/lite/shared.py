"""What the browser labs of all trees have alike, put together once in the cache."""

import base64
import hashlib
import inspect
import json
import os
import re
import shutil
import sys
import tarfile
import zipfile
from importlib.metadata import version
from pathlib import Path

import jupyter_server
import jupyterlite_core

from unrolled.authoring.lite import bundle, bytecode, piplite, pyodide, wheels
from unrolled.authoring.lite.available import LOCK, cache

KERNEL = "@jupyterlite/pyodide-kernel-extension"
LEFT_OUT = ("lab", "repl", "tree", "consoles", "edit", "doc")  # applications of JupyterLite
FAVICONS = "static/favicons"  # which JupyterLab shows while a kernel is busy
LIBRARY = "python_stdlib.zip"
PLACES = ("lib/python314.zip/", "lib/python3.14/site-packages/")  # in the browser
PACK, PACKED = "interface.bin", ("build/", "extensions/", "static/")
# Not fetched before a lab opens: the rest, which is there when a page asks for it. Large parts of
# JupyterLab draw diagrams, plots and terminals, which no lab has.
NOT_KEPT = re.compile(
    rf"service-worker\.js|files\.json|{PACK}|build/third-party-licenses\.json|build/fa-.*"
)
DRAWING = re.compile(rb"mermaid|cytoscape|langium|vega-|xterm|katex|eclipse\.elk", re.IGNORECASE)
CHUNK, LARGE = re.compile(r"build/\d+\.\w+\.js"), 80_000  # bytes
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
    for module in (sys.modules[__name__], bundle, bytecode, piplite, pyodide, wheels):
        known.update(inspect.getsource(module).encode())
    known.update(bytecode.SCRIPT.read_bytes())
    known.update(str(bytecode.node()[0] is None).encode())
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
    for name in pyodide.CORE.keys() - {LOCK, LIBRARY}:
        shutil.copy(fetched / name, fresh / "pyodide" / name)
    (fresh / "pyodide" / LOCK).write_text(wheels.lock(fetched), encoding="utf-8")
    _write_python(fetched, fresh / "pyodide")
    _start_early(fresh / "extensions" / KERNEL)
    (fresh / PACK).write_bytes(bundle.bundled(_packed(fresh)))
    keep(fresh, target)
    return target


def _write_python(fetched, target):
    """Write the standard library and all packages, compiled."""
    with zipfile.ZipFile(fetched / LIBRARY) as archive:
        modules = {f"{PLACES[0]}{name}": archive.read(name) for name in archive.namelist()}
    for name, data in wheels.packages(fetched, extension()).items():
        modules[PLACES[1] + name] = data
    modules = bytecode.compiled(fetched, modules)
    library, packages = (
        {name.removeprefix(place): one for name, one in modules.items() if name.startswith(place)}
        for place in PLACES
    )
    (target / LIBRARY).write_bytes(wheels.zipped(library))
    data = bundle.bundled(packages)
    digest = hashlib.sha256(data).digest()
    # another digest has another address: no cache can mistake the two
    name = f"packages-{digest.hex()[:12]}.bin"
    (target / name).write_bytes(data)
    told = {"file": name, "integrity": f"sha256-{base64.b64encode(digest).decode()}"}
    (target / "packages.mjs").write_text(f"export const PACKAGES = {json.dumps(told)};\n")


def _start_early(folder):
    """Let a kernel's worker start Python before the kernel asks for it."""
    (place,) = folder.glob("static/comlink.worker.*.js")
    text = place.read_text("utf-8")
    place.unlink()  # it may be a link
    start = f"{'../' * 4}pyodide/start.mjs"
    place.write_text(f'import("{start}").then(({{ begin }}) => begin());\n{text}', "utf-8")


def _packed(folder):
    """{name: bytes} of the files of the interface, which come as one."""
    return {name: path.read_bytes() for name, path in kept(folder) if name.startswith(PACKED)}


def kept(folder):
    """(name, path) of each file that the start page fetches before a lab opens."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not NOT_KEPT.fullmatch(name) and not _draws(name, path):
            yield name, path


def _draws(name, path):
    large = CHUNK.fullmatch(name) and path.stat().st_size > LARGE
    return bool(large) and bool(DRAWING.search(path.read_bytes()))


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
