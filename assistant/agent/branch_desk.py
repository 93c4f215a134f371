"""What a person may do with the way a conversation has taken: go back by a turn, or begin another one from there."""

from __future__ import annotations

import asyncio

from assistant.agent.changes import Changes
from assistant.memory.branching import Branching
from assistant.memory.records import Conversation


class BranchDesk:
    """NotFound for a turn that is not there, ConversationBusy while it is written."""

    def __init__(self, branching: Branching, changes: Changes) -> None:
        self._branching = branching
        self._changes = changes

    async def take_back(self, turn_id: str) -> Conversation:
        """Show the conversation as it was before this turn, which stays: `select_branch` shows it again."""
        conversation = await asyncio.to_thread(self._branching.take_back, turn_id)
        self._changes.tell(conversation.id)
        return conversation

    async def begin(self, turn_id: str, title: str = "") -> Conversation:
        """A new conversation that begins with the turns up to this one; the old title where none is given."""
        conversation = await asyncio.to_thread(self._branching.copy, turn_id, title)
        self._changes.tell(conversation.id)
        return conversation
