"""Drawings that go on while something changes: of one tab the one it asked for last, and none of those before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ui.visit import Visit


@dataclass(slots=True)
class Watch:
    """`is_over` once the tab has asked for another drawing: what this one says is dropped there."""

    tab_id: str
    number: float
    is_over: bool = False


class Watching:
    """What goes on now; a tab counts its drawings in `watch`, for its events may come in another order."""

    def __init__(self) -> None:
        self._going: list[Watch] = []

    @contextmanager
    def begin(self, visit: Visit) -> Iterator[Watch]:
        watch = Watch(visit.tab_id, visit.number("watch") or 0.0)
        for other in self._going:
            if other.tab_id == watch.tab_id and other.number != watch.number:
                (other if other.number < watch.number else watch).is_over = True
        self._going.append(watch)
        try:
            yield watch
        finally:
            # By what it is, for two of them may say the same.
            self._going = [other for other in self._going if other is not watch]
