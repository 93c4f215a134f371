"""Long polling that outlives a bad network, and says plainly when it cannot work."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final, Literal, TypeAlias, TypeVar

from aiogram import Bot
from aiogram.exceptions import (
    AiogramError,
    ClientDecodeError,
    TelegramConflictError,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramUnauthorizedError,
)
from aiogram.methods import GetMe, GetUpdates
from aiogram.types import Update, User
from aiogram.utils.backoff import Backoff, BackoffConfig
from pydantic import ValidationError

from bots.telegram.clock import Clock

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")
Trouble: TypeAlias = Literal["token", "conflict", "unreachable"]
_BACKOFF: Final = BackoffConfig(min_delay=1.0, max_delay=30.0, factor=2.0, jitter=0.1)
_POLL_S: Final = 30
_MARGIN_S: Final = 15
_CONFLICT_S: Final = 15.0
_REMEMBERED: Final = 4096


class TokenRefused(Exception):
    """Telegram knows no bot with this token; asking again is of no use."""


class Poller:
    """`report` hears of every trouble once when it begins, and None when it is over."""

    def __init__(
        self, bot: Bot, clock: Clock, allowed: Sequence[str], report: Callable[[Trouble | None, str], None]
    ) -> None:
        self._bot = bot
        self._clock = clock
        self._allowed = list(allowed)
        self._report = report
        self._trouble: Trouble | None = None
        self._offset: int | None = None
        self._seen: deque[int] = deque(maxlen=_REMEMBERED)

    async def me(self) -> User:
        """Who the bot is; waits for the network. Raises TokenRefused."""
        return await self._persist(lambda: self._bot(GetMe(), request_timeout=_MARGIN_S))

    async def updates(self) -> AsyncGenerator[Update, None]:
        """Endlessly, each update once, beginning with what came while no bot was running. Raises TokenRefused."""
        while True:
            for update in await self._persist(self._fetch):
                self._confirmed_by_next_poll(update.update_id)
                if update.update_id not in self._seen:
                    self._seen.append(update.update_id)
                    yield update

    async def confirm(self) -> None:
        """Tell the server what has been dealt with, so that it does not come again after a restart."""
        if self._offset is not None:
            with suppress(AiogramError):
                await self._bot(GetUpdates(offset=self._offset, limit=1, timeout=0), request_timeout=5)

    async def _fetch(self) -> list[Update]:
        # After a broken connection a short poll tells at once that it works again.
        wait_s = 0 if self._trouble == "unreachable" else _POLL_S
        method = GetUpdates(offset=self._offset, timeout=wait_s, allowed_updates=self._allowed)
        try:
            return await self._bot(method, request_timeout=_POLL_S + _MARGIN_S)
        except ClientDecodeError as error:
            found = error.data.get("result") if isinstance(error.data, dict) else None
            if not isinstance(found, list):
                raise
            return self._readable(found)

    def _readable(self, found: list[dict[str, Any]]) -> list[Update]:
        # One update aiogram cannot parse would otherwise come back with every poll and hold up all others.
        updates = []
        for raw in found:
            try:
                updates.append(Update.model_validate(raw, context={"bot": self._bot}))
            except ValidationError:
                _log.warning("telegram: update %s cannot be read and is left out", raw["update_id"])
                self._confirmed_by_next_poll(raw["update_id"])
        return updates

    def _confirmed_by_next_poll(self, update_id: int) -> None:
        self._offset = max(self._offset or 0, update_id + 1)

    async def _persist(self, call: Callable[[], Awaitable[_Result]]) -> _Result:
        backoff = Backoff(_BACKOFF)
        while True:
            try:
                result = await call()
            except (TelegramUnauthorizedError, TelegramNotFound) as error:
                self._hear("token", error.message)
                raise TokenRefused from error
            except TelegramConflictError as error:
                self._hear("conflict", error.message)
                await self._clock.sleep(_CONFLICT_S)
            except TelegramRetryAfter as error:
                await self._clock.sleep(error.retry_after)
            except AiogramError as error:
                self._hear("unreachable", str(error))
                await self._clock.sleep(next(backoff))
            else:
                self._hear(None, "")
                return result

    def _hear(self, trouble: Trouble | None, detail: str) -> None:
        if trouble != self._trouble or trouble is None:
            self._report(trouble, detail)
        self._trouble = trouble
