"""Which document a question is about, where a person sent the two together."""

from __future__ import annotations

from typing import Final

import sqlite_utils

from assistant.memory.migrations import run_script

_ASKED: Final = """
CREATE TABLE turn_documents (
    turn_id TEXT PRIMARY KEY REFERENCES turns(id) ON DELETE CASCADE,
    document_id TEXT NOT NULL REFERENCES documents(id) ON DELETE CASCADE
);
CREATE INDEX turn_documents_by_document ON turn_documents(document_id);
CREATE INDEX documents_by_content ON documents(sha256);
"""


def asked(tables: sqlite_utils.Database) -> None:
    """The row goes with the turn, and with the document."""
    run_script(tables, _ASKED)
