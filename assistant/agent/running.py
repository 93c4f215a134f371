"""Which answers are being written: one in a conversation at a time, or a rival, which gives way to all else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext

from assistant.agent.live import LiveTurn
from assistant.errors import ConversationBusy, NotFound
from assistant.events import Event
from assistant.memory.records import Turn

Run = Callable[[Turn], Awaitable[AsyncGenerator[Event, None]]]
"""Of a turn whose question is on disk: the events of its answer."""


class RunningTurns:
    """`changed` is told the conversation in which an answer began or ended; `ended` the turn, after every answer.
    `asking` is entered while a question is taken: pictures with it are read then, and somebody waits already."""

    def __init__(
        self,
        changed: Callable[[str], None],
        ended: Callable[[str], None],
        asking: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._live: dict[str, LiveTurn] = {}
        self._busy: set[str] = set()
        self._rivals: dict[str, str] = {}
        self._coming: dict[str, asyncio.Task[AsyncGenerator[Event, None]]] = {}
        self._changed = changed
        self._ended = ended
        self._asking = asking
        self._closing = False

    def __len__(self) -> int:
        return len(self._live)

    def of(self, conversation_id: str) -> str | None:
        """The turn being written in a conversation, a rival left aside."""
        found = (id for id, live in self._live.items() if live.conversation_id == conversation_id)
        return next((id for id in found if id != self._rivals.get(conversation_id)), None)

    def rival_of(self, conversation_id: str) -> str | None:
        return self._rivals.get(conversation_id)

    def follow(self, turn_id: str) -> AsyncGenerator[Event, None]:
        if turn_id not in self._live:
            raise NotFound(kind="turn", id=turn_id)
        return self._live[turn_id].follow()

    def __contains__(self, turn_id: str) -> bool:
        return turn_id in self._live

    async def stop(self, turn_id: str) -> None:
        """Returns once what was written is on disk."""
        if (live := self._live.get(turn_id)) is not None:
            await live.stop()

    async def close(self) -> None:
        """Stop every answer and keep what was written."""
        self._closing = True
        for turn_id in list(self._live):
            await self.stop(turn_id)

    async def begin(
        self, conversation_id: str, store: Callable[[], Turn], run: Run, *, rival: bool = False
    ) -> AsyncGenerator[Event, None]:
        """Store a question and answer it. A rival may be written while nothing else is; a question ends it."""
        if (coming := self._coming.get(conversation_id)) is not None:
            await asyncio.wait({coming})
        if rival and (known := self._rivals.get(conversation_id)) is not None:
            return self.follow(known)  # two tabs asked for it
        # Shielded: once a question may be on disk its answer has to follow, whether or not the caller still listens.
        beginning = asyncio.create_task(self._begin(conversation_id, store, run, rival))
        if rival:
            self._coming[conversation_id] = beginning
            beginning.add_done_callback(lambda _: self._coming.pop(conversation_id, None))
        return await asyncio.shield(beginning)

    async def _begin(
        self, conversation_id: str, store: Callable[[], Turn], run: Run, rival: bool
    ) -> AsyncGenerator[Event, None]:
        with self._asking():
            return await self._begun(conversation_id, store, run, rival)

    async def _begun(
        self, conversation_id: str, store: Callable[[], Turn], run: Run, rival: bool
    ) -> AsyncGenerator[Event, None]:
        if conversation_id in self._busy:
            raise ConversationBusy(conversation_id=conversation_id)
        self._busy.add(conversation_id)
        try:
            if (aside := self._rivals.get(conversation_id)) is not None:
                await self.stop(aside)
            turn = await asyncio.to_thread(store)
            events = await run(turn)
        except BaseException:
            self._busy.discard(conversation_id)
            raise
        if rival:
            self._rivals[conversation_id] = turn.id
            self._busy.discard(conversation_id)
        live = LiveTurn(turn, events, ended=self._end)
        self._live[turn.id] = live
        if not rival:
            self._changed(conversation_id)
        return live.follow()

    def _end(self, live: LiveTurn) -> None:
        self._live.pop(live.turn_id, None)
        if self._rivals.get(live.conversation_id) == live.turn_id:
            del self._rivals[live.conversation_id]
        else:
            self._busy.discard(live.conversation_id)
        self._changed(live.conversation_id)
        if not self._closing:
            self._ended(live.turn_id)
