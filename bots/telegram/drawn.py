"""Below which message a button was drawn: it works there and nowhere else.

A client of somebody's own making can send whatever it has seen on a button as if it had been pressed below another
message, or in another chat.
"""

from __future__ import annotations

import asyncio
from typing import Any

from aiogram.methods import TelegramMethod
from aiogram.types import CallbackQuery, InlineKeyboardMarkup, Message

from assistant.memory.mailbox import Mailbox


class Drawn:
    """One per bot."""

    def __init__(self, mailbox: Mailbox, bot_id: int) -> None:
        self._mailbox = mailbox
        self._bot_id = bot_id

    async def leaves(self, method: TelegramMethod[Any]) -> None:
        """Before a call: what an edit draws may stand there whether or not its answer is ever heard."""
        message_id = getattr(method, "message_id", None)
        if message_id is not None:
            await self._note(method, int(message_id))

    async def arrived(self, method: TelegramMethod[Any], result: object) -> None:
        """After a call: only now is the number of a new message known. Where it stays unknown, an edit finds it."""
        if isinstance(result, Message) and getattr(method, "message_id", None) is None:
            await self._note(method, result.message_id)

    async def has(self, query: CallbackQuery) -> bool:
        message = query.message
        if message is None:
            return False
        has = self._mailbox.drawn.has
        return await asyncio.to_thread(has, self._bot_id, message.chat.id, message.message_id, query.data or "")

    async def _note(self, method: TelegramMethod[Any], message_id: int) -> None:
        markup, chat_id = getattr(method, "reply_markup", None), getattr(method, "chat_id", None)
        if not isinstance(markup, InlineKeyboardMarkup) or not isinstance(chat_id, int):
            return
        data = [button.callback_data for row in markup.inline_keyboard for button in row if button.callback_data]
        if data:
            await asyncio.to_thread(self._mailbox.drawn.note, self._bot_id, chat_id, message_id, data)
