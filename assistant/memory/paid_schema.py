"""What was paid when: calls of idle learning by their day, and the seconds a run had taken at each of its answers."""

from __future__ import annotations

from typing import Final

import sqlite_utils

from assistant.memory.migrations import run_script

_PAID: Final = """
ALTER TABLE cells ADD COLUMN passed REAL NOT NULL DEFAULT 0 CHECK (passed >= 0);

CREATE TABLE learning_days (
    entry_id TEXT NOT NULL REFERENCES learning_log(id) ON DELETE CASCADE,
    day TEXT NOT NULL,
    calls INTEGER NOT NULL CHECK (calls > 0),
    PRIMARY KEY (entry_id, day)
) WITHOUT ROWID;
CREATE INDEX learning_days_by_day ON learning_days(day);

INSERT INTO learning_days (entry_id, day, calls)
SELECT id, date(began_at, 'unixepoch', 'localtime'), calls FROM learning_log WHERE calls > 0;
"""
"""A day is the person's own, as 2027-01-31. Of what was learned before, all calls count for the day it began on."""


def paid(tables: sqlite_utils.Database) -> None:
    run_script(tables, _PAID)
