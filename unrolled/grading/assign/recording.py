"""The module of a lab as a hand-out has it: no right program in it, and no wrong one."""

from unrolled.exercises import load, recorded
from unrolled.grading.run import kit

MODULE = '''"""The checks of {title}, from recorded values: no program in here is an answer."""

from pathlib import Path as _Path

from .recorded import open_lab as _open_lab

{given}

LAB = _open_lab(_Path(__file__).with_suffix(".bin"), {{{carried_out}}})
check, ready, summary = LAB.check, LAB.ready, LAB.summary
'''


def write(folder, lab, source):
    """Write labNN.py and labNN.bin to the folder; source: the text of the lab's own module."""
    known = load(lab)
    runs = {one.name: one.carry_out.__name__ for one in known.exercises.values() if one.carry_out}
    module = MODULE.format(
        title=f"lab {known.number}, {known.title}",
        given="\n\n".join(kit.given(source, runs.values())),
        carried_out=", ".join(f'"{name}": {function}' for name, function in runs.items()),
    )
    (folder / f"{lab}.py").write_text(module, encoding="utf-8")
    (folder / f"{lab}.bin").write_bytes(recorded.record(known))
