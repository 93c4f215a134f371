"""Brings an older database up to the schema this Patina knows, or leaves it exactly as it was."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, TypeAlias

import sqlite_utils

from assistant.errors import DatabaseDamaged, DatabaseTooNew, MigrationFailed
from assistant.memory import backup

Change: TypeAlias = Callable[[sqlite_utils.Database], None]

_RECORDS: Final = """
CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at REAL NOT NULL)
"""


@dataclass(frozen=True, slots=True)
class Step:
    """One numbered change of the schema; `change` runs inside a transaction and must not end it."""

    number: int
    name: str
    change: Change


def apply(tables: sqlite_utils.Database, steps: Sequence[Step], path: Path, backups: Path) -> None:
    """Apply what is missing, all of it or nothing, each step together with its record.

    A database with content is copied into `backups` first. Raises DatabaseTooNew for a step unknown here,
    DatabaseDamaged for a file that is not ours or has a gap in its steps, MigrationFailed when a step fails.
    """
    done = _applied(tables, path)
    known = [step.number for step in steps]
    if done and done[-1] > known[-1]:
        raise DatabaseTooNew(path=path, found=done[-1], known=known[-1])
    if done != known[: len(done)]:
        raise DatabaseDamaged(path=path, reason="half_migrated")
    missing = steps[len(done) :]
    if not missing:
        return
    copied = backup.copy(tables.conn, backups, f"before-{missing[0].number:03}") if tables.table_names() else None
    # Rebuilding a table drops the old one; with foreign keys on, that would delete every row pointing to it.
    tables.execute("PRAGMA foreign_keys = OFF")
    try:
        _run(tables, missing, copied)
    finally:
        tables.execute("PRAGMA foreign_keys = ON")


def run_script(tables: sqlite_utils.Database, script: str) -> None:
    """What a step does, where that is SQL alone: statement by statement, so that the transaction goes on.

    sqlite-utils' own way asks SQLite after every letter whether a statement is whole, which took two thirds of the
    time in which a new database is made.
    """
    for statement in _statements(script):
        tables.conn.execute(statement)


@cache
def _statements(script: str) -> tuple[str, ...]:
    """A semicolon need not end one: it may stand in a text, or in a trigger."""
    whole: list[str] = []
    begun = ""
    for piece in re.findall(r"[^;]*;|[^;]+$", script):
        begun += piece
        if sqlite3.complete_statement(begun):
            whole.append(begun)
            begun = ""
    return (*whole, begun) if begun.strip() else tuple(whole)


def _run(tables: sqlite_utils.Database, missing: Sequence[Step], copied: Path | None) -> None:
    step = missing[0]
    try:
        tables.execute("BEGIN IMMEDIATE")
        tables.execute(_RECORDS)
        for step in missing:
            with tables.atomic():
                step.change(tables)
                tables.execute("INSERT INTO migrations VALUES (?, ?, ?)", (step.number, step.name, time.time()))
        _check_references(tables)
        tables.commit()
    except Exception as error:
        tables.rollback()
        if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL:
            raise  # a full disk is not the step's fault, and has its own sentence
        raise MigrationFailed(number=step.number, name=step.name, backup=copied, reason=str(error)) from error
    except BaseException:
        tables.rollback()
        raise


def _check_references(tables: sqlite_utils.Database) -> None:
    broken = list(tables.query("PRAGMA foreign_key_check"))
    if broken:
        raise sqlite3.IntegrityError(f"{len(broken)} rows point to nothing, the first in {broken[0]['table']}")


def _applied(tables: sqlite_utils.Database, path: Path) -> list[int]:
    names = set(tables.table_names())
    if not names:
        return []
    if "migrations" not in names:
        raise DatabaseDamaged(path=path, reason="not_ours")
    return [int(row["number"]) for row in tables.query("SELECT number FROM migrations ORDER BY number")]
