"""Chapters to modules: the cells tagged `export` of chapters/NN_topic.md make unrolled/topic.py,
those tagged `experiment` make unrolled/experiments/topic.py.

Which names a module lacks, and whether it is well formed, is for ruff to say; this module finds
the chapter's import that supplies a name, or else the cell to blame.
"""

import ast
import json
import keyword
import re
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

from unrolled.authoring import notebooks
from unrolled.authoring.notebooks import ROOT, AuthoringError, Cell
from unrolled.common import scopes

GENERATED = re.compile(r"^Generated from (chapters/\S+\.md);", re.MULTILINE)
PACKAGE = "unrolled"
EXPERIMENTS = "experiments"  # the room of what the chapters train and measure
FOLDERS = {"export": PACKAGE, "experiment": f"{PACKAGE}/{EXPERIMENTS}"}  # tag: where its cells go
WIDTH = 100


@dataclass(frozen=True)
class Part:
    """The statements one export cell gives to the module: its lines, without the imports."""

    cell: Cell
    lines: list[str]  # as many as the cell has, so that line numbers agree
    names: dict[str, int]  # the names it defines, and the line of the cell that does


def modules(root=ROOT):
    """All that `unrolled/` should hold: {path: text of the module, or None to remove the file}.

    Raises AuthoringError at the first chapter that cannot be exported. Writes nothing.
    """
    root = Path(root)
    topics = {}  # module name: the chapter's file name, in the order of the book
    for path in notebooks.chapters(root):
        topic = notebooks.CHAPTER_NAME.fullmatch(path.name)["topic"]
        name = notebooks.relative_name(path, root)
        if keyword.iskeyword(topic) or (root / PACKAGE / topic).is_dir():
            raise AuthoringError(
                name, None, None, f"{topic!r} cannot be a module of {PACKAGE}; rename the chapter"
            )
        if topic in topics:
            raise AuthoringError(
                name, None, None, f"has the same topic as {topics[topic]}; rename one of them"
            )
        topics[topic] = name
    planned, owners = {}, {}
    for path in notebooks.chapters(root):
        chapter = notebooks.read(path, root)
        topic = notebooks.CHAPTER_NAME.fullmatch(path.name)["topic"]
        mathematics = {}  # what the chapter's experiments may use
        for tag, folder in FOLDERS.items():
            target = root / folder / f"{topic}.py"
            text, names = module(chapter, topics, target, tag, mathematics)
            for name, (cell, line) in names.items():
                first = owners.setdefault(name, chapter.name)
                if name in mathematics or (first != chapter.name and not name.startswith("_")):
                    raise chapter.error(
                        f"exports {name!r}, as {first} does; rename one of the two", cell, line
                    )
            if text is not None:
                planned[target] = text
            mathematics |= dict.fromkeys(names, f"from {PACKAGE}.{topic} import ")
    return planned | _others(root, planned)


def module(chapter, topics, target, tag="export", mathematics=None):
    """The module that the cells with a tag make: (text, names), or (None, {}) if there are none.

    topics: {module: chapter's name} in the order of the book; mathematics: {name: the beginning of
    the statement that imports it}, of what the chapter exports besides.
    names: {name: (cell, line)} of what it defines.
    """
    trees = {
        cell.index: notebooks.syntax_tree(chapter, cell, magics=not FOLDERS.keys() & set(cell.tags))
        for cell in chapter.code
    }
    _refuse_later_chapters(chapter, trees, topics)
    imports = _imports(chapter, trees)
    imports |= {name: [begin + name] for name, begin in (mathematics or {}).items()}
    parts, names = [], {}
    for cell in chapter.tagged(tag):
        if cell.kind != "code":
            raise chapter.error(f"text tagged `{tag}`; tag code cells only", cell)
        if FOLDERS.keys() <= set(cell.tags):
            raise chapter.error(f"tagged {' and '.join(FOLDERS)}; choose one", cell)
        part = _part(chapter, cell, trees[cell.index])
        for name, line in part.names.items():
            if name in names:
                raise chapter.error(
                    f"defines {name!r} a second time, after {names[name][0].label}; export one",
                    cell,
                    line,
                )
            names[name] = (cell, line)
        parts.append(part)
    if not names:
        return None, {}
    needed = _needed_imports(chapter, parts, imports, trees, target)
    if tag == "export" and any(f"{PACKAGE}.{EXPERIMENTS}" in statement for statement in needed):
        raise chapter.error(f"exports what needs {PACKAGE}.{EXPERIMENTS}; tag it `experiment`")
    text = "\n".join(
        [
            _docstring(chapter, tag),
            *sorted(needed),
            f"__all__ = {[name for name in names if not name.startswith('_')]!r}\n",
            *("\n".join(part.lines).strip("\n") + "\n\n" for part in parts),
        ]
    )
    text = _ruff(["check", "--select", "I,RUF022", "--fix-only", "--quiet"], text, target)
    text = _ruff(["format", "--quiet"], text, target)
    _refuse_findings(chapter, text, names, target)
    return text, names


def _refuse_later_chapters(chapter, trees, topics):
    order = list(topics)
    here = list(topics.values()).index(chapter.name)
    for cell in chapter.code:
        for node in ast.walk(trees[cell.index] or ast.Module([], [])):
            for topic in _imported_modules(node):
                if topic not in order or order.index(topic) < here:
                    continue
                if order.index(topic) == here:
                    message = f"imports {PACKAGE}.{topic}, which is made from this chapter; use "
                    message += "the name as the page defines it"
                else:
                    message = f"imports {PACKAGE}.{topic}, made from {topics[topic]}: a chapter "
                    message += "never imports a later chapter; move the code or the chapter"
                raise chapter.error(message, cell, node.lineno)


def _imported_modules(node):
    """The modules directly in the package that an import statement names, if it is one; those in
    the room of experiments count as the chapters they are made from."""
    if isinstance(node, ast.Import):
        paths = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.module == PACKAGE:
        paths = [f"{PACKAGE}.{alias.name}" for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        paths = [node.module or ""]
    else:
        paths = []
    parts = [path.split(".")[1:] for path in paths if path.startswith(f"{PACKAGE}.")]
    if isinstance(node, ast.ImportFrom):
        parts += [[*part, alias.name] for part in parts for alias in node.names]
    return [part[part[0] == EXPERIMENTS] for part in parts if part != [EXPERIMENTS]]


def _imports(chapter, trees):
    """{name: import statement that binds only this name}, from every cell of the chapter."""
    found = {}
    for cell in chapter.code:
        for node in trees[cell.index].body if trees[cell.index] else []:
            if not isinstance(node, (ast.Import, ast.ImportFrom)):
                continue
            for alias in node.names:
                if alias.name == "*":
                    raise chapter.error(
                        f"imports * from {node.module}; import each name", cell, node.lineno
                    )
                name = alias.asname or alias.name.split(".")[0]
                single = type(node)(**{**vars(node), "names": [alias]})
                statement = ast.unparse(single)
                # `import a.b` and `import a.c` both bind `a`, and a module may need both
                dotted = isinstance(node, ast.Import) and not alias.asname
                known = found.setdefault(name, [])
                if statement in known:
                    continue
                if known and not (dotted and all(s.startswith(f"import {name}") for s in known)):
                    raise chapter.error(
                        f"`{statement}`, but an earlier cell says `{known[0]}`; import one of them "
                        "under another name",
                        cell,
                        node.lineno,
                    )
                known.append(statement)
    return found


def _part(chapter, cell, tree):
    lines = cell.source.splitlines()
    names = {}
    for node in tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            span = range(node.lineno, node.end_lineno + 1)
            if any(other is not node and other.lineno in span for other in tree.body):
                raise chapter.error("an import shares its line; give it its own", cell, node.lineno)
            for line in span:
                lines[line - 1] = ""
            continue
        defined = _defines(node)
        if not defined:
            raise chapter.error(
                "an export cell holds definitions, constants and imports only; move this statement "
                "to a cell of its own, without the tag",
                cell,
                node.lineno,
            )
        for name in defined:
            if name in names:
                raise chapter.error(
                    f"defines {name!r} a second time; export one", cell, node.lineno
                )
            names[name] = node.lineno
    return Part(cell, lines, names)


def _defines(node):
    """The names a definition or the assignment of a constant defines; none for anything else."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign) and node.value is not None:
        targets = [node.target]
    else:
        return []
    leaves = []
    for target in targets:
        leaves += target.elts if isinstance(target, ast.Tuple) else [target]
    if not all(isinstance(leaf, ast.Name) for leaf in leaves):
        return []
    return [leaf.id for leaf in leaves]


def _needed_imports(chapter, parts, imports, trees, target):
    """The import statements that supply what the exported cells use and do not define."""
    origin = [(part.cell, row) for part in parts for row, _ in enumerate(part.lines, start=1)]
    text = "\n".join(line for part in parts for line in part.lines)
    needed = set()
    for finding in _findings(["--select", "F821", "--isolated"], text, target):
        name = re.search(r"`(.+?)`", finding["message"])[1]
        if name in imports:
            needed.update(imports[name])
            continue
        cell, line = origin[finding["location"]["row"] - 1]
        definer = _definer(chapter, trees, name)
        if definer is not None:
            message = f"uses {name!r}, defined only in {definer.label} (line {definer.line}), "
            message += "which is not exported; tag that cell `export`, or pass the value"
        else:
            message = (
                f"uses {name!r}, which no cell imports or defines; define it in an export cell"
            )
        raise chapter.error(message, cell, line)
    return needed


def _definer(chapter, trees, name):
    """The first cell outside the export that binds `name`, or None."""
    for cell in chapter.code:
        if trees[cell.index] is None or FOLDERS.keys() & set(cell.tags):
            continue
        if name in scopes.names(ast.unparse(trees[cell.index])).bound:
            return cell
    return None


def _docstring(chapter, tag):
    number = int(notebooks.CHAPTER_NAME.fullmatch(chapter.path.name)["number"])
    heads = (
        re.search(r"^# +(.+)$", c.source, re.MULTILINE) for c in chapter.cells if c.kind != "code"
    )
    title = next((head[1].strip() for head in heads if head), None)
    if title is None:
        raise chapter.error("no title; begin the first text with a line `# Title`")
    title = title.replace("\\", "\\\\").replace('"', "'").rstrip(".")
    what = "Chapter" if tag == "export" else "Experiments of chapter"
    first = textwrap.fill(f'"""{what} {number}: {title}.', WIDTH)
    warning = textwrap.fill(
        f"Generated from {chapter.name}; an edit made here is lost. Edit the chapter's cells "
        f"tagged `{tag}`, then run `make sync`.",
        WIDTH,
        break_on_hyphens=False,
    )
    return f'{first}\n\n{warning}\n"""\n'


def _refuse_findings(chapter, text, names, target):
    """The module must pass ruff under the project's settings; else the definition is to blame."""
    for finding in _findings([], text, target):
        row = finding["location"]["row"]
        cell = line = None
        for node in ast.parse(text).body:
            if node.lineno <= row and (defined := [n for n in _defines(node) if n in names]):
                cell, line = names[defined[0]]
        raise chapter.error(f"ruff: {finding['code']} {finding['message']}; mend it", cell, line)


def _findings(options, text, target):
    return json.loads(_ruff(["check", "--output-format", "json", *options], text, target))


def _ruff(arguments, text, target):
    """ruff's output for `text`, taken as the file `target` so that its settings are the tree's."""
    command = [sys.executable, "-m", "ruff", *arguments, "--stdin-filename", str(target), "-"]
    done = subprocess.run(command, input=text, capture_output=True, encoding="utf-8", check=False)
    if done.returncode not in (0, 1) or done.stderr:
        raise AuthoringError(
            target.name, None, None, f"ruff failed: {done.stderr.strip()}; run `make book` once"
        )
    return done.stdout


def _others(root, planned):
    """The modules whose source is gone, to be removed; none that is written may be there."""
    gone = {}
    found = [path for folder in FOLDERS.values() for path in sorted((root / folder).glob("*.py"))]
    for path in found:
        folder = notebooks.relative_name(path.parent, root)
        if path.name in ("__init__.py", "__main__.py"):
            continue
        if not GENERATED.search(path.read_text(encoding="utf-8")[:2000]):
            raise AuthoringError(
                notebooks.relative_name(path, root),
                None,
                None,
                f"was not generated from a chapter, as every module directly in {folder}/ is; "
                f"move it to {PACKAGE}/support/, or delete it",
            )
        if path not in planned:
            gone[path] = None
    return gone
