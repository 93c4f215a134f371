"""What is being asked right now: whoever wants the same answer waits for it instead of paying for it again."""

from __future__ import annotations

import asyncio
from weakref import WeakValueDictionary

from assistant.memory.ledger import Cell, CellKey


class Place:
    """Of one answer. Locked while it is being asked for; `cell` is there once it was."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.cell: Cell | None = None


class Underway:
    """Used on one event loop. Who has a place from before they looked the answer up misses none that comes meanwhile;
    where whoever asks is broken off, the next who waits asks."""

    def __init__(self) -> None:
        self._places: WeakValueDictionary[CellKey, Place] = WeakValueDictionary()

    def of(self, key: CellKey) -> Place:
        """The same for everybody, as long as somebody keeps it."""
        return self._places.setdefault(key, Place())
