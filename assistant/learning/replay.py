"""What a sequence of labels comes to, without going through all of it again at every label.

A label may still change, when a thumb is taken back or a thumb comes after a copy, and it is mostly one of the newest.
So the outcome is kept with some copies of how it stood on the way; what has changed is seen again from the last copy
before it. What is kept is for speed alone: from the beginning the same sequence comes to the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from itertools import takewhile
from typing import Final, Generic, TypeVar

S = TypeVar("S")
T = TypeVar("T")
_EVERY: Final = 32
_COPIES: Final = 8
"""The newest ones; a change before them begins anew."""


class Replay(Generic[S, T]):
    """`fresh` makes the outcome of nothing, `see` adds one of the sequence to it."""

    def __init__(self, fresh: Callable[[], S], see: Callable[[S, T], None]) -> None:
        self._fresh = fresh
        self._see = see
        self._told: list[T] = []
        self._outcome = fresh()
        self._copies: list[tuple[int, S]] = []

    def after(self, told: Sequence[T]) -> S:
        """The outcome of the whole sequence; the next call may change it."""
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(self._told, told, strict=False)))
        if same < len(self._told):
            self._go_back(same)
        for one in told[len(self._told) :]:
            self._see(self._outcome, one)
            self._told.append(one)
            if not len(self._told) % _EVERY:
                self._copies = [*self._copies[1 - _COPIES :], (len(self._told), deepcopy(self._outcome))]
        return self._outcome

    def _go_back(self, same: int) -> None:
        self._copies = [copy for copy in self._copies if copy[0] <= same]
        if self._copies:
            length, outcome = self._copies[-1]
            self._told, self._outcome = self._told[:length], deepcopy(outcome)
        else:
            self._told, self._outcome = [], self._fresh()
