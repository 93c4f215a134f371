"""Who brought which documents: what one person alone brought goes with them, all else is the library's."""

from __future__ import annotations

from typing import Final

import sqlite_utils

from assistant.errors import NotFound
from assistant.memory.database import Database

THEIRS: Final = """
documents.id IN (SELECT document_id FROM brought_documents WHERE person_id = :person) AND NOT EXISTS (
    SELECT 1 FROM brought_documents AS other WHERE other.document_id = documents.id AND other.person_id <> :person
)
"""
"""Documents that one person brought and nobody else."""


def note_bringer(db: Database, document_id: str, person_id: str | None, *, is_new: bool) -> None:
    """A person brought a document; None: the owner, whose it is from now on. One that `is_new` is theirs; one that was
    there is theirs too where it was somebody's, and else stays the library's. NotFound for nobody."""
    with db.transaction() as tables:
        person = None
        if person_id is not None:
            person = db.row("SELECT role FROM people WHERE id = ?", (person_id,))
            if person is None:
                raise NotFound("person", person_id)
        noted = db.row("SELECT 1 FROM brought_documents WHERE document_id = ?", (document_id,)) is not None
        if person is None or person["role"] == "owner":
            tables.execute("DELETE FROM brought_documents WHERE document_id = ?", (document_id,))
        elif is_new or noted:
            tables.execute("INSERT OR IGNORE INTO brought_documents VALUES (?, ?)", (document_id, person_id))


def may_remove(db: Database, document_id: str, person_id: str | None) -> bool:
    """Whether a document may go as they take it back: an owner's (None) wish, or nobody else's document. If not, they
    are noted for it no longer. NotFound for nobody."""
    if person_id is None:
        return True
    with db.transaction() as tables:
        person = db.row("SELECT role FROM people WHERE id = ?", (person_id,))
        if person is None:
            raise NotFound("person", person_id)
        rows = db.rows("SELECT person_id FROM brought_documents WHERE document_id = ?", (document_id,))
        noted = {row["person_id"] for row in rows}
        if person["role"] == "owner" or noted == {person_id}:
            return True
        tables.execute(
            "DELETE FROM brought_documents WHERE document_id = ? AND person_id = ?", (document_id, person_id)
        )
        return False


def leave_to_library(tables: sqlite_utils.Database, person_id: str) -> None:
    """What they brought is the library's from now on, and nobody else's either: they are an owner now."""
    tables.execute(
        "DELETE FROM brought_documents WHERE document_id IN"
        " (SELECT document_id FROM brought_documents WHERE person_id = ?)",
        (person_id,),
    )
