"""Which buttons stand below which message of a messenger's bot."""

from __future__ import annotations

from typing import Final

import sqlite_utils

from assistant.memory.migrations import run_script

_DRAWN: Final = """
CREATE TABLE drawn (
    bot_id INTEGER NOT NULL,
    chat_id INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    marks TEXT NOT NULL,
    drawn_at REAL NOT NULL,
    PRIMARY KEY (bot_id, chat_id, message_id)
) WITHOUT ROWID;
CREATE INDEX drawn_by_age ON drawn(drawn_at);
"""


def drawn(tables: sqlite_utils.Database) -> None:
    """A row for each message with buttons, not for each button; of a button there is only a short digest."""
    run_script(tables, _DRAWN)
