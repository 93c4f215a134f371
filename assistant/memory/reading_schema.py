"""The table of pages that were recognised in files that are not read to the end yet."""

from __future__ import annotations

from typing import Final

import sqlite_utils

from assistant.memory.migrations import run_script

_READING: Final = """
CREATE TABLE pages_read (
    document_id TEXT NOT NULL REFERENCES documents(id) ON DELETE CASCADE,
    page INTEGER NOT NULL CHECK (page > 0),
    sha256 TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (document_id, page)
) WITHOUT ROWID;
UPDATE documents SET modified_at = added_at WHERE origin = 'text' AND modified_at = 0;
"""
"""`sha256` is the file's: of one that has changed nothing is used. Pasted text had no time of its last change, and was
hidden by every search for what is newer than some day."""


def reading(tables: sqlite_utils.Database) -> None:
    run_script(tables, _READING)
