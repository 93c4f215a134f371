"""Writes an archive under a temporary name, reads it back, and only then gives it its own: it is whole or not there."""

from __future__ import annotations

import hashlib
import os
import shutil
import zipfile
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Protocol

from assistant.archive.manifest import NAME, FileEntry, Manifest
from assistant.archive.reader import ArchiveReader
from assistant.archive.steps import BLOCK, ArchiveStep, Work
from assistant.errors import ArchiveRefused
from assistant.memory.database import explained

_LEVEL: Final = 3
"""Of compression: twice as quick as the usual one for a few percent more bytes."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file of this machine and the name it gets."""

    name: str
    path: Path


class Sink(Protocol):
    """Where an archive is written to; `new` opens a file in it."""

    def new(self, name: str) -> IO[bytes]: ...

    def close(self) -> None: ...


class ZipSink:
    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path, "x", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL)
        path.chmod(0o600)

    def new(self, name: str) -> IO[bytes]:
        info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
        info.compress_type = zipfile.ZIP_DEFLATED
        info.external_attr = 0o600 << 16
        return self._zip.open(info, "w", force_zip64=True)

    def close(self) -> None:
        self._zip.close()


class FolderSink:
    def __init__(self, path: Path) -> None:
        path.mkdir(mode=0o700)
        self._path = path

    def new(self, name: str) -> IO[bytes]:
        target = self._path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch(mode=0o600, exist_ok=False)
        return target.open("wb")

    def close(self) -> None:
        return None


def write(
    target: Path, members: Sequence[Member], describe: Callable[[tuple[FileEntry, ...]], Manifest], folder: bool = False
) -> Work:
    """Pack `members` into a zip, or a folder, at `target`; `describe` makes the manifest of what they turned out to be.

    Raises ArchiveRefused where something is there already, DiskFull or HomeNotWritable where the disk refuses.
    """
    if target.exists():
        raise ArchiveRefused(target, "exists")
    total = sum(one.path.stat().st_size for one in members)
    with explained(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.part")
    with _draft(draft), explained(target):
        sink: Sink = FolderSink(draft) if folder else ZipSink(draft)
        try:
            entries = yield from _packed(sink, members, total)
            manifest = describe(entries)
            with sink.new(NAME) as file:
                file.write(manifest.model_dump_json(indent=1).encode())
        finally:
            sink.close()
        yield from ArchiveReader(draft, manifest.kind).checked()
        if not folder:
            with draft.open("rb+") as file:
                os.fsync(file.fileno())
        draft.replace(target)


def _packed(sink: Sink, members: Sequence[Member], total: int) -> Generator[ArchiveStep, None, tuple[FileEntry, ...]]:
    entries = []
    done = 0
    for member in members:
        digest, size = hashlib.sha256(), 0
        with member.path.open("rb") as source, sink.new(member.name) as file:
            while block := source.read(BLOCK):
                file.write(block)
                digest.update(block)
                size += len(block)
                done += len(block)
                yield ArchiveStep("packing", done, max(total, done))
        entries.append(FileEntry(name=member.name, size=size, sha256=digest.hexdigest()))
    return tuple(entries)


@contextmanager
def _draft(path: Path) -> Iterator[None]:
    """Nothing of an earlier try is in the way, and nothing of this one stays when it fails or is given up."""
    discard(path)
    try:
        yield
    except BaseException:
        discard(path)
        raise


def discard(path: Path) -> None:
    """A file or a folder, whether or not it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def zipped(folder: Path, target: Path) -> None:
    """An archive that is a folder as one file, with what it says of itself."""
    with explained(target), zipfile.ZipFile(target, "x", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as packed:
        for file in sorted(folder.rglob("*")):
            if file.is_file() and not file.is_symlink():
                packed.write(file, file.relative_to(folder).as_posix())


def unpacked(archive: Path, target: Path) -> None:
    """An archive that was checked as a folder, which is whole or not there."""
    draft = target.with_name(f".{target.name}.new")
    with _draft(draft), explained(target):
        draft.mkdir(mode=0o700)
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(draft)
        draft.replace(target)
