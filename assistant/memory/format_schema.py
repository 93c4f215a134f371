"""How somebody wants answers drawn in a messenger."""

from __future__ import annotations

from typing import Final

import sqlite_utils

from assistant.memory.migrations import run_script

_FORMATS: Final = """
CREATE TABLE formats (
    bot_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    format TEXT NOT NULL CHECK (format IN ('text', 'rich')),
    PRIMARY KEY (bot_id, user_id)
) WITHOUT ROWID;
"""


def formats(tables: sqlite_utils.Database) -> None:
    """A matter of one messenger's clients, and therefore kept by its bot."""
    run_script(tables, _FORMATS)
