"""Keeps NumPy and a few builtins what they were when the lab began.

Rebinding `np.allclose` or `sum` is usually an accident, sometimes a trick. Either way a check must
not depend on it: `restore` puts back what was replaced and says what it was. It calls no function
that could itself have been replaced.
"""

import builtins
import math
import sys

import numpy as np

MISSING = object()
# Only builtins that compute: input, print and __import__ are replaced by honest tools, too.
BUILTINS = [
    function.__name__
    for function in (
        *(abs, all, any, divmod, getattr, hasattr, isinstance, issubclass, iter, len, max, min),
        *(next, pow, repr, round, sorted, sum),
        *(bool, dict, enumerate, filter, float, int, list, map, range, reversed, set, str, super),
        *(tuple, type, zip),
    )
]

_watched = {}


def watch(label, module, names=None):
    """Watch `names` of `module` (default: its public ones), reported as label + name.

    A module already watched under this label stays as it was first seen.
    """
    if names is None:
        names = [name for name in vars(module) if not name.startswith("_")]
    original = {name: vars(module)[name] for name in names}
    _watched.setdefault(label, (vars(module), original))


def watch_package(package):
    """Watch every loaded module of `package`: a check relies on the chapters' functions, too."""
    for name, module in list(sys.modules.items()):
        if name.startswith(f"{package}."):
            watch(f"{name}.", module)


def restore():
    """Put back every watched name that was replaced or deleted; return their labels."""
    replaced = []
    for label, (namespace, original) in _watched.items():
        for name, value in original.items():
            if namespace.get(name, MISSING) is not value:
                namespace[name] = value
                replaced.append(label + name)
    return replaced


watch("", builtins, BUILTINS)
watch("math.", math)
watch("np.", np)
watch("np.linalg.", np.linalg)
watch("np.random.", np.random)
watch("np.fft.", np.fft)
