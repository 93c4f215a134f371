"""What goes on behind everybody who asks: the queue is read, and what was read is embedded meanwhile."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import suppress
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
_AGAIN_S: Final = 60.0
"""What could not be embedded is tried again while something long is read, of which nothing else tells."""
_FIRST_REST: Final = 4
_LONGEST_REST: Final = 256
"""Batches for which the quick way rests after it failed, twice as many every time: 10 s and 11 minutes on two cores."""


class Background:
    """On one event loop. `is_busy` says whether an answer is being written: embedding gives way to it.

    `quick` makes vectors of many texts sooner than the shelf's own model does, which is asked where there are few and
    for a while after that failed.
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
        self._more = asyncio.Event()
        """Something was read or is to be looked at again, or nothing is read any more."""
        self._wanted = False
        """Something may have come into the queue after it was looked into last."""
        self._resting, self._rest = 0, _FIRST_REST
        self._stepping = asyncio.Lock()
        self._followers: set[asyncio.Queue[DocumentProgress | None]] = set()

    @property
    def is_reading(self) -> bool:
        return self._reading is not None and not self._reading.done()

    @property
    def is_working(self) -> bool:
        return self.is_reading or (self._embedding is not None and not self._embedding.done())

    def start(self) -> None:
        """Read what waits, and embed it as it is read, with what was left before."""
        self._wanted = True
        if not self.is_reading and not self._closing:
            self._reading = asyncio.create_task(self._read())
        self._embed_more()

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
        self._more.set()
        for task in (self._reading, self._embedding):
            if task is not None:
                await asyncio.wait([task])

    async def _read(self) -> None:
        try:
            while self._wanted:
                self._wanted = False
                work = self._ingest.work()
                while (progress := await asyncio.to_thread(next, work, None)) is not None:
                    self._tell(progress)
                    self._embed_more()
        except Exception as error:
            _log.warning("documents are read no further for now: %s", error)
        finally:
            self._tell(None)
        self._reading = None
        self._embed_more()

    def _embed_more(self) -> None:
        self._more.set()
        if not self._closing and (self._embedding is None or self._embedding.done()):
            self._embedding = asyncio.create_task(self._embed())

    async def _embed(self) -> None:
        """Until nothing is left of what was read, and nothing more comes."""
        while not self._closing:
            if self._is_busy():
                await asyncio.sleep(_WAIT_S)
                continue
            self._more.clear()
            through = not self.is_reading
            if not await self.step():
                if through and not self._more.is_set():
                    return
                with suppress(TimeoutError):
                    async with asyncio.timeout(_AGAIN_S):
                        await self._more.wait()

    async def _embedded(self) -> int:
        if self._quick is None or await asyncio.to_thread(self._shelf.left_to_embed) < _MANY:
            return await asyncio.to_thread(self._shelf.embed, _BATCH)
        if self._resting:
            self._resting -= 1
            return await asyncio.to_thread(self._shelf.embed, _BATCH)
        try:
            waiting = await asyncio.to_thread(self._shelf.to_embed, _BATCH)
            vectors = await self._quick([one.text for one in waiting])
        except PromptTooLong:
            return await asyncio.to_thread(self._shelf.embed, _BATCH)
        except Exception as error:
            _log.warning("documents are embedded by the slower way for a while: %s", error)
            self._resting, self._rest = self._rest, min(2 * self._rest, _LONGEST_REST)
            return await asyncio.to_thread(self._shelf.embed, _BATCH)
        self._rest = _FIRST_REST
        made = [(one.id, vector) for one, vector in zip(waiting, vectors, strict=True)]
        await asyncio.to_thread(self._shelf.keep, made)
        return len(made)

    def _tell(self, progress: DocumentProgress | None) -> None:
        for queue in self._followers:
            queue.put_nowait(progress)
