"""A backup: the whole home but models, indexes, logs and programs, as it was at one moment, in one file."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from ulid import ULID

from assistant.archive.manifest import FileEntry, Manifest, is_safe, safe_part
from assistant.archive.settings_file import without_secrets
from assistant.archive.steps import BLOCK, ArchiveStep, Work
from assistant.archive.writer import Member, discard, write
from assistant.memory import snapshot
from assistant.memory.database import Database, explained
from assistant.paths import Paths

DATABASE: Final = "patina.db"
SETTINGS: Final = "settings.toml"
OWN_FILES: Final = ("models.toml",)
OWN_FOLDERS: Final = ("prompts",)
"""What people write themselves. Their metrics are programs, which no archive carries."""


def backup(paths: Paths, db: Database, target: Path, version: str, *, secrets: bool = False) -> Work:
    """Write everything that is kept into `target`; tokens and keys only with `secrets`.

    The database and the files it refers to are taken at one moment, while others may go on. Files of documents that
    are not as they were read are left out: what was read of them is in the database.
    """
    yield ArchiveStep("gathering")
    drafts = paths.drafts / str(ULID())
    try:
        with explained(paths.drafts):
            drafts.mkdir(mode=0o700, parents=True)
        with db.held():  # nothing is deleted between the database and the files
            files = linked_files(paths.attachments, snapshot.take(db, drafts / DATABASE), drafts)
        yield ArchiveStep("gathering")
        taken = snapshot.settle(drafts / DATABASE)
        kept = [one for one in files if one.path.name in taken.attachments]
        members = [Member(DATABASE, taken.path), *kept]
        members += own_files(paths, drafts, secrets=secrets)
        for document in taken.documents:
            file = file_of(paths, document.source, document.stored)
            if is_as_read(file, document.sha256):
                name = safe_part(Path(document.source).name)
                members.append(Member(f"documents/{document.id}/{name}", file))
                yield ArchiveStep("gathering", len(members))
        counts = {**taken.counts, "files": len(members)}

        def describe(files: tuple[FileEntry, ...]) -> Manifest:
            return Manifest(
                kind="backup",
                database=taken.schema,
                version=version,
                made_at=time.time(),
                secrets=secrets,
                counts=counts,
                files=files,
            )

        yield from write(target, members, describe)
        yield ArchiveStep("done", path=str(target), counts=counts)
    finally:
        discard(drafts)


def _link(source: Path, target: Path) -> None:
    """The same content under another name, without copying it where the file system can do that."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def linked_files(folder: Path, digests: Iterable[str], drafts: Path) -> list[Member]:
    """Attachments under a second name in `drafts`, so that whoever deletes them meanwhile does not take them away."""
    (drafts / "attachments").mkdir()
    members = []
    for digest in sorted(digests):
        kept = drafts / "attachments" / digest
        if (folder / digest).is_file():
            _link(folder / digest, kept)
            members.append(Member(f"attachments/{digest}", kept))
    return members


def own_files(paths: Paths, drafts: Path, *, secrets: bool) -> list[Member]:
    """What people write themselves, settings first."""
    members = []
    if paths.settings.is_file():
        text = paths.settings.read_text("utf-8")
        kept = drafts / SETTINGS
        kept.touch(mode=0o600)
        kept.write_text(text if secrets else without_secrets(text), "utf-8")
        members.append(Member(SETTINGS, kept))
    members += [Member(name, paths.home / name) for name in OWN_FILES if (paths.home / name).is_file()]
    for folder in OWN_FOLDERS:
        for file in sorted((paths.home / folder).rglob("*")):
            name = file.relative_to(paths.home).as_posix()
            if file.is_file() and not file.is_symlink() and is_safe(name):
                members.append(Member(name, file))
    return members


def file_of(paths: Paths, source: str, stored: str) -> Path:
    """Where a document's file lies: in the home's own folder, or where it was found."""
    return paths.documents / stored if stored else Path(source)


def is_as_read(file: Path, sha256: str) -> bool:
    """Whether a document's file is still the one that was read."""
    digest = hashlib.sha256()
    try:
        if not file.is_file():
            return False
        with file.open("rb") as source:
            while block := source.read(BLOCK):
                digest.update(block)
    except OSError:
        return False
    return digest.hexdigest() == sha256
