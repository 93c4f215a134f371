"""Brings one file over HTTP, going on where an earlier attempt stopped, and lets no wrong file through."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import json
import re
import shutil
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final, Protocol

import httpx

from assistant.errors import DiskFull, DownloadInterrupted, HashMismatch
from assistant.models.sources.base import RemoteFile, interrupted, refused

_CHUNK: Final = 1 << 20
_ATTEMPTS: Final = 4
_RETRIED: Final = {408, 425, 429, 500, 502, 503, 504}
_NO_ROOM: Final = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


class Appendable(Protocol):
    """An unbuffered file: what `write` says is written is on its way to the disk."""

    def write(self, data: Any, /) -> int | None: ...
    def close(self) -> None: ...


def free_space(path: Path) -> int:
    """Bytes free where `path` lies or will lie."""
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free


def append_to(path: Path) -> Appendable:
    return path.open("ab", buffering=0)


class Transfer:
    """Fetches files one at a time. `pause` is the seconds before a second attempt; later ones wait longer."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        free: Callable[[Path], int] = free_space,
        opened: Callable[[Path], Appendable] = append_to,
        pause: float = 0.5,
    ) -> None:
        self._client = client
        self._free = free
        self._opened = opened
        self._pause = pause

    async def fetch(self, file: RemoteFile, target: Path) -> AsyncGenerator[tuple[int, int | None], None]:
        """Yields bytes received and bytes in all, until `target` is whole and has the sha256 `file` names.

        What has arrived stays beside it as `target`.part, whatever happens. Raises DownloadInterrupted after some
        attempts without progress, DiskFull, and HashMismatch (then the part is removed).
        """
        partial = _Partial(target, self._opened)
        try:
            await partial.resume(file)
            attempts = 0
            while True:
                before = partial.received
                try:
                    async with aclosing(self._stream(file, partial)) as progress:
                        async for step in progress:
                            yield step
                    break
                except DownloadInterrupted as error:
                    attempts = attempts + 1 if partial.received <= before else 1
                    if attempts >= _ATTEMPTS or not _worth_retrying(error):
                        raise
                    await asyncio.sleep(self._pause * 2**attempts)
            partial.finish(file)
        finally:
            partial.close()

    async def _stream(self, file: RemoteFile, partial: _Partial) -> AsyncGenerator[tuple[int, int | None], None]:
        headers = {"Accept-Encoding": "identity", **file.headers, **partial.range_headers(file)}
        try:
            async with self._client.stream("GET", file.url, headers=headers) as response:
                total = _total(response, partial, file)
                if total is not None and response.status_code == 416:
                    return
                self._ensure_room(partial, total or file.size)
                partial.note(file, response.headers.get("ETag", ""))
                async for chunk in response.aiter_bytes(_CHUNK):
                    partial.append(chunk, self._free)
                    yield partial.received, total
        except httpx.HTTPError as error:
            raise interrupted(file.url, error, partial.received, file.size) from error
        if total is not None and partial.received < total:
            raise DownloadInterrupted(file.url, partial.received, total, "connection_lost")

    def _ensure_room(self, partial: _Partial, total: int | None) -> None:
        needed = (total or 0) - partial.received
        free = self._free(partial.path)
        if needed > free:
            raise DiskFull(partial.path, needed, free)


class _Partial:
    """`target`.part, its running sha256, and a note of which file it is the beginning of."""

    def __init__(self, target: Path, opened: Callable[[Path], Appendable]) -> None:
        self._target = target
        self.path = target.with_name(f"{target.name}.part")
        self._noted = target.with_name(f"{target.name}.part.json")
        self._opened = opened
        self._file: Appendable | None = None
        self._digest = hashlib.sha256()
        self._etag = ""
        self.received = 0

    async def resume(self, file: RemoteFile) -> None:
        """Take up what an earlier attempt left, if it is surely the beginning of the same file."""
        self._target.parent.mkdir(parents=True, exist_ok=True)
        note = _read_note(self._noted)
        same_content = file.sha256 is not None and note.get("sha256") == file.sha256
        same_place = note.get("url") == file.url and bool(note.get("etag"))
        if not (self.path.is_file() and (same_content or same_place)):
            return self.restart()
        self._etag = str(note["etag"]) if same_place else ""
        await asyncio.to_thread(self._hash_what_is_there)
        return None

    def _hash_what_is_there(self) -> None:
        with self.path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                self._digest.update(chunk)
                self.received += len(chunk)

    def range_headers(self, file: RemoteFile) -> dict[str, str]:
        if not self.received:
            return {}
        headers = {"Range": f"bytes={self.received}-"}
        if self._etag and file.sha256 is None:
            headers["If-Range"] = self._etag
        return headers

    def note(self, file: RemoteFile, etag: str) -> None:
        # A weak ETag does not promise the same bytes.
        self._etag = "" if etag.startswith("W/") else etag
        self._noted.write_text(json.dumps({"url": file.url, "etag": self._etag, "sha256": file.sha256}), "utf-8")

    def append(self, chunk: bytes, free: Callable[[Path], int]) -> None:
        self._file = self._file or self._opened(self.path)
        rest = memoryview(chunk)
        try:
            while rest:
                written = self._file.write(rest) or 0
                self._digest.update(rest[:written])
                self.received += written
                rest = rest[written:]
        except OSError as error:
            if error.errno in _NO_ROOM:
                raise DiskFull(self.path, len(rest), free(self.path)) from error
            raise

    def restart(self) -> None:
        self.close()
        self.path.unlink(missing_ok=True)
        self._digest = hashlib.sha256()
        self.received = 0

    def finish(self, file: RemoteFile) -> None:
        self.close()
        actual = self._digest.hexdigest()
        if file.sha256 is not None and actual != file.sha256:
            self.restart()
            self._noted.unlink(missing_ok=True)
            raise HashMismatch(self._target, file.sha256, actual)
        self.path.replace(self._target)
        self._noted.unlink(missing_ok=True)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _total(response: httpx.Response, partial: _Partial, file: RemoteFile) -> int | None:
    """The size of the whole file as the server says; starts over where it did not go on from our place."""
    status = response.status_code
    place = re.match(r"bytes (?:(\d+)-\d+|\*)/(\d+)", response.headers.get("Content-Range", ""))
    if status == 206 and place and place.group(1) == str(partial.received):
        return int(place.group(2))
    if status == 416 and place and int(place.group(2)) == partial.received:
        return partial.received
    if status in (206, 416):
        # Not our place: another file lies there by now, or the server counts differently.
        partial.restart()
        raise DownloadInterrupted(file.url, 0, file.size, "connection_lost")
    if status != 200:
        raise refused(file.url, status, partial.received, file.size)
    partial.restart()
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdigit() else file.size


def _worth_retrying(error: DownloadInterrupted) -> bool:
    status = re.fullmatch(r"HTTP (\d+)", error.reason)
    if status:
        return int(status.group(1)) in _RETRIED
    return error.reason in {"connection_lost", "no_answer"}


def _read_note(path: Path) -> dict[str, Any]:
    try:
        note = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}
