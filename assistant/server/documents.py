"""The library under /api/documents: what is in it, put into it, found in it, and how far the work on it is.

A file is sent as the body of its request and written to the disk as it comes. Paths are taken from this machine only.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from assistant.api import Assistant
from assistant.codec import dump
from assistant.errors import OnlyHere
from assistant.events import DocumentProgress
from assistant.i18n import Language
from assistant.knowledge.desk import DEFAULT, LibraryStanding
from assistant.knowledge.retriever import Signals
from assistant.memory.document_records import Filter
from assistant.server.errors import request_language
from assistant.server.parameters import Count, RowId
from assistant.server.security import from_this_machine
from assistant.server.streaming import EventStream, data_line


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewPaths(_Body):
    paths: list[Path]
    collection: str = DEFAULT


class NewText(_Body):
    name: str
    text: str
    collection: str = DEFAULT


class Bringer(_Body):
    """None is the owner."""

    person_id: str | None


class NewPage(_Body):
    url: str
    collection: str = DEFAULT


class Chosen(_Body):
    """None is all of them."""

    document_ids: list[str] | None = None


class Again(_Body):
    """Without a document the vector index is made anew."""

    document_id: str | None = None


class Question(_Body):
    question: str
    limit: Annotated[int, Field(ge=0, le=1000)] = 10
    limits: Filter | None = None


class NewJudgement(_Body):
    """`right` None takes it back."""

    question: str
    chunk_id: RowId
    right: bool | None
    signals: Signals | None = None


class Named(_Body):
    name: str


class NewPlace(_Body):
    collection: str


class NewFolder(_Body):
    folder: Path
    collection: str = DEFAULT
    keep: bool = False


class DocumentRoutes:
    """`assistant.knowledge.desk`, one method a route."""

    def __init__(self, assistant: Assistant, language: Language) -> None:
        self._documents = assistant.documents
        self._language = language
        self.router = APIRouter(prefix="/api/documents", tags=["documents"])
        for method, path, endpoint in self._routes():
            self.router.add_api_route(path, endpoint, methods=[method], response_model=None)

    def _routes(self) -> list[tuple[str, str, Callable[..., Awaitable[Any]]]]:
        # What has a name of its own comes before a document's id, which would be taken for it.
        return [
            ("GET", "", self.documents),
            ("POST", "", self.add),
            ("POST", "/text", self.add_text),
            ("POST", "/upload", self.upload),
            ("POST", "/read", self.read),
            ("POST", "/page", self.add_page),
            ("GET", "/same", self.with_content),
            ("GET", "/standing", self.standing),
            ("GET", "/progress", self.progress),
            ("GET", "/events", self.follow),
            ("POST", "/embed", self.embed_all),
            ("POST", "/pause", self.pause),
            ("POST", "/resume", self.resume),
            ("POST", "/cancel", self.cancel),
            ("POST", "/reindex", self.reindex),
            ("POST", "/search", self.search),
            ("GET", "/judgements", self.judgements),
            ("POST", "/judgements", self.judge),
            ("GET", "/collections", self.collections),
            ("POST", "/collections", self.new_collection),
            ("PATCH", "/collections/{collection_id}", self.rename_collection),
            ("DELETE", "/collections/{collection_id}", self.remove_collection),
            ("GET", "/folders", self.folders),
            ("POST", "/folders", self.watch),
            ("DELETE", "/folders/{folder_id}", self.unwatch),
            ("GET", "/{document_id}", self.document),
            ("PATCH", "/{document_id}", self.move),
            ("DELETE", "/{document_id}", self.remove),
            ("GET", "/{document_id}/chunks", self.chunks),
            ("POST", "/{document_id}/bringers", self.note_bringer),
        ]

    # Adding

    async def add(self, request: Request, body: NewPaths) -> Any:
        """Queue files and folders of this machine, by a program on it."""
        _here(request)
        return dump(await self._documents.add(body.paths, body.collection))

    async def add_text(self, body: NewText) -> Any:
        return dump(await self._documents.add_text(body.name, body.text, body.collection))

    async def upload(
        self,
        request: Request,
        name: str,
        collection: str = DEFAULT,
        modified_at: float | None = None,
        person_id: str | None = None,
    ) -> Any:
        """The body is the file; `modified_at` its last change in seconds since 1970, `person_id` who brings it, with
        whom it goes."""
        return dump(
            await self._documents.upload(
                name, request.stream(), collection, modified_at=modified_at, person_id=person_id
            )
        )

    async def note_bringer(self, document_id: str, body: Bringer) -> None:
        """One that is in the library was brought once more: it goes with the last of those who brought it."""
        await self._documents.note_bringer(document_id, body.person_id)

    async def read(self, request: Request, name: str) -> Any:
        """What stands in the file that is the body; it is not kept."""
        return {"text": await self._documents.read(name, request.stream())}

    async def add_page(self, body: NewPage) -> Any:
        """Fetch a web page, where `documents.pages` allows it."""
        return dump(await self._documents.add_page(body.url, body.collection))

    # The queue

    async def standing(self, collection: str = "", query: str = "") -> Any:
        return dump(await self._documents.standing(collection, query=query))

    async def progress(self, request: Request) -> Response:
        """How far the work is, as events, until there is none."""
        return self._stream(request, _lines(self._documents.progress()))

    async def follow(self, request: Request) -> Response:
        """Every document that is through from now on, as events, until nothing is read any more."""
        return self._stream(request, _followed(await self._documents.follow()))

    async def embed_all(self, request: Request) -> Response:
        """Embed what is left; how many chunks that still are, as events."""
        return self._stream(request, _left(self._documents.embed_all()))

    async def pause(self) -> None:
        await self._documents.pause()

    async def resume(self) -> None:
        await self._documents.resume()

    async def cancel(self, body: Chosen) -> Any:
        return {"cancelled": await self._documents.cancel(body.document_ids)}

    async def reindex(self, body: Again) -> None:
        await self._documents.reindex(body.document_id)

    # What there is

    async def search(self, body: Question) -> Any:
        return dump(await self._documents.search(body.question, body.limit, body.limits))

    async def judgements(self, question: str) -> Any:
        return dump(await self._documents.judgements(question))

    async def judge(self, body: NewJudgement) -> Any:
        judged = await self._documents.judge(body.question, body.chunk_id, body.right, body.signals)
        return None if judged is None else dump(judged)

    async def documents(
        self, collection: str = "", query: str = "", status: str = "", limit: Count = -1, offset: Count = 0
    ) -> Any:
        return dump(await self._documents.documents(collection, query=query, status=status, limit=limit, offset=offset))

    async def with_content(self, sha256: str) -> Any:
        """The documents made of these bytes."""
        return dump(await self._documents.with_content(sha256))

    async def document(self, document_id: str) -> Any:
        return dump(await self._documents.document(document_id))

    async def chunks(self, document_id: str) -> Any:
        return dump(await self._documents.chunks(document_id))

    async def remove(self, document_id: str, person_id: str | None = None) -> Any:
        """`person_id` takes back what they brought; where it is not theirs alone it stays, and `removed` is false."""
        return {"removed": await self._documents.remove(document_id, person_id=person_id)}

    async def move(self, document_id: str, body: NewPlace) -> Any:
        return dump(await self._documents.move(document_id, body.collection))

    # Collections

    async def collections(self) -> Any:
        return dump(await self._documents.collections())

    async def new_collection(self, body: Named) -> Any:
        return dump(await self._documents.new_collection(body.name))

    async def rename_collection(self, collection_id: str, body: Named) -> Any:
        return dump(await self._documents.rename_collection(collection_id, body.name))

    async def remove_collection(self, collection_id: str) -> None:
        """With its documents and its watched folders."""
        await self._documents.remove_collection(collection_id)

    # Watched folders

    async def folders(self) -> Any:
        return dump(await self._documents.folders())

    async def watch(self, request: Request, body: NewFolder) -> Any:
        """Follow what changes in a folder of this machine; asked by a program on it."""
        _here(request)
        return dump(await self._documents.watch(body.folder, body.collection, keep=body.keep))

    async def unwatch(self, folder_id: str) -> None:
        await self._documents.unwatch(folder_id)

    def _stream(self, request: Request, lines: AsyncGenerator[str, None]) -> EventStream:
        return EventStream(lines, request_language(request.headers, self._language))


def _here(request: Request) -> None:
    if not from_this_machine(request.scope):
        raise OnlyHere


async def _lines(standings: AsyncGenerator[LibraryStanding, None]) -> AsyncGenerator[str, None]:
    async with aclosing(standings):
        async for standing in standings:
            yield data_line(dump(standing))


async def _followed(followed: AsyncGenerator[DocumentProgress, None]) -> AsyncGenerator[str, None]:
    yield ": listening\n\n"
    async with aclosing(followed):
        async for progress in followed:
            yield data_line(dump(progress))


async def _left(counts: AsyncGenerator[int, None]) -> AsyncGenerator[str, None]:
    async with aclosing(counts):
        async for left in counts:
            yield data_line({"left": left})
