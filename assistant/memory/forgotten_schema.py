"""The deleted chunks whose vectors are still to be removed."""

from __future__ import annotations

from typing import Final

import sqlite_utils

_FORGOTTEN: Final = """
CREATE TABLE forgotten_chunks (id INTEGER PRIMARY KEY);
CREATE TRIGGER chunk_forgotten AFTER DELETE ON chunks WHEN old.embedded = 1 BEGIN
    INSERT INTO forgotten_chunks VALUES (old.id);
END;
INSERT INTO forgotten_chunks SELECT 0 FROM sqlite_sequence WHERE name = 'chunks';
"""
"""No chunk has the number 0: it lets the next start look through the vector index once, for what was left there before
deletions were noted."""


def forgotten_chunks(tables: sqlite_utils.Database) -> None:
    """Written with the deletion, so that a crash behind it is made good: only then is anything removed from Chroma."""
    tables.executescript(_FORGOTTEN)
