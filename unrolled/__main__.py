"""For instructors, on the command line: `python -m unrolled` lists its commands."""

import sys
from pathlib import Path

from unrolled import __version__

try:
    import click
except ModuleNotFoundError:
    sys.exit("for instructors: install Unrolled with its extra, as in unrolled[instructors]")

from unrolled.grading.model import GradingError

FILE = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
ANY = click.Path(path_type=Path)
BLANKS = ("missing", "crashed", "ambiguous")
NAMED = ("number", "login", "address", "name")


class Desk(click.Group):
    """A group whose commands report a fault in one line, without a traceback."""

    def invoke(self, ctx):
        try:
            return super().invoke(ctx)
        except GradingError as error:
            click.echo(f"Error: {' '.join(str(error).split())}", err=True)
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            click.echo(f"Error: {where}{error.strerror or error}", err=True)
        ctx.exit(1)
        return None


@click.group(cls=Desk, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="unrolled", message="%(prog)s %(version)s")
def main():
    """Hand out a lab, grade what comes back, report the marks.

    \b
    assign --new lab01 > week3.yml       an assignment, to edit
    assign week3.yml handout             what students get
    collect week3.yml submissions        what came back; nothing is run
    grade week3.yml submissions results
    marks collect results marking        texts, to mark by hand
    marks read results marking/marks.csv
    regrade week3.yml submissions results correlate
                                         one exercise again, and what changed
    report results reports               tables, feedback, class page
    name results GROUP > mistake.yml     a mistake that the class page shows
    name results --read mistake.yml      its name in all reports, once filled in

    The page "For instructors" of the book walks through a class.
    """


@main.command()
@click.argument("assignment", type=FILE, required=False)
@click.argument("out", type=FOLDER, required=False)
@click.option("--new", metavar="LAB", help="Print a new assignment file for a lab, as lab01.")
@click.option("--nbgrader", type=FOLDER, metavar="DIR", help="Add it to an nbgrader course.")
@click.option("--browser", is_flag=True, help="Make OUT a site in whose pages the lab runs.")
@click.option("--force", is_flag=True, help="Replace an earlier hand-out.")
@click.option("--book", metavar="URL", help="Address of the book's site, for links to chapters.")
def assign(assignment, out, new, nbgrader, browser, force, book):
    """Make a hand-out folder from an assignment file.

    The folder OUT holds the lab's notebook with the exercises that ASSIGNMENT names, the package it
    needs, requirements and instructions: no solution, no secret. Pack it and give it to the class.
    """
    from unrolled.grading.assign import assignment as assignments

    if new is not None:
        if assignment is not None:
            raise click.UsageError("--new prints a file; redirect it to one")
        click.echo(assignments.new(new), nl=False)
        return
    if assignment is None or (out is None) == (nbgrader is None):
        raise click.UsageError("give ASSIGNMENT and OUT, or --nbgrader DIR, or --new LAB alone")
    from unrolled.grading.assign import handout

    read = assignments.load(assignment)
    if nbgrader is not None:
        says = handout.write_nbgrader(read, nbgrader, force, book)
        click.echo(f"added {read.name} to the course in {nbgrader}")
    elif browser:
        says = handout.write_site(read, out, force, book)
        click.echo(f"wrote {out}: put this folder on a web server, with https")
    else:
        says = handout.write(read, out, force, book)
        click.echo(f"wrote {out}: pack this folder and hand it out")
    for sentence in says:
        click.echo(f"note: {sentence}")


def _collected(assignment, submissions):
    from unrolled.grading.assign import assignment as assignments
    from unrolled.grading.intake import collect as intake
    from unrolled.grading.intake import policies

    read = assignments.load(assignment)
    found = intake.collect(submissions, read)
    for sentence in policies.unknown(found, read):
        click.echo(f"note: {sentence}", err=True)
    return read, found


@main.command()
@click.argument("assignment", type=FILE)
@click.argument("submissions", type=ANY)
def collect(assignment, submissions):
    """Show what was handed in, without running anything.

    SUBMISSIONS is a folder of notebooks (alice.ipynb, or alice/….ipynb), or the archive that Moodle
    or Canvas offers for download, packed or unpacked.
    """
    from unrolled.grading.tell import bounds

    read, found = _collected(assignment, submissions)
    for one in found:
        if one.problem:
            click.echo(f"{one.student}: {bounds.clipped(one.problem)}")
            continue
        open_ = {str(stop.ending) for stop in one.endings.values()}
        answered = len(read.exercises) - len(one.endings)
        rest = "".join(
            f", {sum(str(stop.ending) == kind for stop in one.endings.values())} {kind}"
            for kind in sorted(open_)
        )
        late = ", late" if one.late else ""
        click.echo(f"{one.student}: {answered} of {len(read.exercises)} answered{rest}{late}")
        for note in bounds.few((*one.notes, *one.notes_for_instructor)):
            click.echo(f"    {note}")
    bad = sum(one.problem is not None for one in found)
    click.echo(
        f"{len(found)} students" + (f", {bad} without a notebook that can be read" if bad else "")
    )


@main.command()
@click.argument("assignment", type=FILE)
@click.argument("submissions", type=ANY)
@click.argument("results", type=FOLDER)
@click.option("--workers", type=click.IntRange(1), help="Processes; by default one a core.")
@click.option("--scheduler", metavar="ADDRESS", help="Of a Dask cluster that does the work.")
@click.option("--again", is_flag=True, help="Also what is graded already.")
@click.option("--unconfined", is_flag=True, help="Without a sandbox, if there is none.")
def grade(assignment, submissions, results, workers, scheduler, again, unconfined):
    """Grade SUBMISSIONS into the folder RESULTS.

    Each submission runs in a sandbox of its own, made by bubblewrap. Where there is none nothing is
    run, unless --unconfined says so: then students' code can read and change all that you can. A
    run that was interrupted goes on where it stopped when the same command is given again.
    """
    from unrolled.grading.judge.grade import grade as run
    from unrolled.grading.store import gradebook

    read, found = _collected(assignment, submissions)
    options = {"scheduler": scheduler, "again": again, "unconfined": unconfined}
    graded = run(read, found, results, workers=workers, **options)
    counts = {}
    for one in graded:
        for mark in one.marks:
            counts[mark.ending] = counts.get(mark.ending, 0) + 1
    for ending, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        click.echo(f"{count:6} {ending}")
    open_ = gradebook.for_a_person(gradebook.read(results))
    click.echo(f"{len(graded)} students graded into {results}")
    if open_:
        click.echo(f"{open_} need a person's look: see class.html of `report`")
    limited = sum(one.sandbox != "bubblewrap" for one in graded)
    if limited:
        click.echo(
            f"WARNING: {limited} of {len(graded)} ran without a sandbox: their code could read the "
            "secret and change any file, these results too; no mark of this class can be trusted",
            err=True,
        )


@main.command()
@click.argument("assignment", type=FILE)
@click.argument("submissions", type=ANY)
@click.argument("results", type=FOLDER)
@click.argument("exercise")
@click.option("--workers", type=click.IntRange(1), help="Processes; by default one a core.")
@click.option("--scheduler", metavar="ADDRESS", help="Of a Dask cluster that does the work.")
@click.option("--unconfined", is_flag=True, help="Without a sandbox, if there is none.")
def regrade(assignment, submissions, results, exercise, workers, scheduler, unconfined):
    """Grade one EXERCISE of all SUBMISSIONS again, and show what changed for whom.

    For a check that had a fault, or new points: every other mark in RESULTS stays as it is. The
    table is kept as regraded-EXERCISE.csv in RESULTS.
    """
    from unrolled.grading.judge.regrade import regrade as run
    from unrolled.grading.tell import changes

    read, found = _collected(assignment, submissions)
    options = {"workers": workers, "scheduler": scheduler, "unconfined": unconfined}
    made = run(read, found, results, exercise, **options)
    path = changes.write(results, exercise, made)
    for line in changes.lines(made):
        click.echo(line)
    click.echo(f"{len(made)} of {len(found)} changed: {path}")


@main.group()
def marks():
    """Mark by hand: answers in words, and whatever else a person has to decide."""


@marks.command("collect")
@click.argument("results", type=FOLDER)
@click.argument("out", type=FOLDER)
@click.option("--anonymous", is_flag=True, help="Codes instead of names.")
@click.option("--force", is_flag=True, help="Replace a table that is there.")
def marks_collect(results, out, anonymous, force):
    """Write a page for each question, and marks.csv to fill in, to OUT."""
    from unrolled.grading.tell import marking

    made = marking.collect(results, out, anonymous, force)
    click.echo(f"wrote {', '.join(made)} to {out}")


@marks.command("read")
@click.argument("results", type=FOLDER)
@click.argument("table", type=FILE)
def marks_read(results, table):
    """Take the points and comments of a filled-in marks.csv into RESULTS.

    A line that cannot be right (no such student, too many points) is named, and nothing is taken.
    """
    from unrolled.grading.tell import marking

    count, left = marking.read(results, table)
    click.echo(f"{count} marks read, {left} still open")


@main.command()
@click.argument("results", type=FOLDER)
@click.argument("out", type=FOLDER)
@click.option("--roster", type=FILE, help="A table of your learning system, to fill in.")
@click.option("--overwrite", is_flag=True, help="In that table, also where a mark stands already.")
@click.option("--column", metavar="TITLE", help="Of that table, if it is not found by its title.")
@click.option(
    "--named-by",
    type=click.Choice(NAMED),
    help="What the files are named by, if you named them and the table does not show it.",
)
@click.option(
    "--as-zero",
    type=click.Choice(BLANKS),
    multiple=True,
    help="Count this as zero in the tables instead of leaving it blank; may be repeated.",
)
@click.option("--exercises-only", is_flag=True, help="Totals without the answers in words.")
@click.option("--book", metavar="URL", help="Address of the book's site, for links to sections.")
def report(results, out, book, **options):
    """Write tables, feedback and the class page to OUT.

    grades.csv is for a spreadsheet; feedback/ has a page for each student; class.html is for you.
    With --roster, the marks are in the table that your learning system exported, and roster.csv
    says what became of each of its lines. What a person has to decide is blank.
    """
    from unrolled.grading.tell import report as reports

    for sentence in reports.write(results, out, reports.Options(**options), book):
        click.echo(f"note: {sentence}")
    click.echo(f"wrote {out}: begin with {out / 'class.html'}")


@main.command()
@click.argument("results", type=FOLDER)
@click.argument("group", required=False)
@click.option("--read", "filled", type=FILE, metavar="FILE", help="Take a file that is filled in.")
@click.option("--forget", is_flag=True, help="Take the name of GROUP back.")
def name(results, group, filled, forget):
    """Name a mistake that a GROUP of students made.

    The class page shows wrong answers that the lab has no name for, grouped by what they give.
    With GROUP this prints a file to fill in: the mistake's name, what to say to the student, the
    section to read again. With --read it takes that file into RESULTS. Every answer of the group
    then bears the name, in the feedback too; no answer is run again. --forget takes a name back.
    """
    from unrolled.grading.tell import naming

    if (group is None) == (filled is None):
        raise click.UsageError("give GROUP, or --read FILE")
    if forget:
        if group is None:
            raise click.UsageError("--forget: give GROUP")
        taken = naming.forget(results, group)
        click.echo(f"{taken.exercise}, {taken.name}: taken back; give `report` again")
        return
    if group is not None:
        click.echo(naming.skeleton(results, group), nl=False)
        return
    mistake, students = naming.read(results, filled)
    count = f"{len(students)} student{'s' * (len(students) != 1)}"
    click.echo(f"{mistake.exercise}, {mistake.name}: {count}; give `report` again")


if __name__ == "__main__":
    sys.exit(main(prog_name="python -m unrolled"))
