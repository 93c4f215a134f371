"""The column that says what a turn was about when its prompt was chosen."""

from __future__ import annotations

from typing import Final

import sqlite_utils

from assistant.memory.migrations import run_script

_INTENT: Final = "ALTER TABLE turns ADD COLUMN intent TEXT NOT NULL DEFAULT '';"
"""Kept, although it follows from the questions: the rules it follows by may change, and what was said of an answer
belongs to the labels it was made under."""


def intents(tables: sqlite_utils.Database) -> None:
    run_script(tables, _INTENT)
