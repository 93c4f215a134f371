"""A turn while it is being written: it runs in a task of its own and any number of faces may follow it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

from assistant.events import Event, TurnStarted
from assistant.memory.records import Turn


class LiveTurn:
    """Keeps the events of a running turn, so that a face that comes late sees them from the beginning."""

    def __init__(self, turn: Turn, run: AsyncGenerator[Event, None], *, ended: Callable[[LiveTurn], None]) -> None:
        self.turn_id = turn.id
        self.conversation_id = turn.conversation_id
        self._events: list[Event] = [TurnStarted(turn.id, turn.conversation_id)]
        self._news = asyncio.Event()
        self._entered = asyncio.Event()
        self._stopping = False
        self._done = False
        self._ended = ended
        self._task = asyncio.create_task(self._drive(run))

    async def follow(self) -> AsyncGenerator[Event, None]:
        """Every event so far and every one to come; ends with the turn."""
        seen = 0
        while True:
            while seen < len(self._events):
                yield self._events[seen]
                seen += 1
            if self._done:
                return
            await self._news.wait()

    async def stop(self) -> None:
        """Cancel the answer and return once what was written of it is on disk."""
        if not self._stopping:
            self._stopping = True
            # A task cancelled before its first step never runs a line, not even the one that stores the outcome.
            await self._entered.wait()
            self._task.cancel()
        await asyncio.wait({self._task})

    async def _drive(self, run: AsyncGenerator[Event, None]) -> None:
        self._entered.set()
        try:
            async for event in run:
                self._publish(event)
        finally:
            self._done = True
            self._ended(self)
            self._news.set()

    def _publish(self, event: Event) -> None:
        self._events.append(event)
        news, self._news = self._news, asyncio.Event()
        news.set()
