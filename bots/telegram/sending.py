"""Everything the bot says to a chat goes through one `Sender`, which knows what each chat may still be sent.

Telegram answers too many calls with 429 and a wait; calling within that wait lengthens it. So a wait counts for the
whole chat and every method: what must arrive waits for its end, what only matters now (a preview) is left out.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from aiogram import Bot
from aiogram.exceptions import TelegramAPIError, TelegramNetworkError, TelegramRetryAfter, TelegramServerError
from aiogram.methods import TelegramMethod
from aiogram.types import CallbackQuery
from aiogram.utils.backoff import Backoff, BackoffConfig

from bots.telegram.clock import Clock
from bots.telegram.connection import never_left
from bots.telegram.drawn import Drawn
from bots.telegram.pacing import Budgets, Pace

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")
_BACKOFF: Final = BackoffConfig(min_delay=1.0, max_delay=30.0, factor=2.0, jitter=0.1)
_ATTEMPTS: Final = 12
"""About four minutes without a connection."""
_TOAST_LENGTH: Final = 200


async def _nothing() -> None:
    return None


class Sender:
    """One per bot."""

    def __init__(
        self,
        bot: Bot,
        clock: Clock,
        budgets: Budgets | None = None,
        pace: Pace | None = None,
        drawn: Drawn | None = None,
    ) -> None:
        self._bot = bot
        self._clock = clock
        self._budgets = budgets or Budgets(clock)
        self._pace = pace or Pace()
        self._drawn = drawn

    async def send(
        self,
        method: TelegramMethod[_Result],
        *,
        repeatable: bool = False,
        leaves: Callable[[], Awaitable[None]] = _nothing,
        stayed: Callable[[], Awaitable[None]] = _nothing,
        patient: bool = False,
    ) -> _Result:
        """Until Telegram has taken it, however long the chat is shut.

        A call that never left is made again; one whose fate is unknown is so only when it is `repeatable`, that is
        when doing it twice shows nothing twice. Else the TelegramNetworkError or TelegramServerError is raised.
        `leaves` is awaited before every try and `stayed` after one that certainly showed nothing; `patient` does not
        give up while there is no connection.
        """
        chat_id = _chat(method)
        backoff = Backoff(_BACKOFF)
        while True:
            await self._until_open(chat_id)
            await leaves()
            try:
                return await self._call(chat_id, method, self._pace.call)
            except TelegramRetryAfter as error:
                await stayed()
                self._refused(chat_id, error.retry_after)
            except (TelegramNetworkError, TelegramServerError) as error:
                if never_left(error):
                    await stayed()
                elif not repeatable:
                    raise
                if backoff.counter >= _ATTEMPTS and not patient:
                    raise
                _log.info("telegram: %s again in %.0f s: %s", method.__api_method__, backoff.next_delay, error)
                await self._clock.sleep(next(backoff))

    async def show(self, method: TelegramMethod[_Result]) -> _Result | None:
        """Now or not at all: None when the chat is shut or the connection fails."""
        try:
            return await self.show_once(method)
        except (TelegramNetworkError, TelegramServerError) as error:
            _log.info("telegram: a preview was not shown: %s", error)
        return None

    async def show_once(self, method: TelegramMethod[_Result]) -> _Result | None:
        """As `show`, but what nobody knows the fate of is raised."""
        chat_id = _chat(method)
        if self.shut_for(chat_id) > 0:
            return None
        try:
            return await self._call(chat_id, method, max(1, self._pace.call // 3))
        except TelegramRetryAfter as error:
            self._refused(chat_id, error.retry_after)
        except TelegramNetworkError as error:
            if not never_left(error):
                raise
            _log.info("telegram: a preview was not shown: %s", error)
        return None

    def shut_for(self, chat_id: int) -> float:
        """Seconds until this chat may be called at all."""
        return self._budgets.of(chat_id).shut_for()

    def delay(self, chat_id: int, gap: float) -> float:
        """Seconds until a preview is in order, of which one every `gap` seconds is usual."""
        return self._budgets.wait(chat_id, gap)

    async def _call(self, chat_id: int, method: TelegramMethod[_Result], timeout_s: int) -> _Result:
        if chat_id:
            self._budgets.spend(chat_id, self._gap(chat_id))
        if self._drawn is not None:
            await self._drawn.leaves(method)
        result = await self._bot(method, request_timeout=timeout_s)
        if self._drawn is not None:
            await self._drawn.arrived(method, result)
        if chat_id:
            self._budgets.of(chat_id).taken()
        return result

    async def _until_open(self, chat_id: int) -> None:
        while (wait := self._budgets.of(chat_id).patience(self._gap(chat_id))) > 0:
            await self._clock.sleep(wait)

    def _refused(self, chat_id: int, seconds: float) -> None:
        _log.info("telegram: chat %s is shut for %s s", chat_id, seconds)
        self._budgets.refused(chat_id, seconds)

    def _gap(self, chat_id: int) -> float:
        return self._pace.draft if chat_id > 0 else self._pace.edit


async def toast(query: CallbackQuery, text: str = "", *, alert: bool = False) -> None:
    """The short text over the chat that answers a pressed button; Telegram takes it for some seconds only."""
    try:
        await query.answer(text[:_TOAST_LENGTH], show_alert=alert)
    except TelegramAPIError as error:
        _log.info("telegram: a pressed button was not answered: %s", error)


def _chat(method: TelegramMethod[_Result]) -> int:
    """0 for what belongs to no chat."""
    chat_id = getattr(method, "chat_id", None)
    return chat_id if isinstance(chat_id, int) else 0
