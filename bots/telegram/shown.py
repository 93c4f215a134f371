"""Which answer a message in a chat shows, and which turn a message asked for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from aiogram.types import Message

from assistant.api import Assistant
from assistant.errors import NotFound
from assistant.memory.mailbox import Mailbox
from assistant.memory.records import Turn
from bots.telegram.answering import Reader
from bots.telegram.buttons import Buttons
from bots.telegram.leftovers import button_below
from bots.telegram.places import Places


@dataclass(frozen=True, slots=True)
class ShownAnswer:
    """`last` is the number of the message with the buttons, the last of a long answer."""

    turn_id: str
    last: int


class Shown:
    """One per bot. What was said and heard long ago is not known any more."""

    def __init__(self, assistant: Assistant, mailbox: Mailbox, bot_id: int, buttons: Buttons, places: Places) -> None:
        self._assistant = assistant
        self._mailbox = mailbox
        self._bot_id = bot_id
        self._buttons = buttons
        self._places = places

    async def answer(self, chat_id: int, message_id: int) -> ShownAnswer | None:
        """What a message of the bot's shows; None for one that shows no answer."""
        found = await asyncio.to_thread(self._mailbox.letters.showing, self._bot_id, chat_id, message_id)
        return None if found is None else ShownAnswer(*found)

    async def asked(self, chat_id: int, message_id: int) -> Turn | None:
        """The turn that answers a person's message."""
        turn_id = await asyncio.to_thread(self._mailbox.inbox.asked, self._bot_id, chat_id, message_id)
        return None if turn_id is None else await self.turn(turn_id)

    async def meant(self, message: Message, reader: Reader) -> Turn | None:
        """The turn of the message that is replied to, be it question or answer; else the last one here."""
        if message.reply_to_message is not None and (turn := await self.replied(message.reply_to_message, reader)):
            return turn
        turns = await self.path(reader)
        return turns[-1] if turns else None

    async def path(self, reader: Reader) -> list[Turn]:
        """The turns that are shown of the conversation this chat is in."""
        conversation_id = self._places.known(reader.target, reader.person.conversation_id)
        try:
            return await self._assistant.history(conversation_id) if conversation_id else []
        except NotFound:
            return []  # deleted on the page

    async def turn(self, turn_id: str) -> Turn | None:
        """None for one that was deleted."""
        try:
            return await self._assistant.turn(turn_id)
        except NotFound:
            return None

    async def replied(self, replied: Message, reader: Reader) -> Turn | None:
        """The turn that a message is of, be it question or answer."""
        shown = await self.answer(replied.chat.id, replied.message_id)
        if shown is not None:
            return await self.turn(shown.turn_id)
        button = button_below(replied, self._buttons, reader)
        if button is not None and button.action != "enter":
            return await self.turn(button.id.partition(":")[0])
        return await self.asked(replied.chat.id, replied.message_id)
