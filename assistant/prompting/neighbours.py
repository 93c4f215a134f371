"""The examples most like a question, found by embedding; never the question itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias

import numpy as np

from assistant.prompting.candidate import Demo
from assistant.prompting.pools import Vectors
from assistant.prompting.progress import Pause
from assistant.prompting.task import Item

_BLOCK: Final = 8
"""Texts embedded in one go: a person who comes meanwhile waits for no more than these."""
_TOLD: Final = 8 * _BLOCK
Sorted: TypeAlias = Callable[[int], Awaitable[None]]
"""Hears how many texts have been embedded."""


class Neighbours:
    """`embed` turns texts into vectors of length 1, row by row. Each text is embedded once."""

    def __init__(self, embed: Callable[[Sequence[str]], Vectors]) -> None:
        self._embed = embed
        self._known: dict[str, np.ndarray] = {}
        self._examples: list[Item] = []
        self._matrix: Vectors = np.zeros((0, 0))

    def use(self, examples: Sequence[Item]) -> None:
        """From now on neighbours are these."""
        self._examples = list(examples)
        self._matrix = self.vectors(self._examples)

    async def learn(self, items: Sequence[Item], pause: Pause | None, tell: Sorted | None = None) -> None:
        """Embed these, a few at a time; `pause` is awaited before each few, for whoever wants to hold or end it, and
        `tell` hears now and then how many there are."""
        for start in range(0, len(items), _BLOCK):
            if pause is not None:
                await pause()
            if tell is not None and start % _TOLD == 0:
                await tell(start)
            await asyncio.to_thread(self.vectors, items[start : start + _BLOCK])

    def vectors(self, items: Sequence[Item]) -> Vectors:
        return self.embedded([one.input for one in items])

    def embedded(self, texts: Sequence[str]) -> Vectors:
        missing = list(dict.fromkeys(one for one in texts if one not in self._known))
        if missing:
            self._known.update(zip(missing, self._embed(missing), strict=True))
        return np.array([self._known[one] for one in texts])

    def nearest(self, item: Item, count: int) -> list[Demo]:
        """The most alike last, for what stands nearest to the question is heeded most."""
        if not count or not self._examples:
            return []
        return self._nearest(item, self.vectors([item])[0], count)

    def nearest_once(self, item: Item, count: int) -> list[Demo]:
        """The same for a question that is not asked again: nothing of it is kept. From any thread."""
        if not count or not self._examples:
            return []
        known = self._known.get(item.input)
        return self._nearest(item, self._embed([item.input])[0] if known is None else known, count)

    def _nearest(self, item: Item, vector: np.ndarray, count: int) -> list[Demo]:
        alike = self._matrix @ vector
        found: list[Demo] = []
        for index in np.argsort(-alike, kind="stable"):
            example = self._examples[int(index)]
            if example.group != item.group and example.input != item.input:
                found.append(Demo(example.input, example.output))
            if len(found) == count:
                break
        return found[::-1]
