"""Whether a message whose fate is unknown stands in the chat, found out by editing what may be it.

A bot cannot read a chat. It can edit its own messages, and an edit tells what is there: "not modified" for the very
message, "not found" for nothing, "can't be edited" for somebody else's. Telegram counts messages upwards, so the one
that is looked for has a number above the newest one known when it was sent, and below that of a message sent after it.
Decision 31 says what of this is certain.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Final

from aiogram.exceptions import TelegramAPIError, TelegramBadRequest, TelegramNetworkError, TelegramServerError
from aiogram.methods import DeleteMessage

from assistant.memory.letters import Letter
from assistant.memory.mailbox import Mailbox
from bots.telegram.clock import Clock
from bots.telegram.posts import Post, edit_to, sign_for
from bots.telegram.sending import Sender

_log = logging.getLogger(__name__)
_NOT_MODIFIED: Final = "message is not modified"
_NOT_THERE: Final = ("message to edit not found", "message can't be edited", "MESSAGE_ID_INVALID")
_GIVE_TIME_S: Final = 1.0
"""A request that was cut off may still be on its way through the server."""
_REACH: Final = 3
"""How many numbers above the newest known one are looked at before a message is sent to close the range."""
_MOST_QUIETLY: Final = 12
_MOST: Final = 40
"""Numbers looked at, each of which costs a call. More are in between only when a bot is busy in very many chats."""


class Lost(Exception):
    """It cannot be found out. `message_id` is a message of ours below everything that was looked at."""

    def __init__(self, message_id: int) -> None:
        super().__init__(message_id)
        self.message_id = message_id


class Search:
    """One per bot; one search in a chat at a time."""

    def __init__(self, mailbox: Mailbox, bot_id: int, sender: Sender, clock: Clock) -> None:
        self._mailbox = mailbox
        self._bot_id = bot_id
        self._sender = sender
        self._clock = clock

    async def settle(self, letter: Letter, message: Post) -> int:
        """The number under which the message stands now, there before or put there. Raises Lost, or
        TelegramBadRequest for a text that Telegram does not take."""
        await self._clock.sleep(_GIVE_TIME_S)
        mark = letter.message_id
        if mark is None:
            reach = await asyncio.to_thread(self._mailbox.newest_message, self._bot_id, letter.chat_id) + _REACH
            near = await self._unexplained(letter, reach)
            if len(near) <= _MOST_QUIETLY and (found := await self._look(near, message)) is not None:
                return found
        if not mark:
            mark = await self._mark(letter, message)
        between = await self._unexplained(letter, mark - 1)
        if len(between) > _MOST:
            raise Lost(mark)
        found = await self._look(between, message)
        if found is None:
            if await stands_as(self._sender, mark, message):
                return mark
            raise Lost(mark)
        for stray in [*(number for number in between if number > found), mark]:
            await self._remove(stray, message)
        return found

    async def _unexplained(self, letter: Letter, last: int) -> list[int]:
        known = await asyncio.to_thread(self._mailbox.known_messages, self._bot_id, letter.chat_id, letter.after_id)
        return [number for number in range(letter.after_id + 1, last + 1) if number not in known]

    async def _look(self, numbers: list[int], message: Post) -> int | None:
        """The first of them that is ours, which reads as wanted from then on."""
        for number in numbers:
            if await stands_as(self._sender, number, message):
                return number
        return None

    async def _mark(self, letter: Letter, message: Post) -> int:
        """A message sent after the one that is looked for, which will hold the text if that did not arrive.

        It may get lost in its turn. Then the next one is, and what stands between is found like all else.
        """
        await asyncio.to_thread(self._mailbox.letters.marking, letter, 0)
        sign = sign_for(message)
        wait = 1.0
        while True:
            try:
                sent = await self._sender.send(sign, patient=True)
            except (TelegramNetworkError, TelegramServerError) as error:
                _log.info("telegram: once more: %s", error)
                await self._clock.sleep(wait)
                wait = min(2 * wait, 30.0)
            else:
                await asyncio.to_thread(self._mailbox.letters.marking, letter, sent.message_id)
                return sent.message_id

    async def _remove(self, number: int, message: Post) -> None:
        # A bot may delete what a person wrote to it, so only what an edit has shown to be ours is deleted.
        sign = sign_for(message)
        with suppress(TelegramAPIError):
            if await stands_as(self._sender, number, sign):
                await self._sender.send(DeleteMessage(chat_id=message.chat_id, message_id=number), repeatable=True)


async def stands_as(sender: Sender, message_id: int, message: Post) -> bool:
    """Make a message of ours read like this; False when there is none of ours under this number."""
    try:
        await sender.send(edit_to(message_id, message), repeatable=True, patient=True)
    except TelegramBadRequest as error:
        if _NOT_MODIFIED in error.message:
            return True
        if any(told in error.message for told in _NOT_THERE):
            return False
        raise
    return True
