"""Sets of examples to try: of several sizes, balanced over the labels, unlike one another, and none like an order."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from assistant.prompting.candidate import Demo
from assistant.prompting.orders import orders_within
from assistant.prompting.pools import Vectors, turns_of
from assistant.prompting.task import Item

_SIZES: Final = (2, 4, 8, 16)
_NEAREST: Final = (1, 2, 4)
"""Found for each question, and so read for each: on a processor eight took twice as long as four and were no better,
and four that are the same for all beside them made it worse."""
_DRAWS: Final = 2
"""Sets of each size."""
_LONGEST: Final = 480
"""Tokens of one set, about; what is longer costs more time than it is worth to a small model."""
_FOUND_LONGEST: Final = 320
"""The same where they are found for each question, and so read for each."""
_HAN: Final = 0.7
_OTHER: Final = 0.28
"""Tokens a character makes, about, in Chinese and elsewhere; each message has some of its own."""
_AROUND: Final = 10


@dataclass(frozen=True, slots=True)
class ExampleSet:
    """`kind` says how it was made; `nearest` is how many are to be found for each question."""

    kind: str
    demos: tuple[Demo, ...] = ()
    nearest: int = 0

    @property
    def size(self) -> int:
        return len(self.demos) + self.nearest


def usable(items: Sequence[Item]) -> list[Item]:
    """Those that may be shown as examples."""
    return [one for one in items if not orders_within(one.input) and not orders_within(one.output)]


def example_sets(
    items: Sequence[Item], vectors: Vectors, labels: Sequence[str], seed: int, *, solved: frozenset[str] = frozenset()
) -> list[ExampleSet]:
    """None at all, sets of each size, and sets found for each question. `vectors` are those of `items`, row by row.

    `solved` are ids the model got right by itself: where they are known, one set of each size prefers what it did not.
    """
    found = [ExampleSet("none")]
    if not items:
        return found
    drawn = random.Random(f"examples {seed}")  # noqa: S311 - the same seed has to give the same sets
    for size in (size for size in _SIZES if size <= len(items)):
        for draw in range(_DRAWS):
            order = drawn.sample(range(len(items)), len(items))
            if draw and solved:
                order.sort(key=lambda index: items[index].id in solved)
            elif draw:
                order = _spread(order, vectors)
            kind = "random" if not draw else "hard" if solved else "spread"
            chosen = _balanced([items[index] for index in order], labels, size)
            drawn.shuffle(chosen)
            demos = tuple(Demo(one.input, one.output) for one in _short(chosen))
            if len(demos) == size:
                found.append(ExampleSet(kind, demos))
    each = sum(map(_tokens, items)) / len(items)
    nearest = [size for size in _NEAREST if size < len(items) and size * each <= _FOUND_LONGEST]
    return [*found, *(ExampleSet("nearest", nearest=size) for size in nearest)]


def _balanced(items: Sequence[Item], labels: Sequence[str], size: int) -> list[Item]:
    """The first of each label in turn; without labels simply the first."""
    if not labels:
        return list(items[:size])
    turns = turns_of(items)
    return [items[number] for number in sorted(range(len(items)), key=turns.__getitem__)[:size]]


def _spread(order: Sequence[int], vectors: Vectors) -> list[int]:
    """Each next one is the farthest from those before it (k-centre, Gonzalez 1985)."""
    chosen = [order[0]]
    distance = 1 - vectors @ vectors[order[0]]
    for _ in range(min(len(order), max(_SIZES) * 4) - 1):
        distance[chosen] = -np.inf
        chosen.append(int(np.argmax(distance)))
        distance = np.minimum(distance, 1 - vectors @ vectors[chosen[-1]])
    left = set(chosen)
    return chosen + [index for index in order if index not in left]


def _short(items: Sequence[Item]) -> list[Item]:
    kept: list[Item] = []
    length = 0.0
    for one in items:
        length += _tokens(one)
        if length > _LONGEST:
            break
        kept.append(one)
    return kept


def _tokens(one: Item) -> float:
    han = sum("\u3400" <= letter <= "\u9fff" for text in (one.input, one.output) for letter in text)
    return han * _HAN + (len(one.input) + len(one.output) - han) * _OTHER + _AROUND
