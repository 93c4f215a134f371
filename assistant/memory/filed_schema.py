"""Which documents came through which chat, so that they are listed there."""

from __future__ import annotations

from typing import Final

import sqlite_utils

from assistant.memory.migrations import run_script

_FILED: Final = """
CREATE TABLE filed (
    bot_id INTEGER NOT NULL,
    chat_id INTEGER NOT NULL,
    document_id TEXT NOT NULL,
    filed_at REAL NOT NULL,
    PRIMARY KEY (bot_id, chat_id, document_id)
) WITHOUT ROWID;
"""


def filed(tables: sqlite_utils.Database) -> None:
    """The documents themselves lie in the assistant's database, which may be on another machine."""
    run_script(tables, _FILED)
