"""Reads the names in passages into the graph, as documents come; an old library is read when it is next added to."""

from __future__ import annotations

from typing import Final

from assistant.knowledge.entities import mentions
from assistant.memory.graph import GraphStore

_BATCH: Final = 256


class Linking:
    """Called from any thread; a millisecond takes about three passages."""

    def __init__(self, store: GraphStore) -> None:
        self._store = store

    def catch_up(self) -> int:
        """Read every passage that was not read yet; returns how many."""
        read = 0
        while waiting := self._store.unread(_BATCH):
            # Looked for before the store is asked: it keeps everybody waiting as long as it writes.
            self._store.keep(
                [
                    (one.id, [(found.key, found.name, found.kind) for found in mentions(one.text, one.header)])
                    for one in waiting
                ]
            )
            read += len(waiting)
        return read
