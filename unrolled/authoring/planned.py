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
    """Within the block, the package's modules are those of `modules`: {path: text or None}."""
    texts = {f"{unrolled.__name__}.{path.stem}": text for path, text in modules.items()}
    topics = {path.stem for path in modules}
    attributes = {topic: vars(unrolled).pop(topic) for topic in topics & set(vars(unrolled))}
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
        for topic in topics:  # importing a module had made it an attribute of the package
            vars(unrolled).pop(topic, None)
        vars(unrolled).update(attributes)
