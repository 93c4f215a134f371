"""The time the bot lives by: a monotonic clock and waiting for it."""

from __future__ import annotations

import asyncio
import time


class Clock:
    """Seconds that only grow. A test hands in a clock it moves itself."""

    def now(self) -> float:
        return time.monotonic()

    def time(self) -> float:
        """Seconds since the epoch, for what has to be known after a restart."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def wait_for_event(clock: Clock, event: asyncio.Event, seconds: float) -> bool:
    """Until the event is set or that many seconds have passed; says whether the event is set."""
    if event.is_set() or seconds <= 0:
        return event.is_set()
    waits = {asyncio.create_task(event.wait()), asyncio.create_task(clock.sleep(seconds))}
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    return event.is_set()
