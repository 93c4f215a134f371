"""Days in fast motion: what happened before them is dated back."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

_DAY_S: Final = 86_400


def days_pass(database: Path, days: int) -> None:
    """In a database that may be in use: whoever reads of then and now reads the same distance in days."""
    with closing(sqlite3.connect(database, timeout=30)) as db, db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for _, column, kind, *_ in db.execute(f"PRAGMA table_info({table})").fetchall():
                if column.endswith("_at") and kind == "REAL":
                    db.execute(f"UPDATE {table} SET {column} = {column} - ? WHERE {column} > 0", (days * _DAY_S,))  # noqa: S608
        db.execute("UPDATE learning_days SET day = date(day, ?)", (f"-{days} days",))
