"""A look at the database for `patina doctor`, from outside: nothing is created, migrated or written."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from assistant.errors import DatabaseDamaged
from assistant.memory.schema import STEPS


@dataclass(frozen=True, slots=True)
class DatabaseReport:
    """`size` in bytes with its log; `problems` as SQLite's own check words them, empty when it is sound."""

    size: int
    schema: int
    known_schema: int
    problems: tuple[str, ...]


def inspect(path: Path) -> DatabaseReport | None:
    """None when there is no database yet; DatabaseDamaged when it cannot even be read."""
    if not path.exists():
        return None
    files = (path, path.with_name(f"{path.name}-wal"))
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as connection:
            checked = [str(row[0]) for row in connection.execute("PRAGMA quick_check")]
            schema = connection.execute("SELECT max(number) FROM migrations").fetchone()[0]
    except sqlite3.Error as error:
        raise DatabaseDamaged(path=path, reason=str(error)) from error
    return DatabaseReport(
        size=sum(file.stat().st_size for file in files if file.exists()),
        schema=schema or 0,
        known_schema=STEPS[-1].number,
        problems=() if checked == ["ok"] else tuple(checked),
    )
