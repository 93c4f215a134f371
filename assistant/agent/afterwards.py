"""What is done about turns once their answers have ended: one after another, and nothing is lost by it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from assistant.errors import AssistantError

_log = logging.getLogger(__name__)


class Afterwards:
    """On one event loop. `work` is called with the id of each turn that is wanted; where it fails it is logged that
    `otherwise`, with the id in it, and the next one is taken."""

    def __init__(self, work: Callable[[str], Awaitable[None]], otherwise: str) -> None:
        self._work = work
        self._otherwise = otherwise
        self._wanted: dict[str, None] = {}
        self._working: asyncio.Task[None] | None = None

    def want(self, turn_id: str) -> None:
        self._wanted[turn_id] = None
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._all())

    async def stop(self) -> None:
        """What was wanted is not done any more."""
        self._wanted.clear()
        if self._working is not None:
            self._working.cancel()
            with suppress(asyncio.CancelledError):
                await self._working

    async def done(self) -> None:
        """Wait until nothing is wanted any more."""
        if self._working is not None:
            await asyncio.wait({self._working})

    async def _all(self) -> None:
        while self._wanted:
            turn_id = next(iter(self._wanted))
            del self._wanted[turn_id]
            try:
                await self._work(turn_id)
            except AssistantError as error:
                _log.info(f"{self._otherwise}: %s", turn_id, error)
            except Exception:
                _log.exception(self._otherwise, turn_id)
