"""The packages of the browser's Python, of what is installed here: nothing more is downloaded.

Pyodide's own wheels and the kernel's packages come as one file, compiled; theme/lite/start.mjs puts
them where Python looks. The package of the tree is a wheel in Pyodide's lock, pyodide-lock.json.
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
# packages that the kernel does not ask piplite for where they are said to be there
CLAIMED = ("comm", "ipykernel", "ipython", "jedi", "micropip", "piplite", "pyodide-kernel")
# of what is installed here
LEFT_OUT = re.compile(r"/(tests?|django-stubs|typeshed/stubs|__pycache__)/|\.(pyc|so)$")
# what no lab reads; licences stay
USELESS = re.compile(
    r"^[^/]+\.data/|/tests?/|^(?!jedi/).*\.(pyi|pxd|a|c|h|hpp|in|map)$|/RECORD$|/f2py/|_tests\.cpython-"
    r"|/mpl-data/(fonts/(afm|pdfcorefonts)|sample_data/(?!eeg\.dat)|images)/|/web_backend/"
)
THERE = {
    "extra": "",
    "python_version": "3.14",
    "python_full_version": "3.14.0",
    "sys_platform": "emscripten",
    "platform_system": "Emscripten",
}
PACKAGE = ("common", "support", "experiments", "exercises")  # rooms of ours that labs need
SOURCES = """\
digits.npz: Optical Recognition of Handwritten Digits, UCI, CC BY 4.0, through scikit-learn
names.json: Unicode CLDR, under the Unicode licence, through Babel
"""
VERSION = re.compile(r'^__version__ = "([^"]+)"', re.MULTILINE)
WHEEL = b"Wheel-Version: 1.0\nGenerator: unrolled\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
AS_OF = (1980, 1, 1, 0, 0, 0)  # the same bytes at every build


def packages(fetched, extension):
    """{name in the folder of packages: bytes} of all but ours.

    fetched: the folder of Pyodide
    extension: that of the kernel's extension of JupyterLab
    """
    told = json.loads((fetched / LOCK).read_text("utf-8"))
    theirs = [fetched / name for name in pyodide.wheels(told)]
    for name in ("ipykernel", "pyodide_kernel"):
        theirs += extension.glob(f"static/pypi/{name}-*.whl")
    parts = topics()
    for path in theirs:
        with zipfile.ZipFile(path) as wheel:
            parts |= {name: wheel.read(name) for name in wheel.namelist() if name[-1] != "/"}
    for name in closure(KERNEL):
        parts |= of_distribution(name)
    for name in ("__init__", "piplite", "cli"):
        parts[f"piplite/{name}.py"] = Path(__file__).with_name("piplite.py").read_bytes()
    return {name: data for name, data in parts.items() if not USELESS.search(name)}


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
    """{name: bytes} of a distribution in pure Python that is installed here."""
    one = distribution(name)
    parts = {}
    for file in one.files:
        inside = file.as_posix()
        if not inside.startswith("..") and not LEFT_OUT.search("/" + inside):
            parts[inside] = Path(one.locate_file(file)).read_bytes()
    return parts


def topics():
    """{name: bytes} of the text of the language reference, which labs read.

    It is part of the standard library, and Pyodide's leaves it out.
    """
    version = ".".join(map(str, sys.version_info[:3]))
    licence = b"From the Python standard library, under the licence of the PSF.\n"
    return {
        "pydoc_data/__init__.py": b"",
        "pydoc_data/topics.py": Path(pydoc_data.topics.__file__).read_bytes(),
        f"pydoc_data-{version}.dist-info/LICENSE": licence,
    }


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
    return "unrolled", version, wheel_of("unrolled", version, parts)


def data():
    """{name in the package: bytes} of data whose own packages are not there."""
    from unrolled.support.data import LANGUAGES, words

    # the file, since importing scikit-learn takes a second of every build
    kept = distribution("scikit-learn").locate_file("sklearn/datasets/data/digits.csv.gz")
    rows, images = np.loadtxt(kept, np.uint8, delimiter=","), io.BytesIO()  # (1797, 65)
    np.savez_compressed(images, images=rows[:, :-1].reshape(-1, 8, 8), labels=rows[:, -1])
    names = {language: sorted(words(language)) for language in LANGUAGES}
    folder = "unrolled/support/carried/"
    return {
        f"{folder}digits.npz": images.getvalue(),
        f"{folder}names.json": json.dumps(names, ensure_ascii=False).encode(),
        f"{folder}SOURCES.txt": SOURCES.encode(),
    }


def wheel_of(name, version, parts):
    """The bytes of a wheel with the files `parts`, {name: bytes}."""
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    parts = {name: data for name, data in parts.items() if not name.endswith("/RECORD")}
    told = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    parts.setdefault(f"{info}/METADATA", told.encode())
    parts.setdefault(f"{info}/WHEEL", WHEEL)
    (record,) = {name.partition("/")[0] for name in parts if ".dist-info/" in name}
    parts[f"{record}/RECORD"] = "".join(f"{name},,\n" for name in parts).encode()
    return zipped(parts)


def zipped(parts):
    """The bytes of a zip file with the files `parts`, {name: bytes}."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for inside, data in sorted(parts.items()):
            archive.writestr(zipfile.ZipInfo(inside, AS_OF), data, zipfile.ZIP_DEFLATED)
    return whole.getvalue()


def file_name(name, version):
    return f"{name.replace('-', '_')}-{version}-py3-none-any.whl"


def entry(name, version, wheel):
    """What Pyodide's lock says of a wheel."""
    return {
        "name": name,
        "version": version,
        "file_name": file_name(name, version),
        "install_dir": "site",
        "sha256": hashlib.sha256(wheel).hexdigest(),
        "package_type": "package",
        "imports": [name],
        "depends": [],
        "unvendored_tests": False,
    }


def lock(folder):
    """The text of Pyodide's lock without its packages: they come together."""
    told = json.loads((folder / LOCK).read_text("utf-8"))
    return json.dumps(told | {"packages": {}}, indent=1, sort_keys=True)
