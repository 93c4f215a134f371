"""Keys and values of sequences nobody writes in, kept in memory outside the context.

A context without flash attention compares every token with all cells in use, whosever they are, so it holds what is
being written and little else. Runs in the engine's process only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ParkedState:
    """`keep` is the conversation it may be put on the shelf for; empty for none."""

    keep: str
    tokens: tuple[int, ...]
    state: bytes


class Parked:
    """At most `limit` bytes; what was used longest ago goes first, to whoever `let_go` gives it to."""

    def __init__(self, limit: int, let_go: Callable[[ParkedState], None]) -> None:
        self.limit = limit
        self.size = 0
        self._let_go = let_go
        self._all: list[ParkedState] = []

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[ParkedState]:
        """The one used last first."""
        return reversed(tuple(self._all))

    def put(self, parked: ParkedState) -> None:
        """Keep it, in place of what it goes on from; one that is larger than all there may be goes at once."""
        for other in list(self._all):
            if other.keep in {"", parked.keep} and parked.tokens[: len(other.tokens)] == other.tokens:
                self._remove(other)
        self._all.append(parked)
        self.size += len(parked.state)
        while self.size > self.limit:
            self._let_go(self._remove(self._all[0]))

    def used(self, parked: ParkedState) -> None:
        """Note that somebody went on from it."""
        self._all.remove(parked)
        self._all.append(parked)

    def forget(self) -> None:
        self._all.clear()
        self.size = 0

    def _remove(self, parked: ParkedState) -> ParkedState:
        self._all.remove(parked)
        self.size -= len(parked.state)
        return parked
