"""The library of a Patina that runs elsewhere, as `assistant.knowledge.desk` has it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Sequence
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from assistant.codec import dump, load
from assistant.events import DocumentProgress
from assistant.knowledge.desk import DEFAULT, LibraryStanding
from assistant.knowledge.retriever import Answer, Signals
from assistant.memory.document_records import (
    Chunk,
    Document,
    DocumentCollection,
    Filter,
    PassageJudgement,
    WatchedFolder,
)

Call: TypeAlias = Callable[..., Awaitable[Any]]
Stream: TypeAlias = Callable[..., Awaitable[AsyncGenerator[Any, None]]]


class DocumentClient:
    """Paths are those of the machine the other Patina runs on, which takes them from there only."""

    def __init__(self, call: Call, stream: Stream, upload: Call) -> None:
        self._call = call
        self._stream = stream
        self._upload = upload

    # Adding

    async def add(self, paths: Sequence[Path], collection: str = DEFAULT) -> list[Document]:
        body = {"paths": [_whole(path) for path in paths], "collection": collection}
        return [load(Document, one) for one in await self._call("POST", "/documents", body)]

    async def add_text(self, name: str, text: str, collection: str = DEFAULT) -> Document:
        body = {"name": name, "text": text, "collection": collection}
        return load(Document, await self._call("POST", "/documents/text", body))

    async def upload(
        self,
        name: str,
        data: AsyncIterable[bytes],
        collection: str = DEFAULT,
        *,
        modified_at: float | None = None,
        person_id: str | None = None,
    ) -> Document:
        asked = {"name": name, "collection": collection, "modified_at": modified_at, "person_id": person_id}
        return load(Document, await self._upload("/documents/upload", data, **asked))

    async def note_bringer(self, document_id: str, person_id: str | None) -> None:
        await self._call("POST", f"/documents/{document_id}/bringers", {"person_id": person_id})

    async def read(self, name: str, data: AsyncIterable[bytes]) -> str:
        return str((await self._upload("/documents/read", data, name=name))["text"])

    async def add_page(self, url: str, collection: str = DEFAULT) -> Document:
        return load(Document, await self._call("POST", "/documents/page", {"url": url, "collection": collection}))

    # The queue

    async def standing(self, collection: str = "", *, query: str = "") -> LibraryStanding:
        return load(LibraryStanding, await self._call("GET", "/documents/standing", collection=collection, query=query))

    async def progress(self) -> AsyncGenerator[LibraryStanding, None]:
        steps = await self._stream("GET", "/documents/progress", None, partial(load, LibraryStanding))
        async with aclosing(steps):
            async for step in steps:
                yield step

    async def follow(self) -> AsyncGenerator[DocumentProgress, None]:
        return await self._stream("GET", "/documents/events", None, partial(load, DocumentProgress))

    async def embed_all(self) -> AsyncGenerator[int, None]:
        counts = await self._stream("POST", "/documents/embed", {}, lambda line: int(line["left"]))
        async with aclosing(counts):
            async for left in counts:
                yield left

    async def waiting(self) -> int:
        return (await self.standing()).count.waiting

    async def pause(self) -> None:
        await self._call("POST", "/documents/pause")

    async def resume(self) -> None:
        await self._call("POST", "/documents/resume")

    async def cancel(self, document_ids: Sequence[str] | None = None) -> int:
        body = {"document_ids": None if document_ids is None else list(document_ids)}
        return int((await self._call("POST", "/documents/cancel", body))["cancelled"])

    async def reindex(self, document_id: str | None = None) -> None:
        await self._call("POST", "/documents/reindex", {"document_id": document_id})

    # What there is

    async def search(self, question: str, limit: int = 10, limits: Filter | None = None) -> Answer:
        body = {"question": question, "limit": limit, "limits": None if limits is None else dump(limits)}
        return load(Answer, await self._call("POST", "/documents/search", body))

    async def judge(
        self, question: str, chunk_id: int, right: bool | None, signals: Signals | None = None
    ) -> PassageJudgement | None:
        why = None if signals is None else dump(signals)
        body = {"question": question, "chunk_id": chunk_id, "right": right, "signals": why}
        told = await self._call("POST", "/documents/judgements", body)
        return None if told is None else load(PassageJudgement, told)

    async def judgements(self, question: str) -> list[PassageJudgement]:
        told = await self._call("GET", "/documents/judgements", question=question)
        return [load(PassageJudgement, one) for one in told]

    async def documents(
        self, collection: str = "", *, query: str = "", status: str = "", limit: int = -1, offset: int = 0
    ) -> list[Document]:
        told = await self._call(
            "GET", "/documents", collection=collection, query=query, status=status, limit=limit, offset=offset
        )
        return [load(Document, one) for one in told]

    async def with_content(self, sha256: str) -> list[Document]:
        told = await self._call("GET", "/documents/same", sha256=sha256)
        return [load(Document, one) for one in told]

    async def document(self, document_id: str) -> Document:
        return load(Document, await self._call("GET", f"/documents/{document_id}"))

    async def chunks(self, document_id: str) -> list[Chunk]:
        return [load(Chunk, one) for one in await self._call("GET", f"/documents/{document_id}/chunks")]

    async def remove(self, document_id: str, *, person_id: str | None = None) -> bool:
        return bool((await self._call("DELETE", f"/documents/{document_id}", person_id=person_id))["removed"])

    async def move(self, document_id: str, collection: str) -> Document:
        return load(Document, await self._call("PATCH", f"/documents/{document_id}", {"collection": collection}))

    # Collections

    async def collections(self) -> list[DocumentCollection]:
        return [load(DocumentCollection, one) for one in await self._call("GET", "/documents/collections")]

    async def new_collection(self, name: str) -> DocumentCollection:
        return load(DocumentCollection, await self._call("POST", "/documents/collections", {"name": name}))

    async def rename_collection(self, collection_id: str, name: str) -> DocumentCollection:
        told = await self._call("PATCH", f"/documents/collections/{collection_id}", {"name": name})
        return load(DocumentCollection, told)

    async def remove_collection(self, collection_id: str) -> None:
        await self._call("DELETE", f"/documents/collections/{collection_id}")

    # Watched folders

    async def watch(self, folder: Path, collection: str = DEFAULT, *, keep: bool = False) -> WatchedFolder:
        body = {"folder": _whole(folder), "collection": collection, "keep": keep}
        return load(WatchedFolder, await self._call("POST", "/documents/folders", body))

    async def unwatch(self, folder_id: str) -> None:
        await self._call("DELETE", f"/documents/folders/{folder_id}")

    async def folders(self) -> list[WatchedFolder]:
        return [load(WatchedFolder, one) for one in await self._call("GET", "/documents/folders")]


def _whole(path: Path) -> str:
    """The other process may stand in another folder."""
    return str(path.expanduser().absolute())
