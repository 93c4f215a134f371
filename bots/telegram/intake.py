"""Updates on their way in: strangers are left out, the rest is on disk before Telegram hears that it arrived."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable, Sequence
from functools import partial
from typing import Any, Final

from aiogram import Bot
from aiogram.dispatcher.middlewares.user_context import UserContextMiddleware
from aiogram.types import Chat, Message, Update, User
from aiogram.types.update import UpdateTypeLookupError
from pydantic import ValidationError

from assistant.memory.inbox import Arrival, Waiting
from assistant.memory.mailbox import Mailbox
from bots.telegram.joining import Joined, Joining
from bots.telegram.lanes import Lanes
from bots.telegram.receipts import Receipt

_log = logging.getLogger(__name__)
Handle = Callable[[Update, Receipt | None, Sequence[Message]], Awaitable[object]]
"""Deals with an update; the messages are those that were sent as one with its own."""
Heard = Callable[[int], Awaitable[bool]]
"""Whether somebody with this numeric id is let in."""
_TIDY_EVERY: Final = 1000


class Intake:
    """One per bot. `take` may be called by the poller and by the webhook alike."""

    def __init__(
        self, bot: Bot, mailbox: Mailbox, lanes: Lanes, joining: Joining, heard: Heard, handle: Handle
    ) -> None:
        self._bot = bot
        self._mailbox = mailbox
        self._lanes = lanes
        self._joining = joining
        self._heard = heard
        self._handle = handle
        self._taken = 0

    async def resume(self) -> int:
        """Go on with what a process before this one had not finished; returns how much that is."""
        left = await asyncio.to_thread(self._mailbox.inbox.waiting, self._bot.id)
        for waiting in left:
            self._dispatch(waiting)
        return len(left)

    async def take(self, raw: Sequence[dict[str, Any]]) -> None:
        """Once this returns they may be acknowledged: each is kept, or nobody's to keep. AssistantError when not."""
        known = await asyncio.to_thread(
            self._mailbox.inbox.knows, self._bot.id, [int(update["update_id"]) for update in raw]
        )
        arrivals, passing = [], []
        for update in sorted(raw, key=lambda update: int(update["update_id"])):
            if update["update_id"] in known:
                continue
            arrival, stranger = await self._looked_at(update)
            arrivals.append(arrival)
            if stranger is not None:
                passing.append(stranger)
        if not arrivals:
            return
        for waiting in await asyncio.to_thread(self._mailbox.inbox.keep, self._bot.id, arrivals):
            self._dispatch(waiting)
        for knock in passing:
            self._lanes.put(lane_of(knock), partial(self._handle, knock, None, ()))
        self._taken += len(arrivals)
        if self._taken >= _TIDY_EVERY:
            self._taken = 0
            await asyncio.to_thread(self._mailbox.tidy)

    async def _looked_at(self, raw: dict[str, Any]) -> tuple[Arrival, Update | None]:
        """What is kept of it, and what is heard once and never kept: a stranger's /start, and an inline query, which is
        of no use to anybody some seconds later."""
        update_id = int(raw["update_id"])
        update = self._read(raw)
        if update is None:
            return Arrival(update_id, None), None
        user, chat = sender_of(update)
        if user is not None and update.inline_query is not None:
            return Arrival(update_id, None), update if await self._heard(user) else None
        if user is None or chat is None:
            return Arrival(update_id, None), None
        if await self._heard(user):
            message_id = update.message.message_id if update.message is not None else None
            return Arrival(update_id, raw, chat.id, message_id), None
        return Arrival(update_id, None), update if may_knock(update, chat) else None

    def _read(self, raw: dict[str, Any]) -> Update | None:
        try:
            update = Update.model_validate(raw, context={"bot": self._bot})
            _ = update.event_type
        except (ValidationError, UpdateTypeLookupError):
            _log.warning("telegram: update %s cannot be read and is left out", raw["update_id"])
            return None
        return update

    def _dispatch(self, waiting: Waiting) -> None:
        update = self._read(waiting.content)
        if update is None:  # written by a newer Patina
            return
        lane = lane_of(update)
        joined = self._joining.take(lane, update, waiting)
        if joined is not None:
            self._lanes.put(lane, partial(self._deal, joined), waiting.update_id)

    async def _deal(self, joined: Joined) -> None:
        await self._joining.gathered(joined)
        first = joined.waiting[0]
        ids = [waiting.update_id for waiting in joined.waiting]
        attempt = await asyncio.to_thread(self._mailbox.inbox.begin, self._bot.id, *ids)
        receipt = Receipt(
            self._mailbox,
            self._bot.id,
            *ids,
            attempt=attempt,
            turn_id=first.turn_id,
            received_at=first.received_at,
        )
        await receipt.run(partial(self._handle, joined.update(), receipt, joined.following))


def sender_of(update: Update) -> tuple[int | None, Chat | None]:
    """Whose doing it is, told by numeric id, and where; (None, …) for nobody's and for bots."""
    context = UserContextMiddleware.resolve_event_context(update)
    chat: Chat | None = context.chat
    user: User | None = context.user
    if user is not None:
        return (None if user.is_bot else user.id), chat
    # A pressed stop button names no user; a private chat carries the id of the one person in it.
    stopped = update.stopped_message_generation is not None
    return (chat.id if stopped and chat is not None and chat.type == "private" else None), chat


def may_knock(update: Update, chat: Chat) -> bool:
    """Whether it is a /start in a private chat, the one thing a stranger may say."""
    return chat.type == "private" and update.message is not None and command_of(update.message) == "/start"


def command_of(message: Message) -> str:
    """Empty for what is none, and for a forwarded one, which somebody else gave."""
    words = (message.text or "").split(maxsplit=1) if message.forward_origin is None else []
    return words[0].split("@")[0] if words and words[0].startswith("/") else ""


def lane_of(update: Update) -> Hashable:
    """A chat's messages wait for each other; what must not wait for an answer being written has lanes of its own."""
    message, query, stopped = update.message, update.callback_query, update.stopped_message_generation
    reaction, inline = update.message_reaction, update.inline_query
    if message is not None and may_knock(update, message.chat):
        return "start", message.chat.id
    if update.edited_message is not None:
        return "edited", update.edited_message.chat.id
    if reaction is not None:
        return "reactions", reaction.chat.id, reaction.message_id
    if inline is not None:
        return "inline", inline.from_user.id
    if stopped is not None or (message is not None and command_of(message) == "/stop"):
        return "stop", update.update_id
    if query is not None:
        return "buttons", query.from_user.id
    if message is not None:
        return message.chat.id, message.message_thread_id if message.is_topic_message else None
    return "other", update.update_id
