"""The table of turns whose instructions were noted once."""

from __future__ import annotations

from typing import Final

import sqlite_utils

from assistant.memory.migrations import run_script

_RULED: Final = """
CREATE TABLE turns_ruled (turn_id TEXT PRIMARY KEY REFERENCES turns(id) ON DELETE CASCADE) WITHOUT ROWID;
INSERT INTO turns_ruled SELECT id FROM turns WHERE id NOT IN (SELECT turn_id FROM turns_read);
"""
"""What is said is noted by rule as soon as it is answered and read by the model later, which may take days: in between
an instruction may be forgotten, and then that later reading must not note it again. Of the turns that are still to be
read here, it is not known what was forgotten."""


def ruled(tables: sqlite_utils.Database) -> None:
    run_script(tables, _RULED)
