"""What goes on behind everybody who asks: the queue is read, then what was read is embedded."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Final

from assistant.errors import PromptTooLong
from assistant.events import DocumentProgress
from assistant.knowledge.ingest import Ingest
from assistant.knowledge.shelf import Shelf

_log = logging.getLogger(__name__)
_BATCH: Final = 8
"""Chunks embedded in one go: a question that comes meanwhile waits for no more than these."""
_MANY: Final = 64
"""Chunks from which on it is worth to load the model into the engine."""
_WAIT_S: Final = 1.0


class Background:
    """On one event loop. `is_busy` says whether an answer is being written: embedding gives way to it.

    `quick` makes vectors of many texts sooner than the shelf's own model does, which is asked where there are few or
    where that fails.
    """

    def __init__(
        self,
        ingest: Ingest,
        shelf: Shelf,
        is_busy: Callable[[], bool],
        quick: Callable[[Sequence[str]], Awaitable[list[list[float]]]] | None,
    ) -> None:
        self._ingest = ingest
        self._shelf = shelf
        self._is_busy = is_busy
        self._quick = quick
        self._reading: asyncio.Task[None] | None = None
        self._embedding: asyncio.Task[None] | None = None
        self._closing = False
        self._stepping = asyncio.Lock()
        self._followers: set[asyncio.Queue[DocumentProgress | None]] = set()

    @property
    def is_reading(self) -> bool:
        return self._reading is not None and not self._reading.done()

    @property
    def is_working(self) -> bool:
        return self.is_reading or (self._embedding is not None and not self._embedding.done())

    def start(self) -> None:
        """Read what waits, then embed it."""
        if not self.is_reading and not self._closing:
            self._reading = asyncio.create_task(self._read())

    def follow(self) -> AsyncGenerator[DocumentProgress, None]:
        """Every document that is through from now on; ends when nothing is read any more."""
        queue: asyncio.Queue[DocumentProgress | None] = asyncio.Queue()
        self._followers.add(queue)

        async def told() -> AsyncGenerator[DocumentProgress, None]:
            try:
                while (progress := await queue.get()) is not None:
                    yield progress
            finally:
                self._followers.discard(queue)

        if not self.is_reading:
            queue.put_nowait(None)
        return told()

    async def step(self) -> int:
        """Embed a few more chunks; 0 when none is left or it cannot be done."""
        async with self._stepping:  # whoever waits for it embeds along, and not the same chunks
            return await self._embedded()

    def end_following(self) -> None:
        self._tell(None)

    async def close(self) -> None:
        """What is being read is read again after the next start."""
        self._closing = True
        self._ingest.close()
        for task in (self._reading, self._embedding):
            if task is not None:
                await asyncio.wait([task])

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
            done = await self.step()

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
