"""The archives of a Patina that runs elsewhere: made there, kept here; or kept here, taken in there."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import httpx

from assistant.archive.manifest import Kind
from assistant.archive.pending import Standing
from assistant.archive.reader import ArchiveReader
from assistant.archive.steps import BLOCK, ArchiveStep, told
from assistant.archive.writer import discard, unpacked, zipped
from assistant.codec import load
from assistant.errors import ArchiveRefused, RemoteModelFailed
from assistant.memory.database import explained

Stream: TypeAlias = Callable[..., Awaitable[AsyncGenerator[Any, None]]]
"""Of a method, a path, a body and what reads a line."""
Steps: TypeAlias = AsyncGenerator[ArchiveStep, None]


class ArchiveClient:
    """`send` sends a request and raises what the other side says is wrong with it; `lines` reads its events."""

    def __init__(
        self,
        stream: Stream,
        send: Callable[..., Awaitable[httpx.Response]],
        lines: Callable[..., AsyncGenerator[Any, None]],
        http: httpx.AsyncClient,
    ) -> None:
        self._stream = stream
        self._send = send
        self._lines = lines
        self._http = http
        self.restoring = RestoreClient(send, lines, http)

    async def backup(self, target: Path, *, secrets: bool = False) -> Steps:
        """Made there, and kept at `target` here."""
        async with aclosing(self._fetched("backup", target, secrets=secrets)) as steps:
            async for step in steps:
                yield step

    async def export(self, target: Path) -> Steps:
        """Made there, and kept at `target` here."""
        async with aclosing(self._fetched("export", target, secrets=False)) as steps:
            async for step in steps:
                yield step

    async def take(self, archive: Path, *, people: bool = False) -> Steps:
        """An export of this machine; a folder is packed first."""
        with tempfile.TemporaryDirectory(prefix="patina-") as folder:
            if await asyncio.to_thread(archive.is_dir):
                packed = Path(folder) / "export.zip"
                await asyncio.to_thread(zipped, archive, packed)
                archive = packed
            ArchiveReader(archive, "export").close()  # what is wrong with it is said before it is sent
            request = self._http.build_request(
                "POST", "/archives/import", params={"people": people}, content=_blocks(archive)
            )
            response = await self._send(request, stream=True)
            async with aclosing(self._lines(response, partial(load, ArchiveStep))) as steps:
                async for step in steps:
                    yield step

    async def _fetched(self, kind: Kind, target: Path, *, secrets: bool) -> Steps:
        folder = kind == "export" and target.suffix.lower() != ".zip"
        if await asyncio.to_thread(target.exists):
            raise ArchiveRefused(target, "exists")
        last: ArchiveStep | None = None
        body = {"kind": kind, "secrets": secrets}
        async with aclosing(await self._stream("POST", "/archives", body, partial(load, ArchiveStep))) as steps:
            async for last in steps:
                if last.stage != "done":
                    yield last
        if last is None or last.stage != "done":
            raise RemoteModelFailed(url=str(self._http.base_url), status=None, reason="cut_off")
        draft = target.with_name(f".{target.name}.part")
        try:
            with explained(target):
                await asyncio.to_thread(target.parent.mkdir, parents=True, exist_ok=True)
                async for step in self._received(last.path, draft):
                    yield step
                async with aclosing(told(ArchiveReader(draft, kind).checked())) as checking:
                    async for step in checking:
                        yield step
                if folder:
                    await asyncio.to_thread(unpacked, draft, target)
                    discard(draft)
                else:
                    draft.replace(target)
        except BaseException:
            discard(draft)
            raise
        yield replace(last, path=str(target))

    async def _received(self, ticket: str, draft: Path) -> Steps:
        response = await self._send(self._http.build_request("GET", f"/archives/{ticket}"), stream=True)
        try:
            total, done = int(response.headers.get("content-length", 0)), 0
            await asyncio.to_thread(draft.touch, 0o600)
            with draft.open("wb") as file:
                async for block in response.aiter_bytes(BLOCK):
                    file.write(block)
                    done += len(block)
                    yield ArchiveStep("fetching", done, total)
                file.flush()
                os.fsync(file.fileno())
        except httpx.HTTPError as error:
            raise RemoteModelFailed(url=str(self._http.base_url), status=None, reason="cut_off") from error
        finally:
            await response.aclose()


class RestoreClient:
    """Restoring into a Patina that runs elsewhere: brought there, confirmed, and put in place when it starts next."""

    def __init__(
        self,
        send: Callable[..., Awaitable[httpx.Response]],
        lines: Callable[..., AsyncGenerator[Any, None]],
        http: httpx.AsyncClient,
    ) -> None:
        self._send = send
        self._lines = lines
        self._http = http

    async def offer(self, archive: Path) -> Steps:
        """A backup of this machine; the last step's `path` is the id to `confirm` it with."""
        with tempfile.TemporaryDirectory(prefix="patina-") as folder:
            if await asyncio.to_thread(archive.is_dir):
                packed = Path(folder) / "backup.zip"
                await asyncio.to_thread(zipped, archive, packed)
                archive = packed
            ArchiveReader(archive, "backup").close()  # what is wrong with it is said before it is sent
            request = self._http.build_request("POST", "/archives/restore", content=_blocks(archive))
            response = await self._send(request, stream=True)
            async with aclosing(self._lines(response, partial(load, ArchiveStep))) as steps:
                async for step in steps:
                    yield step

    async def confirm(self, id: str) -> Standing:
        return await self._standing("PUT", f"/archives/restore/{id}")

    async def withdraw(self) -> Standing:
        return await self._standing("DELETE", "/archives/restore")

    async def standing(self) -> Standing:
        return await self._standing("GET", "/archives/restore")

    async def restart(self) -> bool:
        response = await self._send(self._http.build_request("POST", "/archives/restart"), stream=False)
        return bool(response.json()["restarting"])

    async def _standing(self, method: str, path: str) -> Standing:
        response = await self._send(self._http.build_request(method, path), stream=False)
        return load(Standing, response.json())


async def _blocks(path: Path) -> AsyncGenerator[bytes, None]:
    with path.open("rb") as file:
        while block := await asyncio.to_thread(file.read, BLOCK):
            yield block
