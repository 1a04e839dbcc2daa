"""Which names a piece of code binds at its top level, and which it reads from there."""

import ast
import symtable
import warnings
from dataclasses import dataclass

INLINED = (ast.ListComp, ast.SetComp, ast.DictComp)


@dataclass(frozen=True)
class Names:
    """bound: names the code binds at module level, or declares `global` inside; read: those it
    reads from module level, inside functions too."""

    bound: frozenset = frozenset()
    read: frozenset = frozenset()


def names(source):
    """The Names of valid Python; nothing of it is run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(source)
        if any(isinstance(node, INLINED) for node in ast.walk(tree)):
            source = ast.unparse(_OwnScopes().visit(tree))
        top = symtable.symtable(source, "<cell>", "exec")
    bound, read = set(), set()
    for symbol in top.get_symbols():
        if symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace():
            bound.add(symbol.get_name())
        if symbol.is_referenced():
            read.add(symbol.get_name())
    tables = list(top.get_children())
    while tables:
        table = tables.pop()
        tables += table.get_children()
        for symbol in table.get_symbols():
            if symbol.is_global():
                if symbol.is_referenced():
                    read.add(symbol.get_name())
                if symbol.is_assigned():
                    bound.add(symbol.get_name())
    return Names(frozenset(bound), frozenset(read))


class _OwnScopes(ast.NodeTransformer):
    """Every comprehension as a generator: since Python 3.12 the variables of the other kinds are
    told as if they belonged to what is around them."""

    def visit_ListComp(self, node):
        return self._generator(node, node.elt)

    def visit_SetComp(self, node):
        return self._generator(node, node.elt)

    def visit_DictComp(self, node):
        return self._generator(node, ast.Tuple([node.key, node.value], ast.Load()))

    def _generator(self, node, element):
        return self.generic_visit(ast.GeneratorExp(element, node.generators))
