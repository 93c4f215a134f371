"""A restore asked for while the home is in use: it is unpacked and checked now, shown, and, once it is confirmed, waits
for the next start, which puts it in place before anything is opened.

Killed at any moment the home is the old one or the new one, whole: what was not confirmed is gone at the next start,
what was confirmed is one folder under a name that start looks for.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydantic import ValidationError
from ulid import ULID

from assistant.archive.manifest import Manifest
from assistant.archive.staging import PENDING, unpacked
from assistant.archive.steps import ArchiveStep, Work, told
from assistant.archive.writer import discard
from assistant.codec import dump, load
from assistant.errors import ArchiveRefused
from assistant.memory.database import explained
from assistant.paths import Paths

_TOLD: Final = "backup.json"


@dataclass(frozen=True, slots=True)
class Restorable:
    """A backup that was unpacked and found whole; `made_at` in seconds since the epoch, `size` in bytes unpacked."""

    id: str
    made_at: float
    version: str
    size: int
    counts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Standing:
    """`offered` wants to be confirmed, `waiting` was; `can_restart` says whether this process may be begun anew by
    whoever asks, so that it need not wait long."""

    offered: Restorable | None = None
    waiting: Restorable | None = None
    can_restart: bool = False


class RestoreDesk:
    """One backup is offered at a time, and one waits: a later one takes its place."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._offered: Restorable | None = None
        self._pending = paths.drafts / PENDING
        self._unpacking = asyncio.Lock()
        self.on_restart: Callable[[], None] | None = None
        """Ends this process so that it begins anew; given by what runs it, where it can."""

    async def offer(self, archive: Path) -> AsyncGenerator[ArchiveStep, None]:
        """Unpack and check a backup; the last step's `path` is the id by which `confirm` takes it.

        Raises ArchiveRefused, DatabaseTooNew, DatabaseDamaged or DiskFull.
        """
        async with self._unpacking, aclosing(told(self._offering(archive))) as steps:
            async for step in steps:
                yield step

    async def confirm(self, id: str) -> Standing:
        """Let what was offered under this id take the home's place at the next start. Raises ArchiveRefused."""
        async with self._unpacking:
            if self._offered is None or self._offered.id != id:
                raise ArchiveRefused(Path("patina.zip"), "gone")
            await asyncio.to_thread(self._confirm, id)
            self._offered = None
        return await self.standing()

    async def withdraw(self) -> Standing:
        """Restore nothing: neither what was offered nor what waits."""
        async with self._unpacking:
            await asyncio.to_thread(self._drop, PENDING)
            if self._offered is not None:
                await asyncio.to_thread(self._drop, self._offered.id)
                self._offered = None
        return await self.standing()

    async def standing(self) -> Standing:
        waiting = await asyncio.to_thread(_read, self._pending / _TOLD)
        return Standing(self._offered, waiting, self.on_restart is not None)

    async def restart(self) -> bool:
        """End this process and begin it anew, with what waits in place; False where nothing waits, or it cannot be."""
        if self.on_restart is None or (await self.standing()).waiting is None:
            return False
        self.on_restart()
        return True

    def _offering(self, archive: Path) -> Work:
        id = str(ULID())
        staged = self._paths.drafts / id
        try:
            manifest = yield from unpacked(self._paths, archive, staged)
            found = _described(id, manifest)
            with explained(staged):
                (staged / _TOLD).write_text(json.dumps(dump(found)), "utf-8")
        except BaseException:
            discard(staged)
            raise
        before, self._offered = self._offered, found
        if before is not None:
            self._drop(before.id)
        yield ArchiveStep("done", manifest.size, manifest.size, path=id, counts=found.counts)

    def _confirm(self, id: str) -> None:
        self._drop(PENDING)
        with explained(self._paths.drafts):
            (self._paths.drafts / id).replace(self._pending)

    def _drop(self, name: str) -> None:
        """Under another name first: half of a folder must never be one that waits."""
        folder = self._paths.drafts / name
        if folder.is_dir():
            going = folder.replace(self._paths.drafts / f"{ULID()}.old")
            discard(going)


def _described(id: str, manifest: Manifest) -> Restorable:
    return Restorable(id, manifest.made_at, manifest.version, manifest.size, dict(manifest.counts))


def _read(file: Path) -> Restorable | None:
    """What a folder that waits says of itself; one that says nothing readable waits all the same."""
    if not file.parent.is_dir():
        return None
    try:
        return load(Restorable, json.loads(file.read_text("utf-8")))
    except (OSError, ValueError, ValidationError):
        return Restorable("", 0.0, "", 0)
