"""Long polling that outlives a bad network, a rival and a connection that went silent, and says plainly what is wrong.

An update is acknowledged by asking for the next ones, so `take` has to have kept it before that. The poller holds a
connection of its own: when it hangs it is thrown away, and no message on its way out is lost with it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, Literal, TypeAlias, TypeVar

from aiogram import Bot
from aiogram.exceptions import (
    AiogramError,
    TelegramBadRequest,
    TelegramConflictError,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramUnauthorizedError,
)
from aiogram.methods import DeleteWebhook, GetMe, SetWebhook, TelegramMethod
from aiogram.types import User
from aiogram.utils.backoff import Backoff, BackoffConfig

from assistant.errors import AssistantError
from bots.telegram.clock import Clock

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")
Trouble: TypeAlias = Literal["token", "conflict", "unreachable", "stalled", "storage", "webhook"]
_BACKOFF: Final = BackoffConfig(min_delay=1.0, max_delay=30.0, factor=2.0, jitter=0.1)
_ASK_S: Final = 15
_CONFLICT_S: Final = 15.0
Raw: TypeAlias = dict[str, Any]


class TokenRefused(Exception):
    """Telegram knows no bot with this token; asking again is of no use."""


class Stalled(AiogramError):
    """The server has let go of a poll without a word."""


class FetchUpdates(TelegramMethod[list[Raw]]):
    """getUpdates as it comes: what is kept has to be what was sent, and what aiogram cannot read must not hold up the
    rest."""

    __returning__ = list[dict[str, Any]]
    __api_method__ = "getUpdates"

    offset: int | None = None
    timeout: int | None = None
    allowed_updates: list[str] | None = None


class Poller:
    """`report` hears of every trouble once when it begins, and None when it is over."""

    def __init__(
        self,
        bot: Bot,
        clock: Clock,
        allowed: Sequence[str],
        report: Callable[[Trouble | None, str], None],
        take: Callable[[Sequence[Raw]], Awaitable[None]],
        poll_s: int,
    ) -> None:
        self._bot = bot
        self._clock = clock
        self._allowed = list(allowed)
        self._report = report
        self._take = take
        self._poll_s = poll_s
        self._trouble: Trouble | None = None
        self._offset: int | None = None

    async def me(self) -> User:
        """Who the bot is; waits for the network. Raises TokenRefused."""
        return await self._persist(lambda: self._bot(GetMe(), request_timeout=_ASK_S))

    async def run(self) -> None:
        """Endlessly, beginning with what came while no bot was running. Raises TokenRefused."""
        while True:
            raw = await self._persist(self._fetch)
            if raw:
                await self._persist(partial(self._take, raw))
                self._offset = max(int(update["update_id"]) for update in raw) + 1

    async def confirm(self) -> None:
        """Tell the server what has been kept, which spares sending it again."""
        if self._offset is not None:
            with suppress(AiogramError):
                await self._bot(FetchUpdates(offset=self._offset, timeout=0), request_timeout=5)

    async def deliver_to(self, url: str, secret: str) -> None:
        """Have updates delivered there instead. Raises TokenRefused, and TelegramBadRequest for an address that is no
        good."""
        method = SetWebhook(url=url, secret_token=secret, allowed_updates=self._allowed)
        await self._persist(lambda: self._bot(method, request_timeout=_ASK_S), refusable=True)

    async def _leave_webhook(self) -> None:
        """Somebody had them delivered before; what waits there is not dropped."""
        _log.warning("telegram: updates were delivered to a webhook before; they are polled from now on")
        await self._persist(lambda: self._bot(DeleteWebhook(drop_pending_updates=False), request_timeout=_ASK_S))

    async def _fetch(self) -> list[Raw]:
        # After a broken connection a short poll tells at once that it works again.
        wait_s = 0 if self._trouble in {"unreachable", "stalled"} else self._poll_s
        method = FetchUpdates(offset=self._offset, timeout=wait_s, allowed_updates=self._allowed)
        poll = asyncio.create_task(self._bot(method, request_timeout=2 * self._poll_s))
        watch = asyncio.create_task(self._clock.sleep(1.5 * self._poll_s))
        try:
            await asyncio.wait({poll, watch}, return_when=asyncio.FIRST_COMPLETED)
            if poll.done():
                return await poll
        finally:
            watch.cancel()
            poll.cancel()
        await asyncio.wait({poll})
        await self._bot.session.close()  # the next call opens a new one
        raise Stalled

    async def _persist(self, call: Callable[[], Awaitable[_Result]], *, refusable: bool = False) -> _Result:
        backoff = Backoff(_BACKOFF)
        while True:
            try:
                result = await call()
            except (TelegramUnauthorizedError, TelegramNotFound) as error:
                self._hear("token", error.message)
                raise TokenRefused from error
            except TelegramConflictError as error:
                if "webhook is active" in error.message:
                    await self._leave_webhook()
                    continue
                self._hear("conflict", error.message)
                await self._clock.sleep(_CONFLICT_S)
            except TelegramRetryAfter as error:
                await self._clock.sleep(error.retry_after)
            except Stalled:
                self._hear("stalled", f"no answer to a poll for {1.5 * self._poll_s:.0f} s")
            except AiogramError as error:
                if refusable and isinstance(error, TelegramBadRequest):
                    raise
                self._hear("unreachable", str(error))
                await self._clock.sleep(next(backoff))
            except AssistantError as error:
                # Nothing is acknowledged that cannot be kept: Telegram holds it for a day.
                self._hear("storage", str(error))
                await self._clock.sleep(next(backoff))
            else:
                self._hear(None, "")
                return result

    def _hear(self, trouble: Trouble | None, detail: str) -> None:
        if trouble != self._trouble:
            self._report(trouble, detail)
        self._trouble = trouble
