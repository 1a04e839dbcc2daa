"""Systematic alterations of a program: a term dropped, an operand transposed, a step left out.

`alterations` walks through a function's syntax tree and yields every change it knows, each with a
clause that tells it: "the term `ds * f` is missing". The tree is changed only while a change is
made (`Alteration.made`), in place, because copying trees would take longer than running them.
"""

import ast
import contextlib
import re
from dataclasses import dataclass
from itertools import combinations, permutations

from .worlds import ROUND, located

LONGEST = 60  # characters of code in a sentence
CODE = re.compile("`[^`]*`")
TARGET = re.compile(r"`([^`=]*?)(?: = [^`]*)?`(?: in the loop over `[^`]*`)?$")
WHERE = re.compile(r"in (`[^`]*`(?: in the loop over `[^`]*`)?), (.*)")
REPLACED = re.compile("`[^`]*` stands for `([^`]*)`$|the (?:term|factor) `([^`]*)` is missing$")
NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*")
ORDINALS = "first", "second", "third", "fourth"
FEW = 8  # alterations that may be made together, in all places
PAIR = 10  # the least rank of two changes made together
COMMON = (
    *("counts as 1", "counts as 0 (is it used?)", "its beginning", "is transposed"),
    *("is taken one too small", "is taken one too large"),
)
MOST_BLOCKS = 4  # of an argument, of which any some may be altered together
MOST_PLACES = 5  # of one mistake, of which any two may be altered together
# What a student knows by name: letters of an equation, and words of the statements.
WORDS = re.compile(
    r"(?:[A-Za-z]{1,2}|d?[A-Za-z]_\w{1,4}|d[a-z]_\w{1,4}|p_cont"
    r"|alive|below|factor|guess|guesses|last|mask|norms?|one_hot|order|rows|scores|sizes|slope|tokens?"
    r"|windows?|winners|stride|padding|dilation|width)$"
)
WHOLE = (ast.Name, ast.Call, ast.Subscript, ast.Attribute, ast.Constant)

DROPPABLE = {
    *("tanh", "sigmoid", "exp", "log", "sqrt", "abs", "cumsum", "ceil", "floor", "sign", "sort"),
    *("sorted", "square", "maximum", "minimum", "flip", "expm1", "log1p", "diag", "relu"),
    *("diff", "arctanh", "softmax", "log_softmax", "transpose", "where", "clip"),
}
INSTEAD = {
    "tanh": ("sigmoid",),
    "sigmoid": ("np.tanh",),
    "log": ("np.log2", "np.log10", "np.exp"),
    "log1p": ("np.log",),
    "exp": ("np.exp2", "np.expm1"),
    "max": ("min", "mean", "sum"),
    "min": ("max", "mean", "sum"),
    "sum": ("mean", "max", "prod"),
    "mean": ("sum", "max"),
    "argmax": ("argmin",),
    "argmin": ("argmax",),
    "maximum": ("np.minimum",),
    "minimum": ("np.maximum",),
    "ceil": ("np.floor", "np.rint"),
    "floor": ("np.ceil", "np.rint"),
    "zeros": ("np.ones",),
    "zeros_like": ("np.ones_like",),
    "ones": ("np.zeros",),
    "ones_like": ("np.zeros_like",),
    "norm": (),
    "sqrt": ("np.square",),
}
POINTWISE = {"tanh", "sigmoid", "exp", "log", "sqrt", "abs", "square", "relu"}
LAST = "sigmoid", "np.tanh", "np.exp", "np.log"  # tried of each variable, as what is returned
FEW_NAMES = 8
MODES = {
    "valid": ("same", "full"),
    "constant": ("edge", "wrap", "reflect"),
    "identity": ("tanh", "sigmoid", "relu"),
    "relu": ("tanh", "sigmoid", "identity"),
}
COMPARED = {
    ast.Lt: (ast.LtE, ast.GtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.Gt, ast.GtE),
    ast.Gt: (ast.GtE, ast.LtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.Lt, ast.LtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
}


@dataclass(frozen=True)
class Edit:
    """One place of a tree, and what is put there: a field, or an item of a field."""

    parent: ast.AST
    field: str
    index: int | None
    new: object

    def swap(self, value):
        """Put `value` there and return what was there."""
        if self.index is None:
            old = getattr(self.parent, self.field)
            setattr(self.parent, self.field, value)
        else:
            items = getattr(self.parent, self.field)
            old = items[self.index]
            items[self.index] = value
        return old


@dataclass(frozen=True)
class Alteration:
    """A change of a program.

    edits: what is changed in the tree, all at once
    where: what the changed line computes, as in "dh_prev"
    says:  a clause, as in "the term `ds * f` is missing"
    rank:  how far-fetched it is; of two that give the same numbers the lower one is told
    group: equal for changes that are one mistake made in several places, or None
    root:  equal for such changes of the blocks of one argument, of which only some may be affected
    argument: the argument that counts as something else, where that is what is changed
    exactly:  the clause where this one is made alone and `says` could be of another place, or ""
    """

    edits: tuple
    where: str
    says: str
    rank: int
    group: object = None
    root: object = None
    argument: str = ""
    exactly: str = ""

    @contextlib.contextmanager
    def made(self):
        """The tree is changed while this lasts."""
        before = []
        try:
            for edit in self.edits:
                located(edit.new)
                before.append((edit, edit.swap(edit.new)))
            yield
        finally:
            for edit, old in reversed(before):
                edit.swap(old)

    @property
    def sentence(self):
        """The clause with its place in front."""
        says = self.exactly or self.says
        return f"in {self.where}, {says}" if self.where else says


def alterations(tree, shapes, returns=()):
    """Every Alteration of a function; shapes: {local name: (shape, kind, within 0 and 1)}.

    returns: the names of what the function returns, where it is the exercise's own.
    """
    found = list(_Walk(tree, shapes, returns).all())
    groups = {}
    for one in found:
        if one.group is not None:
            groups.setdefault(one.group, []).append(one)
    together = list(groups.values())
    for alike in groups.values():
        if 2 < len(alike) <= MOST_PLACES:
            together += map(list, combinations(alike, 2))
    blocks = {}
    for one in found:
        if one.root is not None:
            blocks.setdefault(one.root, []).append(one)
    for alike in blocks.values():
        if 1 < len(alike) <= MOST_BLOCKS:
            sizes = range(2, len(alike) + 1)
            together += [list(some) for size in sizes for some in combinations(alike, size)]
    for alike in together:
        if 1 < len(alike) <= FEW and _apart(alike):
            edits = tuple(edit for one in alike for edit in one.edits)
            found.append(Alteration(edits, *_together(alike), alike[0].rank + 1))
    return sorted(found, key=lambda one: one.rank)


def both(tree, one, other):
    """Two Alterations made together, or None where they touch the same place."""
    if one.argument and one.argument == other.argument:
        return None
    if _undone(one, other) or _undone(other, one):
        return None
    rank = PAIR + likelihood(one, other)
    says = f"{one.sentence}, and {other.sentence}"
    if one.argument or other.argument:  # lines before all others
        first, then = (one, other) if one.argument else (other, one)
        (edit,) = first.edits
        lines = edit.new[: len(edit.new) - len(tree.body)]
        edits, body = [], tree.body
        for other_edit in then.edits:
            if other_edit.parent is tree and other_edit.field == "body":
                body = other_edit.new
            else:
                edits.append(other_edit)
        whole = Edit(tree, "body", None, [*lines, *body])
        return Alteration((*edits, whole), "", says, rank)
    if not _apart([one, other]):
        return None
    return Alteration((*one.edits, *other.edits), "", says, rank)


def _undone(one, other):
    """Whether an argument is squared first, and its square is missing where it counts."""
    return one.sentence.endswith("is squared") and (
        f"the square of `{one.argument}` is missing" in other.sentence
    )


def likelihood(one, other):
    """How far-fetched two changes together are, as a rank.

    The least, where each is one of the commonest ways in which an argument counts as something else
    """
    common = all(change.argument and change.says.endswith(COMMON) for change in (one, other))
    return one.rank + other.rank - 2 * common


def _together(alike):
    """(where, says) of changes that are made together."""
    wheres = list(dict.fromkeys(one.where for one in alike if one.where))
    targets = {TARGET.sub(r"`\1`", where) for where in wheres}
    if len(targets) == 1:  # several lines for one thing
        wheres = list(targets)
    if len({one.says for one in alike}) == 1:
        return ", ".join(wheres) if len(wheres) <= 3 else "all places", alike[0].says
    each = list(dict.fromkeys(one.sentence for one in alike))
    return "", "; ".join(each[:3]) + "; and so on" * (len(each) > 3)


def _apart(alike):
    """Whether no change lies within another or takes its place."""
    slots = [(id(edit.parent), edit.field, edit.index) for one in alike for edit in one.edits]
    if len(set(slots)) < len(slots):
        return False
    replaced = []
    for one in alike:
        for edit in one.edits:
            old = getattr(edit.parent, edit.field)
            replaced.append(old if edit.index is None else old[edit.index])
    inner = [
        {id(n) for n in ast.walk(node)} if isinstance(node, ast.AST) else set() for node in replaced
    ]
    return not any(
        id(edit.parent) in inner[i]
        for i in range(len(replaced))
        for j, one in enumerate(e for a in alike for e in a.edits)
        if i != j
        for edit in (one,)
    )


def legible(tree, returns, holds=None):
    """f(clause) -> the clause in words a student knows, or "" where there are none.

    What a program calls by a word of its own, as `count`, is told by how it is computed. Of other
    names that no statement has, `holds` says in words what they hold, and it is added.
    """
    clear = _spelt(tree, returns)
    blocks, holds = list(_blocks_in_words(tree)), holds or {}

    def with_words(clause):
        clause = clear(clause)
        names = {n: None for code in CODE.findall(clause) for n in NAME.findall(code)}
        told = [f"`{name}`: {holds[name]}" for name in names if name in holds]
        for its_names, words in blocks:
            few = [name for name in its_names if name in names]
            if len(few) > 2:
                told.append(f"`{', '.join(its_names)}`: {words}, one after another")
            else:
                ordinals = dict(zip(its_names, ORDINALS, strict=False))
                told += [f"`{name}`: the {ordinals[name]} of {words}" for name in few]
        return f"{clause} ({'; '.join(told)})" if told else clause

    return with_words


def _blocks_in_words(tree):
    """(names, what they are the blocks of), as in W_hf, W_hn = np.split(W_h, 2)."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call):
            continue
        target, call = node.targets[0], node.value
        if isinstance(target, ast.Tuple) and _function(call) == "split":
            names = [element.id for element in target.elts]
            if len(names) <= len(ORDINALS):
                yield names, f"the {len(names)} blocks of {text(call.args[0])}"


def _spelt(tree, returns):
    """f(clause) -> the clause without names that a program alone has, or "" where that fails."""
    known = {argument.arg for argument in tree.args.args} | set(returns)
    values, once = {}, {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            once[node.id] = node.id not in once
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            once |= {n.id: False for n in ast.walk(node.value) if isinstance(n, ast.Name)}
        if isinstance(node, ast.Expr):  # as in terms.append(...)
            once |= {n.id: False for n in ast.walk(node) if isinstance(n, ast.Name)}
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target, value = node.targets[0], node.value
            both = isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
            pairs = zip(target.elts, value.elts, strict=False) if both else [(target, value)]
            values |= {one.id: v for one, v in pairs if isinstance(one, ast.Name)}
    private = sorted(n for n in once if n not in known and not WORDS.match(n))
    if not private:
        return lambda clause: clause
    word = re.compile(rf"(?<![\w.])({'|'.join(private)})(?!\w)")
    familiar = re.compile(rf"(?<![\w.])({'|'.join((known | once.keys()) - set(private))})(?!\w)")

    def spelt(found):
        value = values.get(found[1])
        names = [n.id for n in ast.walk(value) if isinstance(n, ast.Name)] if value else []
        if value is None or not all(once.get(n, True) for n in (found[1], *names)):
            return found[0]  # it changes, or what it was computed from does
        written = ast.unparse(value).replace("np.", "")
        return written if isinstance(value, WHOLE) else f"({written})"

    def spelt_code(code):
        new = code[0]
        for _ in range(3):
            new = word.sub(spelt, new)
        if new != code[0]:
            with contextlib.suppress(SyntaxError):  # it may be part of a line
                new = f"`{ast.unparse(_parsed(new.strip('`')))}`"  # without needless brackets
        return re.sub(r"`\(([^()]*)\)`", r"`\1`", new)

    def spelt_out(clause):
        clause = CODE.sub(spelt_code, clause)
        codes = CODE.findall(clause)
        unclear = any(word.search(code) or len(code) > LONGEST + 2 for code in codes)
        return "" if unclear else clause

    def clear(clause):
        found = WHERE.fullmatch(clause)
        if not found or not word.search(found[1]):
            return spelt_out(clause)
        rest = spelt_out(found[2])
        if not rest or any(map(familiar.search, CODE.findall(rest))):
            return rest
        where = spelt_out(found[1])
        if not where and rest.startswith(("it ", "all is ", "only ", "the sign ")):
            return ""
        return f"in {where}, {rest}" if where else rest

    return clear


def text(node):
    """A piece of code as it stands in a sentence."""
    written = node if isinstance(node, str) else ast.unparse(node)
    if isinstance(node, ast.Tuple):
        written = written.removeprefix("(").removesuffix(")")
    written = written.replace("np.", "").replace("\n", " ").replace(f"{ROUND}() and ", "")
    return f"`{written}`" if len(written) <= LONGEST else f"`{written[: LONGEST - 4]} ...`"


def _name(name):
    return ast.Name(name, ast.Load())


def _parsed(code):
    return ast.parse(code, mode="eval").body


def _filled(code, node):
    """The code's tree, with the node in place of each `_`."""
    tree = _parsed(code)
    for inner in list(ast.walk(tree)):
        for name, child in ast.iter_fields(inner):
            if isinstance(child, list):
                filled = [node if isinstance(c, ast.Name) and c.id == "_" else c for c in child]
                setattr(inner, name, filled)
            elif isinstance(child, ast.Name) and child.id == "_":
                setattr(inner, name, node)
    return tree


def _binary(left, operation, right):
    return ast.BinOp(left, operation(), right)


def _negative(node):
    return ast.UnaryOp(ast.USub(), node)


def _is(node, value):
    return isinstance(node, ast.Constant) and type(node.value) is not bool and node.value == value


def _moved(node):
    """Whether it is something plus or minus a constant."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, (ast.Add, ast.Sub)):
        return False
    return isinstance(node.left, ast.Constant) or isinstance(node.right, ast.Constant)


def _names_in(tree):
    return [node for node in ast.walk(tree) if isinstance(node, ast.Name)]


def _filling(value):
    """Whether it is an array or a list without numbers of its own, such as zeros."""
    if isinstance(value, ast.Call):
        return _function(value) in ("zeros", "zeros_like", "ones", "ones_like", "full", "eye")
    return isinstance(value, (ast.Constant, ast.List))


def _function(node):
    """The last name of what a call calls: "tanh" for np.tanh(x), "sum" for x.sum()."""
    called = node.func
    if isinstance(called, ast.Attribute):
        return called.attr
    return called.id if isinstance(called, ast.Name) else ""


def _is_module(node):
    return (isinstance(node, ast.Name) and node.id == "np") or (
        isinstance(node, ast.Attribute) and _is_module(node.value)
    )


SOFTMAX = (
    "(lambda e: e / e.sum(axis=-1, keepdims=True))(np.exp({0} - {0}.max(axis=-1, keepdims=True)))"
)
APPLIED = {
    "a tanh": "np.tanh({})",
    "a sigmoid": "1 / (1 + np.exp(-{}))",
    "a relu": "np.maximum({}, 0)",
    "exp": "np.exp({})",
    "a square": "{}**2",
    "a softmax along its last axis": SOFTMAX,
}


def parameter_as_a_whole(name, shape):
    """(code, clause): what a function or one axis makes of an array of numbers."""
    for what, code in APPLIED.items():
        yield code.format(name), f"{what} is applied to `{name}` first"
    yield f"np.cumsum({name}, axis=0)", f"`{name}` is added up along its first axis first"
    for axis, size in enumerate(shape):
        if size < 2:
            continue
        along = f"`{name}` along its axis {axis}" if len(shape) > 1 else f"`{name}`"
        for word in ("sum", "mean"):
            code = f"0 * {name} + {name}.{word}(axis={axis}, keepdims=True)"
            yield code, f"the {word} of {along} stands for each of its numbers"
        first = (slice(None),) * axis + (slice(0, 1),)
        index = ", ".join(":1" if one.stop else ":" for one in first)
        yield f"0 * {name} + {name}[{index}]", f"the first item of {along} stands for each"
        for step, other, end in ((1, "i - 1", "the last for the first"), (-1, "i + 1", "")):
            places = ":, " * axis
            says = f"`{name}[{places}{other}]` stands for each `{name}[{places}i]`, and "
            yield f"np.roll({name}, {step}, axis={axis})", says + (end or "the first for the last")
        if 0 < axis < len(shape) - 1:
            yield f"np.flip({name}, {axis})", f"{along} is turned round"


class _Walk:
    """The walk through one function; each method yields Alterations."""

    def __init__(self, tree, shapes, returns):
        self.tree, self.shapes, self.returns = tree, shapes, tuple(returns)
        self.roots = self._roots()
        self.counting = set()  # the counters of the loops around
        self.counters = {n.id for loop in self._loops() for n in _names_in(loop.target)}
        self.inside_index = self.storing = False
        self.items, self.value = (), None

    def all(self):
        if isinstance(self.tree, ast.Lambda):
            yield from self.result(self.tree, "body")
            return
        yield from self.parameters()
        yield from self.block(self.tree, "body", None)

    def _loops(self):
        return [n for n in ast.walk(self.tree) if isinstance(n, (ast.For, ast.comprehension))]

    def _roots(self):
        """{name: the argument whose block it is}, as in W_hf, W_hn = np.split(W_h, 2)."""
        roots = {}
        for node in ast.walk(self.tree):
            if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call):
                continue
            target = node.targets[0]
            names = [n for n in ast.walk(node.value) if isinstance(n, ast.Name) and n.id != "np"]
            if isinstance(target, ast.Tuple) and names:
                for element in target.elts:
                    if isinstance(element, ast.Name):
                        roots[element.id] = names[-1].id
        return roots

    def _root(self, node):
        while isinstance(node, (ast.Attribute, ast.Subscript)):
            node = node.value
        return self.roots.get(node.id, node.id) if isinstance(node, ast.Name) else ast.dump(node)

    def _block(self, node):
        """The one argument of which blocks stand in a term, or None."""
        names = [n.id for n in ast.walk(node) if isinstance(n, ast.Name)]
        roots = {self.roots[name] for name in names if name in self.roots}
        return roots.pop() if len(roots) == 1 else None

    def _result(self, i):
        if i is None:
            return "the result" if len(self.returns) != 1 else f"`{self.returns[0]}`"
        return f"`{self.returns[i]}`" if i < len(self.returns) else f"result {i + 1}"

    # ------------------------------------------------------------------------- statements
    def parameters(self):
        """An argument that counts as something else in the whole function."""
        given = [argument.arg for argument in self.tree.args.args]
        for name in given:
            shape, kind, _ = self.shapes.get(name, (None, "", False))
            if shape is None:
                continue
            changes = []
            if shape == () and kind in "iu":
                changes = [
                    (f"{name} - 1", f"`{name}` is taken one too small"),
                    (f"{name} + 1", f"`{name}` is taken one too large"),
                    (f"0 * {name} + 1", f"`{name}` counts as 1"),
                    (f"0 * {name}", f"`{name}` counts as 0"),
                ]
            elif shape == ():
                changes = [
                    (f"0 * {name} + 1", f"`{name}` counts as 1"),
                    (f"0 * {name}", f"`{name}` counts as 0"),
                    (f"1 - {name}", f"`1 - {name}` stands for `{name}`"),
                    (f"-{name}", f"`{name}` has the other sign"),
                    (f"1 / {name}", f"`1 / {name}` stands for `{name}`"),
                    (f"0 * {name} + 0.5", f"`{name}` counts as 0.5"),
                    (f"{name}**2", f"`{name}` is squared"),
                ]
            elif kind == "f":
                changes = [
                    (f"0 * {name}", f"`{name}` counts as 0 (is it used?)"),
                    (f"-{name}", f"`{name}` has the other sign"),
                    (f"np.abs({name})", f"the numbers of `{name}` are taken without their signs"),
                    (f"{name}[::-1]", f"`{name}` is read from its end to its beginning"),
                    (f"0 * {name} + 1", f"`{name}` counts as 1"),
                ]
                if len(shape) > 1:
                    changes += [
                        (f"{name}[..., ::-1]", f"the last axis of `{name}` is turned round"),
                        (
                            f"{name}.swapaxes(-1, -2)",
                            f"`{name}` is transposed" + " (its last two axes)" * (len(shape) > 2),
                        ),
                    ]
                if shape and shape[0] > 1:
                    zero = f"np.concatenate([0 * {name}[:1], {name}[:-1]])"
                    changes += [
                        (zero, f"`{name}[i - 1]` stands for each `{name}[i]`, and 0 for the first"),
                        (
                            f"np.concatenate([{name}[1:], 0 * {name}[:1]])",
                            f"`{name}[i + 1]` stands for each `{name}[i]`, and 0 for the last",
                        ),
                        (
                            f"np.concatenate([{name}[:-1], 0 * {name}[-1:]])",
                            f"the last item of `{name}` counts as 0",
                        ),
                        (
                            f"np.concatenate([0 * {name}[:1], {name}[1:]])",
                            f"the first item of `{name}` counts as 0",
                        ),
                        (f"{name}[1:]", f"the first item of `{name}` is not used"),
                        (f"{name}[:-1]", f"the last item of `{name}` is not used"),
                    ]
            elif kind in "iu":
                changes = [
                    (f"{name} - 1", f"each number of `{name}` is taken one too small"),
                    (f"{name} + 1", f"each number of `{name}` is taken one too large"),
                    (f"np.maximum({name}, 1)", f"a 0 in `{name}` counts as 1"),
                    (f"{name}[::-1]", f"`{name}` is read from its end to its beginning"),
                    (f"np.sort({name})", f"`{name}` is sorted first"),
                    (f"{name}[1:]", f"the first item of `{name}` is not used"),
                    (f"{name}[:-1]", f"the last item of `{name}` is not used"),
                    (f"0 * {name} + {name}.max()", f"the largest of `{name}` stands for each"),
                    (f"0 * {name} + {name}.min()", f"the smallest of `{name}` stands for each"),
                    (f"0 * {name} + {name}[:1]", f"the first of `{name}` stands for each"),
                ]
            others = list(self.parameter_by_others(name, shape, kind, given))
            if kind == "f" and shape != ():
                others += parameter_as_a_whole(name, shape)
            for code, says in changes + others:
                line = ast.Assign([ast.Name(name, ast.Store())], _parsed(code), lineno=0)
                edit = Edit(self.tree, "body", None, [line, *self.tree.body])
                rank = 4 if (code, says) in others else 3 if " stands for each " in says else 2
                yield Alteration((edit,), "", says, rank, argument=name)
        for i, one in enumerate(given):
            for other in given[i + 1 :]:
                if self.shapes.get(one, 0) == self.shapes.get(other, 1):
                    pair = ast.parse(f"{one}, {other} = {other}, {one}").body
                    edit = Edit(self.tree, "body", None, [*pair, *self.tree.body])
                    yield Alteration(
                        (edit,), "", f"`{one}` and `{other}` are taken for each other", 2
                    )

    def parameter_by_others(self, name, shape, kind, given):
        """(code, clause): an argument computed with another one, or read in another order."""
        if len(shape) == 2 and kind in "iuf":
            turned = f"{name}.reshape({name}.shape[::-1]).T"
            yield turned, f"`{name}` is reshaped where it should be transposed"
        for other in given:
            its_shape, its_kind, _ = self.shapes.get(other, (None, "", False))
            if other == name or its_shape is None:
                continue
            if kind in "iu" and its_kind == "f" and its_shape[:-1] == shape and its_shape:
                says = f"the place of the largest number of `{other}` stands for `{name}`"
                yield f"{other}.argmax(axis=-1)", says
            if shape == () and kind in "iu" and its_shape == () and its_kind in "iu":
                yield f"{name} * {other}", f"`{name}` is multiplied by `{other}`"
            if kind in "iu" and len(shape) == 1 and its_kind == "f" and len(its_shape) > 1:
                says = f"no number of `{name}` is larger than `len({other}) - 1`"
                yield f"np.minimum({name}, len({other}) - 1)", says
                if other == given[0]:
                    yield f"0 * {name} + len({other})", f"`len({other})` stands for each `{name}`"
            by_step = len(its_shape) == 3 and its_shape[1:2] == shape
            if kind in "iu" and its_kind == "f" and by_step:
                says = f"`{name}` is counted by the steps of `{other}` that are not 0"
                yield f"({other} != 0).any(axis=2).sum(axis=0)", says
            if shape == () and kind == "f" and its_shape:
                yield f"{name} / len({other})", f"`{name}` is divided by `len({other})`"
                yield f"{name} * len({other})", f"`{name}` is multiplied by `len({other})`"

    def block(self, parent, field, loop):
        """The statements of a body; loop: the innermost loop around it."""
        body = getattr(parent, field)
        for i, statement in enumerate(body):
            yield from self.statement(parent, field, i, statement, loop)
        lines = [s for s in body if isinstance(s, (ast.Assign, ast.AugAssign, ast.Expr, ast.If))]
        for one in lines if len(lines) <= 6 else ():
            for place in range(len(body)):
                at = body.index(one)
                if place == at or (not loop and abs(place - at) > 1):
                    continue
                if isinstance(body[place], ast.Return):
                    continue
                moved = [s for s in body if s is not one]
                moved.insert(place, one)
                word = "before" if place < at else "after"
                says = f"{text(one)} comes {word} {text(body[place])}"
                rank = 2 + abs(place - at)
                yield Alteration((Edit(parent, field, None, moved),), "", says, rank)

    def target(self, statement):
        """What a statement computes, in words."""
        if isinstance(statement, ast.Assign):
            return text(statement.targets[0])
        if isinstance(statement, ast.AugAssign):
            return text(statement.target)
        if isinstance(statement, (ast.For, ast.While)):
            return self.loop(statement)
        if isinstance(statement, ast.If):
            return f"the case {text(statement.test)}"
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            call = statement.value
            method = isinstance(call.func, ast.Attribute) and not _is_module(call.func.value)
            if method and not isinstance(call.func.value, ast.Attribute):
                return text(call.func.value)
            if call.args:
                return text(call.args[0])
        if isinstance(statement, ast.Return):
            return self._result(None)
        return "the program"

    def which(self, statement, loop):
        """What a statement computes, and which one it is, where several compute the same."""
        where = self.target(statement)
        if not isinstance(statement, ast.Assign) or _filling(statement.value):
            return where
        same = [
            node
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Assign) and self.target(node) == where
            if not _filling(node.value)
        ]
        if len(same) < 2:
            return where
        around = [n for n in ast.walk(self.tree) if isinstance(n, (ast.For, ast.While))]
        here = [node for node in same if loop in around and any(n is node for n in ast.walk(loop))]
        if len(here) == 1:
            return f"{where} in {self.loop(loop)}"
        line = text(statement)
        return where if line.endswith(" ...`") else line

    def loop(self, statement):
        if isinstance(statement, ast.While):
            return "the loop"
        through, counts = statement.iter, ("range", "enumerate", "reversed")
        counted = ast.unparse(statement.target) != "_"
        if counted and isinstance(through, ast.Call) and _function(through) in counts:
            return f"the loop over {text(statement.target)}"
        return f"the loop over {text(ast.unparse(through).replace(', strict=True', ''))}"

    def statement(self, parent, field, i, statement, loop):
        where = self.which(statement, loop)
        if not isinstance(statement, (ast.For, ast.While, ast.If, ast.FunctionDef)):
            self.items = self._items(statement, loop)
            self.value = getattr(statement, "value", None)

        def replaced(new, says, rank, group=None):
            body = getattr(parent, field)
            new = [*body[:i], *new, *body[i + 1 :]]
            return Alteration((Edit(parent, field, None, new),), where, says, rank, group)

        if isinstance(statement, ast.FunctionDef):
            yield from self.block(statement, "body", None)
            return
        sets = isinstance(statement, (ast.Assign, ast.AugAssign))
        calls = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
        if calls or (sets and (loop or self._known(statement))):
            yield replaced([ast.Pass()], f"the line {text(statement)} is missing", 3)
        if isinstance(statement, ast.Assign):
            yield from self.assigned(statement, where)
        elif isinstance(statement, ast.AugAssign):
            target = statement.target
            yield replaced(
                [ast.Assign([target], statement.value, lineno=0)],
                "`=` stands for `+=`: each step overwrites what the steps before have added",
                1,
                ("=", "+="),
            )
            for ours, other, says in (
                (ast.Add, ast.Sub, "it is subtracted instead of added"),
                (ast.Sub, ast.Add, "it is added instead of subtracted"),
            ):
                if isinstance(statement.op, ours):
                    yield replaced([ast.AugAssign(target, other(), statement.value)], says, 2)
            if isinstance(statement.op, ast.Add) and isinstance(target, ast.Subscript):
                kept = ast.Subscript(target.value, target.slice, ast.Load())
                larger = ast.Call(_parsed("np.maximum"), [kept, statement.value], [])
                new = ast.Assign([target], larger, lineno=0)
                yield replaced([new], "the larger one stays, instead of the sum", 3)
            yield from self.expression(statement, "value", None, where)
            yield from self.expression(statement, "target", None, where)
        elif isinstance(statement, ast.Return):
            yield from self.result(statement, "value")
        elif isinstance(statement, ast.Expr):
            call = statement.value
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "np.add.at":
                added = ast.Subscript(call.args[0], call.args[1], ast.Store())
                place = f"{ast.unparse(call.args[0])}[{ast.unparse(call.args[1])}]"
                for line, code in (
                    (ast.Assign([added], call.args[2], lineno=0), f"{place} = ..."),
                    (ast.AugAssign(added, ast.Add(), call.args[2]), f"{place} += ..."),
                ):
                    says = f"`{code}` stands for `np.add.at`: of equal places, the last one is kept"
                    yield replaced([line], says, 1)
            yield from self.expression(statement, "value", None, where)
        elif isinstance(statement, ast.For):
            yield from self.looped(parent, field, i, statement)
        elif isinstance(statement, ast.While):
            yield from self.expression(statement.test, "values", 1, where)
            yield from self.block(statement, "body", statement)
        elif isinstance(statement, ast.If):
            test = text(statement.test)
            yield replaced(statement.body, f"{test} is taken to hold always", 2)
            yield replaced(statement.orelse or [ast.Pass()], f"{test} is taken never to hold", 2)
            yield from self.expression(statement, "test", None, where)
            yield from self.block(statement, "body", loop)
            yield from self.block(statement, "orelse", loop)

    def _known(self, statement):
        """Whether what the statement sets is set elsewhere, too."""
        if isinstance(statement, ast.AugAssign):
            return True
        target = statement.targets[0]
        if isinstance(target, ast.Subscript):
            return True
        if not isinstance(target, ast.Name):
            return False
        stored = [
            node
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Name) and node.id == target.id
            if isinstance(node.ctx, ast.Store)
        ]
        given = [argument.arg for argument in getattr(self.tree.args, "args", ())]
        return len(stored) > 1 or target.id in given

    def assigned(self, statement, where):
        target, value = statement.targets[0], statement.value
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for i, element in enumerate(target.elts):
                place = text(element)
                self.value = value.elts[i]
                yield from self.whole(value, "elts", i, place, element)
                yield from self.expression(value, "elts", i, place)
            return
        if isinstance(target, ast.Tuple) and 2 <= len(target.elts) <= 4:
            names = list(target.elts)
            if all(isinstance(name, ast.Name) for name in names):
                shapes = {self.shapes.get(name.id) for name in names}
                blocks = isinstance(value, ast.Call) and _function(value) in ("split", "chunk")
                if len({s[0] if s else None for s in shapes}) == 1 or blocks:
                    yield from self.orders(target, names)
            yield from self.expression(statement, "value", None, "the line for " + where)
            return
        if isinstance(target, ast.Subscript):
            self.storing = True
            yield from self.expression(target, "slice", None, where, stored=True)
            self.storing = False
        yield from self.whole(statement, "value", None, where, target)
        yield from self.expression(statement, "value", None, where)

    def orders(self, target, names):
        for order in permutations(range(len(names))):
            if order == tuple(range(len(names))):
                continue
            mixed = [names[j] for j in order]
            words = ", ".join(name.id for name in mixed)
            yield Alteration(
                (Edit(target, "elts", None, mixed),),
                "",
                f"the blocks are read in the order {text(words)}",
                2 + (len(names) > 2 and sum(i != j for i, j in enumerate(order)) > 2),
                ("order", order),
            )

    def whole(self, parent, field, index, where, target):
        """Changes of all that a line computes."""
        holder = getattr(parent, field)
        value = holder if index is None else holder[index]
        shape, kind, inside = None, "", False
        if isinstance(target, ast.Name):
            shape, kind, inside = self.shapes.get(target.id, (None, "", False))
        if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
            places = target.slice.elts if isinstance(target.slice, ast.Tuple) else [target.slice]
            whole, kind, _ = self.shapes.get(target.value.id, (None, "", False))
            if whole is not None and not any(isinstance(place, ast.Slice) for place in places):
                shape = whole[len(places) :]
        if isinstance(value, (ast.Constant, ast.Lambda, ast.List, ast.ListComp)):
            return

        def change(code, says, rank):
            edit = Edit(parent, field, index, _filled(code, value))
            return Alteration((edit,), where, says, rank)

        is_, begins = ("it starts from", True) if self._begins(target) else ("all is", False)
        for name in self._alike(shape) if shape and kind == "f" else ():
            yield change(
                name,
                f"it {'starts from' if begins else 'is'} `{name}`" + " alone" * (not begins),
                4,
            )
            yield change(f"_ * {name}", f"there is a factor `{name}` too many", 4)
            if self.shapes[name][2]:
                yield change(f"_ * (1 - {name})", f"there is a factor `1 - {name}` too many", 4)
                slope = f"{name} * (1 - {name})"
                yield change(f"_ * {slope}", f"there is a factor `{slope}`, a slope, too many", 4)
            yield change(f"_ / {name}", f"there is a division by `{name}` too many", 5)
            if not _filling(value):
                yield change(f"_ + {name}", f"there is a term `{name}` too many", 4)
        if inside and shape:
            yield change("1 - _", f"`1 - {target.id}` stands for `{target.id}`", 2)
        if shape is None or kind == "f":
            yield change("-_", "the sign is wrong", 3)
            yield change("0 * _", f"{is_} 0", 5)
            yield change("0 * _ + 1", f"{is_} 1", 5)
        if shape and kind == "f":
            yield change("np.abs(_)", "its numbers are taken without their signs", 4)
            yield change("_[::-1]", "it is turned round", 5)
            yield change("0 * _ + 0.5", f"{is_} 0.5", 4)
            for what, code in APPLIED.items():
                says = f"{what} is applied to {'what it starts from' if begins else 'it'}"
                yield change(code.format("_"), says, 5)
        if shape:
            if len(shape) == 2:
                yield change("_.T", "it is transposed", 3)
            if len(shape) > 1 and kind == "f":
                yield change("_.sum(axis=0)", "it is summed over the first axis", 4)
                yield change("_.mean(axis=0)", "it is averaged over the first axis", 4)
                for axis in (0, -1):
                    which = "first" if axis == 0 else "last"
                    for word in ("sum", "mean", "max"):
                        code = f"0 * _ + _.{word}(axis={axis}, keepdims=True)"
                        says = f"its {word} along the {which} axis stands for each of its numbers"
                        yield change(code, says, 5)
        if shape == () and kind in "iu":
            yield change("_ + 1", "it is one too large", 3)
            yield change("_ - 1", "it is one too small", 3)

    def _begins(self, target):
        """Whether a line gives a variable its first value, which a loop then changes."""
        if not isinstance(target, ast.Name):
            return False

        def stored(tree):
            names = (n for n in ast.walk(tree) if isinstance(n, ast.Name))
            return [n for n in names if n.id == target.id and isinstance(n.ctx, ast.Store)]

        loops = [n for n in ast.walk(self.tree) if isinstance(n, (ast.For, ast.While))]
        inside = [id(name) for loop in loops for name in stored(loop)]
        return bool(inside) and id(target) not in inside

    def _alike(self, shape):
        """The names of float arrays of a shape."""
        return [
            name
            for name, (its, kind, _) in self.shapes.items()
            if its == shape and kind == "f" and not name.startswith("_")
        ]

    def result(self, parent, field):
        """Changes of what a function returns."""
        value = getattr(parent, field)
        if isinstance(value, ast.Tuple):
            for i in range(len(value.elts)):
                where = self._result(i)
                self.value = value.elts[i]
                yield from self.whole(value, "elts", i, where, None)
                yield from self.expression(value, "elts", i, where)
                yield from self.instead(value, "elts", i, where)
        elif value is not None:
            where = self._result(None)
            yield from self.whole(parent, field, None, where, None)
            yield from self.expression(parent, field, None, where)
            yield from self.instead(parent, field, None, where)

    def instead(self, parent, field, index, where):
        """Another variable is returned."""
        for name, (shape, kind, _) in self.shapes.items():
            if shape != () and kind == "f":
                new = _name(name)
                edit = Edit(parent, field, index, new)
                yield Alteration((edit,), where, f"`{name}` is returned instead", 4)
                for function in LAST if len(self.shapes) <= FEW_NAMES else ():
                    new = ast.Call(_parsed(function), [_name(name)], [])
                    edit = Edit(parent, field, index, new)
                    yield Alteration((edit,), where, f"{text(new)} is returned instead", 5)

    def looped(self, parent, field, i, statement):
        where = self.loop(statement)
        backwards = isinstance(statement.iter, ast.Call) and _function(statement.iter) == "reversed"
        first, last = ("first", "last")
        if backwards:
            first, last = "first (the last in time)", "last (the first in time)"

        def through(code, says, rank):
            edit = Edit(statement, "iter", None, _filled(code, statement.iter))
            return Alteration((edit,), "", says, rank)

        yield through("list(_)[1:]", f"{where} leaves out its {first} step", 1)
        yield through("list(_)[:-1]", f"{where} leaves out its {last} step", 1)
        yield through("list(_)[::-1]", f"{where} runs in the opposite order", 1)
        yield through("list(_)[:1]", f"{where} ends after its {first} step", 2)
        yield through("list(_)[-1:]", f"{where} makes its {last} step only", 2)
        yield through("list(_)[::-1][1:]", f"{where} runs in the opposite order and stops early", 4)
        yield through("list(_)[::-1][:-1]", f"{where} runs in the opposite order, short by one", 4)
        yield through("list(_)[:1] + list(_)", f"{where} makes its {first} step twice", 3)
        yield through("list(_) + list(_)[-1:]", f"{where} makes its {last} step twice", 3)
        yield from self.expression(statement, "iter", None, where)
        body = getattr(parent, field)
        stored = {
            node.id
            for inner in statement.body
            for node in ast.walk(inner)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        before = {
            node.id
            for earlier in body[:i]
            for node in ast.walk(earlier)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        } | {argument.arg for argument in self.tree.args.args}
        for name in sorted(stored & before):
            start = f"_start_of_{name}"
            keep = ast.Assign([ast.Name(start, ast.Store())], _name(name), lineno=0)
            again = ast.Assign([ast.Name(name, ast.Store())], _name(start), lineno=0)
            if any(
                isinstance(inner, ast.AugAssign)
                and isinstance(inner.target, ast.Name)
                and inner.target.id == name
                for inner in ast.walk(statement)
            ):
                says = f"`{name}` starts afresh in each step of {where}: nothing is added up"
            else:
                says = f"`{name}` starts afresh in each step of {where}: it is not carried on"
            new = [*body[:i], keep, statement, *body[i + 1 :]]
            edits = (
                Edit(parent, field, None, new),
                Edit(statement, "body", None, [again, *statement.body]),
            )
            yield Alteration(edits, "", says, 1)
            if self.shapes.get(name, (None, ""))[1] == "f":
                yield from self.over_steps(parent, field, i, statement, name, keep)
        yield from self.lines_at_the_ends(parent, field, i, statement, first, last)
        before = self.counting
        self.counting = before | {n.id for n in _names_in(statement.target)}
        yield from self.block(statement, "body", statement)
        self.counting = before

    def lines_at_the_ends(self, parent, field, i, statement, first, last):
        """A line is left out in the first step, or in the last."""
        body, where = getattr(parent, field), self.loop(statement)
        lines = [s for s in statement.body if isinstance(s, (ast.Assign, ast.AugAssign))]
        if len(lines) < 2:
            return
        keep = ast.Assign(
            [ast.Name("_all", ast.Store())], ast.Call(_name("list"), [statement.iter], []), lineno=0
        )
        begin = ast.parse("_step = 0").body[0]
        count = ast.parse("_step += 1").body[0]
        for line in lines:
            for code, step in (("_step > 1", first), ("_step < len(_all)", last)):
                rest = [
                    ast.If(_parsed(code), [line], []) if one is line else one
                    for one in statement.body
                ]
                edits = (
                    Edit(parent, field, None, [*body[:i], keep, begin, statement, *body[i + 1 :]]),
                    Edit(statement, "iter", None, _name("_all")),
                    Edit(statement, "body", None, [count, *rest]),
                )
                says = f"{where} leaves out the line {text(line)} in its {step} step"
                yield Alteration(edits, "", says, 4)

    def over_steps(self, parent, field, i, statement, name, keep):
        """What a step computes is added up, or what stood before the loop enters at each step."""
        body, where = getattr(parent, field), self.loop(statement)
        total, start = f"_sum_of_{name}", f"_start_of_{name}"
        before = ast.parse(f"{total} = 0 * {name}\n_steps = 0").body
        inside = ast.parse(f"{total} = {total} + {name}\n_steps += 1").body
        for code, says in (
            (f"{name} = {total}", f"the `{name}` of all steps of {where} are added up"),
            (f"{name} = {total} / _steps", f"the `{name}` of all steps of {where} are averaged"),
        ):
            after = ast.parse(code).body
            edits = (
                Edit(parent, field, None, [*body[:i], *before, statement, *after, *body[i + 1 :]]),
                Edit(statement, "body", None, [*statement.body, *inside]),
            )
            yield Alteration(edits, "", says, 3)
        again = ast.parse(f"if {name} is not {start}: {name} = {name} + {start}").body
        edits = (
            Edit(parent, field, None, [*body[:i], keep, statement, *body[i + 1 :]]),
            Edit(statement, "body", None, [*again, *statement.body]),
        )
        says = f"what `{name}` was before {where} is added again at each step"
        yield Alteration(edits, "", says, 3)

    # ------------------------------------------------------------------------- expressions
    def expression(self, parent, field, index, where, stored=False):
        """Changes of an expression and of all within it."""
        holder = getattr(parent, field)
        node = holder if index is None else holder[index]
        if not isinstance(node, ast.AST):
            return

        def change(new, says, rank, group=None, root=None):
            edit = Edit(parent, field, index, new)
            exactly = self.exactly(edit, says)
            return Alteration((edit,), where, says, rank, group, root, exactly=exactly)

        kinds = {
            ast.BinOp: self.operation,
            ast.UnaryOp: self.unary,
            ast.Call: self.call,
            ast.Attribute: self.attribute,
            ast.Subscript: self.subscript,
            ast.Constant: self.constant,
            ast.Compare: self.comparison,
            ast.BoolOp: self.boolean,
            ast.IfExp: self.choice,
            ast.Name: self.name,
            ast.Slice: self.slice,
            ast.List: self.listed,
        }
        method = kinds.get(type(node))
        if self.inside_index and (isinstance(node, ast.Constant) or _moved(node)):
            method = None  # places are altered as wholes: `h[t + 1]` for `h[t]`
        if method is not None:
            yield from method(node, change)
        if stored and not isinstance(node, (ast.Slice, ast.Tuple, ast.Constant)):
            for sign, operation in (("+", ast.Add), ("-", ast.Sub)):
                new = _binary(node, operation, ast.Constant(1))
                says = f"it is stored one place {'later' if sign == '+' else 'earlier'}"
                yield change(new, says, 2)
        yield from self.children(node, where)

    def exactly(self, edit, says):
        """The whole value of a line, where what is changed in it stands there more than once."""
        found = REPLACED.match(says)
        if not found or self.value is None:
            return ""
        code = found[1] or found[2]
        before = ast.unparse(self.value)
        if len(re.findall(rf"(?<![\w.]){re.escape(code)}(?!\w)", before)) < 2:
            return ""
        old = edit.swap(edit.new)
        after = ast.unparse(self.value)
        edit.swap(old)
        if max(len(before), len(after)) > LONGEST:
            return ""
        return f"{text(after)} stands for {text(before)}"

    def children(self, node, where):
        if isinstance(node, ast.Lambda):
            yield from self.expression(node, "body", None, where)
            return
        for field, value in ast.iter_fields(node):
            if field in ("func", "ctx", "op", "ops", "arg", "attr", "target"):
                method = field == "func" and isinstance(value, ast.Attribute)
                if method and not _is_module(value.value):
                    yield from self.expression(value, "value", None, where)
                continue
            if isinstance(value, list):
                for i, item in enumerate(value):
                    if isinstance(item, ast.keyword):
                        yield from self.keyword(node, i, item, where)
                    elif isinstance(item, ast.comprehension):
                        yield from self.comprehension(item, where)
                    elif isinstance(item, ast.expr):
                        yield from self.expression(node, field, i, where)
            elif isinstance(value, ast.expr):
                before = self.inside_index
                self.inside_index = before or (isinstance(node, ast.Subscript) and field == "slice")
                yield from self.expression(node, field, None, where)
                self.inside_index = before

    def comprehension(self, node, where):
        yield from self.expression(node, "iter", None, where)
        over = f"the loop over {text(node.target)}"
        for code, says in (
            ("list(_)[1:]", f"{over} leaves out its first step"),
            ("list(_)[:-1]", f"{over} leaves out its last step"),
            ("list(_)[::-1]", f"{over} runs in the opposite order"),
        ):
            new = _parsed(code)
            for inner in ast.walk(new):
                if isinstance(inner, ast.Call):
                    inner.args[0] = node.iter
            yield Alteration((Edit(node, "iter", None, new),), where, says, 2)
        for i, condition in enumerate(node.ifs):
            yield Alteration(
                (Edit(node, "ifs", i, ast.Constant(True)),),
                where,
                f"the condition {text(condition)} is missing",
                2,
            )
            yield from self.expression(node, "ifs", i, where)

    def keyword(self, call, i, item, where):
        def dropped(says, rank=2):
            rest = [other for other in call.keywords if other is not item]
            return Alteration((Edit(call, "keywords", None, rest),), where, says, rank)

        function = _function(call)
        if item.arg == "axis":
            yield from self.axis(call, item, where)
        elif item.arg == "keepdims":
            rest = [other for other in call.keywords if other is not item]
            edit = Edit(call, "keywords", None, rest)
            yield Alteration((edit,), where, "`keepdims` is missing", 4, "keepdims")
        elif item.arg != "dtype":
            yield dropped(f"the option {text(ast.unparse(item))} of `{function}` is missing")
            yield from self.expression(item, "value", None, where)

    def axis(self, call, item, where):
        function = _function(call)
        before = ast.unparse(item.value)
        over = f"`{function}` runs over"
        rest = [other for other in call.keywords if other is not item]
        says = f"{over} everything, not over axis {before} alone"
        edit = Edit(call, "keywords", None, rest)
        yield Alteration((edit,), where, says, 2, ("axis", before, None))
        for axis in (0, 1, 2, -1):
            if str(axis) != before:
                new = ast.Constant(axis)
                yield Alteration(
                    (Edit(item, "value", None, new),),
                    where,
                    f"{over} axis {axis} instead of axis {before}",
                    2,
                    ("axis", before, axis),
                )

    def operation(self, node, change):
        left, right, kind = node.left, node.right, type(node.op)
        if kind is ast.Add:
            for kept, lost in ((right, left), (left, right)):
                says, root = f"the term {text(lost)} is missing", self._block(lost)
                yield change(kept, says, 1, ("drop", ast.dump(lost)), root and ("drop", root))
            yield change(
                _binary(left, ast.Sub, right),
                f"{text(right)} is subtracted instead of added",
                1,
                ("-", ast.dump(right)),
            )
            yield change(
                _binary(right, ast.Sub, left), f"{text(left)} is subtracted instead of added", 2
            )
            yield change(
                _binary(left, ast.Mult, right),
                f"{text(left)} and {text(right)} are multiplied instead of added",
                3,
            )
            for one, other in ((left, right), (right, left)):
                if isinstance(other, ast.BinOp) and isinstance(other.op, ast.Mult):
                    for f, rest in ((other.left, other.right), (other.right, other.left)):
                        yield change(
                            _binary(f, ast.Mult, _binary(one, ast.Add, rest)),
                            f"the factor {text(f)} acts on {text(one)}, too",
                            2,
                        )
        elif kind is ast.Sub:
            yield from self.difference(node, change)
        elif kind is ast.Mult:
            yield from self.product(node, change)
        elif kind in (ast.Div, ast.FloorDiv):
            yield change(
                left, f"the division by {text(right)} is missing", 1, ("/", ast.dump(right))
            )
            yield change(
                _binary(right, kind, left),
                f"{text(_binary(right, kind, left))} stands for {text(node)}",
                2,
            )
            yield change(
                _binary(left, ast.Mult, right),
                f"it is multiplied by {text(right)} instead of divided",
                2,
            )
            yield change(right, f"{text(right)} stands for {text(node)}", 4)
            if kind is ast.Div and not isinstance(right, ast.Constant):
                yield change(ast.Constant(0.5), f"`0.5` stands for {text(node)}", 3)
            if not isinstance(right, ast.Constant):
                for operation in (ast.Add, ast.Sub):
                    other = _binary(right, operation, ast.Constant(1))
                    says = f"it is divided by {text(other)} instead of {text(right)}"
                    yield change(_binary(left, kind, other), says, 3)
            for code in self._denominators(right):
                if ast.unparse(right) != code:
                    new = _binary(left, kind, _parsed(code))
                    yield change(new, f"it is divided by `{code}` instead of {text(right)}", 2)
            if kind is ast.FloorDiv:
                near = ast.Call(_name("round"), [_binary(left, ast.Div, right)], [])
                yield change(near, f"the quotient {text(node)} is rounded, not cut off", 2)
                up = _negative(_binary(_negative(left), ast.FloorDiv, right))
                yield change(up, f"the quotient {text(node)} is rounded up instead of down", 2)
            else:
                yield change(
                    _binary(left, ast.FloorDiv, right),
                    f"{text(node)} is cut off to whole numbers",
                    3,
                    "//",
                )
        elif kind is ast.MatMult:
            yield from self.matrix_product(node, change)
        elif kind is ast.Pow:
            if _is(right, 2):
                yield change(left, f"the square of {text(left)} is missing", 1, "square")
                yield change(
                    _binary(ast.Constant(2), ast.Mult, left),
                    f"{text(left)} is doubled, not squared",
                    4,
                )
                yield change(
                    _binary(left, ast.Pow, ast.Constant(3)),
                    f"{text(left)} is cubed, not squared",
                    4,
                )
            else:
                yield change(left, f"the exponent {text(right)} is missing", 2)
                for sign, operation in (("+", ast.Add), ("-", ast.Sub)):
                    new = _binary(left, ast.Pow, _binary(right, operation, ast.Constant(1)))
                    yield change(
                        new, f"the exponent is one too {'large' if sign == '+' else 'small'}", 2
                    )
                yield change(
                    _binary(left, ast.Pow, _negative(right)),
                    f"the exponent {text(right)} has the wrong sign",
                    2,
                )
                yield change(
                    _binary(left, ast.Mult, right),
                    f"{text(left)} is multiplied by {text(right)} instead of raised to it",
                    3,
                )
        elif kind is ast.Mod:
            yield change(left, f"the remainder for {text(right)} is not taken", 2)

    def _shape(self, node):
        """The shape of a variable or of an item of one, or None where it is not known."""
        if isinstance(node, ast.Name):
            shape, kind, _ = self.shapes.get(node.id, (None, "", False))
            return shape if kind == "f" else None
        whole = self._shape(node.value) if isinstance(node, ast.Subscript) else None
        places = node.slice.elts if isinstance(getattr(node, "slice", 0), ast.Tuple) else [0]
        plain = not any(isinstance(n, (ast.Slice, ast.List)) for n in ast.walk(node))
        return whole[len(places) :] if whole is not None and plain else None

    def _items(self, statement, loop):
        """Items such as `h[t]` that a line could take for another operand, {code: node}.

        Those of the line itself, and those of the arguments at the place of the innermost loop.
        """
        found = {}
        for node in ast.walk(statement):
            if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
                found[ast.unparse(node)] = node
        if isinstance(loop, ast.For) and isinstance(loop.target, ast.Name):
            t = loop.target.id
            for node in ast.walk(loop):
                if not isinstance(node, ast.Subscript) or not isinstance(node.value, ast.Name):
                    continue
                if isinstance(node.slice, ast.Name) and node.slice.id == t:
                    for code in (f"{node.value.id}[{t}]", f"{node.value.id}[{t} + 1]"):
                        found.setdefault(code, _parsed(code))
        return {code: node for code, node in found.items() if self._shape(node)}

    def instead_of_operand(self, node, change):
        """Another item stands for a variable or an item of the same shape."""
        shape, code = self._shape(node), ast.unparse(node)
        for other, item in self.items.items() if shape and not self.inside_index else ():
            same_source = isinstance(node, ast.Subscript) and self._root(node) == self._root(item)
            if other != code and not same_source and self._shape(item) == shape:
                yield change(item, f"`{other}` stands for `{code}`", 3, ("item", code, other))

    def _denominators(self, right):
        """Single numbers by which could be divided: dimensions, counts, and sums for a sum."""
        numbers = [name for name in self._numbers() if name not in self.counters]
        sums = isinstance(right, ast.Call) and _function(right) in ("sum", "len")
        for name, (shape, kind, _) in self.shapes.items():
            if shape and kind in "iuf" and not name.startswith("_"):
                numbers += [f"{name}.sum()"] if sums else []
                numbers += [f"len({name})", f"{name}.size"] if self.is_given(name) else []
        return numbers

    def _numbers(self):
        """The names of single whole numbers, such as dimensions."""
        return [n for n, (shape, kind, _) in self.shapes.items() if shape == () and kind in "iu"]

    def difference(self, node, change):
        left, right = node.left, node.right
        key = ast.dump(node)
        if _is(left, 1):
            yield change(right, f"{text(right)} stands for {text(node)}", 1, ("1-", key))
            yield from self.slope_of_tanh(node, change)
        else:
            yield change(right, f"{text(right)} stands for {text(node)}", 2)
            yield change(_negative(right), f"the term {text(left)} is missing", 1)
            turned = f"{text(_binary(right, ast.Sub, left))} stands for {text(node)}"
            why = (
                "a negative index counts from the end" if self.inside_index else "the sign is wrong"
            )
            yield change(
                _binary(right, ast.Sub, left),
                f"{turned}: {why}",
                1,
                ("a-b", key),
            )
        rank = 2 if _is(left, 1) else 1
        yield change(left, f"the term {text(right)} is not subtracted", rank, ("drop-", key))
        yield change(
            _binary(left, ast.Add, right),
            f"{text(right)} is added instead of subtracted",
            rank,
            ("+", key),
        )

    def slope_of_tanh(self, node, change):
        """1 - y**2, and what is taken for it."""
        power = node.right
        if not (
            isinstance(power, ast.BinOp) and isinstance(power.op, ast.Pow) and _is(power.right, 2)
        ):
            return
        y = power.left
        one = ast.Constant(1)
        squared = ("slope",)
        yield change(
            _binary(y, ast.Mult, _binary(one, ast.Sub, y)),
            f"the slope of the sigmoid, `y (1 - y)`, stands for that of tanh, {text(node)}",
            1,
            (*squared, "sigmoid"),
        )
        yield change(
            _binary(one, ast.Sub, y),
            f"the square is missing: {text(node)} is the slope",
            1,
            (*squared, "1"),
        )
        again = ast.Call(_parsed("np.tanh"), [y], [])
        yield change(
            _binary(one, ast.Sub, _binary(again, ast.Pow, ast.Constant(2))),
            f"tanh is applied once more: {text(y)} is already an output of tanh, so the slope is "
            f"{text(node)}",
            1,
            (*squared, "again"),
        )
        yield change(
            _binary(one, ast.Div, node),
            f"it is divided by {text(node)} instead of multiplied",
            2,
            (*squared, "/"),
        )
        yield change(
            _binary(_binary(one, ast.Sub, y), ast.Pow, ast.Constant(2)),
            f"the square stands outside: {text(node)} is meant",
            2,
            (*squared, "()"),
        )

    def product(self, node, change):
        left, right = node.left, node.right
        yield change(left, f"the factor {text(right)} is missing", 1, ("drop*", ast.dump(right)))
        yield change(right, f"the factor {text(left)} is missing", 1, ("drop*", ast.dump(left)))
        yield change(
            _binary(left, ast.Div, right),
            f"it is divided by {text(right)} instead of multiplied",
            2,
        )
        yield change(
            _binary(left, ast.Add, right),
            f"{text(left)} and {text(right)} are added instead of multiplied",
            3,
        )
        yield change(_negative(node), f"the sign of {text(node)} is wrong", 3)
        for one, other, flipped in ((left, right, False), (right, left, True)):
            squared = _binary(_binary(one, ast.Mult, one), ast.Mult, other)
            if flipped or not isinstance(one, (ast.Constant, ast.BinOp)):
                yield change(squared, f"the factor {text(one)} is there twice", 4)
        for f, inner in ((left, right), (right, left)):
            if isinstance(inner, ast.BinOp) and isinstance(inner.op, (ast.Add, ast.Sub)):
                kind = type(inner.op)
                for new, alone in (
                    (_binary(_binary(f, ast.Mult, inner.left), kind, inner.right), inner.left),
                    (_binary(inner.left, kind, _binary(f, ast.Mult, inner.right)), inner.right),
                ):
                    yield change(new, f"the factor {text(f)} acts on {text(alone)} alone", 2)
        if isinstance(right, ast.BinOp) and isinstance(right.op, ast.Sub) and _is(right.left, 1):
            y = right.right.left if isinstance(right.right, ast.BinOp) else right.right
            says = f"the output {text(y)} stands where its gradient {text(left)} belongs"
            yield change(_binary(y, ast.Mult, right), says, 3)
        yield from self.slope_of_sigmoid(node, change)

    def slope_of_sigmoid(self, node, change):
        """(... * y) * (1 - y), and what is taken for it."""
        left, right = node.left, node.right
        if not (
            isinstance(right, ast.BinOp) and isinstance(right.op, ast.Sub) and _is(right.left, 1)
        ):
            return
        y = right.right
        before, last = None, left
        if isinstance(left, ast.BinOp) and isinstance(left.op, ast.Mult):
            before, last = left.left, left.right
        if ast.dump(last) != ast.dump(y):
            return
        one = ast.Constant(1)
        slope = text(_binary(y, ast.Mult, right))

        def times(new):
            return new if before is None else _binary(before, ast.Mult, new)

        if before is not None:
            yield change(
                before,
                f"the slope of the sigmoid, {slope}, is missing",
                1,
                ("slope", "drop", "sigmoid"),
            )
        squared = _binary(y, ast.Pow, ast.Constant(2))
        yield change(
            times(_binary(one, ast.Sub, squared)),
            f"the slope of tanh, `1 - y**2`, stands for that of the sigmoid, {slope}",
            1,
            ("slope", "tanh"),
        )
        again = ast.Call(_name("sigmoid"), [y], [])
        yield change(
            times(_binary(again, ast.Mult, _binary(one, ast.Sub, again))),
            f"the sigmoid is applied once more: {text(y)} is already its output, so the slope is "
            f"{slope}",
            1,
            ("slope", "again", "sigmoid"),
        )
        yield change(
            times(_binary(y, ast.Mult, _binary(one, ast.Sub, squared))),
            f"`y (1 - y**2)` stands for the slope {slope}",
            2,
        )
        yield change(
            times(_binary(one, ast.Div, _binary(y, ast.Mult, right))),
            f"it is divided by the slope {slope} instead of multiplied",
            2,
        )

    def matrix_product(self, node, change):
        left, right = node.left, node.right
        for operand, turned in (
            (left, lambda new: _binary(new, ast.MatMult, right)),
            (right, lambda new: _binary(left, ast.MatMult, new)),
        ):
            if isinstance(operand, ast.Attribute) and operand.attr == "T":
                continue  # `attribute` drops it
            new = ast.Attribute(operand, "T", ast.Load())
            yield change(
                turned(new), f"{text(operand)} is transposed", 1, ("T", self._root(operand))
            )
        yield change(
            _binary(right, ast.MatMult, left), f"the operands of {text(node)} are exchanged", 2
        )
        yield change(
            _binary(left, ast.Mult, right),
            f"{text(node)} is computed element by element, not as a matrix product",
            2,
        )
        yield change(
            left, f"the product with {text(right)} is missing", 1, ("drop@", ast.dump(right))
        )
        if isinstance(left, ast.BinOp) and isinstance(left.op, ast.Mult):
            for f, rest in ((left.left, left.right), (left.right, left.left)):
                new = _binary(f, ast.Mult, _binary(rest, ast.MatMult, right))
                yield change(new, f"{text(f)} acts after the product, not before it", 2)
        yield change(
            right, f"the product with {text(left)} is missing", 1, ("drop@", ast.dump(left))
        )

    def unary(self, node, change):
        if isinstance(node.op, ast.USub) and not isinstance(node.operand, ast.Constant):
            yield change(node.operand, f"the minus sign of {text(node)} is missing", 1, "minus")
            rest = _binary(ast.Constant(1), ast.Sub, node.operand)
            yield change(rest, f"{text(rest)} stands for {text(node)}", 2, "1 - for -")
            if isinstance(node.operand, ast.Attribute) and node.operand.attr == "inf":
                yield change(ast.Constant(0.0), "0 stands for minus infinity", 1)
        if isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
            value = node.operand.value
            yield change(ast.Constant(value), f"`{value}` stands for `-{value}`", 2)
            yield change(ast.Constant(0), f"`0` stands for `-{value}`", 2, ("index", -value, 0))
        if isinstance(node.op, (ast.Not, ast.Invert)):
            yield change(node.operand, f"the condition {text(node)} is reversed", 1)

    def call(self, node, change):
        function = _function(node)
        method = isinstance(node.func, ast.Attribute) and not _is_module(node.func.value)
        argument = node.func.value if method else (node.args[0] if node.args else None)
        if argument is None:
            return
        if function in DROPPABLE:
            yield change(argument, f"`{function}` is missing", 1, ("drop", function))
        if function in ("sum", "mean", "max", "min", "prod") and not isinstance(
            argument, (ast.GeneratorExp, ast.ListComp)
        ):
            yield change(argument, f"the {function} in {text(node)} is not taken", 2)
            for place, word in ((0, "first"), (-1, "last")):
                new = ast.Subscript(argument, ast.Constant(place), ast.Load())
                says = f"only the {word} item is taken, not the {function} over all"
                yield change(new, says, 2, (says,))
        if function in ("sum", "mean", "max", "min"):
            yield from self.reduced_earlier(node, argument, change)
        if function in POINTWISE and isinstance(argument, ast.Call):
            yield from self.reduced_later(node, argument, change)
        if function in ("max", "min", "argmax", "argmin") and len(node.args) == 1 - method:
            size = ast.Call(_parsed("np.abs"), [argument], [])
            called = ast.Attribute(size, node.func.attr, ast.Load()) if method else node.func
            new = ast.Call(called, [] if method else [size], node.keywords)
            says = f"the {function} in {text(node)} is that of the sizes, without their signs"
            yield change(new, says, 3, ("size", function))
        if function == "copy":
            zeros = ast.Call(_parsed("np.zeros_like"), [argument], [])
            yield change(zeros, f"zeros stand for {text(node)}", 2)
        for other in INSTEAD.get(function, ()):
            if method:
                called = ast.Attribute(argument, other, ast.Load())
            elif isinstance(node.func, ast.Name) and other in ("min", "max"):
                called = _name(other)
            elif "." in other or other == "sigmoid":
                called = _parsed(other)
            else:
                called = _parsed(f"np.{other}")
            new = ast.Call(called, node.args, node.keywords)
            short = other.replace("np.", "")
            yield change(new, f"`{short}` stands for `{function}`", 1, ("for", function, short))
        if function in ("tanh", "sigmoid"):
            new = ast.Call(_parsed("np.maximum"), [argument, ast.Constant(0.0)], [])
            yield change(new, f"relu stands for `{function}`", 2, ("for", function, "relu"))
            if function == "sigmoid":
                rest = _binary(ast.Constant(1), ast.Sub, node)
                yield change(rest, f"{text(rest)} stands for {text(node)}", 2)
            twice = ast.Call(node.func, [node], [])
            yield change(twice, f"`{function}` is applied twice", 3)
        if function == "split" and not method and len(node.args) == 2 and not node.keywords:
            several = ast.unparse(node.args[1])
            code = f"[{ast.unparse(argument)}[_i::{several}] for _i in range({several})]"
            says = f"each block is every item number {text(several)}, not items in a row"
            yield change(_parsed(code), says, 3)
        if function == "norm" and not method:
            yield from self.norm(node, argument, change)
        if function in ("max", "min", "maximum", "minimum") and len(node.args) == 2 and not method:
            for kept, lost in (node.args, node.args[::-1]):
                yield change(kept, f"{text(lost)} is not looked at in {text(node)}", 1)
            other = {"max": "min", "min": "max"}.get(function)
            if other:
                new = ast.Call(_name(other), node.args, [])
                yield change(new, f"`{other}` stands for `{function}`", 1)
        elif len(node.args) == 2 and function not in (
            "zip",
            "isinstance",
            "range",
            "zeros",
            "full",
        ):
            new = ast.Call(node.func, node.args[::-1], node.keywords)
            yield change(new, f"the arguments of {text(node)} are exchanged", 2)
        if function == "where" and len(node.args) == 3:
            test, yes, no = node.args
            new = ast.Call(node.func, [test, no, yes], [])
            yield change(new, f"the two choices of {text(node)} are exchanged", 1)
            yield change(yes, f"the condition {text(test)} is not asked, it counts as true", 1)
            yield change(no, f"the condition {text(test)} is not asked, it counts as false", 2)
        if function in ("concatenate", "stack", "hstack", "vstack", "append") and node.args:
            yield from self.joined(node, change)
        if function == "reversed":
            yield change(node.args[0], "it runs forwards instead of backwards", 1)
        if function == "range":
            yield from self.range(node, change)
        if function in ("log", "sqrt") and not method:
            for small in ("1e-12", "1e-10", "1e-9", "1e-8", "1e-7", "1e-6", "1e-5"):
                new = _binary(argument, ast.Add, _parsed(small))
                called = ast.Call(node.func, [new], [])
                yield change(called, f"`{small}` is added inside `{function}`", 2)

    def reduced_earlier(self, node, argument, change):
        """A sum, mean or maximum of what is within, before that is computed."""
        function = _function(node)

        def reduced(inner):
            if isinstance(node.func, ast.Attribute) and not _is_module(node.func.value):
                return ast.Call(
                    ast.Attribute(inner, function, ast.Load()), node.args, node.keywords
                )
            return ast.Call(node.func, [inner, *node.args[1:]], node.keywords)

        if isinstance(argument, ast.BinOp) and function in ("sum", "mean"):
            if isinstance(argument.op, (ast.Mult, ast.Div)):
                word = "multiplied" if isinstance(argument.op, ast.Mult) else "divided"
                left, right = argument.left, argument.right
                says = f"the {function} of {text(left)} and that of {text(right)} are taken, then"
                new = ast.BinOp(reduced(left), argument.op, reduced(right))
                yield change(new, f"{says} {word}", 3)
            elif isinstance(argument.op, ast.Pow) and _is(argument.right, 2):
                new = ast.BinOp(reduced(argument.left), argument.op, argument.right)
                yield change(new, f"the {function} is squared, not the numbers before it", 2)
        inner = argument
        if isinstance(inner, ast.Call) and _function(inner) in POINTWISE and inner.args:
            new = ast.Call(inner.func, [reduced(inner.args[0])], inner.keywords)
            yield change(new, f"the {function} is taken before `{_function(inner)}`, not after", 2)
        if function in ("sum", "mean"):
            exp = ast.Call(_parsed("np.exp"), [argument], [])
            new = ast.Call(_parsed("np.log"), [reduced(exp)], [])
            says = f"the {function} is that of their `exp`, and the `log` is taken of it"
            yield change(new, says, 4)

    def reduced_later(self, node, argument, change):
        """A function such as tanh is applied before a sum, not to it."""
        function, reduction = _function(node), _function(argument)
        if reduction not in ("sum", "mean") or len(node.args) != 1:
            return
        method = isinstance(argument.func, ast.Attribute) and not _is_module(argument.func.value)
        if method:
            inner = ast.Call(node.func, [argument.func.value], [])
            called = ast.Attribute(inner, reduction, ast.Load())
            new = ast.Call(called, argument.args, argument.keywords)
        elif argument.args:
            inner = ast.Call(node.func, [argument.args[0]], [])
            new = ast.Call(argument.func, [inner, *argument.args[1:]], argument.keywords)
        else:
            return
        yield change(new, f"`{function}` is applied before the {reduction}, not after", 2)

    def norm(self, node, argument, change):
        if len(node.args) == 2:
            yield change(
                ast.Call(node.func, [argument], []),
                "the norm of all entries stands for the largest singular value",
                1,
            )
            largest = _filled("np.abs(np.linalg.eigvals(_)).max()", argument)
            yield change(largest, "the largest eigenvalue stands for the largest singular value", 1)
            squared = _binary(node, ast.Pow, ast.Constant(2))
            says = "the square of the largest singular value stands for it: a root is missing"
            yield change(squared, says, 2)
            largest = ast.Call(_parsed("np.max"), [ast.Call(_parsed("np.abs"), [argument], [])], [])
            says = "the largest entry, without its sign, stands for the largest singular value"
            yield change(largest, says, 2)
        else:
            squared = _binary(node, ast.Pow, ast.Constant(2))
            yield change(squared, "the square of the norm stands for the norm", 1, "norm²")
            for code, says in (
                ("np.abs(_).sum()", "the sum of the absolute values stands for the norm"),
                ("np.abs(_).max()", "the largest absolute value stands for the norm"),
            ):
                yield change(_filled(code, argument), says, 2, says)

    def joined(self, node, change):
        pieces = node.args[0]
        if not isinstance(pieces, (ast.List, ast.Tuple)) or not 2 <= len(pieces.elts) <= 4:
            return
        count = len(pieces.elts)
        for order in permutations(range(count)):
            if order == tuple(range(count)):
                continue
            new = ast.List([pieces.elts[i] for i in order], ast.Load())
            names = ", ".join(ast.unparse(piece) for piece in new.elts)
            yield change(
                ast.Call(node.func, [new, *node.args[1:]], node.keywords),
                f"the parts are joined in the order {text(names)}",
                2,
                ("join", order),
            )
        for i, piece in enumerate(pieces.elts):
            rest = [other for other in pieces.elts if other is not piece]
            new = ast.List(rest, ast.Load())
            yield change(
                ast.Call(node.func, [new, *node.args[1:]], node.keywords),
                f"the part {text(piece)} is missing",
                2,
            )
            if count == 2:
                new = ast.List([pieces.elts[i], pieces.elts[i]], ast.Load())
                yield change(
                    ast.Call(node.func, [new, *node.args[1:]], node.keywords),
                    f"the part {text(piece)} is there twice",
                    3,
                )

    def range(self, node, change):
        for i in range(len(node.args)):
            for sign, operation in (("+", ast.Add), ("-", ast.Sub)):
                args = list(node.args)
                args[i] = _binary(args[i], operation, ast.Constant(1))
                what = "end" if i == len(node.args[:2]) - 1 else ("start" if i == 0 else "step")
                how = {"+": "later", "-": "earlier"}[sign]
                says = f"{text(node)} has its {what} one {how}"
                if what == "step":
                    says = (
                        f"the step of {text(node)} is one {'larger' if sign == '+' else 'smaller'}"
                    )
                yield change(ast.Call(node.func, args, []), says, 2)
        if len(node.args) == 2:
            yield change(ast.Call(node.func, node.args[1:], []), f"{text(node)} starts at 0", 2)
        if len(node.args) == 3:
            yield change(
                ast.Call(node.func, node.args[:2], []),
                f"the step {text(node.args[2])} of {text(node)} is missing",
                2,
            )

    def attribute(self, node, change):
        if node.attr == "T":
            yield change(
                node.value,
                f"{text(node.value)} is not transposed",
                1,
                ("T", self._root(node.value)),
            )
            yield change(node.value, "nothing is transposed", 8, "T")

    def subscript(self, node, change):
        if isinstance(node.ctx, ast.Store):
            return
        index = node.slice
        yield from self.instead_of_operand(node, change)
        shape, kind, _ = self.shapes.get(getattr(node.value, "id", None), (None, "", False))
        if shape is not None and len(shape) == 1 and kind in "iu":
            yield from self.longest(node, change)
        if isinstance(index, ast.Tuple) and self._adds_an_axis(index):
            says = f"{text(node.value)} stands for {text(node)}: an axis is missing"
            yield change(node.value, says, 3, "None axis")

        def at(new):
            return ast.Subscript(node.value, new, ast.Load())

        turned = isinstance(index, ast.Slice) and index.step is not None
        if not turned and not isinstance(index, (ast.Slice, ast.Tuple)):
            several = self.neighbours(index)
            if isinstance(index, ast.Name) and isinstance(node.value, ast.Name):
                last = _parsed(f"len({node.value.id}) - 1")
                several.append(ast.Call(_name("min"), [several[0], last], []))
            if isinstance(index, ast.BinOp):
                several += self.kept_inside(node.value, index)
            for new in several:
                other = at(new)
                yield change(
                    other,
                    f"{text(other)} stands for {text(node)}",
                    1
                    if isinstance(index, ast.Constant) or not isinstance(new, ast.Constant)
                    else 3,
                    ("at", ast.dump(node), ast.dump(other)),
                )
        elif isinstance(index, ast.Tuple):
            for i, item in enumerate(index.elts):
                if isinstance(item, ast.Slice) or _is(item, None):
                    continue
                inside = isinstance(item, ast.BinOp) and i == 0
                kept = self.kept_inside(node.value, item) if inside else []
                for new in self.neighbours(item) + kept:
                    elements = list(index.elts)
                    elements[i] = new
                    other = at(ast.Tuple(elements, ast.Load()))
                    yield change(
                        other,
                        f"{text(other)} stands for {text(node)}",
                        2,
                        ("at", ast.dump(node), ast.dump(other)),
                    )
        elif turned:
            yield change(
                node.value
                if index.lower is None and index.upper is None
                else at(ast.Slice(index.lower, index.upper, None)),
                f"{text(node)} is read in the other order or at every place",
                1,
            )
        yield from self.exchanged_names(node, change)
        if not turned:
            yield change(node.value, f"all of {text(node.value)} stands for {text(node)}", 4)

    def _adds_an_axis(self, index):
        """Whether an index such as `[:, None]` does nothing else."""
        new = [_is(item, None) for item in index.elts]
        return any(new) and all(
            is_new or isinstance(item, ast.Slice)
            for is_new, item in zip(new, index.elts, strict=True)
        )

    def longest(self, node, change):
        """The number of all steps, or the largest of all lengths, stands for one of them."""
        given = [argument.arg for argument in self.tree.args.args]
        for name in given:
            shape, kind, _ = self.shapes.get(name, ((), "", False))
            code = f"{name}.max()" if len(shape) == 1 and kind in "iu" else ""
            code = f"len({name})" if len(shape) > 1 and kind == "f" and name == given[0] else code
            if code:
                yield change(_parsed(code), f"`{code}` stands for {text(node)}", 3)

    def exchanged_names(self, node, change):
        """Two numbers of an index taken for each other, as in `x[j * stride + l]`."""
        if any(isinstance(inner, ast.Slice) for inner in ast.walk(node.slice)):
            return
        used = {inner.id for inner in ast.walk(node.slice) if isinstance(inner, ast.Name)}
        for one, two in combinations(sorted(used & set(self._numbers())), 2):
            names = {one: two, two: one}
            new = _parsed(ast.unparse(node.slice))
            for inner in ast.walk(new):
                if isinstance(inner, ast.Name):
                    inner.id = names.get(inner.id, inner.id)
            other = ast.Subscript(node.value, new, ast.Load())
            yield change(other, f"{text(other)} stands for {text(node)}", 2)

    def kept_inside(self, values, index):
        """An index cut off at the ends of what it is an index of, or counted on from there."""
        if not isinstance(values, ast.Name):
            return []
        size, zero = _parsed(f"len({values.id})"), ast.Constant(0)
        last = _parsed(f"len({values.id}) - 1")
        new = [ast.Call(_name("min"), [index, last], []), _binary(index, ast.Mod, size)]
        if isinstance(index.op, ast.Sub):
            new[:1] = [ast.Call(_name("max"), [index, zero], [])]
        return new

    def neighbours(self, index):
        if isinstance(index, ast.Constant) and isinstance(index.value, int):
            values = {index.value + 1, index.value - 1, 0, -1} - {index.value}
            return [ast.Constant(value) for value in sorted(values)]
        if isinstance(index, ast.UnaryOp) and isinstance(index.operand, ast.Constant):
            values = {-2, 0} if index.operand.value == 1 else {-1, 0}
            return [ast.Constant(value) for value in sorted(values)]
        one = ast.Constant(1)
        new = [_binary(index, ast.Add, one), _binary(index, ast.Sub, one)]
        moved = isinstance(index, ast.BinOp) and isinstance(index.op, (ast.Add, ast.Sub))
        if moved and _is(index.right, 1):
            opposite = ast.Sub if isinstance(index.op, ast.Add) else ast.Add
            new = [
                index.left,
                _binary(index.left, opposite, one),
                _binary(index.left, type(index.op), ast.Constant(2)),
            ]
        elif isinstance(index, ast.BinOp) and isinstance(index.op, (ast.Add, ast.Sub)):
            opposite = ast.Sub if isinstance(index.op, ast.Add) else ast.Add
            new.append(_binary(index.left, opposite, index.right))
        if moved and isinstance(index.op, ast.Sub) and _is(index.right, 1):
            before = _binary(index.left, ast.Sub, ast.Constant(2))
            new.append(ast.Call(_name("max"), [before, ast.Constant(0)], []))
        if isinstance(index, ast.Name):
            new.append(ast.Call(_name("max"), [new[1], ast.Constant(0)], []))
        return [*new, ast.Constant(0), ast.Constant(-1)]

    def slice(self, node, change):
        """A slice by itself: its bounds moved by one, left out, or the other part taken."""
        if node.step is None and (node.lower is None) != (node.upper is None):
            bound = node.lower or node.upper
            other = ast.Slice(node.upper, node.lower, None)
            says = f"{text(other)} stands for {text(node)}"
            yield change(other, says, 2, ("part", ast.dump(bound), self.storing))
            if isinstance(bound, ast.UnaryOp) and isinstance(bound.op, ast.USub):
                other = ast.Slice(None, bound.operand, None)
            elif node.lower is None:
                other = ast.Slice(_negative(bound), None, None)
            yield change(other, f"{text(other)} stands for {text(node)}", 2)
        for field, name in (("lower", "begins"), ("upper", "ends")):
            bound = getattr(node, field)
            parts = {"lower": node.lower, "upper": node.upper, "step": node.step}
            if bound is None:
                other = ast.Constant(1) if field == "lower" else ast.Constant(-1)
                lost = "first" if field == "lower" else "last"
                yield change(
                    ast.Slice(**{**parts, field: other}),
                    f"the slice leaves out the {lost} item",
                    3,
                )
                continue
            for how, operation in (("later", ast.Add), ("earlier", ast.Sub)):
                moved = _binary(bound, operation, ast.Constant(1))
                if isinstance(bound, ast.Constant) and isinstance(bound.value, int):
                    step = 1 if operation is ast.Add else -1
                    moved = ast.Constant(bound.value + step)
                yield change(
                    ast.Slice(**{**parts, field: moved}),
                    f"the slice {text(node)} {name} one place {how}",
                    2,
                )
            yield change(
                ast.Slice(**{**parts, field: None}),
                f"the bound {text(bound)} of the slice {text(node)} is missing",
                3,
            )

    def constant(self, node, change):
        value = node.value
        if isinstance(value, str):
            for other in MODES.get(value, ()):
                yield change(ast.Constant(other), f"the mode is {other!r}, not {value!r}", 1)
        if type(value) is bool or not isinstance(value, (int, float)):
            return
        others = {
            0: (1,),
            1: (0, 2, -1),
            2: (1, 3, 4),
            0.5: (0.0, 1.0, -0.5),
        }.get(value, (value + 1, value - 1, 0, -value))
        for other in others:
            other = float(other) if isinstance(value, float) else other
            yield change(
                ast.Constant(other), f"`{other}` stands for `{value}`", 2 + (value in (0, 1))
            )

    def comparison(self, node, change):
        if len(node.ops) != 1:
            return
        for other in COMPARED.get(type(node.ops[0]), ()):
            new = ast.Compare(node.left, [other()], node.comparators)
            yield change(new, f"{text(new)} stands for {text(node)}", 1)
        right = node.comparators[0]
        if isinstance(node.ops[0], ast.Gt) and _is(right, 0):
            new = ast.Compare(node.left, [ast.Eq()], [ast.Constant(1)])
            yield change(new, f"{text(new)} stands for {text(node)}", 2)
        for operation in (ast.Add, ast.Sub):
            new = ast.Compare(node.left, node.ops, [_binary(right, operation, ast.Constant(1))])
            yield change(new, f"{text(new)} stands for {text(node)}", 2)

    def listed(self, node, change):
        """A list such as `[0, *words]`, without one of its items."""
        if not isinstance(node.ctx, ast.Load) or len(node.elts) < 2:
            return
        for item in node.elts:
            rest = [other for other in node.elts if other is not item]
            new = ast.List(rest, ast.Load())
            yield change(new, f"{text(item)} is missing in {text(node)}", 2)

    def boolean(self, node, change):
        for kept in node.values:
            yield change(kept, f"only {text(kept)} is asked of {text(node)}", 2)
        other = ast.Or if isinstance(node.op, ast.And) else ast.And
        new = ast.BoolOp(other(), node.values)
        yield change(new, f"{text(new)} stands for {text(node)}", 2)

    def choice(self, node, change):
        test = text(node.test)
        yield change(node.body, f"{test} is taken to hold always", 1)
        yield change(node.orelse, f"{test} is taken never to hold", 1)
        for where, branches in (
            ("holds", (ast.Constant(0.0), node.orelse)),
            ("does not hold", (node.body, ast.Constant(0.0))),
        ):
            yield change(ast.IfExp(node.test, *branches), f"0 is used where {test} {where}", 2)
        new = ast.IfExp(node.test, node.orelse, node.body)
        yield change(new, f"the condition {test} is reversed", 1)

    def is_given(self, name):
        """Whether it is an argument of the function."""
        return name in [argument.arg for argument in self.tree.args.args]

    def name(self, node, change):
        """Another variable of the same shape; for a gate, what it leaves over."""
        if not isinstance(node.ctx, ast.Load):
            return
        shape, kind, inside = self.shapes.get(node.id, (None, "", False))
        if shape is None:
            return
        yield from self.instead_of_operand(node, change)
        if shape == () and kind in "iu" and not self.is_given(node.id):
            yield from self.longest(node, change)
        if inside and shape:
            new = _binary(ast.Constant(1), ast.Sub, node)
            yield change(new, f"`1 - {node.id}` stands for `{node.id}`", 2, ("1-", node.id))
        for other, (its_shape, its_kind, _) in self.shapes.items():
            if other.startswith("_") or other in self.counters - self.counting:
                continue
            if shape and its_shape == () and its_kind in "iu" and self.is_given(other):
                yield change(_name(other), f"`{other}` stands for `{node.id}`", 4)
            alike = its_shape == shape and (its_kind == kind or {its_kind, kind} <= set("iuf"))
            if inside and shape and other != node.id and alike and self.shapes[other][2]:
                new = _binary(ast.Constant(1), ast.Sub, _name(other))
                says = f"`1 - {other}` stands for `{node.id}`"
                yield change(new, says, 3, ("1-", node.id, other))
            if other != node.id and alike:
                yield change(
                    _name(other),
                    f"`{other}` stands for `{node.id}`",
                    2,
                    ("name", node.id, other),
                )
