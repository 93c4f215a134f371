"""Disk and database."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from assistant.errors.base import AssistantError


class StorageError(AssistantError):
    """The disk or the database refuses."""


@dataclass(eq=False)
class DiskFull(StorageError):
    """Sizes in bytes; `needed` is zero when the operating system did not say."""

    path: Path
    needed: int
    free: int


@dataclass(eq=False)
class HomeNotWritable(StorageError):
    path: Path
    reason: str


@dataclass(eq=False)
class FileNotWritable(StorageError):
    """A file that a person asked for cannot be written."""

    path: Path
    reason: str


@dataclass(eq=False)
class HomeInUse(StorageError):
    """Another Patina (`pid`) holds this home; `address` is where its page answers, if it serves one."""

    path: Path
    pid: int
    address: str | None


@dataclass(eq=False)
class DatabaseTooNew(StorageError):
    path: Path
    found: int
    known: int


@dataclass(eq=False)
class DatabaseDamaged(StorageError):
    path: Path
    reason: str


@dataclass(eq=False)
class MigrationFailed(StorageError):
    """The database is as it was before; `backup` is a copy of it."""

    number: int
    name: str
    backup: Path | None
    reason: str
