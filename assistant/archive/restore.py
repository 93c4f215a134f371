"""Puts what a backup holds into a home. What was there is set aside for a month.

A crash on the way is made good at the next start: the home is then the one before or the one after, nothing between.
"""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from typing import Final

from ulid import ULID

from assistant.archive import set_aside
from assistant.archive.backup import DATABASE, OWN_FILES, OWN_FOLDERS, SETTINGS
from assistant.archive.staging import PENDING, check, fit_settings, unpacked
from assistant.archive.steps import ArchiveStep, Work
from assistant.archive.writer import discard
from assistant.errors import DatabaseDamaged, DatabaseTooNew
from assistant.memory.database import explained
from assistant.paths import Paths

_log = logging.getLogger(__name__)
_OURS: Final = (
    DATABASE,
    f"{DATABASE}-wal",
    f"{DATABASE}-shm",
    "attachments",
    "documents",
    SETTINGS,
    *OWN_FILES,
    *OWN_FOLDERS,
)
"""What makes way. Models, logs, one's own metrics and what was measured of this machine belong to it, and stay."""
_DERIVED: Final = ("chroma", "chroma-passages", "states")
"""What was computed from that, and can be again: it goes."""
_MARK: Final = "restoring.json"


def restore(paths: Paths, archive: Path) -> Work:
    """Make the home what the backup says it was; the caller holds the home's lock and has nothing of it open.

    Raises ArchiveRefused, DatabaseTooNew, DatabaseDamaged or DiskFull, and then nothing has changed.
    """
    with explained(paths.home):
        paths.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    finish(paths)
    staged = paths.drafts / str(ULID())
    try:
        manifest = yield from unpacked(paths, archive, staged)
        discard(paths.drafts / PENDING)  # this one is the later word
        aside = _begin(paths, staged)
    except BaseException:
        discard(staged)
        raise
    finish(paths)
    yield ArchiveStep("done", path=str(aside) if aside.exists() else "", counts=manifest.counts)


def put_in_place(paths: Paths) -> bool:
    """What waits for nobody to use the home, see `assistant.archive.pending`; False when there is nothing, or nothing
    that this Patina can open, which then goes on waiting."""
    staged = paths.drafts / PENDING
    if not staged.is_dir():
        return False
    try:
        check(staged / DATABASE)
    except (DatabaseDamaged, DatabaseTooNew) as error:
        _log.error("what was to be restored is left where it is: %s", error)
        return False
    _begin(paths, staged)
    finish(paths)
    return True


def _begin(paths: Paths, staged: Path) -> Path:
    """From here on it is carried to its end, now or at the next start; returns where what is here will lie."""
    fit_settings(paths, staged)
    aside = paths.set_aside / f"{time.strftime('%Y-%m-%d-%H%M%S')}-{str(ULID())[-4:]}"
    with explained(paths.home):
        _write(paths.home / _MARK, {"staged": staged.name, "aside": aside.name, "names": _entries(staged)})
    return aside


def finish(paths: Paths) -> None:
    """Carry a restore that was broken off to its end, if there was one; can itself be broken off anywhere."""
    mark = paths.home / _MARK
    if not mark.exists():
        return
    told = json.loads(mark.read_text("utf-8"))
    staged, aside = paths.drafts / told["staged"], paths.set_aside / told["aside"]
    with explained(paths.home):
        for name in _OURS:
            here, new = paths.home / name, staged / name
            # One that was to come and is not in the staged folder any more has come.
            if (new.exists() or name not in told["names"]) and here.exists():
                aside.mkdir(mode=0o700, parents=True, exist_ok=True)
                here.replace(aside / name)
            if new.exists():
                new.replace(here)
        for name in _DERIVED:
            discard(paths.home / name)
        if aside.is_dir():
            set_aside.note(aside)
        # Under another name before the mark goes: what is left of it must not look like one that waits.
        left = paths.drafts / f"{ULID()}.old"
        if staged.exists():
            staged.replace(left)
        mark.unlink()
    discard(left)
    _log.info("restored; what was there lies in %s", aside)


def _entries(staged: Path) -> list[str]:
    return sorted(set(_OURS) & {entry.name for entry in staged.iterdir()})


def _write(mark: Path, told: dict[str, str | list[str]]) -> None:
    draft = mark.with_suffix(".new")
    draft.write_text(json.dumps(told), "utf-8")
    draft.replace(mark)


def sweep(paths: Paths) -> bool:
    """At start: finish what was broken off, put in place what waited for it, and remove what was being made when a
    process died, or was set aside long ago. Returns whether the home is now another one."""
    interrupted = (paths.home / _MARK).exists()
    finish(paths)
    placed = put_in_place(paths)
    set_aside.expire(paths)
    if (paths.drafts / PENDING).is_dir():
        for draft in paths.drafts.iterdir():
            if draft.name != PENDING:
                discard(draft)
    else:
        discard(paths.drafts)
    return interrupted or placed
