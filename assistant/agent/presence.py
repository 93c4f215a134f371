"""Whether somebody waits for an answer, and since when nobody does: what may wait waits for that."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


class Presence:
    """Everybody who asks enters; on one event loop. `tell` hears at once when somebody is there, and when nobody is any
    more."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, tell: Callable[[bool], None] = lambda _: None
    ) -> None:
        self._clock = clock
        self._tell = tell
        self._asking = 0
        self._left_at = clock()
        self._gone = asyncio.Event()
        self._gone.set()
        self._came = asyncio.Event()

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Somebody is there until this ends."""
        self._asking += 1
        if self._asking == 1:
            self._gone.clear()
            self._came.set()
            self._tell(True)
        try:
            yield
        finally:
            self._asking -= 1
            if not self._asking:
                self._left_at = self._clock()
                self._came.clear()
                self._gone.set()
                self._tell(False)

    @property
    def is_anybody(self) -> bool:
        return self._asking > 0

    async def quiet(self, seconds: float) -> None:
        """Wait until nobody has asked anything for so long; at once where that is so already."""
        while True:
            await self._gone.wait()
            if self._asking:  # the next one came before this was told that the last had gone
                continue
            left = self._left_at + seconds - self._clock()
            if left <= 0:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._came.wait()
