"""Consistent copies of the database, made while it is in use."""

from __future__ import annotations

import logging
import os
import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

_log = logging.getLogger(__name__)
KEPT: Final = 10
"""Copies that stay; older ones go when a new one is complete."""
_EXPIRE_S: Final = 30 * 86_400.0
_AFTER_ERASURE_S: Final = 86_400.0
"""By then it has shown whether the upgrade that a copy was made before went well."""
_MADE: Final = re.compile(r"patina-(\d{8}T\d{12}Z)-")


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


def hasten(folder: Path, now: float) -> None:
    """Something is deleted that copies still hold: they go when they are a day old, at once where they are."""
    try:
        for copied in folder.glob("patina-*.db"):
            found = copied.stat()
            expired = _made_at(copied, found.st_mtime) + _AFTER_ERASURE_S - _EXPIRE_S
            if expired < found.st_mtime:
                os.utime(copied, (found.st_atime, expired))
        expire(folder, now)
    except OSError as error:  # what is to be deleted is deleted all the same
        _log.warning("copies of the database stay for now: %s", error)


def _made_at(copied: Path, otherwise: float) -> float:
    """As its name says: the time of the file says only when it goes."""
    found = _MADE.match(copied.name)
    return datetime.strptime(found[1], "%Y%m%dT%H%M%S%fZ").replace(tzinfo=UTC).timestamp() if found else otherwise


def expire(folder: Path, now: float) -> None:
    """Remove copies that are a month old, or a day where something was deleted since they were made."""
    for copied in folder.glob("patina-*.db"):
        if now - copied.stat().st_mtime > _EXPIRE_S:
            copied.unlink(missing_ok=True)
