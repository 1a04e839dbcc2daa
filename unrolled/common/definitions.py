"""What a script computes with: the definitions of the package that it reaches, as a digest.

A page may be reworded, and a module may gain a function, without a change of what is reached. The
digest therefore covers syntax trees without docstrings, of single definitions.
"""

import ast
import hashlib
import re
from pathlib import Path

from unrolled.common.code import PACKAGE

HOLDERS = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
IMPORTS = (ast.Import, ast.ImportFrom)
LEFT_OUT = frozenset({"ctx", "kind", "type_comment", "type_ignores"})


def digest(script, root, without=(), name=None):
    """Digest of a script and of every definition it reaches in the package at `root`.

    A definition is a function, a class or an assignment at the top level of a module. Other
    statements there count as soon as one of its definitions does, and so does a file that lies
    beside a module when a definition names it.

    without: dotted names of modules that do not count. name: of the definition of the script that
    is meant, when it is not the whole script.
    """
    total = hashlib.sha256()
    for piece in sorted(_Reached(Path(root), frozenset(without)).of(Path(script), name)):
        total.update(piece)
    return total.hexdigest()[:16]


class _Module:
    """The statements of one module by the name they bind, and what it imports."""

    def __init__(self, path, dotted):
        tree = ast.parse(path.read_text("utf-8"))
        self.path, self.dotted = path, dotted
        self.definitions, self.imports, self.others = {}, {}, []
        for node in ast.walk(tree):
            if isinstance(node, IMPORTS):  # inside functions, too
                self._import(node)
        for node in tree.body:
            if isinstance(node, DEFINITIONS):
                self.definitions.setdefault(node.name, []).append(node)
            elif names := _assigned(node):
                for name in names:
                    self.definitions.setdefault(name, []).append(node)
            elif not isinstance(node, IMPORTS) and not _is_text(node):
                self.others.append(node)

    def _import(self, node):
        """What each name stands for: (module, name in it, or None for the module itself)."""
        for alias in node.names:
            if isinstance(node, ast.Import):
                whole = alias.name if alias.asname else alias.name.split(".")[0]
                self.imports[alias.asname or whole] = (whole, None)
            else:
                above = self.dotted.split(".")[: -node.level] if node.level else []
                module = ".".join([*above, *filter(None, [node.module])])
                self.imports[alias.asname or alias.name] = (module, alias.name)


class _Reached:
    """Follows names from definition to definition."""

    def __init__(self, root, without):
        self.root, self.without = root, without
        self.modules, self.seen, self.pieces = {}, set(), set()

    def of(self, script, name):
        """The pieces of text that a digest covers: bytes."""
        module = _Module(script, "")
        if name:
            module.others = []  # what the script does with the definition
            self._name(module, name)
        else:
            every = [node for nodes in module.definitions.values() for node in nodes]
            for node in [*every, *module.others]:
                self._statement(module, node)
        return self.pieces

    def _module(self, dotted):
        """The module of the package by its name, or None for what is none, or does not count."""
        if dotted not in self.modules:
            place = self.root.joinpath(*dotted.split("."))
            files = (place.with_suffix(".py"), place / "__init__.py")
            path = next((file for file in files if file.is_file()), None)
            ours = dotted.split(".")[0] == PACKAGE and dotted not in self.without
            self.modules[dotted] = _Module(path, dotted) if ours and path else None
        return self.modules[dotted]

    def _statement(self, module, node):
        if id(node) in self.seen:
            return
        self.seen.add(id(node))
        self.pieces.add(f"{module.dotted}: {_plain(node)}".encode())
        for below in ast.walk(node):
            if isinstance(below, ast.Attribute):
                self._dotted(module, below)
            elif isinstance(below, ast.Name):
                self._name(module, below.id)
            elif isinstance(below, ast.Constant) and isinstance(below.value, str):
                self._beside(module, below.value)

    def _name(self, module, name):
        for node in module.definitions.get(name, ()):
            self._statement(module, node)
            for other in module.others:
                self._statement(module, other)
        place, imported = module.imports.get(name, ("", None))
        if imported and self._module(place):
            self._name(self._module(place), imported)

    def _dotted(self, module, node):
        """`a.b`, or `a.b.c`, where `a` is a module or a package."""
        names = []
        while isinstance(node, ast.Attribute):
            names.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id not in module.imports:
            return
        place, name = module.imports[node.id]
        dotted = f"{place}.{name}" if name else place
        for attribute in reversed(names):
            if self._module(dotted):
                self._name(self._module(dotted), attribute)
            dotted = f"{dotted}.{attribute}"

    def _beside(self, module, text):
        """A file in the module's folder that a string names."""
        if module.dotted and re.fullmatch(r"[\w.-]{1,99}", text):
            path = module.path.parent / text
            if path.suffix not in ("", ".py") and path.is_file():
                self.pieces.add(text.encode() + b": " + path.read_bytes())


def _assigned(node):
    """The names that an assignment at the top level binds."""
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign):
        targets = [node.target]
    else:
        return []
    if any(isinstance(n, (ast.Attribute, ast.Subscript)) for t in targets for n in ast.walk(t)):
        return []
    return [n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)]


def _is_text(node):
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _plain(node):
    """A syntax tree as text, without docstrings, and the same in every version of Python."""
    if isinstance(node, list):
        return f"[{', '.join(map(_plain, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = dict(ast.iter_fields(node))
    if isinstance(node, HOLDERS) and fields["body"] and _is_text(fields["body"][0]):
        fields["body"] = fields["body"][1:] or [ast.Pass()]
    told = (
        f"{name}={_plain(value)}"
        for name, value in fields.items()
        if name not in LEFT_OUT and value is not None and value != []
    )
    return f"{type(node).__name__}({', '.join(told)})"
