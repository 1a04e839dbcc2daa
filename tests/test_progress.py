"""The progress line: silent where nobody watches, one line in a notebook."""

import nbformat
from nbclient import NotebookClient

from unrolled.support.progress import Progress


def test_silent_outside_of_a_notebook(capsys):
    line = Progress(3)
    line.update(1, "loss 1")
    line.finish("3 steps")
    assert capsys.readouterr() == ("", "")


def test_a_notebook_keeps_the_last_text_and_nothing_else():
    code = (
        "from unrolled.support.progress import Progress\n"
        "for show in (True, False):\n"
        "    line = Progress(4, show)\n"
        "    for done in range(1, 5):\n"
        "        line.update(done, 'loss 1')\n"
        "        line.last = 0\n"
        "    line.finish('4 steps: done')\n"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    (output,) = notebook.cells[0].outputs
    assert output["data"] == {"text/plain": "4 steps: done"}


def test_the_bar_fills():
    line = Progress(8)
    assert line._drawn(0).startswith("░" * 20)
    assert line._drawn(4) == "█" * 10 + "░" * 10 + " 4/8"
    assert Progress()._drawn(7) == "step 7"
