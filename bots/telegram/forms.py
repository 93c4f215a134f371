"""How each person wants answers drawn: as ordinary messages, or as rich ones where those show more."""

from __future__ import annotations

import asyncio

from assistant.memory.formats import Format
from assistant.memory.mailbox import Mailbox


class Forms:
    """One per bot."""

    def __init__(self, mailbox: Mailbox, bot_id: int) -> None:
        self._mailbox = mailbox
        self._bot_id = bot_id

    async def of(self, user_id: int) -> Format:
        return await asyncio.to_thread(self._mailbox.formats.of, self._bot_id, user_id)

    async def choose(self, user_id: int, format: Format) -> None:
        await asyncio.to_thread(self._mailbox.formats.choose, self._bot_id, user_id, format)

    async def forget(self, user_id: int) -> None:
        await asyncio.to_thread(self._mailbox.formats.forget, self._bot_id, user_id)
