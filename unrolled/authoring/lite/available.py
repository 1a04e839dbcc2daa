"""Whether the labs of a tree can run in a browser, answered without loading anything.

A build in which nothing changed asks this and no more.
"""

import os
from pathlib import Path

FOLDER = "lite"  # of the site
VERSION = "314.0.3"  # of Pyodide
LOCK = "pyodide-lock.json"


def labs(root):
    """The notebooks that students get."""
    return sorted((root / "labs").glob("lab*.ipynb"))


def wanted(root):
    """Whether the tree has labs that a browser could run."""
    return bool(labs(root)) and (root / "unrolled" / "exercises" / "lab.py").exists()


def at_hand(root):
    """Whether they could run without anything being fetched."""
    there = os.environ.get("UNROLLED_PYODIDE") or (kept() / LOCK).exists()
    return bool(there) and wanted(root)


def kept():
    """Where Pyodide is kept, each file verified."""
    return cache() / f"pyodide-{VERSION}"


def cache():
    """The folder for what outlives a tree: below XDG_CACHE_HOME, or ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "unrolled"
