"""What was in a home before something was restored into it: there for a month, in case it was the wrong backup. Then it
goes, because what a person deletes meanwhile is still in it."""

from __future__ import annotations

import datetime as dt
import logging
from pathlib import Path
from typing import Final

from assistant.archive.writer import discard
from assistant.paths import Paths

_log = logging.getLogger(__name__)
DAYS: Final = 30
_UNTIL: Final = "until.txt"
"""The day, for people too: a folder without this file stays."""


def note(folder: Path, today: dt.date | None = None) -> None:
    """Say in the folder how long it stays; said once."""
    file = folder / _UNTIL
    if not file.exists():
        until = (today or dt.date.today()) + dt.timedelta(days=DAYS)
        file.write_text(f"{until.isoformat()}\n", "utf-8")


def until(folder: Path) -> dt.date | None:
    """Its last day; None where it stays until somebody removes it."""
    try:
        return dt.date.fromisoformat((folder / _UNTIL).read_text("utf-8").strip())
    except (OSError, ValueError):
        return None


def folders(paths: Paths) -> list[Path]:
    """Oldest first."""
    return sorted(one for one in paths.set_aside.iterdir() if one.is_dir()) if paths.set_aside.is_dir() else []


def expire(paths: Paths, today: dt.date | None = None) -> None:
    """Remove those whose last day has passed."""
    for folder in folders(paths):
        last = until(folder)
        if last is not None and last < (today or dt.date.today()):
            discard(folder)
            _log.info("what was set aside by a restore is removed after %d days: %s", DAYS, folder)
