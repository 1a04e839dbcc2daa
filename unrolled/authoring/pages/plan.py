"""The course plan."""

from unrolled import exercises
from unrolled.authoring.lint import PLAN
from unrolled.authoring.pages.facts import chapters
from unrolled.authoring.pages.generated import Generated


def setup(app):
    app.add_directive("course-plan", CoursePlan)


class CoursePlan(Generated):
    """One session for each chapter: what to read and which lab to assign, in minutes and points."""

    def run(self):
        rows = [
            "| session | before it, read | minutes | after it, assign | minutes | points |",
            "|---|---|---|---|---|---|",
            *(self.session(chapter) for chapter in chapters(self.root)),
        ]
        return [self.parsed("\n".join(rows), ["course-plan"])]

    def session(self, chapter):
        name = f"lab{chapter.number:02}"
        page = f"[{chapter.title}](/chapters/{chapter.stem}.md)"
        minutes = f"{chapter.prose_minutes:.0f}, with the code {chapter.minutes:.0f}"
        row = f"| {chapter.number} | {page} | {minutes} |"
        source = self.root / "solutions" / f"{name}_{chapter.topic}.md"
        if name not in exercises.names() or not source.exists():
            return f"{row} | | |"
        lab = exercises.load(name)
        minutes = PLAN.search(source.read_text("utf-8"))
        planned = "–".join(minutes.groups()) if minutes else ""  # lint asks for it
        points = sum(exercise.points for exercise in lab.exercises.values())
        spoken = sum(question.points for question in lab.questions.values())
        link = f"[lab {chapter.number}](/labs/{source.stem}.ipynb)"
        spoken = f" + {spoken}" if spoken else ""
        return f"{row} {link} | {planned} | {points}{spoken} |"
