"""Small books in a temporary folder, and the press run on them, for the tests of the press."""

from textwrap import dedent

from click.testing import CliRunner

from unrolled.authoring.__main__ import main

HEADER = """\
---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

# A title

"""


def code(source, *tags):
    """A code cell of a MyST notebook."""
    options = f":tags: [{', '.join(tags)}]\n\n" if tags else ""
    return f"```{{code-cell}} ipython3\n{options}{dedent(source).strip()}\n```\n\n"


def export(source):
    """A code cell with the tag `export`."""
    return code(source, "export")


def text(source, *tags):
    """A text cell; with tags it begins with a block break."""
    quoted = ", ".join(f'"{tag}"' for tag in tags)
    opening = f'+++ {{"tags": [{quoted}]}}\n\n' if tags else ""
    return f"{opening}{dedent(source).strip()}\n\n"


class Book:
    """A tree of sources below `root`."""

    def __init__(self, root):
        self.root = root
        for name in ("chapters", "solutions", "labs", "unrolled/exercises"):
            (root / name).mkdir(parents=True)

    def write(self, name, *cells):
        """Write a notebook; for a file that is none, give its whole text."""
        whole = "".join(cells) if not name.endswith(".md") else HEADER + "".join(cells)
        path = self.root / name
        path.write_text(whole, encoding="utf-8")
        return path

    def files(self):
        """{name: content} of every file there is."""
        return {
            path.relative_to(self.root).as_posix(): path.read_bytes()
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and "__pycache__" not in path.parts
        }

    def press(self, *arguments):
        """Run `python -m unrolled.authoring ARGUMENTS` on this tree."""
        return CliRunner().invoke(main, ["--root", str(self.root), *arguments])

    def line_of(self, name, needle):
        """The line of a file, from 1, in which `needle` first stands."""
        lines = (self.root / name).read_text(encoding="utf-8").splitlines()
        return next(number for number, line in enumerate(lines, start=1) if needle in line)

    def refused(self, *arguments):
        """Run a command that must fail: its one line, after checking that nothing was written."""
        before = self.files()
        result = self.press(*arguments)
        assert result.exit_code == 1, result.output
        assert result.exception is None or isinstance(result.exception, SystemExit)
        assert self.files() == before
        assert result.stderr.count("\n") == 1, result.stderr
        assert not result.stdout
        return result.stderr.strip()
