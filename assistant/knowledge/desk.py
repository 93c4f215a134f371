"""What a face may ask of the documents: the queue and the shelf behind awaitable calls, work going on behind them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from assistant.errors import PromptTooLong
from assistant.events import DocumentProgress
from assistant.knowledge.ingest import Ingest
from assistant.knowledge.retriever import Answer
from assistant.knowledge.shelf import Shelf
from assistant.memory.document_records import Chunk, Document, DocumentCollection, Filter

_log = logging.getLogger(__name__)
DEFAULT: Final = "documents"
"""The collection of what is added without saying where."""
_BATCH: Final = 8
"""Chunks embedded in one go: a question that comes meanwhile waits for no more than these."""
_MANY: Final = 64
"""Chunks from which on it is worth to load the model into the engine."""
_WAIT_S: Final = 1.0


class DocumentDesk:
    """On one event loop. `is_busy` says whether an answer is being written: embedding gives way to it.

    `quick` makes vectors of many texts sooner than the shelf's own model does, which is asked where there are few or
    where that fails.
    """

    def __init__(
        self,
        ingest: Ingest,
        shelf: Shelf,
        is_busy: Callable[[], bool] = lambda: False,
        quick: Callable[[Sequence[str]], Awaitable[list[list[float]]]] | None = None,
    ) -> None:
        self._ingest = ingest
        self._shelf = shelf
        self._is_busy = is_busy
        self._reading: asyncio.Task[None] | None = None
        self._embedding: asyncio.Task[None] | None = None
        self._closing = False
        self._stepping = asyncio.Lock()
        self._quick = quick
        self._followers: set[asyncio.Queue[DocumentProgress | None]] = set()

    async def resume_after_start(self) -> None:
        """Go on with what the last process left, if it left anything."""
        if await asyncio.to_thread(lambda: self._ingest.waiting() or self._shelf.is_behind()):
            self.start()

    def start(self) -> None:
        """Read what waits, then embed it."""
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read())

    async def add(self, paths: Sequence[Path], collection: str = DEFAULT) -> list[Document]:
        """Queue files and folders; they are found by words as soon as they are read, by meaning a while later."""
        added = await asyncio.to_thread(self._ingest.add, paths, collection)
        self.start()
        return added

    async def add_text(self, name: str, text: str, collection: str = DEFAULT) -> Document:
        added = await asyncio.to_thread(self._ingest.add_text, name, text, collection)
        self.start()
        return added

    async def follow(self) -> AsyncGenerator[DocumentProgress, None]:
        """Every document that is through from now on; ends when nothing waits."""
        queue: asyncio.Queue[DocumentProgress | None] = asyncio.Queue()
        self._followers.add(queue)

        async def told() -> AsyncGenerator[DocumentProgress, None]:
            try:
                while (progress := await queue.get()) is not None:
                    yield progress
            finally:
                self._followers.discard(queue)

        if self._reading is None or self._reading.done():
            queue.put_nowait(None)
        return told()

    async def embed_all(self) -> AsyncGenerator[int, None]:
        """How many chunks are still to be embedded, again and again until none is or it cannot be done."""
        while left := await asyncio.to_thread(self._shelf.left_to_embed):
            yield left
            if not await self._step():
                return

    async def search(self, question: str, limit: int = 10, limits: Filter | None = None) -> Answer:
        return await asyncio.to_thread(self._shelf.search, question, limit, limits)

    async def collections(self) -> list[DocumentCollection]:
        return await asyncio.to_thread(self._shelf.collections)

    async def documents(self, collection: str = "") -> list[Document]:
        return await asyncio.to_thread(self._shelf.documents, collection)

    async def document(self, document_id: str) -> Document:
        return await asyncio.to_thread(self._shelf.document, document_id)

    async def chunks(self, document_id: str) -> list[Chunk]:
        return await asyncio.to_thread(self._shelf.chunks, document_id)

    async def remove(self, document_id: str) -> None:
        """With everything that was made of it; the file itself stays."""
        await asyncio.to_thread(self._shelf.remove, document_id)

    async def reindex(self, document_id: str | None = None) -> None:
        """Read a document again; None: make the vector index anew from what is kept."""
        if document_id is None:
            await asyncio.to_thread(self._shelf.rebuild)
        else:
            await asyncio.to_thread(self._ingest.again, document_id)
        self.start()

    async def waiting(self) -> int:
        return await asyncio.to_thread(self._ingest.waiting)

    def pause(self) -> None:
        self._ingest.pause()

    def resume(self) -> None:
        self._ingest.resume()
        self.start()

    async def cancel(self) -> int:
        return await asyncio.to_thread(self._ingest.cancel)

    async def close(self) -> None:
        """What is being read is read again after the next start."""
        self._closing = True
        self._ingest.close()
        for task in (self._reading, self._embedding):
            if task is not None:
                await asyncio.wait([task])
        await asyncio.to_thread(self._shelf.close)

    async def _read(self) -> None:
        try:
            work = self._ingest.work()
            while (progress := await asyncio.to_thread(next, work, None)) is not None:
                self._tell(progress)
        except Exception as error:
            _log.warning("documents are read no further for now: %s", error)
        finally:
            self._tell(None)
        if self._embedding is None or self._embedding.done():
            self._embedding = asyncio.create_task(self._embed())

    async def _embed(self) -> None:
        done = 1
        while done and not self._closing:
            if self._is_busy():
                await asyncio.sleep(_WAIT_S)
                continue
            done = await self._step()

    async def _step(self) -> int:
        async with self._stepping:  # whoever waits for it embeds along, and not the same chunks
            return await self._embedded()

    async def _embedded(self) -> int:
        if self._quick is None or await asyncio.to_thread(self._shelf.left_to_embed) < _MANY:
            return await asyncio.to_thread(self._shelf.embed, _BATCH)
        try:
            waiting = await asyncio.to_thread(self._shelf.to_embed, _BATCH)
            vectors = await self._quick([one.text for one in waiting])
        except PromptTooLong:
            return await asyncio.to_thread(self._shelf.embed, _BATCH)
        except Exception as error:
            _log.warning("documents are embedded by the slower way: %s", error)
            self._quick = None
            return await asyncio.to_thread(self._shelf.embed, _BATCH)
        made = [(one.id, vector) for one, vector in zip(waiting, vectors, strict=True)]
        await asyncio.to_thread(self._shelf.keep, made)
        return len(made)

    def _tell(self, progress: DocumentProgress | None) -> None:
        for queue in self._followers:
            queue.put_nowait(progress)
