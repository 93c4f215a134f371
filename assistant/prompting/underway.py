"""What is being asked right now: whoever wants the same answer waits for it instead of paying for it again."""

from __future__ import annotations

import asyncio
from weakref import WeakValueDictionary

from assistant.memory.ledger import CellKey


class Underway:
    """Used on one event loop. Who holds the lock of an answer looks it up, and asks where it is not there; where they
    are broken off, the next who waits asks."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[CellKey, asyncio.Lock] = WeakValueDictionary()

    def of(self, key: CellKey) -> asyncio.Lock:
        """Kept as long as somebody holds it or waits for it."""
        return self._locks.setdefault(key, asyncio.Lock())
