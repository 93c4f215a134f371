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
_PASSED: Final = "passed.txt"
"""The day of the start that first saw it over."""


def note(folder: Path, today: dt.date | None = None) -> None:
    """Say in the folder how long it stays; said once."""
    file = folder / _UNTIL
    if not file.exists():
        until = (today or dt.date.today()) + dt.timedelta(days=DAYS)
        file.write_text(f"{until.isoformat()}\n", "utf-8")


def until(folder: Path) -> dt.date | None:
    """Its last day; None where it stays until somebody removes it."""
    return _day(folder / _UNTIL)


def folders(paths: Paths) -> list[Path]:
    """Oldest first."""
    return sorted(one for one in paths.set_aside.iterdir() if one.is_dir()) if paths.set_aside.is_dir() else []


def expire(paths: Paths, today: dt.date | None = None) -> None:
    """At a start: remove those whose last day has passed, if a start on an earlier day has seen that already. One start
    with a wrong clock removes nothing, and the next with a right one forgets what it saw."""
    today = today or dt.date.today()
    for folder in folders(paths):
        last, seen = until(folder), _day(folder / _PASSED)
        if last is not None and seen is not None and last < seen < today:
            discard(folder)
            _log.info("what was set aside by a restore is removed after %d days: %s", DAYS, folder)
            continue
        try:
            if last is None or last >= today:
                (folder / _PASSED).unlink(missing_ok=True)
            elif seen is None or not last < seen <= today:
                (folder / _PASSED).write_text(f"{today.isoformat()}\n", "utf-8")
        except OSError as error:  # it stays, and Patina starts
            _log.warning("what was set aside by a restore stays for now: %s", error)


def _day(file: Path) -> dt.date | None:
    try:
        return dt.date.fromisoformat(file.read_text("utf-8").strip())
    except (OSError, ValueError):
        return None
