"""Makes finished turns searchable by meaning, once nobody has asked anything for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from assistant.memory.recall import Recall

_IDLE_S: Final = 5.0
"""Embedding takes the processor from the model: it begins this long after the last answer ended."""


class IdleIndex:
    """`is_busy` says whether an answer is being written: it gives way to one at the next few texts."""

    def __init__(self, recall: Recall, is_busy: Callable[[], bool]) -> None:
        self._recall = recall
        self._is_busy = is_busy
        self._indexing: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """From now on wait for a quiet moment, whether or not one was waited for already."""
        self.cancel()
        self._indexing = asyncio.create_task(self._index())

    def begin_unless_begun(self) -> None:
        """The same, but what goes on already is left to go on."""
        if self._indexing is None or self._indexing.done():
            self.begin()

    def cancel(self) -> None:
        if self._indexing is not None:
            self._indexing.cancel()

    async def _index(self) -> None:
        await asyncio.sleep(_IDLE_S)
        indexed = 1
        while indexed and not self._is_busy():
            indexed = await asyncio.to_thread(self._recall.index_pending)
