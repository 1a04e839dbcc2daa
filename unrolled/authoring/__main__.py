"""The press on the command line: `python -m unrolled.authoring` lists its commands."""

import difflib
import sys
from itertools import islice
from pathlib import Path

import click

from unrolled.authoring import notebooks
from unrolled.authoring.book import EDITIONS, build
from unrolled.authoring.notebooks import AuthoringError
from unrolled.common.files import write_atomically

DIFF_LINES = 30  # of each file, enough to see what drifted


class Press(click.Group):
    """A group whose commands report a bad source in one line, without a traceback."""

    def invoke(self, ctx):
        try:
            return super().invoke(ctx)
        except AuthoringError as error:
            click.echo(error, err=True)
            ctx.exit(1)


@click.group(cls=Press)
@click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=notebooks.ROOT,
    help="Another tree than this book's.",
)
@click.pass_context
def main(context, root):
    """Make modules, labs and the site from chapters and solutions."""
    context.obj = root.resolve()


def changes(root=notebooks.ROOT):
    """What is not as its source says: [(path, text now, text to be)]; None is no file.

    Everything is computed, and every source checked, before anything is returned.
    """
    from unrolled.authoring import export, release

    modules = export.modules(root)
    planned = modules | release.labs(root, modules)
    found = []
    for path, wanted in planned.items():
        current = path.read_text(encoding="utf-8") if path.exists() else None
        if current != wanted:
            found.append((path, current, wanted))
    return found


@main.command()
@click.option("--check", is_flag=True, help="Write nothing; show what differs, and fail if any.")
@click.pass_obj
def sync(root, check):
    """Regenerate modules from chapters, and labs from solutions."""
    found = changes(root)
    for path, current, wanted in found:
        name = notebooks.relative_name(path, root)
        if check:
            click.echo(drift(name, current, wanted))
        elif wanted is None:
            path.unlink()
            click.echo(f"removed {name}: its source is gone")
        else:
            write_atomically(path, wanted)
            click.echo(f"{'wrote' if current is None else 'updated'} {name}")
    if check and found:
        click.echo("Out of date: run `make sync`, and commit what it writes.", err=True)
        sys.exit(1)
    if not found:
        click.echo("nothing to do: modules and labs are as their sources say")


def drift(name, current, wanted):
    """A short unified diff from the file as it is to the file as it should be."""
    lines = difflib.unified_diff(
        (current or "").splitlines(),
        (wanted or "").splitlines(),
        f"{name} (as it is{'' if current is not None else ': missing'})",
        f"{name} (as its source says{'' if wanted is not None else ': none, the source is gone'})",
        n=1,
        lineterm="",
    )
    shown = list(islice(lines, DIFF_LINES))
    rest = sum(1 for _ in lines)
    return "\n".join([*shown, *([f"… and {rest} lines more"] if rest else [])])


EDITION = click.option(
    "--edition",
    type=click.Choice(list(EDITIONS)),
    default=next(iter(EDITIONS)),
    show_default=True,
    help="Which pages: with those of the solutions, or without.",
)


@main.command()
@EDITION
@click.pass_obj
def book(root, edition):
    """Execute the notebooks and build the site."""
    build(edition, root)


@main.command()
@EDITION
@click.option("--port", type=int, default=8000, show_default=True)
@click.pass_obj
def serve(root, edition, port):
    """Build the site and serve it on this machine, until Ctrl-C."""
    from contextlib import suppress
    from functools import partial
    from http import server as http

    handler = partial(http.SimpleHTTPRequestHandler, directory=build(edition, root))
    local = http.ThreadingHTTPServer(("localhost", port), handler)
    with local as server, suppress(KeyboardInterrupt):
        click.echo(f"http://localhost:{port}; Ctrl-C ends it")
        server.serve_forever()


@main.command()
@click.pass_obj
def lint(root):
    """Hold chapters and solutions to the rules of CONTRIBUTING.md."""
    from unrolled.authoring import lint as rules

    found = rules.findings(root)
    for finding in found:
        click.echo(finding, err=True)
    if found:
        sys.exit(1)
    click.echo(f"{len(notebooks.chapters(root))} chapters, nothing found")


@main.command()
@click.option("--again", is_flag=True, help="Also when nothing changed since everything passed.")
@click.pass_obj
def test(root, again):
    """Run everything CI checks."""
    from unrolled.authoring import checks

    sys.exit(checks.run(root, again))


@main.command()
@click.argument("names", nargs=-1)
@click.option("--again", is_flag=True, help="Also those whose result is up to date.")
@click.option("--processes", type=click.IntRange(1), help="Runs at a time; one a core without it.")
@click.pass_obj
def studies(root, names, again, processes):
    """Run the long computations whose results the pages plot: all that are stale, or NAMES."""
    from unrolled.authoring import studies as long

    sys.exit(long.run(root, again, names, processes))


@main.command()
@click.option(
    "--core",
    "cores",
    multiple=True,
    metavar="TYPE",
    help="Also with the kernel of this core type, such as Haswell.",
)
@click.option("--rounds", type=int, default=25, show_default=True, help="Medians of how many.")
@click.pass_obj
def speed(root, cores, rounds):
    """Measure the layers beside their peers, write chapters/speed.csv, and show the table."""
    from unrolled.authoring import speed as table

    table.measure(cores, rounds, root)
    table.show(root)


@main.command()
@click.option(
    "--upgrade",
    default="",
    metavar="WHAT",
    help="Packages to raise, by commas; 1 or all: every one.",
)
@click.pass_obj
def lock(root, upgrade):
    """Compile pyproject.toml to requirements.txt, and say what changed."""
    from unrolled.authoring.lock import compile_lock

    names = [name.strip() for name in upgrade.split(",") if name.strip()]
    changed = compile_lock(root, ["all" if name == "1" else name for name in names])
    for line in changed or ["requirements.txt: nothing changed"]:
        click.echo(line)


if __name__ == "__main__":
    main()
