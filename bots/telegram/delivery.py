"""What the bot has to say reaches the chat once: not twice, and not never.

Sending is not idempotent: when the answer to a request is lost, or the process dies while it waits for it, nobody knows
whether the message stands in the chat. It is then looked for (`searching`), and sent again only when it is not there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

from aiogram.exceptions import (
    TelegramAPIError,
    TelegramBadRequest,
    TelegramNetworkError,
    TelegramNotFound,
    TelegramServerError,
)
from aiogram.methods import SendMessage, SendRichMessage

from assistant.memory.letters import Letter
from assistant.memory.mailbox import Mailbox
from bots.telegram.clock import Clock
from bots.telegram.posts import Post, edit_to, kept, read
from bots.telegram.searching import Lost, Search, stands_as
from bots.telegram.sending import Sender

_log = logging.getLogger(__name__)
_LONG_S: Final = 5.0
"""A person may delete a conversation whose answer waits longer than this."""
_FATE_UNKNOWN: Final = (TelegramNetworkError, TelegramServerError)
Wanted = Callable[[str], Awaitable[bool]]
"""Whether a turn still exists: an answer that was deleted while it waited is not sent."""


class _Unwanted(Exception):
    """It was deleted while it waited."""


class Delivery:
    """One per bot. Messages of one chat are sent one after the other, so the parts of two answers never mix."""

    def __init__(
        self, mailbox: Mailbox, bot_id: int, sender: Sender, search: Search, wanted: Wanted, clock: Clock
    ) -> None:
        self._clock = clock
        self._mailbox = mailbox
        self._bot_id = bot_id
        self._sender = sender
        self._search = search
        self._wanted = wanted
        self._queues: dict[int, asyncio.Lock] = {}
        self._under_way: dict[str, asyncio.Task[int | None]] = {}

    async def post(
        self,
        key: str,
        messages: Sequence[Post],
        *,
        turn_id: str | None = None,
        otherwise: SendMessage | None = None,
        instead: Sequence[Sequence[SendMessage]] = (),
    ) -> int | None:
        """Say this in so many messages, and return once it stands in the chat: the number of the last message.

        None when Telegram will not have it. What was said under the key before is not said again. `otherwise` takes the
        text's place where it cannot be found out whether that is there already. `instead` says of each rich message
        what is sent in its place and that of all after it where Telegram will not have it.
        """
        others = instead or [()] * len(messages)
        contents = [kept(message, otherwise, other) for message, other in zip(messages, others, strict=True)]
        chat_id = int(messages[0].chat_id)
        write = self._mailbox.letters.write
        await asyncio.to_thread(write, self._bot_id, key, chat_id, contents, turn_id=turn_id)
        return await asyncio.shield(self._deliver(key, chat_id, resumed=False))

    async def again(self, key: str) -> bool:
        """Whether this was said in full before, by now or after waiting for it to arrive."""
        letters = await asyncio.to_thread(self._mailbox.letters.of, self._bot_id, key)
        if not any(letter.final for letter in letters):
            return False
        await asyncio.shield(self._deliver(key, letters[0].chat_id, resumed=True))
        return True

    async def preview(self, key: str, message: SendMessage) -> int | None:
        """A message that the text will take the place of; None when there is none now, TelegramAPIError as it comes."""
        queue = self._queues.setdefault(int(message.chat_id), asyncio.Lock())
        if queue.locked():
            return None
        async with queue:  # what is looked for in this chat must not find a preview nobody knows of yet
            return await self._preview(key, message)

    async def _preview(self, key: str, message: SendMessage) -> int | None:
        letters = self._mailbox.letters
        written = await asyncio.to_thread(
            letters.write, self._bot_id, key, int(message.chat_id), [kept(message, None, ())], final=False
        )
        letter = written[0]
        if letter.final or letter.message_id is not None or letter.state == "unknown":
            return None if letter.final or letter.state == "unknown" else letter.message_id
        await self._leaves(letter)
        try:
            sent = await self._sender.show_once(message)
        except _FATE_UNKNOWN:
            await asyncio.to_thread(letters.unknown, letter)
            raise
        except TelegramAPIError:
            await asyncio.to_thread(letters.queued, letter)
            raise
        if sent is None:
            await asyncio.to_thread(letters.queued, letter)
            return None
        await asyncio.to_thread(letters.confirmed, letter, sent.message_id)
        return sent.message_id

    async def settled(self, chat_id: int) -> None:
        """Return once nothing is under way to this chat whose number is not known yet."""
        async with self._queues.setdefault(chat_id, asyncio.Lock()):
            return

    async def resume(self) -> int:
        """Go on with what a process before this one had to say; returns how much that is."""
        await asyncio.to_thread(self._mailbox.letters.recover, self._bot_id)
        keys = await asyncio.to_thread(self._mailbox.letters.undelivered, self._bot_id)
        for key in keys:
            letters = await asyncio.to_thread(self._mailbox.letters.of, self._bot_id, key)
            self._deliver(key, letters[0].chat_id, resumed=True)
        return len(keys)

    async def close(self) -> None:
        """Leave what is under way for the next start."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _deliver(self, key: str, chat_id: int, *, resumed: bool) -> asyncio.Task[int | None]:
        if (task := self._under_way.get(key)) is None:
            task = self._under_way[key] = asyncio.create_task(self._in_turn(key, chat_id, resumed))
            task.add_done_callback(lambda done: self._ended(key, done))
        return task

    def _ended(self, key: str, task: asyncio.Task[int | None]) -> None:
        self._under_way.pop(key, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("telegram: a message was not delivered: %s", error)

    async def _in_turn(self, key: str, chat_id: int, resumed: bool) -> int | None:
        queue = self._queues.setdefault(chat_id, asyncio.Lock())
        async with queue:
            message_id, part = None, 0
            while (letter := await self._part(key, part)) is not None:
                message_id = await self._settle(letter, resumed)
                part += 1
        return message_id

    async def _part(self, key: str, part: int) -> Letter | None:
        letters = await asyncio.to_thread(self._mailbox.letters.of, self._bot_id, key)
        return next((letter for letter in letters if letter.part == part), None)

    async def _settle(self, letter: Letter, resumed: bool) -> int | None:
        if letter.content is None or letter.state in {"confirmed", "refused"}:
            return letter.message_id
        letters = self._mailbox.letters
        if resumed and letter.turn_id is not None and not await self._wanted(letter.turn_id):
            await asyncio.to_thread(letters.refused, letter)
            return None
        message = read(letter.content)
        try:
            message_id = await self._place(letter, message)
        except (TelegramBadRequest, TelegramNotFound) as error:
            if isinstance(message, SendRichMessage):
                return await self._settle_otherwise(letter, error)
            if not message.entities:
                await self._refuse(letter, error)
                return None
            _log.info("telegram: sent without formatting: %s", error)
            try:
                message_id = await self._place(letter, message.model_copy(update={"entities": None}))
            except TelegramAPIError as error:
                await self._refuse(letter, error)
                return None
        except TelegramAPIError as error:
            await self._refuse(letter, error)
            return None
        except _Unwanted:
            await asyncio.to_thread(letters.refused, letter)
            return None
        await asyncio.to_thread(letters.confirmed, letter, message_id)
        return message_id

    async def _settle_otherwise(self, letter: Letter, error: TelegramAPIError) -> int | None:
        """In the ordinary form, since an older server, or a chat, takes no other."""
        _log.info("telegram: sent as ordinary messages: %s", error)
        instead: list[dict[str, Any]] = (letter.content or {}).get("instead") or []
        if not instead:
            await self._refuse(letter, error)
            return None
        await asyncio.to_thread(self._mailbox.letters.replace, letter, instead)
        plain = await self._part(letter.key, letter.part)
        return None if plain is None else await self._settle(plain, resumed=False)

    async def _refuse(self, letter: Letter, error: TelegramAPIError) -> None:
        _log.warning("telegram: a message to chat %s was refused: %s", letter.chat_id, error)
        await asyncio.to_thread(self._mailbox.letters.refused, letter)

    async def _place(self, letter: Letter, message: Post) -> int | None:
        """Where it stands in the end. Raises what says that Telegram will not have it."""
        letters = self._mailbox.letters
        if letter.state != "unknown" and letter.message_id is not None:
            if await stands_as(self._sender, letter.message_id, message):
                return letter.message_id
            await asyncio.to_thread(letters.queued, letter)  # the person has deleted the preview
        if letter.state != "unknown":
            try:
                sent = await self._sender.send(
                    message,
                    leaves=partial(self._leaves_if_wanted, letter, self._clock.now()),
                    stayed=lambda: asyncio.to_thread(letters.queued, letter),
                    patient=True,
                )
            except _FATE_UNKNOWN as error:
                _log.warning("telegram: a message to chat %s may have arrived: %s", letter.chat_id, error)
                await asyncio.to_thread(letters.unknown, letter)
            else:
                return sent.message_id
        return await self._found(letter.id, letter.key, message)

    async def _found(self, id: int, key: str, message: Post) -> int | None:
        kept = await asyncio.to_thread(self._mailbox.letters.of, self._bot_id, key)
        letter = next(letter for letter in kept if letter.id == id)
        try:
            return await self._search.settle(letter, message)
        except Lost as lost:
            content: dict[str, Any] = letter.content or {}
            _log.warning("telegram: whether a message to chat %s arrived cannot be found out", letter.chat_id)
            if content.get("otherwise"):
                offer = SendMessage.model_validate(content["otherwise"])
                with suppress(TelegramAPIError):
                    await self._sender.send(edit_to(lost.message_id, offer), repeatable=True, patient=True)
            return lost.message_id

    async def _leaves_if_wanted(self, letter: Letter, since: float) -> None:
        waited = self._clock.now() - since > _LONG_S
        if waited and letter.turn_id is not None and not await self._wanted(letter.turn_id):
            raise _Unwanted
        await self._leaves(letter)

    async def _leaves(self, letter: Letter) -> None:
        def note() -> None:
            after = self._mailbox.newest_message(self._bot_id, letter.chat_id)
            self._mailbox.letters.sent(letter, after)

        await asyncio.to_thread(note)
