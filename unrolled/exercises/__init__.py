"""The labs' checks: one module per lab, and the machinery they share.

`exercise` says what an exercise is, `running` runs an answer, `judging` judges what came out,
`verdict` shows it, `lab` ties them together for a notebook.
"""

import importlib
import importlib.util
from pathlib import Path

from .exercise import (
    Exercise,
    ExerciseError,
    Misconception,
    Question,
    Source,
    numbers,
    one_at_a_time,
)
from .judging import judge
from .lab import Lab
from .running import Outcome, run
from .verdict import Status, Verdict

__all__ = [
    "Exercise",
    "ExerciseError",
    "Lab",
    "Misconception",
    "Outcome",
    "Question",
    "Source",
    "Status",
    "Verdict",
    "judge",
    "load",
    "names",
    "numbers",
    "one_at_a_time",
    "run",
]


def names():
    """The modules of all labs, in order: ["lab01", ...]."""
    return sorted(path.stem for path in Path(__file__).parent.glob("lab[0-9][0-9].py"))


def load(lab):
    """The Lab of a module of this package ("lab01"), or of a file elsewhere (a Path).

    Raises ExerciseError, in one line, when it is badly written; a file is loaded afresh each time.
    """
    if isinstance(lab, Path):
        spec = importlib.util.spec_from_file_location(f"{__name__}.{lab.stem}", lab)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    else:
        module = importlib.import_module(f"{__name__}.{lab}")
    if not isinstance(getattr(module, "LAB", None), Lab):
        raise ExerciseError(f"{module.__name__} defines no LAB: add LAB = Lab(number, title, ...)")
    return module.LAB
