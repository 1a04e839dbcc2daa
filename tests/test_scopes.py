"""Which names code binds and reads at its top level: the same in every version of Python."""

import pytest

from unrolled.common.scopes import names


@pytest.mark.parametrize(
    ("source", "bound", "read"),
    [
        ("a = b\nimport c.d\ndef e(): return f", "a c e", "b f"),
        ("def a():\n    global b\n    b = c", "a b", "c"),
        ("for a in b: pass", "a", "b"),
        ("[a for a in b]", "", "b"),
        ("{a: c for a, c in b.items()}", "", "b"),
        ("{(d := a) for a in b}", "d", "b"),
        ("[a for a in [c for c in b] if a]", "", "b"),
        ("def f(): return [a for a in b]", "f", "b"),
        ("x = f'{[a for a in b]}'", "x", "b"),
    ],
)
def test_names(source, bound, read):
    found = names(source)
    assert found.bound == set(bound.split())
    assert found.read == set(read.split())
