"""What waits for the owner on the page: calls to be allowed, what can be taken back, and reminders that are due."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import Any

from assistant.api import Assistant
from ui.conversations import ConversationList
from ui.visit import Visit


class ApprovalPanel:
    """Every method is a button; the sidebar is drawn anew, the conversation by the events it causes."""

    def __init__(self, assistant: Assistant, conversations: ConversationList) -> None:
        self._assistant = assistant
        self._conversations = conversations

    async def approve(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        await self._assistant.tools.approve(visit.text("approval"))
        yield await self._conversations.drawn(visit)

    async def refuse(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        await self._assistant.tools.refuse(visit.text("approval"))
        yield await self._conversations.drawn(visit)

    async def undo(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        await self._assistant.tools.undo(visit.text("call"))
        yield await self._conversations.drawn(visit)

    async def reminded(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        """The owner has seen it, so that no other face says it any more."""
        await self._assistant.tools.take_reminder(visit.text("reminder"), "page")
        yield await self._conversations.drawn(visit)


async def watched(assistant: Assistant, changes: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
    """The conversations that change, and an empty name whenever a reminder of the owner's becomes due."""
    coming = asyncio.ensure_future(anext(changes, None))
    try:
        while True:
            now = time.time()
            ahead = [one.due_at - now for one in await assistant.tools.reminders() if one.due_at > now]
            done, _ = await asyncio.wait({coming}, timeout=min(ahead, default=None))
            if not done:
                yield ""
                continue
            conversation = coming.result()
            if conversation is None:
                return
            yield conversation
            coming = asyncio.ensure_future(anext(changes, None))
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)
