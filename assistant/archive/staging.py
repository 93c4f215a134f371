"""Unpacks a backup beside the home and makes it ready to take the home's place, which changes nothing yet."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Generator
from pathlib import Path
from typing import Final

from assistant.archive import settings_file
from assistant.archive.backup import DATABASE, OWN_FILES, OWN_FOLDERS, SETTINGS
from assistant.archive.manifest import Manifest, own_name
from assistant.archive.reader import ArchiveReader
from assistant.archive.steps import ArchiveStep
from assistant.archive.writer import discard
from assistant.errors import ArchiveRefused, DatabaseDamaged, DatabaseTooNew
from assistant.memory import snapshot
from assistant.memory.inspection import inspect
from assistant.memory.schema import STEPS
from assistant.paths import Paths

_log = logging.getLogger(__name__)
PENDING: Final = "pending"
"""The draft that outlives a start: a checked backup that is put in place by the next one."""


def unpacked(paths: Paths, archive: Path, staged: Path) -> Generator[ArchiveStep, None, Manifest]:
    """Everything in it is compared with what it says of itself, and its database read through.

    Whoever asked removes `staged` when this fails. Raises ArchiveRefused, DatabaseTooNew, DatabaseDamaged or DiskFull.
    """
    reader = ArchiveReader(archive, "backup")
    names = {entry.name for entry in reader.manifest.files}
    if reader.manifest.database > STEPS[-1].number:
        reader.close()
        raise DatabaseTooNew(path=archive, found=reader.manifest.database, known=STEPS[-1].number)
    if DATABASE not in names or any(not _is_known(name) for name in names):
        reader.close()
        raise ArchiveRefused(archive, "incomplete")
    yield from reader.unpacked(staged)
    yield ArchiveStep("checking", reader.manifest.size, reader.manifest.size)
    check(staged / DATABASE)
    _place_documents(paths, staged)
    return reader.manifest


def check(database: Path) -> None:
    """Raises DatabaseDamaged or DatabaseTooNew."""
    report = inspect(database)
    if report is None or report.problems:
        raise DatabaseDamaged(path=database, reason=report.problems[0] if report else "missing")
    if report.schema > report.known_schema:
        raise DatabaseTooNew(path=database, found=report.schema, known=report.known_schema)


def fit_settings(paths: Paths, staged: Path) -> None:
    """Give the settings that are to come the keys that are here; may be broken off and done again."""
    settings = staged / SETTINGS
    if not settings.is_file():
        return
    draft = staged / f"{SETTINGS}.new"
    if paths.settings.is_file() and settings_file.is_usable(paths.settings):
        merged = settings_file.with_secrets_of(settings.read_text("utf-8"), paths.settings.read_text("utf-8"))
        draft.touch(mode=0o600)
        draft.write_text(merged, "utf-8")
        draft.replace(settings)
    if not settings_file.is_usable(settings):
        # A setting of another version must not keep Patina from starting.
        _log.warning("the settings of the backup cannot be used here, those of this home stay")
        if paths.settings.is_file():
            shutil.copyfile(paths.settings, draft)
            draft.replace(settings)
        else:
            settings.unlink()


def _is_known(name: str) -> bool:
    first, _, rest = name.partition("/")
    return first in {"attachments", "documents", *OWN_FOLDERS} if rest else first in {DATABASE, SETTINGS, *OWN_FILES}


def _place_documents(paths: Paths, staged: Path) -> None:
    """Give documents that lie nowhere else a place in the home."""
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
