"""Puts what a backup holds into a home. What was there is set aside, never destroyed.

A crash on the way is made good at the next start: the home is then the one before or the one after, nothing between.
"""

from __future__ import annotations

import json
import logging
import shutil
import time
from pathlib import Path
from typing import Final

from ulid import ULID

from assistant.archive import settings_file
from assistant.archive.backup import DATABASE, OWN_FILES, OWN_FOLDERS, SETTINGS
from assistant.archive.manifest import own_name
from assistant.archive.reader import ArchiveReader
from assistant.archive.steps import ArchiveStep, Work
from assistant.archive.writer import discard
from assistant.errors import ArchiveRefused, DatabaseDamaged, DatabaseTooNew
from assistant.memory import snapshot
from assistant.memory.database import explained
from assistant.memory.inspection import inspect
from assistant.memory.schema import STEPS
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
    "chroma",
    "chroma-passages",
    "states",
)
"""What makes way. Models, logs, one's own metrics and what was measured of this machine belong to it, and stay."""
_MARK: Final = "restoring.json"


def restore(paths: Paths, archive: Path) -> Work:
    """Make the home what the backup says it was; the caller holds the home's lock and has nothing of it open.

    Raises ArchiveRefused, DatabaseTooNew, DatabaseDamaged or DiskFull, and then nothing has changed.
    """
    with explained(paths.home):
        paths.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    finish(paths)
    reader = ArchiveReader(archive, "backup")
    names = {entry.name for entry in reader.manifest.files}
    if reader.manifest.database > STEPS[-1].number:
        reader.close()
        raise DatabaseTooNew(path=archive, found=reader.manifest.database, known=STEPS[-1].number)
    if DATABASE not in names or any(not _is_known(name) for name in names):
        reader.close()
        raise ArchiveRefused(archive, "incomplete")
    staged = paths.drafts / str(ULID())
    try:
        yield from reader.unpacked(staged)
        yield ArchiveStep("checking", reader.manifest.size, reader.manifest.size)
        _check(staged / DATABASE)
        _prepare(paths, staged)
        aside = paths.set_aside / f"{time.strftime('%Y-%m-%d-%H%M%S')}-{staged.name[-4:]}"
        with explained(paths.home):
            _write(paths.home / _MARK, {"staged": staged.name, "aside": aside.name, "names": _entries(staged)})
    except BaseException:
        discard(staged)
        raise
    finish(paths)
    yield ArchiveStep("done", path=str(aside) if aside.exists() else "", counts=reader.manifest.counts)


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
        mark.unlink()
    discard(staged)
    _log.info("restored; what was there lies in %s", aside)


def _is_known(name: str) -> bool:
    first, _, rest = name.partition("/")
    return first in {"attachments", "documents", *OWN_FOLDERS} if rest else first in {DATABASE, SETTINGS, *OWN_FILES}


def _check(database: Path) -> None:
    report = inspect(database)
    if report is None or report.problems:
        raise DatabaseDamaged(path=database, reason=report.problems[0] if report else "missing")
    if report.schema > report.known_schema:
        raise DatabaseTooNew(path=database, found=report.schema, known=report.known_schema)


def _prepare(paths: Paths, staged: Path) -> None:
    """Give documents that lie nowhere else a place in the home, and the settings the keys that are here."""
    stored: dict[str, tuple[str, str]] = {}
    for document in snapshot.documents_in(staged / DATABASE):
        folder = staged / "documents" / document.id
        brought = next(iter(sorted(folder.iterdir())), None) if folder.is_dir() else None
        if brought is None:
            continue
        original = Path(document.source)
        if document.stored or not original.is_file() or original.is_relative_to(paths.home):
            file = own_name(document.id, brought.name)
            stored[document.id] = (document.source if document.stored else brought.name, file)
            brought.replace(staged / "documents" / file)
        discard(folder)
    snapshot.repoint(staged / DATABASE, staged / "backups", stored)
    discard(staged / "backups")
    settings = staged / SETTINGS
    if paths.settings.is_file() and settings.is_file() and settings_file.is_usable(paths.settings):
        merged = settings_file.with_secrets_of(settings.read_text("utf-8"), paths.settings.read_text("utf-8"))
        settings.write_text(merged, "utf-8")
    if settings.is_file() and not settings_file.is_usable(settings):
        # A setting of another version must not keep Patina from starting.
        _log.warning("the settings of the backup cannot be used here, those of this home stay")
        settings.unlink()
        if paths.settings.is_file():
            shutil.copyfile(paths.settings, settings)


def _entries(staged: Path) -> list[str]:
    return sorted(set(_OURS) & {entry.name for entry in staged.iterdir()})


def _write(mark: Path, told: dict[str, str | list[str]]) -> None:
    draft = mark.with_suffix(".new")
    draft.write_text(json.dumps(told), "utf-8")
    draft.replace(mark)


def sweep(paths: Paths) -> None:
    """At start: finish what was broken off, and remove what was being made when a process died."""
    finish(paths)
    discard(paths.drafts)
