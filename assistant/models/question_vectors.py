"""Vectors of the last few questions: one is looked for in what was said and in the documents, and often asked again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

_KEPT: Final = 16


class QuestionVectors:
    """From any thread. `embed` makes the vector of a question that is not known; what it raises is not kept."""

    def __init__(self, embed: Callable[[str], list[float]]) -> None:
        self._embed = embed
        self._lock = threading.Lock()
        self._known: OrderedDict[str, list[float]] = OrderedDict()

    def of(self, text: str) -> list[float]:
        """The caller's own list."""
        with self._lock:
            known = self._known.pop(text, None)
        vector = self._embed(text) if known is None else known
        with self._lock:
            self._known[text] = vector
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return list(vector)
