"""The table of what a person did with answers in another home of theirs."""

from __future__ import annotations

from typing import Final

import sqlite_utils

from assistant.memory.migrations import run_script

_ELSEWHERE: Final = """
CREATE TABLE told_elsewhere (
    id TEXT PRIMARY KEY,
    prompt TEXT NOT NULL,
    language TEXT NOT NULL,
    is_opening INTEGER NOT NULL CHECK (is_opening IN (0, 1)),
    question TEXT NOT NULL,
    answer TEXT NOT NULL,
    version TEXT NOT NULL,
    model TEXT NOT NULL,
    answered_at REAL NOT NULL,
    kinds TEXT NOT NULL,
    measure REAL CHECK (measure BETWEEN 0 AND 1),
    edited TEXT,
    other TEXT,
    taken_at REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX told_elsewhere_by_prompt ON told_elsewhere(prompt, language);
"""
"""Named by the digest of what it says, so that the same file taken in twice is there once."""


def elsewhere(tables: sqlite_utils.Database) -> None:
    run_script(tables, _ELSEWHERE)
