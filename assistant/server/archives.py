"""Archives over HTTP: made here and fetched with a ticket, brought here as the body of a request.

The page has no key of its own, so that what it fetches and brings goes by tickets that work once and cannot be guessed.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing
from pathlib import Path
from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response

from assistant.api import Assistant
from assistant.archive.manifest import safe_part
from assistant.archive.steps import ArchiveStep
from assistant.archive.writer import discard
from assistant.codec import dump
from assistant.errors import ArchiveRefused
from assistant.i18n import Language
from assistant.memory.database import explained
from assistant.server.errors import request_language
from assistant.server.streaming import EventStream, data_line


class Wanted(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kind: Literal["backup", "export"]
    secrets: bool = False


class ArchiveRoutes:
    def __init__(self, assistant: Assistant, language: Language) -> None:
        self._archives = assistant.archives
        self._language = language
        self.router = APIRouter(tags=["archives"])
        for method, path, endpoint in (
            ("POST", "/api/archives", self.prepare),
            ("POST", "/api/archives/import", self.take),
            ("GET", "/api/archives/restore", self.standing),
            ("POST", "/api/archives/restore", self.offer),
            ("PUT", "/api/archives/restore/{id}", self.confirm),
            ("DELETE", "/api/archives/restore", self.withdraw),
            ("POST", "/api/archives/restart", self.restart),
            ("GET", "/api/archives/{ticket}", self.fetch),
        ):
            self.router.add_api_route(path, endpoint, methods=[method], response_model=None)
        self.router.add_api_route(
            "/download/{ticket}", self.fetch, methods=["GET"], response_model=None, include_in_schema=False
        )
        self.router.add_api_route(
            "/upload/{ticket}", self.bring, methods=["POST"], response_model=None, include_in_schema=False
        )

    async def prepare(self, request: Request, body: Wanted) -> Response:
        """Make a backup or an export and tell how far it is; the last event's `path` is the ticket to fetch it with. In
        the client `archives.backup` and `archives.export`."""
        return self._told(request, self._archives.prepare(body.kind, secrets=body.secrets))

    async def fetch(self, ticket: str) -> Response:
        """The archive that was made, once."""
        found = self._archives.outbox.take(ticket)
        return FileResponse(
            found.path,
            media_type="application/zip",
            filename=found.name,
            background=BackgroundTask(discard, found.path),
        )

    async def take(self, request: Request, people: bool = False) -> Response:
        """Take in the export that is the body, and tell how far it is. In the client `archives.take`."""
        return self._told(request, self._through(await self._kept(request.stream()), people=people))

    async def standing(self) -> Any:
        """The backup that was brought and wants to be confirmed, and the one that waits for the next start. In the
        client `archives.restoring.standing`."""
        return dump(await self._archives.restoring.standing())

    async def offer(self, request: Request) -> Response:
        """Check the backup that is the body; the last event's `path` is the id to confirm it with. Nothing changes yet.
        In the client `archives.restoring.offer`."""
        return self._told(request, self._offered(await self._kept(request.stream())))

    async def confirm(self, id: str) -> Any:
        """Restore what was brought at the next start, with what is here now set aside. In the client
        `archives.restoring.confirm`."""
        return dump(await self._archives.restoring.confirm(id))

    async def withdraw(self) -> Any:
        """Restore nothing. In the client `archives.restoring.withdraw`."""
        return dump(await self._archives.restoring.withdraw())

    async def restart(self) -> dict[str, bool]:
        """Begin anew, with what waits in place; false where nothing waits or it has to be done by hand. In the client
        `archives.restoring.restart`."""
        return {"restarting": await self._archives.restoring.restart()}

    async def bring(self, request: Request, ticket: str, name: str = "") -> Response:
        """An archive from the page, for which this ticket was given; `name` is what it is called there."""
        errand = self._archives.inbox.use(ticket)
        file = await self._kept(request.stream())
        work = self._offered(file) if errand.kind == "backup" else self._through(file, people=errand.people)
        return self._told(request, _as_called(safe_part(name, "patina.zip"), work))

    def _told(self, request: Request, steps: AsyncGenerator[ArchiveStep, None]) -> Response:
        async def lines() -> AsyncGenerator[str, None]:
            async with aclosing(steps):
                async for step in steps:
                    yield data_line(dump(step))

        return EventStream(lines(), request_language(request.headers, self._language))

    async def _offered(self, file: Path) -> AsyncGenerator[ArchiveStep, None]:
        try:
            async with aclosing(self._archives.restoring.offer(file)) as steps:
                async for step in steps:
                    yield step
        finally:
            discard(file)

    async def _through(self, file: Path, *, people: bool) -> AsyncGenerator[ArchiveStep, None]:
        try:
            async with aclosing(self._archives.take(file, people=people)) as steps:
                async for step in steps:
                    yield step
        finally:
            discard(file)

    async def _kept(self, body: AsyncIterable[Any]) -> Path:
        """The body as a file."""
        path = self._archives.inbox.new()
        try:
            with explained(path):
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                path.touch(mode=0o600)
                with path.open("wb") as file:
                    async for block in body:
                        file.write(block)
        except BaseException:
            discard(path)
            raise
        return path


async def _as_called(name: str, work: AsyncGenerator[ArchiveStep, None]) -> AsyncGenerator[ArchiveStep, None]:
    """What is refused is named as whoever sent it knows it, not as it is called here."""
    try:
        async with aclosing(work):
            async for step in work:
                yield step
    except ArchiveRefused as refused:
        raise ArchiveRefused(Path(name), refused.reason) from refused
