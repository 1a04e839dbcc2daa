"""One line that says how far a loop is: live for a reader, and only its last state on a page."""

import sys
from time import monotonic

PAUSE = 0.2  # seconds between two updates
WIDTH = 20  # characters of the bar


class Progress:
    """A progress line. In a notebook it is rewritten in place, so that a page keeps the last text;
    in a terminal it is a bar of rich's; where nobody watches, nothing is shown.

    total: steps expected, or None when nobody knows; show=False hides it.
    """

    def __init__(self, total=None, show=True):
        self.total, self.last = total, -PAUSE
        self.notebook = show and _in_notebook()
        self.handle = self.bar = None
        if show and not self.notebook and sys.stderr.isatty():
            self.bar = _bar()
            self.task = self.bar.add_task("", total=total)
            self.bar.start()

    def update(self, done, text):
        """Show that `done` steps are done, and a few words; at most five times a second."""
        now = monotonic()
        if now - self.last < PAUSE:
            return
        self.last = now
        if self.bar:
            self.bar.update(self.task, completed=done, description=text)
        elif self.notebook:
            self._write(f"{self._drawn(done)} {text}")

    def finish(self, text):
        """Replace the bar by a last line."""
        if self.bar:
            self.bar.update(self.task, description=text)
            self.bar.stop()
        elif self.notebook:
            self._write(text)

    def _drawn(self, done):
        if not self.total:
            return f"step {done}"
        full = WIDTH * done // self.total
        return "█" * full + "░" * (WIDTH - full) + f" {done}/{self.total}"

    def _write(self, text):
        from IPython.display import display

        data = {"text/plain": text}
        if self.handle is None:
            self.handle = display(data, raw=True, display_id=True)
        else:
            self.handle.update(data, raw=True)


def _in_notebook():
    """Whether a kernel runs us; IPython in a terminal does not count."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


def _bar():
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}")
    return Progress(*columns, console=Console(stderr=True))
