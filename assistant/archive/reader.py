"""Reads an archive that may come from anywhere: nothing in it is believed before it was compared with its manifest.

Names that lead out, links, files that are missing or too many, other sizes or hashes, and what unpacks to far more than
it should are refused before anything of it is used.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, Protocol

from pydantic import ValidationError

from assistant.archive.manifest import FORMAT, NAME, FileEntry, Kind, Manifest, is_safe
from assistant.archive.steps import BLOCK, ArchiveStep, Work
from assistant.errors import ArchiveRefused, DiskFull
from assistant.memory.database import explained

_LARGEST_MANIFEST: Final = 200_000_000
_MOST_FILES: Final = 1_000_000
_RATIO: Final = 100
_FREE_OF_RATIO: Final = 200_000_000
"""An archive may unpack to this many bytes, and beyond it to so many times its own size."""
_SPARE: Final = 50_000_000
"""Bytes that stay free on the disk something is unpacked to."""


class Place(Protocol):
    """Where an archive lies: the sizes of the files in it by their names, and a way to read one."""

    def sizes(self) -> dict[str, int]: ...

    def open(self, name: str) -> IO[bytes]: ...

    def close(self) -> None: ...


class ArchiveReader:
    """Raises ArchiveRefused for anything that is not as an archive of this `kind` has to be."""

    def __init__(self, path: Path, kind: Kind) -> None:
        self._path = path
        if not path.exists():
            raise ArchiveRefused(path, "missing")
        with self._refusing():
            self._place: Place = _Folder(path) if path.is_dir() else _Zip(path)
        try:
            with self._refusing():
                self.manifest = self._described(kind)
        except BaseException:
            self.close()
            raise

    def checked(self) -> Work:
        """Read every file and compare it with the manifest."""
        with self._closing():
            yield from self._all(None)

    def unpacked(self, into: Path) -> Work:
        """Write every file below `into`, which is made; whoever asked removes it when this fails."""
        with self._closing():
            free = shutil.disk_usage(next(folder for folder in into.parents if folder.exists())).free
            if free < self.manifest.size + _SPARE:
                raise DiskFull(path=into, needed=self.manifest.size + _SPARE, free=free)
            with explained(into):
                into.mkdir(mode=0o700, parents=True)
                yield from self._all(into)

    def close(self) -> None:
        self._place.close()

    def _all(self, into: Path | None) -> Work:
        done, total = 0, self.manifest.size
        for entry in self.manifest.files:
            target = None if into is None else into / entry.name
            if target is not None:
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            for size in self._one(entry, target):
                done += size
                yield ArchiveStep("checking" if into is None else "unpacking", done, total)

    def _one(self, entry: FileEntry, target: Path | None) -> Iterator[int]:
        digest, left = hashlib.sha256(), entry.size
        with self._refusing(), self._place.open(entry.name) as source:
            file = None
            if target is not None:
                target.touch(mode=0o600)
                file = target.open("wb")
            try:
                # One byte more than there should be is asked for, so that a file which is longer shows.
                while block := source.read(min(BLOCK, left + 1)):
                    left -= len(block)
                    if left < 0:
                        raise ArchiveRefused(self._path / entry.name, "damaged")
                    digest.update(block)
                    if file is not None:
                        file.write(block)
                    yield len(block)
            finally:
                if file is not None:
                    file.close()
        if left or digest.hexdigest() != entry.sha256:
            raise ArchiveRefused(self._path / entry.name, "damaged")

    def _described(self, kind: Kind) -> Manifest:
        sizes = self._place.sizes()
        if NAME not in sizes:
            raise ArchiveRefused(self._path, "not_ours")
        if sizes[NAME] > _LARGEST_MANIFEST or len(sizes) > _MOST_FILES:
            raise ArchiveRefused(self._path, "bomb")
        for name in sizes:
            if not is_safe(name):
                raise ArchiveRefused(self._path / "…", "paths")
        with self._place.open(NAME) as file:
            text = file.read(sizes[NAME] + 1)
        manifest = _read(text, self._path)
        if manifest.kind != kind:
            raise ArchiveRefused(self._path, f"not_{kind}")
        if manifest.format > FORMAT:
            raise ArchiveRefused(self._path, "newer")
        if {one.name: one.size for one in manifest.files} != {n: size for n, size in sizes.items() if n != NAME}:
            raise ArchiveRefused(self._path, "incomplete")
        if isinstance(self._place, _Zip) and manifest.size > _FREE_OF_RATIO + _RATIO * self._path.stat().st_size:
            raise ArchiveRefused(self._path, "bomb")
        return manifest

    @contextmanager
    def _closing(self) -> Iterator[None]:
        try:
            yield
        finally:
            self.close()

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        try:
            yield
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise ArchiveRefused(self._path, "damaged" if zipfile.is_zipfile(self._path) else "not_ours") from error
        except PermissionError as error:
            raise ArchiveRefused(self._path, "unreadable") from error


class _Zip:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._zip = zipfile.ZipFile(path)

    def sizes(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for info in self._zip.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in {0, stat.S_IFREG} or info.is_dir():
                raise ArchiveRefused(self._path, "links" if kind == stat.S_IFLNK else "incomplete")
            if info.flag_bits & 0x1:
                raise ArchiveRefused(self._path, "encrypted")
            if info.filename in found or info.orig_filename != info.filename:
                raise ArchiveRefused(self._path, "paths")  # a NUL, or the same name twice
            found[info.filename] = info.file_size
        return found

    def open(self, name: str) -> IO[bytes]:
        return self._zip.open(name)

    def close(self) -> None:
        self._zip.close()


class _Folder:
    def __init__(self, path: Path) -> None:
        self._path = path

    def sizes(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for file in self._path.rglob("*"):
            kind = file.lstat().st_mode
            if stat.S_ISLNK(kind) or not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
                raise ArchiveRefused(file, "links")
            if stat.S_ISREG(kind):
                found[file.relative_to(self._path).as_posix()] = file.lstat().st_size
        return found

    def open(self, name: str) -> IO[bytes]:
        return (self._path / name).open("rb")

    def close(self) -> None:
        return None


def _read(text: bytes, path: Path) -> Manifest:
    try:
        return Manifest.model_validate_json(text)
    except (ValidationError, RecursionError) as error:
        newer = isinstance(error, ValidationError) and b'"made_by": "patina"' in text[:1000] and _is_newer(text)
        raise ArchiveRefused(path, "newer" if newer else "not_ours") from error


def _is_newer(text: bytes) -> bool:
    """A later format may look another way; what it is called stays."""
    found = re.search(rb'"format":\s*(\d{1,9})', text[:1000])
    return found is not None and int(found[1]) > FORMAT
