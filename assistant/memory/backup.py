"""Consistent copies of the database, made while it is in use."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

KEPT: Final = 10
"""Copies that stay; older ones go when a new one is complete."""
_EXPIRE_S: Final = 30 * 86_400.0


def copy(connection: sqlite3.Connection, folder: Path, label: str) -> Path:
    """Copy the whole database into `folder` and return the copy, named by time (UTC) and `label`.

    The copy appears under its name only when it is complete; a failing one leaves nothing behind.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
    target = folder / f"patina-{moment}-{label}.db"
    draft = target.with_suffix(".part")
    try:
        draft.touch(mode=0o600)
        with closing(sqlite3.connect(draft)) as copied:
            connection.backup(copied)
        draft.replace(target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    for old in sorted(folder.glob("patina-*.db"))[:-KEPT]:
        old.unlink()
    return target


def expire(folder: Path, now: float) -> None:
    """Remove copies that are a month old: they still hold whatever was deleted since they were made."""
    for copied in folder.glob("patina-*.db"):
        if now - copied.stat().st_mtime > _EXPIRE_S:
            copied.unlink(missing_ok=True)
