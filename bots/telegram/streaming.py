"""What is seen of an answer while it is being written: a draft in a private chat, an edited message elsewhere."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from aiogram.exceptions import TelegramAPIError, TelegramBadRequest, TelegramNotFound
from aiogram.methods import EditMessageText, SendMessage, SendMessageDraft
from aiogram.types import InlineKeyboardMarkup, LinkPreviewOptions, ReplyParameters

from bots.telegram.clock import Clock, wait_for_event
from bots.telegram.presenter import Part
from bots.telegram.sending import Pace, Sender

_log = logging.getLogger(__name__)
_NO_PREVIEW: Final = LinkPreviewOptions(is_disabled=True)
"""A preview is fetched by Telegram without anybody's click: an address in an answer could carry words out in it."""
_NOT_MODIFIED: Final = "message is not modified"


@dataclass(frozen=True, slots=True)
class Target:
    """Where an answer goes. `reply_to` is the message it answers, in a group."""

    chat_id: int
    private: bool
    thread_id: int | None = None
    reply_to: int | None = None

    @property
    def place(self) -> tuple[int, int | None]:
        """The chat, or the topic of it."""
        return self.chat_id, self.thread_id

    def message(self, part: Part, keyboard: InlineKeyboardMarkup | None = None) -> SendMessage:
        reply = ReplyParameters(message_id=self.reply_to, allow_sending_without_reply=True) if self.reply_to else None
        return SendMessage(
            chat_id=self.chat_id,
            message_thread_id=self.thread_id,
            text=part.text,
            entities=list(part.entities) or None,
            reply_parameters=reply,
            reply_markup=keyboard,
            parse_mode=None,
            link_preview_options=_NO_PREVIEW,
        )

    def edit(self, message_id: int, part: Part, keyboard: InlineKeyboardMarkup | None = None) -> EditMessageText:
        return EditMessageText(
            chat_id=self.chat_id,
            message_id=message_id,
            text=part.text,
            entities=list(part.entities) or None,
            reply_markup=keyboard,
            parse_mode=None,
            link_preview_options=_NO_PREVIEW,
        )


class Preview:
    """Shows what `render` gives, at the chat's pace and with one call under way at a time, until it is closed."""

    def __init__(self, sender: Sender, target: Target, pace: Pace, clock: Clock, render: Callable[[], Part]) -> None:
        self.draft_id = secrets.randbelow(2**31 - 1) + 1
        self.message_id: int | None = None
        """The message that is being edited, where there are no drafts."""
        self._sender = sender
        self._target = target
        self._pace = pace
        self._clock = clock
        self._render = render
        self._drafts = target.private
        self._shown: Part | None = None
        self._wake = asyncio.Event()
        self._closing = asyncio.Event()
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
            while not self._closing.is_set():
                self._wake.clear()
                await self._show(self._render())
                gap = self._pace.draft if self._drafts else self._pace.edit
                await wait_for_event(self._clock, self._closing, self._sender.delay(self._target.chat_id, gap))
                await wait_for_event(self._clock, self._wake, self._pace.keep_alive - gap)
        except TelegramAPIError as error:
            _log.warning("telegram: no preview in chat %s: %s", self._target.chat_id, error)

    async def _show(self, part: Part) -> None:
        if self._drafts:
            try:
                await self._sender.show(self._draft(part))
            except (TelegramBadRequest, TelegramNotFound) as error:
                _log.info("telegram: no drafts here, editing a message instead: %s", error)
                self._drafts = False
        elif part == self._shown:
            return
        elif self.message_id is None:
            await self._begin_message(part)
        elif await edited(self._sender.show(self._target.edit(self.message_id, part))):
            self._shown = part

    async def _begin_message(self, part: Part) -> None:
        message = await self._sender.show(self._target.message(part))
        if message is not None:
            self.message_id, self._shown = message.message_id, part
        elif self._sender.delay(self._target.chat_id, 0) <= 0:
            # Nobody knows whether it arrived: one more could stand there twice, so the answer comes without preview.
            self._closing.set()

    def _draft(self, part: Part) -> SendMessageDraft:
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


async def edited(call: Awaitable[Any]) -> bool:
    """Whether the message now reads as wanted; that it did already counts as success."""
    try:
        return await call is not None
    except TelegramBadRequest as error:
        if _NOT_MODIFIED in error.message:
            return True
        raise
