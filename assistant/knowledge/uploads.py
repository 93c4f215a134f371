"""The library's own folder: bytes of documents that lie nowhere else, under names that no sender chose."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import time
import unicodedata
from collections.abc import AsyncIterable, Callable, Collection
from pathlib import Path, PurePosixPath
from typing import Final, ParamSpec

from ulid import ULID

from assistant.errors import DiskFull, DocumentUnreadable, HomeNotWritable
from assistant.knowledge.kinds import LARGEST

P = ParamSpec("P")

_DRAFT: Final = ".part"
_ENDING: Final = re.compile(r"[a-z0-9]{1,10}")
_LONGEST_NAME: Final = 300
"""Characters of a name as it is shown, folders included; its end is kept."""
_KEPT_FREE: Final = 50_000_000
"""Bytes that an upload leaves free on the disk: the database must be able to write that it failed."""
_BLOCK: Final = 1 << 20


class Uploads:
    """Made on the disk when it is first used. `clock` is the wall clock, in seconds; `free` how many bytes a disk has
    left."""

    def __init__(
        self,
        folder: Path,
        largest: int = LARGEST,
        clock: Callable[[], float] = time.time,
        free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        self._folder = folder
        self._largest = largest
        self._clock = clock
        self._free = free

    def path(self, stored: str) -> Path:
        return self._folder / stored

    async def receive(self, name: str, data: AsyncIterable[bytes], modified_at: float | None = None) -> str:
        """Write what comes to the disk as it comes; the name it has there. `modified_at` is its sender's, of the file.

        Raises DocumentUnreadable as soon as it is too large, DiskFull and HomeNotWritable; nothing is left then.
        """
        stored = f"{ULID()}.{_ending(name)}"
        draft = self.path(stored + _DRAFT)
        size, waiting = 0, bytearray()
        try:
            await _to_its_end(self._begin, draft)
            async for piece in data:
                size += len(piece)
                self.check_size(name, size)
                waiting += piece
                if len(waiting) >= _BLOCK:
                    await _to_its_end(self._append, draft, bytes(waiting))
                    waiting.clear()
            await _to_its_end(self._append, draft, bytes(waiting))
            await _to_its_end(self._end, draft, stored, modified_at)
        except BaseException:
            draft.unlink(missing_ok=True)
            self.path(stored).unlink(missing_ok=True)
            raise
        return stored

    def check_size(self, name: str, size: int) -> None:
        """Raises DocumentUnreadable for more than may be taken."""
        if size > self._largest:
            raise DocumentUnreadable(Path(shown_name(name)), "too_large")

    def remove(self, stored: str) -> None:
        if stored:
            self.path(stored).unlink(missing_ok=True)

    def sweep(self, needed: Collection[str]) -> None:
        """Remove what a process left that was killed in the middle of an upload or of deleting one."""
        if self._folder.is_dir():
            for path in self._folder.iterdir():
                if path.name not in needed:
                    path.unlink(missing_ok=True)

    def _begin(self, draft: Path) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft.touch(mode=0o600)
        except OSError as error:
            raise HomeNotWritable(path=self._folder, reason=error.strerror or str(error)) from error

    def _append(self, draft: Path, piece: bytes) -> None:
        free = self._free(self._folder)
        if free < len(piece) + _KEPT_FREE:
            raise DiskFull(path=self._folder, needed=len(piece) + _KEPT_FREE, free=free)
        try:
            with draft.open("ab") as file:
                file.write(piece)
        except OSError as error:
            raise DiskFull(path=self._folder, needed=len(piece), free=free) from error

    def _end(self, draft: Path, stored: str, modified_at: float | None) -> None:
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        now = self._clock()
        # A sender's clock may say anything.
        when = modified_at if modified_at is not None and 0 < modified_at <= now else now
        os.utime(draft, (now, when))
        draft.replace(self.path(stored))


def shown_name(name: str) -> str:
    """A sender's name for a file, as it may be shown: folders stay, ways out of them do not, nor what turns a line
    around or cannot be seen."""
    visible = "".join(one for one in name if unicodedata.category(one) not in {"Cc", "Cf", "Cs"})
    parts = [part for part in re.split(r"[/\\]+", visible) if part.strip(". ") and not re.fullmatch(r"[A-Za-z]:", part)]
    return "/".join(part.strip() for part in parts)[-_LONGEST_NAME:].strip("/ ") or "document"


def numbered(name: str, number: int) -> str:
    """The name of a further document that is called the same: report (2).pdf."""
    path = PurePosixPath(name)
    return str(path.with_name(f"{path.stem} ({number}){path.suffix}")) if path.name else f"{name} ({number})"


async def _to_its_end(step: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
    """In a thread. Cancelled, it is waited for all the same: it would go on, and bring back what was removed."""
    running = asyncio.ensure_future(asyncio.to_thread(step, *args, **kwargs))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise


def _ending(name: str) -> str:
    found = PurePosixPath(shown_name(name)).suffix.lower().lstrip(".")
    return found if _ENDING.fullmatch(found) else "bin"
