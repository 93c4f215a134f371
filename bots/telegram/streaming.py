"""What is seen of an answer while it is being written: a draft in a private chat, an edited message elsewhere."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from aiogram.exceptions import (
    TelegramAPIError,
    TelegramBadRequest,
    TelegramNetworkError,
    TelegramNotFound,
    TelegramServerError,
)
from aiogram.methods import EditMessageText, SendMessage, SendMessageDraft, SendRichMessage, SendRichMessageDraft
from aiogram.types import InlineKeyboardMarkup, ReplyParameters

from bots.telegram.clock import Clock, wait_for_event
from bots.telegram.delivery import Delivery
from bots.telegram.pacing import Pace
from bots.telegram.posts import NO_PREVIEW, Post, edit_to
from bots.telegram.presenter import Part
from bots.telegram.receipts import Receipt
from bots.telegram.sending import Sender

_log = logging.getLogger(__name__)
_GENERAL_TOPIC: Final = 1
_NOT_MODIFIED: Final = "message is not modified"


@dataclass(frozen=True, slots=True)
class Target:
    """Where an answer goes. `reply_to` is the message it answers, in a group; `receipt` is that of the update which is
    answered, None for a stranger's, of which nothing is kept."""

    chat_id: int
    private: bool
    thread_id: int | None = None
    reply_to: int | None = None
    receipt: Receipt | None = field(default=None, compare=False)

    @property
    def place(self) -> tuple[int, int | None]:
        """The chat, or the topic of it."""
        return self.chat_id, self.thread_id

    def next_key(self) -> str:
        """Of the next thing that is said here; empty where nothing is kept."""
        return self.receipt.next_key() if self.receipt is not None else ""

    def post(self, part: Part, keyboard: InlineKeyboardMarkup | None = None) -> Post:
        """In its own form."""
        if part.rich is None:
            return self.message(part, keyboard)
        return SendRichMessage(
            chat_id=self.chat_id,
            message_thread_id=self._topic,
            rich_message=part.rich,
            reply_parameters=self._reply,
            reply_markup=keyboard,
        )

    def message(self, part: Part, keyboard: InlineKeyboardMarkup | None = None) -> SendMessage:
        """In the ordinary form."""
        return SendMessage(
            chat_id=self.chat_id,
            message_thread_id=self._topic,
            text=part.text,
            entities=list(part.entities) or None,
            reply_parameters=self._reply,
            reply_markup=keyboard,
            parse_mode=None,
            link_preview_options=NO_PREVIEW,
        )

    def edit(self, message_id: int, part: Part, keyboard: InlineKeyboardMarkup | None = None) -> EditMessageText:
        return edit_to(message_id, self.post(part, keyboard))

    @property
    def _topic(self) -> int | None:
        # Telegram knows the general topic by this number, and will not have it named.
        return None if self.thread_id == _GENERAL_TOPIC else self.thread_id

    @property
    def _reply(self) -> ReplyParameters | None:
        return ReplyParameters(message_id=self.reply_to, allow_sending_without_reply=True) if self.reply_to else None


class Preview:
    """Shows what `render` gives, at the chat's pace and with one call under way at a time, until it is closed.

    `begun` says whether that is words of the answer already. `key` is the answer's: the message that is edited, where
    there are no drafts, is the one in which the answer will stand.
    """

    def __init__(
        self,
        sender: Sender,
        delivery: Delivery,
        target: Target,
        key: str,
        pace: Pace,
        clock: Clock,
        render: Callable[[], Part],
        begun: Callable[[], bool],
    ) -> None:
        self.draft_id = secrets.randbelow(2**31 - 1) + 1
        self._message_id: int | None = None
        self._sender = sender
        self._delivery = delivery
        self._target = target
        self._key = key
        self._pace = pace
        self._clock = clock
        self._render = render
        self._begun = begun
        self._drafts = target.private
        self._rich = True
        self._shown: Part | None = None
        self._wake = asyncio.Event()
        self._closing = asyncio.Event()
        self._spoken = False
        self._begun_at = self._shown_at = clock.now()
        self._task = asyncio.create_task(self._paint())

    def changed(self) -> None:
        self._wake.set()

    async def close(self) -> None:
        """Returns once nothing more will be shown, so that a late preview cannot follow the answer itself."""
        self._closing.set()
        self._wake.set()
        await asyncio.wait({self._task})

    async def _paint(self) -> None:
        try:
            await self._wait_for_words()
            while not self._closing.is_set():
                self._wake.clear()
                part = self._render()
                if part == self._shown and (left := self._shown_at + self._pace.keep_alive - self._clock.now()) > 0:
                    await wait_for_event(self._clock, self._wake, left)
                elif (wait := self._wait()) > 0:
                    await wait_for_event(self._clock, self._closing, wait)
                else:
                    begun = self._begun()
                    await self._show(part)
                    self._shown_at, self._spoken = self._clock.now(), begun
                    if self._shown != part:
                        await wait_for_event(self._clock, self._closing, self._usual)
        except TelegramAPIError as error:
            _log.warning("telegram: no preview in chat %s: %s", self._target.chat_id, error)

    async def _wait_for_words(self) -> None:
        # An answer that begins at once needs no notice that it is coming.
        until = self._begun_at + self._pace.first
        while not self._begun() and not self._closing.is_set() and (left := until - self._clock.now()) > 0:
            self._wake.clear()
            await wait_for_event(self._clock, self._wake, left)

    @property
    def _usual(self) -> float:
        return self._pace.draft if self._drafts else self._pace.edit

    def _wait(self) -> float:
        now, usual = self._clock.now(), self._usual
        # The first words follow at once on what was shown before them; more words take their turn.
        gap = min(self._pace.slower * (now - self._begun_at), self._pace.slowest)
        if self._spoken:
            gap = max(gap, usual)
        elif self._begun() or gap <= usual:
            gap = 0.0
        return max(self._sender.delay(self._target.chat_id, usual), self._shown_at + gap - now)

    async def _show(self, part: Part) -> None:
        if self._drafts:
            try:
                if await self._sender.show(self._draft(part)):
                    self._shown = part
            except (TelegramBadRequest, TelegramNotFound) as error:
                if part.rich is not None and self._rich:
                    _log.info("telegram: no rich drafts here: %s", error)
                    self._rich = False
                else:
                    _log.info("telegram: no drafts here, editing a message instead: %s", error)
                    self._drafts = False
        elif part == self._shown:
            return
        elif self._message_id is None:
            await self._begin_message(part)
        elif await edited(self._sender.show(self._target.edit(self._message_id, _plain(part)))):
            self._shown = part

    async def _begin_message(self, part: Part) -> None:
        try:
            self._message_id = await self._delivery.preview(self._key, self._target.message(part))
        except (TelegramNetworkError, TelegramServerError) as error:
            # It may stand there, and the answer will look for it. One more could stand there twice.
            _log.info("telegram: nobody knows whether a preview arrived: %s", error)
            self._closing.set()
        else:
            self._shown = part if self._message_id is not None else None

    def _draft(self, part: Part) -> SendMessageDraft | SendRichMessageDraft:
        if part.rich is not None and self._rich:
            return SendRichMessageDraft(
                chat_id=self._target.chat_id,
                message_thread_id=self._target.thread_id,
                draft_id=self.draft_id,
                rich_message=part.rich,
                can_stop=True,
                keep_on_stop=True,
            )
        return SendMessageDraft(
            chat_id=self._target.chat_id,
            message_thread_id=self._target.thread_id,
            draft_id=self.draft_id,
            text=part.text,
            entities=list(part.entities) or None,
            parse_mode=None,
            can_stop=True,
            keep_on_stop=True,
        )


def _plain(part: Part) -> Part:
    # A message that is edited again and again stays in the form that every client has.
    return replace(part, rich=None)


async def edited(call: Awaitable[Any]) -> bool:
    """Whether the message now reads as wanted; that it did already counts as success."""
    try:
        return await call is not None
    except TelegramBadRequest as error:
        if _NOT_MODIFIED in error.message:
            return True
        raise
