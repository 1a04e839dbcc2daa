"""Wheels for the browser's Python, made of what is installed here: nothing more is downloaded.

Pyodide loads by its lock, pyodide-lock.json. Ours lists Pyodide's own wheels, these, and the
package of the tree, so that all come with the start of the kernel and are verified there.
"""

import hashlib
import io
import json
import pydoc_data.topics
import re
import sys
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
from packaging.requirements import Requirement

from unrolled.authoring.lite import pyodide
from unrolled.authoring.lite.available import LOCK

KERNEL = ("ipython", "comm", "matplotlib-inline", "jedi")  # what the kernel runs on
# what is installed with them, and of no use there
LEFT_OUT = re.compile(r"/(tests?|django-stubs|typeshed/stubs|__pycache__)/|\.(pyc|so)$")
THERE = {
    "extra": "",
    "python_version": "3.14",
    "python_full_version": "3.14.0",
    "sys_platform": "emscripten",
    "platform_system": "Emscripten",
}
# what matplotlib needs to write PDF and PostScript alone, or no longer: on the site, but not loaded
# with the kernel
UNLOADED = ("fonttools", "pytz")
PACKAGE = ("common", "support", "experiments", "exercises")  # rooms of ours that labs need
SOURCES = """\
digits.npz: Optical Recognition of Handwritten Digits, UCI, CC BY 4.0, through scikit-learn
names.json: Unicode CLDR, under the Unicode licence, through Babel
"""
VERSION = re.compile(r'^__version__ = "([^"]+)"', re.MULTILINE)
WHEEL = b"Wheel-Version: 1.0\nGenerator: unrolled\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
AS_OF = (1980, 1, 1, 0, 0, 0)  # the same bytes at every build


def kernels(extension):
    """[(name, version, wheel)] of what the kernel needs: from here, and from its own extension."""
    made = [of_distribution(name) for name in closure(KERNEL)]
    for path in sorted(extension.glob("static/pypi/*.whl")):
        name, version = path.name.split("-")[:2]
        if name in ("ipykernel", "piplite", "pyodide_kernel"):
            made.append((canonical(name), version, path.read_bytes()))
    return [*made, topics()]


def closure(names):
    """Names of the distributions and of what they need in the browser, sorted."""
    found, todo = set(), list(names)
    while todo:
        name = canonical(todo.pop())
        if name not in found:
            found.add(name)
            needed = map(Requirement, distribution(name).requires or ())
            todo += [one.name for one in needed if not one.marker or one.marker.evaluate(THERE)]
    return sorted(found)


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def of_distribution(name):
    """(name, version, wheel) of a distribution in pure Python that is installed here."""
    one = distribution(name)
    parts = {}
    for file in one.files:
        inside = file.as_posix()
        if not inside.startswith("..") and not LEFT_OUT.search("/" + inside):
            parts[inside] = Path(one.locate_file(file)).read_bytes()
    return name, one.version, zipped(name, one.version, parts)


def topics():
    """(name, version, wheel) of the text of the language reference, which labs read.

    It is part of the standard library, and Pyodide's leaves it out.
    """
    version = ".".join(map(str, sys.version_info[:3]))
    text = Path(pydoc_data.topics.__file__).read_bytes()
    parts = {"pydoc_data/__init__.py": b"", "pydoc_data/topics.py": text}
    licence = b"From the Python standard library, under the licence of the PSF.\n"
    parts[f"pydoc_data-{version}.dist-info/LICENSE"] = licence
    return "pydoc-data", version, zipped("pydoc-data", version, parts)


def ours(root):
    """(name, version, wheel) of the package below `root`, as far as labs need it."""
    package = root / "unrolled"
    tops = [
        *package.glob("*.py"),
        *(path for room in PACKAGE for path in package.glob(f"{room}/**/*")),
    ]
    parts = {}
    for path in sorted(tops):
        inside = path.relative_to(root).as_posix()
        if path.is_file() and not LEFT_OUT.search("/" + inside):
            parts[inside] = path.read_bytes()
    version = VERSION.search(parts["unrolled/__init__.py"].decode())[1]
    parts |= data()
    licence = next((p for p in (root / "LICENSE", package / "LICENSE") if p.exists()), None)
    if licence:
        parts[f"unrolled-{version}.dist-info/LICENSE"] = licence.read_bytes()
    return "unrolled", version, zipped("unrolled", version, parts)


def data():
    """{name in the package: bytes} of data whose own packages are not there."""
    from sklearn.datasets import load_digits

    from unrolled.support.data import LANGUAGES, words

    bunch, images = load_digits(), io.BytesIO()
    np.savez_compressed(images, images=bunch.images.astype("u1"), labels=bunch.target.astype("u1"))
    names = {language: sorted(words(language)) for language in LANGUAGES}
    folder = "unrolled/support/carried/"
    return {
        f"{folder}digits.npz": images.getvalue(),
        f"{folder}names.json": json.dumps(names, ensure_ascii=False).encode(),
        f"{folder}SOURCES.txt": SOURCES.encode(),
    }


def zipped(name, version, parts):
    """The bytes of a wheel with the files `parts`, {name: bytes}."""
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    parts = {name: data for name, data in parts.items() if not name.endswith("/RECORD")}
    told = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    parts.setdefault(f"{info}/METADATA", told.encode())
    parts.setdefault(f"{info}/WHEEL", WHEEL)
    (record,) = {name.partition("/")[0] for name in parts if ".dist-info/" in name}
    parts[f"{record}/RECORD"] = "".join(f"{name},,\n" for name in parts).encode()
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as wheel:
        for inside, data in sorted(parts.items()):
            wheel.writestr(zipfile.ZipInfo(inside, AS_OF), data, zipfile.ZIP_DEFLATED)
    return whole.getvalue()


def file_name(name, version):
    return f"{name.replace('-', '_')}-{version}-py3-none-any.whl"


def entry(name, version, wheel, depends=()):
    """What Pyodide's lock says of a wheel."""
    with zipfile.ZipFile(io.BytesIO(wheel)) as opened:
        tops = {inside.partition("/")[0].removesuffix(".py") for inside in opened.namelist()}
    return {
        "name": name,
        "version": version,
        "file_name": file_name(name, version),
        "install_dir": "site",
        "sha256": hashlib.sha256(wheel).hexdigest(),
        "package_type": "package",
        "imports": sorted(top for top in tops if "." not in top),
        "depends": sorted(depends),
        "unvendored_tests": False,
    }


def lock(folder, made):
    """The text of our lock: the packages of Pyodide that are in the folder, and `made`,
    [(name, version, wheel)]."""
    told = json.loads((folder / LOCK).read_text("utf-8"))
    kept = {name: told["packages"][name] for name in pyodide.closure(told)}
    for one in kept.values():
        one["depends"] = [name for name in one["depends"] if name not in UNLOADED]
    told["packages"] = kept | {name: entry(name, *rest) for name, *rest in made}
    return json.dumps(told, indent=1, sort_keys=True)
