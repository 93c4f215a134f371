"""Deletes what was said, and lets what was computed from it follow: vectors, what faces show."""

from __future__ import annotations

import asyncio
from functools import partial

from assistant.agent.changes import Changes
from assistant.agent.running import RunningTurns
from assistant.knowledge.shelf import Shelf
from assistant.memory.conversations import ConversationStore
from assistant.memory.recall import Recall


class Forgetting:
    """An answer that is being written where something is deleted is stopped first."""

    def __init__(
        self,
        conversations: ConversationStore,
        recall: Recall,
        running: RunningTurns,
        changes: Changes,
        shelf: Shelf,
    ) -> None:
        self._conversations = conversations
        self._recall = recall
        self._running = running
        self._changes = changes
        self._shelf = shelf

    async def conversation(self, id: str) -> None:
        for turn_id in await asyncio.to_thread(self._conversations.turn_ids, id):
            await self._stop(turn_id)
        await asyncio.to_thread(self._conversations.delete, id)
        await self._follow(id)

    async def turn(self, id: str) -> None:
        turn = await asyncio.to_thread(self._conversations.turn, id)
        await self._stop(id)
        await asyncio.to_thread(self._conversations.delete_turn, id)
        await self._follow(turn.conversation_id)

    async def person(self, id: str, *, stays: bool = False) -> None:
        """All they said and did, with the documents they brought, and they as well unless they stay."""
        for conversation_id in await asyncio.to_thread(self._conversations.said_by, id):
            if (running := self._running.of(conversation_id)) is not None:
                await self._stop(running)
        brought = await asyncio.to_thread(self._shelf.store.brought_by, id)
        for conversation_id in await asyncio.to_thread(partial(self._conversations.delete_person, id, stays=stays)):
            await self._follow(conversation_id)
        await asyncio.to_thread(self._shelf.follow, brought)

    async def _stop(self, turn_id: str) -> None:
        if turn_id in self._running:
            await self._running.stop(turn_id)

    async def _follow(self, conversation_id: str) -> None:
        await asyncio.to_thread(self._recall.forget)
        self._changes.tell(conversation_id)
