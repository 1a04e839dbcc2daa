"""Programs in a world of their own: copies of functions that can be altered, and leave ours alone.

A `World` holds a right answer written as a program, with copies of all functions of this package it
calls. Each copy's syntax tree is at hand; `altered` compiles it anew after a change and puts the
code into the copy. What is imported elsewhere never changes.
"""

import ast
import contextlib
import inspect
import sys
import warnings
from copy import deepcopy
from functools import lru_cache
from types import CellType, FunctionType

import numpy as np

from unrolled.unfolding import sigmoid

from ..plain import NotPlain, plain

PACKAGE = __name__.partition(".")[0]
ROUNDS = 20_000  # of all `while` loops of one call together, until it is known what is enough
TABLES = dict, list, set, np.ndarray
NOTE, ROUND = "_note_of_the_world", "_round_of_the_world"


class Endless(Exception):
    """A `while` loop has gone round more often than any right one does."""


class World:
    """A program, with copies of the functions it calls.

    functions: the copies whose source is at hand and which may be altered, as Members
    """

    def __init__(self, program, alter_all=False):
        self._copies, self._made, self._globals, self.functions = {}, set(), {}, []
        self._rounds, self._most, self._allowed, self._notes = 0, 0, ROUNDS, {}
        self._home = program.__module__
        self._alter_all = alter_all
        self.entry = self._copy(program)

    def call(self, arguments):
        """The program's result as plain values, or None where it has none."""
        self._rounds = 0
        given = deepcopy(list(arguments))
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return plain(self.entry(*given))
        except (NotPlain, Exception):  # an altered program may fail in any way
            return None
        finally:
            self._most = max(self._most, self._rounds)

    def bound(self):
        """From now on, allow a call few more rounds of its loops than any has needed so far."""
        self._allowed = min(ROUNDS, 500 + 2 * self._most)

    def shapes(self, arguments):
        """{function: {local name: (shape, kind of dtype, whether it lies within 0 and 1)}}."""
        self._notes = {}
        with contextlib.ExitStack() as stack:
            for member in self.functions:
                stack.enter_context(member.code(member.noting()))
            self.call(arguments)
        return self._notes

    def _copy(self, function, alterable=True):
        if function in self._copies:
            return self._copies[function]
        code = function.__code__
        cells = tuple(CellType() for _ in code.co_freevars)
        copy = FunctionType(code, self._space(function), function.__name__, None, cells)
        self._copies[function] = copy
        self._made.add(copy)
        for name in _names(code):
            value = function.__globals__.get(name)
            if _ours(value):
                copy.__globals__[name] = self._copy(value, alterable)
        for cell, source in zip(cells, function.__closure__ or (), strict=True):
            with contextlib.suppress(ValueError):  # an empty cell stays empty
                cell.cell_contents = self._mapped(source.cell_contents)
        copy.__defaults__ = tuple(map(self._mapped, function.__defaults__ or ())) or None
        copy.__kwdefaults__ = {
            name: self._mapped(value) for name, value in (function.__kwdefaults__ or {}).items()
        }
        tree = definition(function) if alterable else None
        if tree is not None and (self._alter_all or function.__module__ == self._home):
            self.functions.append(Member(copy, tree, function is not self._first, self._bring))
        return copy

    def _bring(self, code, space):
        """Copies of what an altered code calls besides, so that it calls nothing of ours."""
        for name in _names(code):
            if _ours(space.get(name)) and space[name] not in self._made:
                space[name] = self._copy(space[name], alterable=False)

    @property
    def _first(self):
        return next(iter(self._copies))

    def _mapped(self, value):
        if _ours(value):
            return self._copy(value)
        return value.copy() if isinstance(value, TABLES) else value  # it may be written into

    def _space(self, function):
        """The copy of a module's namespace in which the copies of its functions live."""
        key = id(function.__globals__)
        if key not in self._globals:
            space = {  # an altered program may write into a table
                name: value.copy() if isinstance(value, TABLES) else value
                for name, value in function.__globals__.items()
                if name != "__builtins__"
            }
            space |= {"__builtins__": function.__globals__["__builtins__"]}
            space |= {"np": np, "sigmoid": sigmoid}
            space |= {NOTE: self._note, ROUND: self._round}
            self._globals[key] = space
        return self._globals[key]

    def _note(self, function, variables):
        known = self._notes.setdefault(function, {})
        for name, value in variables.items():
            if isinstance(value, (int, float, np.generic, np.ndarray)):
                value = np.asarray(value)
                inside = value.dtype.kind == "f" and bool(((value >= 0) & (value <= 1)).all())
                known[name] = value.shape, value.dtype.kind, inside

    def _round(self):
        self._rounds += 1
        if self._rounds > self._allowed:
            raise Endless
        return True


class Member:
    """A copied function and its syntax tree.

    helper: whether it is called by the program, and is not the program itself
    bring: called with a code and its namespace before the code runs there
    """

    def __init__(self, function, tree, helper, bring):
        self.function, self.tree, self.helper = function, tree, helper
        self._bring = bring
        self.name = function.__name__
        for node in ast.walk(tree):
            if isinstance(node, ast.While):
                node.test = ast.BoolOp(ast.And(), [_call(ROUND), node.test])
        ast.fix_missing_locations(tree)
        self._plain = function.__code__
        self.function.__code__ = self.compiled() or self._plain
        self._plain = self.function.__code__

    @contextlib.contextmanager
    def code(self, code):
        """The function runs `code` for a while, its own where that is None."""
        try:
            with contextlib.suppress(ValueError):  # other free variables: it stays as it was
                self.function.__code__ = code or self._plain
                self._bring(self.function.__code__, self.function.__globals__)
            yield
        finally:
            self.function.__code__ = self._plain

    def compiled(self):
        """The code of the tree as it is now, or None where it makes no sense."""
        free = self._plain.co_freevars
        names = ast.Expr(ast.Tuple([ast.Name(name, ast.Load()) for name in free], ast.Load()))
        given = self.tree.args
        bare = ast.arguments(  # without defaults, whose code would come first
            given.posonlyargs,
            given.args,
            given.vararg,
            given.kwonlyargs,
            [None] * len(given.kwonlyargs),
            given.kwarg,
            [],
        )
        if isinstance(self.tree, ast.Lambda):
            body = [ast.Return(ast.Lambda(bare, self.tree.body))]
        else:
            inner = ast.FunctionDef(
                name=self.tree.name,
                args=bare,
                body=[*self.tree.body, names],  # so that no free variable gets lost
                decorator_list=[],
            )
            body = [inner, ast.Return(ast.Name(self.tree.name, ast.Load()))]
        arguments = ast.arguments([], [ast.arg(name) for name in free], None, [], [], None, [])
        outer = ast.FunctionDef(name="outer", args=arguments, body=body, decorator_list=[])
        for node in (outer, body[0]):
            node.type_params = []  # asked for from Python 3.12 on
        module = ast.Module([outer], [])
        located(module)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # as of a number that is called
                code = compile(module, f"<{self.name}, altered>", "exec")
        except (SyntaxError, ValueError, TypeError):
            return None
        (outer_code,) = (c for c in code.co_consts if inspect.iscode(c))
        return next((c for c in outer_code.co_consts if inspect.iscode(c)), None)

    def noting(self):
        """The function's code, with a note of its variables before each return."""
        if isinstance(self.tree, ast.Lambda):
            return None
        bodies = [
            (node, field)
            for node in ast.walk(self.tree)
            for field in ("body", "orelse")
            if isinstance(getattr(node, field, None), list)
        ]
        before = [(node, field, getattr(node, field)) for node, field in bodies]
        note = ast.Expr(
            ast.Call(
                ast.Name(NOTE, ast.Load()),
                [ast.Constant(self.name), _call("locals")],
                [],
            )
        )
        for node, field, body in before:
            longer = []
            for statement in body:
                longer += [note] * isinstance(statement, ast.Return) + [statement]
            setattr(node, field, longer)
        try:
            return self.compiled()
        finally:
            for node, field, body in before:
                setattr(node, field, body)


def located(node):
    """Give a place to nodes that have none; what lies within a node that has one has its own.

    Like `ast.fix_missing_locations`, which would go through the whole tree each time.
    """
    if isinstance(node, list):
        for one in node:
            located(one)
    elif isinstance(node, ast.AST):
        if "lineno" in node._attributes:
            if "col_offset" in node.__dict__:
                return
            node.lineno, node.col_offset = 1, 0
        for field in node._fields:
            located(getattr(node, field, None))


def _call(name):
    return ast.Call(ast.Name(name, ast.Load()), [], [])


def _ours(value):
    return isinstance(value, FunctionType) and (value.__module__ or "").startswith(f"{PACKAGE}.")


def _names(code):
    """All global names that a code and the codes in it use."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if inspect.iscode(constant):
            names.update(_names(constant))
    return sorted(names)


# --------------------------------------------------------------------------- sources
@lru_cache(maxsize=64)
def _module_source(name):
    try:
        return inspect.getsource(sys.modules[name])
    except (OSError, TypeError, KeyError):  # no source file: nothing of it can be altered
        return ""


def definition(function):
    """A fresh syntax tree of a function's definition, or None where its source is not at hand."""
    code = function.__code__
    source = _module_source(function.__module__)
    if not source:
        return None
    positions = [p for p in code.co_positions() if p[0] is not None and p[2] is not None]
    inside = max(((line, column) for line, _, column, _ in positions[1:]), default=None)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            if (node.name, first) == (code.co_name, code.co_firstlineno):
                return node
        elif isinstance(node, ast.Lambda) and code.co_name == "<lambda>" and inside:
            start = node.body.lineno, node.body.col_offset
            end = node.body.end_lineno, node.body.end_col_offset
            given = [argument.arg for argument in node.args.args]
            if start <= inside <= end and given == list(code.co_varnames[: code.co_argcount]):
                return node
    return None
