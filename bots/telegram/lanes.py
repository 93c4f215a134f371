"""Work in the order it came within one lane, side by side across lanes."""

from __future__ import annotations

import asyncio
import logging
from bisect import insort
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field

_log = logging.getLogger(__name__)
Work = Callable[[], Awaitable[object]]


@dataclass(order=True, slots=True)
class _Waiting:
    order: int
    work: Work = field(compare=False)


class Lanes:
    """A lane exists while it has work; what fails is logged and the lane goes on."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, list[_Waiting]] = {}
        self._workers: set[asyncio.Task[None]] = set()
        self._ending = False

    def put(self, lane: Hashable, work: Work, order: int | None = None) -> None:
        """`order` puts it before what waits with a higher one; without it comes last."""
        waiting = self._waiting.get(lane)
        if waiting is None:
            self._waiting[lane] = [_Waiting(order or 0, work)]
            worker = asyncio.create_task(self._work(lane))
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)
        elif order is None:
            waiting.append(_Waiting(waiting[-1].order if waiting else 0, work))
        else:
            insort(waiting, _Waiting(order, work))

    def end(self) -> None:
        """Finish what is begun, begin nothing more."""
        self._ending = True

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
            while waiting and not self._ending:
                work = waiting.pop(0).work
                try:
                    await work()
                except Exception:
                    _log.exception("telegram: an update could not be dealt with")
        finally:
            del self._waiting[lane]
