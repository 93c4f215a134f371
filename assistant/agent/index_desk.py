"""The indexes beside the database: how each stands, mended on request, and filled again by itself when one was lost.

Everything in them is made from SQLite. While one is made anew, search goes by words.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from typing import Final

from assistant.knowledge.shelf import Shelf
from assistant.memory import word_indexes
from assistant.memory.database import Database
from assistant.memory.recall import Recall
from assistant.memory.vector_standing import IndexStanding
from assistant.models.records import EmbedderStanding

_log = logging.getLogger(__name__)
_LOOK_EVERY_S: Final = 60.0
_LONGEST_WAIT_S: Final = 3600.0
_BATCH: Final = 32


class IndexDesk:
    """On one event loop. `fill_said` and `fill_documents` begin to fill an index in the background."""

    def __init__(
        self,
        db: Database,
        recall: Recall,
        shelf: Shelf,
        fill_said: Callable[[], None],
        fill_documents: Callable[[], None],
        embedder: Callable[[], EmbedderStanding],
        look_every_s: float = _LOOK_EVERY_S,
    ) -> None:
        self._db = db
        self._recall = recall
        self._shelf = shelf
        self._fill_said = fill_said
        self._fill_documents = fill_documents
        self._embedder = embedder
        self._look_every_s = look_every_s
        self._watching: asyncio.Task[None] | None = None

    def watch(self) -> None:
        """From now on look now and then whether one has to be filled; looking opens none."""
        self._watching = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            with suppress(asyncio.CancelledError):
                await self._watching

    async def standings(self) -> list[IndexStanding]:
        """How each stands now; opens them, and reads all words."""
        return [
            await asyncio.to_thread(self._recall.standing),
            await asyncio.to_thread(self._shelf.standing),
            await asyncio.to_thread(word_indexes.standing, self._db),
        ]

    async def embedder(self) -> EmbedderStanding:
        """How the model runs that makes the vectors; loads nothing."""
        return await asyncio.to_thread(self._embedder)

    async def mend(self) -> AsyncGenerator[IndexStanding, None]:
        """Make whole what is not, and tell how far each is; what is whole is left alone."""
        if await asyncio.to_thread(word_indexes.damaged, self._db):
            await asyncio.to_thread(word_indexes.mend, self._db)
        yield await asyncio.to_thread(word_indexes.standing, self._db)
        if (await asyncio.to_thread(self._recall.standing)).state == "damaged":
            await asyncio.to_thread(self._recall.rebuild)
        while await asyncio.to_thread(self._recall.index_pending, _BATCH):
            yield await asyncio.to_thread(self._recall.standing)
        yield await asyncio.to_thread(self._recall.standing)
        if (await asyncio.to_thread(self._shelf.standing)).state == "damaged":
            await asyncio.to_thread(self._shelf.rebuild)
        while await asyncio.to_thread(self._shelf.embed, _BATCH):
            yield await asyncio.to_thread(self._shelf.standing)
        yield await asyncio.to_thread(self._shelf.standing)

    async def _watch(self) -> None:
        """Where filling does not help, because there is no embedding model for instance, it is tried less and less."""
        wait = self._look_every_s
        while True:
            behind = False
            try:
                if await asyncio.to_thread(self._recall.is_behind):
                    behind = True
                    self._fill_said()
                if await asyncio.to_thread(self._shelf.is_behind):
                    behind = True
                    self._fill_documents()
                await asyncio.to_thread(self._db.expire_copies)
            except Exception as error:
                _log.warning("how the indexes stand cannot be seen: %s", error)
            await asyncio.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT_S) if behind else self._look_every_s
