"""Importing the package's modules from the texts planned for them, before they are written.

A lab's registry imports from chapters, and is read while those chapters' modules may not exist yet
or say something else.
"""

import importlib.abc
import importlib.machinery
import sys
from contextlib import contextmanager

import unrolled


class _Planned(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Imports modules from their texts; one whose text is None is not to be found."""

    def __init__(self, texts):
        self.texts = texts

    def find_spec(self, name, path=None, target=None):
        if name not in self.texts:
            return None
        if self.texts[name] is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return importlib.machinery.ModuleSpec(name, self)

    def get_source(self, name):
        return self.texts[name]


@contextmanager
def supplied(modules):
    """Within the block, the package's modules are those of `modules`: {path: text or None}.

    A path ends in unrolled/topic.py or in unrolled/room/topic.py.
    """
    texts = {_dotted(path): text for path, text in modules.items()}
    attributes = {name: _take_attribute(name) for name in texts}
    kept = {name: sys.modules.pop(name) for name in texts if name in sys.modules}
    finder = _Planned(texts)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in texts:
            sys.modules.pop(name, None)
        sys.modules.update(kept)
        for name, module in attributes.items():
            _take_attribute(name)
            if module is not None:
                setattr(sys.modules[name.rpartition(".")[0]], name.rpartition(".")[2], module)


def _dotted(path):
    rooms = () if path.parent.name == unrolled.__name__ else (path.parent.name,)
    return ".".join((unrolled.__name__, *rooms, path.stem))


def _take_attribute(name):
    """The module `name` as an attribute of its package, where importing had made it one; taken
    away there."""
    package, _, topic = name.rpartition(".")
    return vars(sys.modules[package]).pop(topic, None) if package in sys.modules else None
