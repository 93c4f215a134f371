"""What deleting has to know: the chunks whose vectors are still to be removed, and who brought which documents."""

from __future__ import annotations

from typing import Final

import sqlite_utils

from assistant.memory.migrations import run_script

_FORGOTTEN: Final = """
CREATE TABLE forgotten_chunks (id INTEGER PRIMARY KEY);
CREATE TRIGGER chunk_forgotten AFTER DELETE ON chunks WHEN old.embedded = 1 BEGIN
    INSERT INTO forgotten_chunks VALUES (old.id);
END;
CREATE TABLE brought_documents (
    document_id TEXT NOT NULL REFERENCES documents(id) ON DELETE CASCADE,
    person_id TEXT NOT NULL REFERENCES people(id) ON DELETE CASCADE,
    PRIMARY KEY (document_id, person_id)
) WITHOUT ROWID;
CREATE INDEX brought_documents_by_person ON brought_documents(person_id);
INSERT INTO forgotten_chunks SELECT 0 FROM sqlite_sequence WHERE name = 'chunks';
"""
"""Forgotten chunks are written with the deletion, so that a crash behind it is made good: only then is anything removed
from Chroma. None has the number 0: it lets the next start look through the vector index once, for what was left there
before deletions were noted. What no person in here brought is the owner's."""


def forgotten(tables: sqlite_utils.Database) -> None:
    run_script(tables, _FORGOTTEN)
