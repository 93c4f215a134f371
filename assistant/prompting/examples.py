"""Sets of examples to try: of several sizes, balanced over the labels, unlike one another, and none like an order."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
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
    items: Sequence[Item],
    vectors: Vectors,
    labels: Sequence[str],
    seed: int,
    *,
    solved: Mapping[str, str] = MappingProxyType({}),
) -> list[ExampleSet]:
    """None at all, sets of each size, and sets found for each question. `vectors` are those of `items`, row by row.

    `solved` are the ids of what the model got right by itself, with what it said: where they are known, one set of each
    size prefers what it did not get right, and one shows what it did, in its own words.
    """
    found = [ExampleSet("none")]
    if not items:
        return found
    drawn = random.Random(f"examples {seed}")  # noqa: S311 - the same seed has to give the same sets
    own = [index for index, one in enumerate(items) if one.id in solved and not orders_within(solved[one.id])]
    kinds = ("random", "hard", "own") if solved else ("random", "spread")
    for size, kind in itertools.product((size for size in _SIZES if size <= len(items)), kinds):
        order = drawn.sample(range(len(items)), len(items)) if kind != "own" else drawn.sample(own, len(own))
        if kind == "hard":
            order.sort(key=lambda index: items[index].id in solved)
        elif kind != "random" and order:
            order = _spread(order, vectors)
        chosen = _balanced([items[index] for index in order], labels, size)
        drawn.shuffle(chosen)
        demos = _short([Demo(one.input, solved[one.id] if kind == "own" else one.output) for one in chosen])
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
    """`order`, but each next one is the farthest from those before it (k-centre, Gonzalez 1985)."""
    chosen = [order[0]]
    distance = 1 - vectors @ vectors[order[0]]
    distance[np.setdiff1d(np.arange(len(vectors)), order)] = -np.inf
    for _ in range(min(len(order), max(_SIZES) * 4) - 1):
        distance[chosen] = -np.inf
        chosen.append(int(np.argmax(distance)))
        distance = np.minimum(distance, 1 - vectors @ vectors[chosen[-1]])
    left = set(chosen)
    return chosen + [index for index in order if index not in left]


def _short(demos: Sequence[Demo]) -> tuple[Demo, ...]:
    lengths = itertools.accumulate(map(_tokens, demos))
    return tuple(demo for demo, length in zip(demos, lengths, strict=True) if length <= _LONGEST)


def _tokens(one: Item | Demo) -> float:
    han = sum("\u3400" <= letter <= "\u9fff" for text in (one.input, one.output) for letter in text)
    return han * _HAN + (len(one.input) + len(one.output) - han) * _OTHER + _AROUND
