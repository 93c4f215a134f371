"""Everything the bot says to a chat goes through one `Sender`, which knows what each chat may still be sent.

Telegram answers too many calls with 429 and a wait; calling within that wait lengthens it. So a wait counts for the
whole chat: what must arrive waits for its end, what only matters now (a preview, "typing") is left out meanwhile.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final, TypeVar

from aiogram import Bot
from aiogram.exceptions import TelegramAPIError, TelegramNetworkError, TelegramRetryAfter, TelegramServerError
from aiogram.methods import TelegramMethod
from aiogram.types import CallbackQuery
from aiogram.utils.backoff import Backoff, BackoffConfig
from aiohttp import ClientConnectorError

from bots.telegram.clock import Clock

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")
_BACKOFF: Final = BackoffConfig(min_delay=1.0, max_delay=30.0, factor=2.0, jitter=0.1)
_ATTEMPTS: Final = 12
"""About four minutes without a connection."""
_PREVIEW_TIMEOUT_S: Final = 10
_TOAST_LENGTH: Final = 200


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds. Telegram allows about one call a second in a private chat and twenty a minute in a group."""

    draft: float = 1.0
    edit: float = 4.0
    keep_alive: float = 20.0
    """A draft disappears after 30 seconds unless it is shown again."""
    grace: float = 10.0
    """How long a bot that is told to end waits for answers being written."""


class Sender:
    """One per bot."""

    def __init__(self, bot: Bot, clock: Clock) -> None:
        self._bot = bot
        self._clock = clock
        self._open_at: dict[object, float] = {}
        self._called_at: dict[object, float] = {}

    async def send(self, method: TelegramMethod[_Result], *, repeatable: bool = False) -> _Result:
        """Until Telegram has taken it, however long the chat is shut.

        A call that never left is made again; one whose fate is unknown is so only when it is `repeatable`, that is
        when doing it twice shows nothing twice. Else the TelegramNetworkError or TelegramServerError is raised.
        """
        chat = _chat(method)
        backoff = Backoff(_BACKOFF)
        while True:
            await self._until_open(chat)
            try:
                return await self._call(chat, method)
            except TelegramRetryAfter as error:
                self._shut(chat, error.retry_after)
            except (TelegramNetworkError, TelegramServerError) as error:
                if not (repeatable or _never_left(error)) or backoff.counter >= _ATTEMPTS:
                    raise
                _log.info("telegram: %s again in %.0f s: %s", method.__api_method__, backoff.next_delay, error)
                await self._clock.sleep(next(backoff))

    async def show(self, method: TelegramMethod[_Result]) -> _Result | None:
        """Now or not at all: None when the chat is shut or the connection fails."""
        chat = _chat(method)
        if self.delay(chat, 0) > 0:
            return None
        try:
            return await self._call(chat, method, _PREVIEW_TIMEOUT_S)
        except TelegramRetryAfter as error:
            self._shut(chat, error.retry_after)
        except (TelegramNetworkError, TelegramServerError) as error:
            _log.info("telegram: a preview was not shown: %s", error)
        return None

    def delay(self, chat: object, gap: float) -> float:
        """Seconds until this chat may be called again, `gap` seconds after the last call at the earliest."""
        due = max(self._open_at.get(chat, 0.0), self._called_at.get(chat, -gap) + gap)
        return max(0.0, due - self._clock.now())

    async def _call(self, chat: object, method: TelegramMethod[_Result], timeout_s: int | None = None) -> _Result:
        self._called_at[chat] = self._clock.now()
        return await self._bot(method, request_timeout=timeout_s)

    async def _until_open(self, chat: object) -> None:
        while (wait := self.delay(chat, 0)) > 0:
            await self._clock.sleep(wait)

    def _shut(self, chat: object, seconds: float) -> None:
        _log.info("telegram: chat %s is shut for %s s", chat, seconds)
        self._open_at[chat] = max(self._open_at.get(chat, 0.0), self._clock.now() + seconds)


async def toast(query: CallbackQuery, text: str = "", *, alert: bool = False) -> None:
    """The short text over the chat that answers a pressed button; Telegram takes it for some seconds only."""
    try:
        await query.answer(text[:_TOAST_LENGTH], show_alert=alert)
    except TelegramAPIError as error:
        _log.info("telegram: a pressed button was not answered: %s", error)


def _chat(method: TelegramMethod[_Result]) -> object:
    return getattr(method, "chat_id", None)


def _never_left(error: Exception) -> bool:
    return isinstance(error.__cause__, ClientConnectorError)
