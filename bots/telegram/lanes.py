"""Work in the order it came within one lane, side by side across lanes."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Hashable

_log = logging.getLogger(__name__)
Work = Callable[[], Awaitable[object]]


class Lanes:
    """A lane exists while it has work; what fails is logged and the lane goes on."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, deque[Work]] = {}
        self._workers: set[asyncio.Task[None]] = set()

    def put(self, lane: Hashable, work: Work) -> None:
        waiting = self._waiting.get(lane)
        if waiting is not None:
            waiting.append(work)
            return
        self._waiting[lane] = deque([work])
        worker = asyncio.create_task(self._work(lane))
        self._workers.add(worker)
        worker.add_done_callback(self._workers.discard)

    async def drain(self, seconds: float) -> bool:
        """Wait for everything begun and waiting; False when it took longer than that."""
        if self._workers:
            await asyncio.wait(self._workers, timeout=seconds)
        return not self._workers

    async def cancel(self) -> int:
        """Give up what is left; says how many pieces of work had not begun."""
        left = sum(len(waiting) for waiting in self._waiting.values())
        for worker in self._workers:
            worker.cancel()
        if self._workers:
            await asyncio.wait(self._workers)
        return left

    async def _work(self, lane: Hashable) -> None:
        waiting = self._waiting[lane]
        try:
            while waiting:
                work = waiting.popleft()
                try:
                    await work()
                except Exception:
                    _log.exception("telegram: an update could not be dealt with")
        finally:
            del self._waiting[lane]
