"""Python read as a tree: what it imports, and which files of the package it reaches so."""

import ast
from functools import lru_cache
from pathlib import Path

PACKAGE = "unrolled"


def imported(tree, package=()):
    """The dotted names that a syntax tree may import: "a.b" for `import a.b`, and "a" and "a.b" for
    `from a import b`, where b may be a module or not.

    package: the parts of the package that the code is a module of, for its relative imports.
    """
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*above, *filter(None, [node.module])])
            names |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return names


def chapters_and_rooms(trees):
    """The modules and rooms directly in the package that syntax trees import."""
    names = {name for tree in trees if tree for name in imported(tree)}
    parts = (name.split(".") for name in names)
    return {part[1] for part in parts if part[0] == PACKAGE and len(part) > 1}


def reached(code, root, known=None):
    """The package's files which `code` reaches by imports, directly or through other modules.

    known: {module: files it needs itself}, filled here; for one who asks of several codes while no
    file changes
    """
    known = {} if known is None else known
    found, todo = set(), _files(code, root, None)
    while todo:
        path = todo.pop()
        if path in found:
            continue
        found.add(path)
        if path.suffix == ".py":
            if path not in known:
                known[path] = _needed(path, root)
            todo |= known[path]
    return found


def _needed(path, root):
    """Files of the package that the module at `path` imports, or may read."""
    files = _files(path.read_text("utf-8"), root, path.parent)
    if path.parent != Path(root, PACKAGE):  # a room: its modules may read the data that lie there
        files |= {file for file in path.parent.iterdir() if file.suffix not in (".py", "")}
    return files


def _files(code, root, folder):
    """Files of the package that `code`, a module in `folder`, imports."""
    names = _named(code, folder.relative_to(root).parts if folder else ())
    if names is None:  # a magic: what it reaches cannot be told, so everything counts
        return set(Path(root, PACKAGE).rglob("*.py"))
    files = set()
    for name in names:
        parts = name.split(".")
        if parts[0] == PACKAGE:
            for end in range(1, len(parts) + 1):
                place = Path(root).joinpath(*parts[:end])
                files |= {place / "__init__.py", place.with_suffix(".py")}
    return {path for path in files if path.is_file()}


@lru_cache(maxsize=1000)  # every notebook reaches the same modules
def _named(code, package):
    """The dotted names that `code` imports, or None where it is no Python."""
    try:
        return frozenset(imported(ast.parse(code), package))
    except SyntaxError:
        return None
