"""A clock that stands still until the test moves it; given to the server and to the bot alike."""

from __future__ import annotations

import asyncio

from bots.telegram.clock import Clock


class ManualClock(Clock):
    """Starts at zero seconds."""

    def __init__(self) -> None:
        self._now = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []
        self._news = asyncio.Event()

    def now(self) -> float:
        return self._now

    def time(self) -> float:
        return 1_767_225_600 + self._now

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (self._now + seconds, future)
        self._sleepers.append(entry)
        news, self._news = self._news, asyncio.Event()
        news.set()
        try:
            await future
        finally:
            if entry in self._sleepers:
                self._sleepers.remove(entry)

    def advance(self, seconds: float) -> None:
        """Move on and wake everybody whose time has come."""
        self._now += seconds
        for due, future in list(self._sleepers):
            if due <= self._now + 1e-9 and not future.done():
                future.set_result(None)

    async def somebody_waits(self, at_least: float, at_most: float, within: float = 30.0) -> None:
        """Until something sleeps whose time comes between so many and so many seconds from now."""
        async with asyncio.timeout(within):
            while not any(at_least <= due - self._now <= at_most for due, _ in self._sleepers):
                await self._news.wait()
