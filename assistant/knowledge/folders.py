"""What can be read in a folder: looked through without following links to other folders, and never without end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from assistant.errors import DocumentUnreadable
from assistant.knowledge.kinds import READABLE, ending

MOST_FILES: Final = 20_000
"""Files that are taken from one folder; a larger one is somebody's whole disk, and refused with a sentence."""
_MOST_ENTRIES: Final = 1_000_000
"""Of every kind, those that cannot be read included: looking through so many takes some ten seconds."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """`size` in bytes, `modified_ns` since 1970."""

    path: Path
    size: int
    modified_ns: int

    @property
    def signature(self) -> str:
        """Changes whenever the file is written."""
        return f"{self.size}:{self.modified_ns}"


@dataclass(frozen=True, slots=True)
class FolderContents:
    files: tuple[FoundFile, ...]
    """In the order of their paths."""
    closed: tuple[Path, ...]
    """Folders in it that this program may not read."""


def look_through(folder: Path, most: int = MOST_FILES) -> FolderContents:
    """What lies below a hidden name is left out, and so is a link that leads out of the folder or to another one.

    Raises DocumentUnreadable: missing, forbidden, too_many.
    """
    if not folder.is_dir():
        raise DocumentUnreadable(folder, "missing")
    root = folder.resolve()
    files: list[FoundFile] = []
    closed: list[Path] = []
    waiting, looked_at = [folder], 0
    while waiting:
        inside = waiting.pop()
        try:
            for entry in _entries(inside):
                looked_at += 1
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(Path(entry.path))
                elif found := _file(entry, root):
                    files.append(found)
                if len(files) > most or looked_at > _MOST_ENTRIES:
                    raise DocumentUnreadable(folder, "too_many")
        except OSError as error:
            if inside == folder:
                raise DocumentUnreadable(folder, "forbidden") from error
            closed.append(inside)
    return FolderContents(tuple(sorted(files, key=lambda one: one.path)), tuple(closed))


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        yield from entries


def _file(entry: os.DirEntry[str], root: Path) -> FoundFile | None:
    path = Path(entry.path)
    if ending(path) not in READABLE:
        return None
    try:
        if entry.is_symlink() and not path.resolve(strict=True).is_relative_to(root):
            return None
        if not entry.is_file():
            return None
        found = entry.stat()
    except (OSError, RuntimeError):  # went away meanwhile, or a link that leads to itself
        return None
    return FoundFile(path, found.st_size, found.st_mtime_ns)
