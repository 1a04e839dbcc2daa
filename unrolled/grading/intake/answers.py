"""A student's cells taken apart: the answer to each exercise, what it needs, and the texts.

An answer is found by the name its function has in the lab, wherever it stands. What is handed on
are the statements that define the answers, and those that these depend on, in the notebook's order:
no checks, no magics, no plots, no trials. Nothing is executed here.
"""

import ast
import builtins
import re
import warnings
from dataclasses import dataclass, field

from unrolled.common import scopes
from unrolled.grading.assign.roles import CHECK, EXERCISE, QUESTION, role
from unrolled.grading.intake.reading import LARGEST_CELL
from unrolled.grading.model import Cell, Ending, Stop

# Every pattern takes time in proportion to the text, whatever a student wrote.
DEFINITION = re.compile(r"^(?:async[ \t]++)?def[ \t]++(\w++)[ \t]*+\(", re.MULTILINE)
CELL_MAGIC = re.compile(r"\s*+%%(\w++)[^\n]*+\n?")
LINK = re.compile(r"\[([^\[\]]*+)\]\([^()\[\]]*+\)")
PYTHON_MAGICS = {"time", "timeit", "capture", "prun", "memit"}  # the rest of the cell is Python
# calls that only show something, whatever they are given
SHOWS = {"print", "display", "check", "ready", "summary", "help", "len", "type", "show", "plot"}
# calls that set something for everything after them
SETS = {"seterr", "seed", "setrecursionlimit", "set_default_dtype", "filterwarnings", "errstate"}
ACTS_ON_NAMES = {"exec", "setattr", "globals", "delattr"}
# lines of IPython's own: %timeit f(x), !ls, files = !ls, ?f, f?
MAGIC = re.compile(
    r"^([ \t]*+)(?:[%!?].*+|\w[\w, ]*+=[ \t]*+[%!].*+|[\w.]++\?{1,2}[ \t]*+)$", re.MULTILINE
)
LARGEST_WITH_MAGICS, MOST_MAGICS = 20_000, 50  # characters, lines: IPython's own reader is slow
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
AWAITING = (ast.Await, ast.AsyncFor, ast.AsyncWith)
MOST_STATEMENTS = 3_000  # at the top level of a notebook's cells
LARGEST_ANSWER = 100_000  # characters of a text
LAB_MODULE = re.compile(r"unrolled\.exercises\.lab\d\d")
BUILTIN = set(dir(builtins)) | {"__name__", "__file__", "display", "get_ipython"}


@dataclass(frozen=True)
class Handout:
    """What was handed out, in the form in which answers are looked for."""

    functions: dict  # {exercise: the name of its function}
    stubs: dict  # {exercise: its function's code, normalised}
    questions: dict  # {question: its handed-out text}
    asked: dict  # {question: the text of the cell before it, normalised}
    known: frozenset  # all handed-out sources, normalised
    statements: tuple  # the _Statements of cells that are no exercise: imports, data

    @classmethod
    def of(cls, nb, assignment):
        """From the notebook that was handed out."""
        functions, stubs, questions, asked, others = {}, {}, {}, {}, []
        before = ""
        for cell in nb.cells:
            kind, name = role(cell)
            if kind == EXERCISE and name in assignment.exercises:
                stubs[name] = ast.parse(cell.source)
                functions[name] = name
            elif kind == CHECK and name in assignment.exercises:
                match ast.parse(cell.source).body:
                    case [ast.Expr(ast.Call(args=[_, ast.Name(function)]))]:
                        functions[name] = function
            elif kind == QUESTION and name in assignment.questions:
                questions[name], asked[name] = cell.source, _plain(before)
            elif cell.cell_type == "code":
                others.append(_Piece(0, cell.source, None))
            before = cell.source
        return cls(
            functions,
            {
                name: next(
                    _form(node)
                    for node in _module_level(tree.body)
                    if getattr(node, "name", None) == functions[name]
                )
                for name, tree in stubs.items()
            },
            questions,
            asked,
            frozenset(_plain(cell.source) for cell in nb.cells if role(cell)[0] != QUESTION),
            tuple(statement for piece in others for statement in piece.statements),
        )


@dataclass
class Taken:
    """What was found in one notebook."""

    cells: tuple = ()
    endings: dict = field(default_factory=dict)
    doubts: dict = field(default_factory=dict)
    texts: dict = field(default_factory=dict)
    notes: list = field(default_factory=list)
    relevant: bool = False  # it is this lab's notebook, by a name or a mark at least
    untouched: bool = False  # and nothing in it was answered


def take(raw, handout):
    """The Taken of a notebook's RawCells."""
    pieces = [
        _Piece(cell.number, cell.source, _exercise(cell)) for cell in raw if cell.kind == "code"
    ]
    taken = Taken()
    for piece in pieces:
        taken.notes += piece.notes
    _limit(pieces)
    chosen = {}
    for exercise, function in handout.functions.items():
        found = _find(exercise, function, handout.stubs[exercise], pieces, taken.notes)
        if isinstance(found, _Piece):
            chosen[exercise] = found
        else:
            taken.endings[exercise] = found
    taken.cells, taken.doubts = _slice(chosen, pieces, handout, taken.notes)
    taken.texts = _texts(raw, handout, taken.notes)
    away = {Ending.MISSING, Ending.NOT_ATTEMPTED}
    endings = {stop.ending for stop in taken.endings.values()}
    answered = chosen or any(taken.texts.values()) or endings - away
    marked = any(
        role({"metadata": cell.metadata})[1] in {*handout.functions, *handout.questions}
        for cell in raw
    )
    taken.relevant = bool(answered or marked or Ending.NOT_ATTEMPTED in endings)
    taken.untouched = taken.relevant and not answered
    return taken


def _limit(pieces):
    """Refuse the longest cells until what is left can be taken apart in reasonable time."""
    total = sum(len(piece.statements) for piece in pieces)
    for piece in sorted(pieces, key=lambda one: -len(one.statements)):
        if total <= MOST_STATEMENTS:
            break
        total -= len(piece.statements)
        piece.refuse(str(_TooMuch(len(piece.statements))))
        piece.readable = False


def _exercise(cell):
    """The exercise whose own cell this is."""
    kind, name = role({"metadata": cell.metadata})
    return name if kind == EXERCISE else None


# ------------------------------------------------------------------------------------ cells
class _Statement:
    """A statement at the top level of a cell: its lines, and the names it binds and reads."""

    def __init__(self, node, lines):
        decorators = [one.lineno for one in getattr(node, "decorator_list", ())]
        self.node = node
        self.first, self.last = min([node.lineno, *decorators]), node.end_lineno
        found = scopes.names(_alone(node, self.first, lines))
        self.bound, self.read = found.bound, found.read
        self.touched, self.acts, self.called = _touched(node)
        self.star = isinstance(node, ast.ImportFrom) and (
            node.names[0].name == "*" or node.module == "__future__"
        )
        self.shell = any(
            (isinstance(one, ast.Name) and one.id == "get_ipython")
            or (isinstance(one, AWAITING) and not isinstance(node, DEFINITIONS))
            for one in ast.walk(node)
        )


class _TooMuch(Exception):
    """A cell of more statements than can be taken apart in reasonable time."""

    def __init__(self, count):
        super().__init__(f"it has {count:,} statements, too many to take apart")


def _is_python(source):
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


class _Piece:
    """A code cell: its Python without magics, as statements, or why it is none."""

    def __init__(self, number, source, name):
        self.number, self.name, self.notes = number, name, []
        self.source, self.fault, self.statements, self.body = source, None, [], []
        self.readable = True  # not too long for us
        if len(source) > LARGEST_CELL:
            self.fault = f"it has {len(source):,} characters; at most {LARGEST_CELL:,} are read"
            self.readable = False
            return
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of odd escapes in a student's strings
                self.source = self._python(source)
                tree = ast.parse(self.source)
                if len(tree.body) > MOST_STATEMENTS:
                    raise _TooMuch(len(tree.body))
                ast.dump(tree)  # RecursionError here rather than later
                compile(tree, "<cell>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)  # not executed
                self.body = tree.body
                lines = self.source.split("\n")
                self.statements = [_Statement(node, lines) for node in self.body]
        except SyntaxError as error:
            self.fault = f"line {error.lineno}: {error.msg}"
        except _TooMuch as much:
            self.fault, self.readable = str(much), False
        except (ValueError, RuntimeError, MemoryError):  # RecursionError is a RuntimeError
            self.fault = "it is nested too deeply, or holds what is no text"
        if self.fault:
            self.refuse(self.fault)

    def refuse(self, fault):
        self.fault, self.statements, self.body = fault, [], []

    def _python(self, source):
        magic = CELL_MAGIC.match(source)
        if magic:
            if magic[1] not in PYTHON_MAGICS:
                self.notes.append(f"Cell {self.number} is %%{magic[1]}, no Python: left out.")
                return ""
            source = "\n" * magic[0].count("\n") + source[magic.end() :]
        if _is_python(source):
            return source
        plain, magics = MAGIC.subn(r"\1pass", source)
        if not magics or _is_python(plain):
            return plain
        if magics > MOST_MAGICS or len(source) > LARGEST_WITH_MAGICS:
            return plain
        from IPython.core.inputtransformer2 import TransformerManager  # slow to import, too

        return TransformerManager().transform_cell(source)  # knows every kind

    def bindings(self, function):
        """[(kind, form)] of what the name is bound to here; kind as `_binding` has it."""
        found = [
            binding for node in _module_level(self.body) for binding in _binding(node, function)
        ]
        return [(kind, form) for kind, form in found if kind]


def _alone(node, first, lines):
    """The text of one statement; other statements on its lines, beside a `;`, are cut off."""
    own = [line.encode() for line in lines[first - 1 : node.end_lineno]]
    own[-1] = own[-1][: node.end_col_offset]
    own[0] = own[0][node.col_offset :]
    return b"\n".join(own).decode()


def _module_level(body):
    """Statements that run at module level, those inside if, for, with and try too."""
    for node in body:
        yield node
        if not isinstance(node, DEFINITIONS):
            for part in ("body", "orelse", "finalbody"):
                yield from _module_level(getattr(node, part, None) or ())
            for part in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
                yield from _module_level(part.body)


def _form(node):
    """The code of a definition without docstring and positions: equal for equal programs."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and ast.get_docstring(node):
        fields = {name: getattr(node, name) for name in node._fields}
        node = type(node)(**fields | {"body": node.body[1:]})
    return ast.dump(node)


# What a name can be bound to: a definition of the answer, that definition wrapped, something that
# may be a function, or plain data (None), as when a student reuses the name for a result.
OWN, WRAPPED, PERHAPS = "own", "wrapped", "perhaps"


def _binding(node, function):
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            if name == function:
                yield OWN, _form(node)
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            if any((alias.asname or alias.name) == function for alias in names):
                yield OWN, _form(node)
        case ast.Assign(targets=targets, value=value):
            if any(isinstance(target, ast.Name) and target.id == function for target in targets):
                yield _kind(value, function), _form(node)
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            if name == function:
                yield _kind(value, function), _form(node)


def _kind(value, function):
    match value:
        case ast.Name(id=name) if name == function:
            return None
        case ast.Lambda() | ast.Name() | ast.Attribute():
            return OWN
        case ast.Call(func=ast.Name(id=name)) if name == function:
            return None
        case ast.Call(args=args) if any(
            isinstance(one, ast.Name) and one.id == function for one in args
        ):
            return WRAPPED
        case ast.Call() | ast.Subscript() | ast.IfExp():
            return PERHAPS
    return None


def _touched(node):
    """(names whose objects the statement may change, whether it sets things by calls that act on
    names or on everything, functions it calls for their effect)."""
    touched, acts, called = set(), False, set()
    for one in _module_level([node]):
        targets = []
        if isinstance(one, (ast.Assign, ast.Delete)):
            targets = one.targets
        elif isinstance(one, (ast.AugAssign, ast.AnnAssign)):
            targets = [one.target]
        touched |= {_base(target) for target in targets if not isinstance(target, ast.Name)}
        if isinstance(one, ast.AugAssign):
            touched.add(_base(one.target))
        if isinstance(one, ast.Expr) and isinstance(one.value, ast.Call):
            call = one.value
            name = call.func.attr if isinstance(call.func, ast.Attribute) else _base(call.func)
            if name in ACTS_ON_NAMES:
                acts = True
            if name in SETS:
                touched.add(_base(call.func))
            elif name not in SHOWS:
                if isinstance(call.func, ast.Attribute):
                    touched.add(_base(call.func))
                called.add(name)
                touched |= {one.id for one in call.args if isinstance(one, ast.Name)}
    return touched - {None}, acts, called


def _base(node):
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


# ------------------------------------------------------------------------------------ answers
def _find(exercise, function, stub, pieces, notes):
    """The piece that holds the answer, or a Stop."""
    own, perhaps, untouched, elsewhere = _candidates(function, stub, pieces)
    broken = [
        piece
        for piece in pieces
        if piece.fault and (piece.name == exercise or function in DEFINITION.findall(piece.source))
    ]
    if own and perhaps:
        elsewhere += [piece for same in perhaps.values() for piece in same]
    found = own or perhaps
    if len(found) > 1:
        cells = _listed(sorted(piece.number for same in found.values() for piece in same))
        return Stop(
            Ending.AMBIGUOUS,
            f"Cells {cells} define `{function}` differently; a person has to say which counts.",
        )
    if not found:
        return _nothing(exercise, function, pieces, broken, untouched)
    (same,) = found.values()
    piece = next((one for one in same if one.name == exercise), same[0])
    says = _about(function, piece, same, own, untouched, broken, elsewhere)
    notes += [f"{exercise}: {one}" for one in says]
    return piece


def _candidates(function, stub, pieces):
    """The pieces that give the function a value: {form: pieces} of definitions and of what may be
    one, the pieces in which it is as handed out, and those that use its name for something else."""
    own, perhaps, untouched, elsewhere = {}, {}, [], []
    for piece in pieces:
        bindings = piece.bindings(function)
        last = [form for kind, form in bindings if kind == OWN][-1:]
        if last == [stub]:
            untouched.append(piece)
        elif last:
            own.setdefault(last[0], []).append(piece)
        elif bindings and bindings[-1][0] == PERHAPS:
            perhaps.setdefault(bindings[-1][1], []).append(piece)
        elif bindings or any(function in one.bound for one in piece.statements):
            elsewhere.append(piece)
    return own, perhaps, untouched, elsewhere


def _about(function, piece, same, own, untouched, broken, elsewhere):
    """Sentences on how the answer in `piece` was found."""
    for one in (one for pieces in own.values() for one in pieces):
        if len([kind for kind, _ in one.bindings(function) if kind == OWN]) > 1:
            yield (
                f"cell {one.number} defines `{function}` more than once; the last definition "
                "counts, as when the cell is run."
            )
    if len(same) > 1:
        yield f"cells {_listed(one.number for one in same)} define `{function}` alike."
    if untouched:
        yield (
            f"the answer is in cell {piece.number}; cell {untouched[0].number} is as it was handed "
            "out."
        )
    for other in broken:
        yield (
            f"cell {other.number} is not valid Python and was left out ({other.fault}); the answer "
            f"is in cell {piece.number}."
        )
    for other in elsewhere:
        if other is not piece:
            yield (
                f"cell {other.number} gives `{function}` another value; the function in cell "
                f"{piece.number} is graded."
            )


def _nothing(exercise, function, pieces, broken, untouched):
    if broken:
        piece = broken[0]
        if not piece.readable:
            return Stop(Ending.MISSING, f"Cell {piece.number} could not be read: {piece.fault}.")
        return Stop(Ending.ERROR, f"The cell is not valid Python: {piece.fault}.")
    if untouched:
        return Stop(Ending.NOT_ATTEMPTED, "The function is as it was handed out.")
    marked = [piece for piece in pieces if piece.name == exercise]
    if marked:
        defined = [one.node.name for one in marked[0].statements if hasattr(one.node, "name")]
        instead = f"; it defines {', '.join(f'`{name}`' for name in defined[:3])}"
        return Stop(
            Ending.MISSING,
            f"No cell defines `{function}`. The exercise's own cell is there (cell "
            f"{marked[0].number}){instead if defined else ''}.",
        )
    return Stop(Ending.MISSING, f"No cell defines `{function}`.")


def _slice(chosen, pieces, handout, notes):
    """The Cells that define the chosen answers and what they depend on, in order; the doubts."""
    places = [(piece, one) for piece in pieces for one in piece.statements]
    functions = {handout.functions[exercise]: exercise for exercise in handout.functions}
    answers = set()  # indices of statements that bind an answer
    for index, (piece, one) in enumerate(places):
        for function, exercise in functions.items():
            if chosen.get(exercise) is piece and any(
                kind for node in _module_level([one.node]) for kind, _ in _binding(node, function)
            ):
                answers.add(index)
    settled = {function for function, exercise in functions.items() if exercise in chosen}
    # what may not be executed: other bindings of a name that is settled, and magics
    barred = {
        index
        for index, (_, one) in enumerate(places)
        if (one.bound & settled and index not in answers) or one.shell
    }
    bindings, defined = {}, set()
    for index, (_, one) in enumerate(places):
        for name in one.bound:
            bindings.setdefault(name, []).append(index)
        if isinstance(one.node, (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)):
            defined |= one.bound
    kept, needed = _closed([one for _, one in places], answers, barred, bindings, defined)
    ours = _ours(needed, bindings, handout, notes)
    doubts = _doubts(kept, answers, places, bindings, functions, notes)
    cells = [Cell(source) for source in ours]
    for piece in pieces:
        mine = [i for i in sorted(kept) if places[i][0] is piece]
        named = [
            (places[i][1], _answers(places[i][1], functions) if i in answers else None)
            for i in mine
        ]
        cells += _cells(piece, named, needed)
    return tuple(cells), doubts


def _closed(statements, answers, barred, bindings, defined):
    """(indices of the answers' statements and of all they depend on, the names these read).

    They depend on what binds a name they read, and on what changes its value afterwards: a list
    appended to, an entry set, a function called that declares it global. Of calls that only act
    on the outside, as plots do, none is taken.
    """
    kept, needed, waiting = set(), set(), list(answers)
    while waiting:
        while waiting:
            index = waiting.pop()
            if index in kept:
                continue
            kept.add(index)
            for name in statements[index].read - needed:
                needed.add(name)
                waiting += [other for other in bindings.get(name, ()) if other not in barred]
        data = (needed & bindings.keys()) - defined
        makers = {
            name
            for name in defined
            if any((statements[index].bound - {name}) & needed for index in bindings[name])
        }
        waiting = [
            index
            for index, one in enumerate(statements)
            if index not in kept
            and index not in barred
            and (
                one.star
                or one.acts
                or one.touched & data
                or (one.touched & needed and not one.called)
                or one.called & makers
            )
        ]
    return kept, needed


def _answers(statement, functions):
    """The exercise that a statement answers."""
    return next(functions[name] for name in sorted(statement.bound & functions.keys()))


def _cells(piece, kept, needed):
    """The kept statements of a piece, [(statement, exercise or None)], as Cells."""
    names = list(dict.fromkeys(name for _, name in kept if name))
    if len(names) < 2:
        return [Cell(_blanked(piece, [one for one, _ in kept], needed), *names)] if kept else []
    return [Cell(_blanked(piece, [one], needed), name) for one, name in kept]


def _blanked(piece, statements, needed):
    """Statements on their own lines; those left out become blank lines, so that lines count on."""
    lines = piece.source.split("\n")
    wanted = {line for one in statements for line in range(one.first, one.last + 1)}
    for one in [*piece.statements, *piece.statements[::-1]]:  # what shares a line with them
        if wanted & {one.first, one.last}:
            wanted |= {*range(one.first, one.last + 1)}
    for one in statements:
        text = _only(one.node, needed)
        if text and not any(
            other is not one and {other.first, other.last} & {one.first, one.last}
            for other in piece.statements
        ):
            lines[one.first - 1 : one.last] = [text, *[""] * (one.last - one.first)]
    return "\n".join(lines[n - 1] if n in wanted else "" for n in range(1, max(wanted) + 1)) + "\n"


def _only(node, needed):
    """An import from a lab's checks, without the checks: the sandbox does not have them."""
    if not isinstance(node, ast.ImportFrom) or not LAB_MODULE.fullmatch(node.module or ""):
        return None
    aliases = [alias for alias in node.names if (alias.asname or alias.name) in needed]
    return ast.unparse(ast.ImportFrom(node.module, aliases, node.level)) if aliases else "pass"


def _ours(needed, bindings, handout, notes):
    """Handed-out statements for names that the student's notebook does not bind any more."""
    sources, names = [], set()
    gone = {name for name in needed if name not in bindings and name not in BUILTIN}
    while True:
        found = [
            one
            for one in handout.statements
            if one.bound & (gone - names) and isinstance(one.node, IMPORTED)
        ]
        if not found:
            break
        for one in found:
            sources.append(_only(one.node, gone) or ast.unparse(one.node))
            names |= one.bound
            gone |= one.read - bindings.keys() - BUILTIN
    if names & needed:
        listed = ", ".join(f"`{name}`" for name in sorted(names & needed))
        notes.append(f"The cell that gives {listed} is gone; the handed-out one was used.")
    lost = sorted(gone - names - handout.functions.keys())
    if lost:
        listed = ", ".join(f"`{name}`" for name in lost[:5])
        notes.append(f"The answers use {listed}, which nothing in the notebook defines.")
    return sources


IMPORTED = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.Assign)


def _doubts(kept, answers, places, bindings, functions, notes):
    """{exercise: why} of answers that call a helper defined in several cells, differently.

    What runs last holds for all of them. In the student's notebook each ran with its own, so one
    that does not pass is for a person to look at.
    """
    helpers = {
        name: [i for i in found if i in kept]
        for name, found in bindings.items()
        if name not in functions
    }
    says = {}
    for name, found in sorted(helpers.items()):
        forms = {
            _form(places[i][1].node): places[i][0].number
            for i in found
            if not isinstance(places[i][1].node, (ast.Import, ast.ImportFrom))
        }
        if len(set(forms.values())) > 1:
            cells = _listed(sorted(forms.values()))
            says[name] = (
                f"Cells {cells} define `{name}` differently; the last one holds for all answers "
                "that use it."
            )
    doubts = {}
    for index in answers:
        reached, waiting = set(), [index]
        while waiting:
            read = places[waiting.pop()][1].read - reached
            reached |= read
            waiting += [i for name in read for i in helpers.get(name, ())]
        why = [says[name] for name in sorted(reached & says.keys())]
        if why:
            doubts[_answers(places[index][1], functions)] = " ".join(why)
    told = " ".join(doubts.values())
    notes += [why for why in says.values() if why in told]
    return doubts


# ------------------------------------------------------------------------------------ texts
def _texts(raw, handout, notes):
    """{question: text, or None where its cell is gone}."""
    texts = {}
    for question, placeholder in handout.questions.items():
        places = [
            index
            for index, cell in enumerate(raw)
            if role({"metadata": cell.metadata})[1] == question
        ]
        asked = [
            index
            for index, cell in enumerate(raw)
            if _plain(cell.source) == handout.asked[question]
        ]
        if not places and not asked:
            texts[question] = None
            continue
        parts = []
        if asked:
            parts += _following(raw, asked[-1] + 1, handout, set())
        for place in places:
            parts += [place, *_following(raw, place + 1, handout, {*places})]
        said = [
            raw[index].source.replace(placeholder, "").strip() for index in dict.fromkeys(parts)
        ]
        said = list(dict.fromkeys(part for part in said if part))
        text = "\n\n".join(said)
        if any(raw[index].pictures for index in parts):
            notes.append(f"{question}: the answer has pictures; they are in the notebook only.")
        if len(text) > LARGEST_ANSWER:
            notes.append(f"{question}: {len(text):,} characters; the rest is in the notebook.")
            text = text[:LARGEST_ANSWER]
        texts[question] = text
    return texts


def _following(raw, index, handout, stop):
    """Indices of the cells of text that a student put from here on, up to a handed-out one."""
    found = []
    while index < len(raw) and index not in stop:
        cell = raw[index]
        marked = role({"metadata": cell.metadata})[1]
        if (_plain(cell.source) in handout.known and marked not in handout.questions) or (
            cell.kind == "code"
        ):
            break
        found.append(index)
        index += 1
    return found


def _plain(text):
    """A text as compared: without its links, which a hand-out may change, and its spacing."""
    return " ".join(LINK.sub(r"\1", text).split())


def _listed(numbers):
    numbers = [str(number) for number in numbers]
    return " and ".join([", ".join(numbers[:-1]), numbers[-1]] if numbers[1:] else numbers)
