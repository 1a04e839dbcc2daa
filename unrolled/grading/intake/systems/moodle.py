"""Moodle: "Download all submissions", the grading worksheet, the gradebook's export."""

import re
from collections import Counter
from dataclasses import replace

from unrolled.grading.intake.system import (
    Layout,
    Owner,
    System,
    indices,
    people,
    student_id,
)
from unrolled.grading.model import Person

# A folder "Full Name_12345_assignsubmission_file_", or all in one file name.
PATTERN = re.compile(
    r"(?P<name>.+)_(?P<id>\d+)_assignsubmission_(?P<kind>[a-z]+)(?:_(?P<file>.*))?", re.DOTALL
)
# "Participant 12345", in whatever language: words, then a number.
PARTICIPANT = re.compile(r"(?P<word>(?:\D*[^\d\s])?)\s*+(?P<id>\d++)", re.DOTALL)
NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
NAMES = ("Full name", "Vollständiger Name", "Nom complet", "Nombre completo", "Nome completo")
NAMES += ("Volledige naam", "Nome e cognome", "Fullt navn", "Fullständigt namn", "Koko nimi")
FIRST = ("First name", "Vorname", "Prénom", "Nombre", "Nome", "Voornaam")
LAST = ("Last name", "Surname", "Nachname", "Nom de famille", "Nom", "Apellido(s)", "Cognome")
LAST += ("Apellidos", "Achternaam", "Sobrenome")
SID = ("ID number", "ID-Nummer", "Numéro d'identification", "Número de ID", "Codice identificativo")
LOGIN = ("Username", "Anmeldename", "Nom d'utilisateur", "Nombre de usuario", "Gebruikersnaam")
ADDRESS = ("Email address", "E-Mail-Adresse", "Adresse de courriel", "Dirección de correo")
ADDRESS += ("E-mailadres", "Indirizzo email", "Endereço de email")
COMMENT = ("Feedback comments", "Feedback als Kommentar", "Feedback par commentaires")
COMMENT += ("Comentarios de retroalimentación", "Commenti di feedback", "Feedbackopmerkingen")
# a grade in the gradebook's export is one of "Assignment: Lab 1 (Real)", in whatever language
ITEM = re.compile(r"(?:[^:]+:)\s*(?P<title>.+?)\s*\([^()]+\)", re.DOTALL)


class Moodle(System):
    """Folders or files named after the participant, and two tables in the language of the site."""

    name, target, order = "Moodle", "moodle.csv", 10
    archive = "feedback-moodle.zip"

    def owner(self, parts):
        match = PATTERN.fullmatch(parts[0])
        if match is None:
            return None
        student = student_id(f"{match['name']}_{match['id']}")
        file = parts[-1] if len(parts) > 1 else match["file"] or parts[-1]
        return Owner(
            student,
            Person(
                self.name,
                number=match["id"],
                name=match["name"],
                returns=f"{match['name']}_{match['id']}_assignsubmission_file_/feedback.html",
            ),
            file,
            beside=match["kind"] != "file",
        )

    @classmethod
    def layout(cls, table, wanted):
        return cls._worksheet(table) or cls._gradebook(table, wanted)

    @classmethod
    def known_tables(cls):
        return (
            "Moodle's grading worksheet (a column of identifiers as `Participant 12345`, one of "
            "marks, one of the highest mark, in any language)",
            "Moodle's gradebook, exported as plain text (names, `Email address` or `ID number`, "
            "and columns as `Assignment: Lab 1 (Real)`)",
        )

    @classmethod
    def _worksheet(cls, table):
        """By its shape: the words depend on the language, the order of the columns does not."""
        if not table.rows or len(table.columns) < 3:
            return None
        identifiers = [PARTICIPANT.fullmatch(row[0].strip()) for row in table.rows if row]
        if not identifiers or None in identifiers:
            return None
        first = {match["word"] for match in identifiers}
        if len(first) > 1 or first == {""}:
            return None
        known = indices(table.columns, grade=("Grade", "Bewertung", "Note", "Calificación"))
        grade = known.get("grade") or cls._before_the_maximum(table)
        if grade is None:
            return None
        places = indices(
            table.columns, name=NAMES, sid=SID, login=LOGIN, address=ADDRESS, first=FIRST, last=LAST
        )
        comment = indices(table.columns, comment=COMMENT).get("comment")
        found = people(cls.name, table.rows, {"number": 0} | places)
        found = {row: _numbered(person) for row, person in found.items() if person.number}
        limit = grade + 1 if grade + 1 < len(table.columns) else None
        return Layout("Moodle's grading worksheet", found, grade, comment=comment, limit=limit)

    @staticmethod
    def _before_the_maximum(table):
        """The column of marks stands before that of the highest mark, one number in all rows."""
        for index in range(2, len(table.columns)):
            values = Counter(row[index].strip() for row in table.rows if index < len(row))
            if len(values) == 1 and NUMBER.fullmatch(next(iter(values))):
                return index - 1
        return None

    @classmethod
    def _gradebook(cls, table, wanted):
        places = indices(
            table.columns, sid=SID, login=LOGIN, address=ADDRESS, name=NAMES, first=FIRST, last=LAST
        )
        named = "name" in places or {"first", "last"} <= places.keys()
        items = [i for i, column in enumerate(table.columns) if ITEM.fullmatch(column)]
        if not named or not items or not {"sid", "login", "address"} & places.keys():
            return None
        grade = wanted.find(table.columns, items, lambda title: ITEM.fullmatch(title)["title"])
        return Layout(
            "Moodle's gradebook",
            people(cls.name, table.rows, places),
            grade,
            title=f"Assignment: {wanted.titles[0]} (Real)",
        )


def _numbered(person):
    return replace(person, number=PARTICIPANT.fullmatch(person.number)["id"])
