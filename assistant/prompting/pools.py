"""Who may be an example, who compares candidates and who decides: three pools that share no conversation.

An item belongs to a pool by the hash of its group, so that it stays where it is when others come. What says nearly the
same as an item that is there already is left out: it would be asked in one pool and answered in another. Signs are not
nothing where they change the answer: 12 + 7 and 12 - 7 are two.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from assistant.prompting.near_duplicates import said, same_words, written
from assistant.prompting.task import Item

Vectors: TypeAlias = np.ndarray
"""One row of length 1 for each text."""
SHARES: Final = (0.35, 0.40)
NO_EXAMPLES: Final = (0.0, 0.6)
"""Where none are shown."""
MOST_ITEMS: Final = 3_000
"""So many are sorted for one run: a text takes about a hundredth of a second, and of more examples those nearest to a
question are hardly nearer."""
_ALIKE: Final = 0.985
"""Cosine above which two texts say the same. Vectors of multilingual-e5 lie close together: different questions of one
kind reach 0.95, the same question with another comma is above 0.99."""
_LEAST_TO_DECIDE: Final = 8
"""Items that the gate can show anything with, at its usual risk, and only if all of them are gained."""
_ROWS: Final = 512
"""Whose likeness to all others is looked at in one go."""


@dataclass(frozen=True, slots=True)
class Pools:
    examples: tuple[Item, ...]
    race: tuple[Item, ...]
    gate: tuple[Item, ...]
    left_out: int
    """Near-duplicates."""
    not_drawn: int = 0
    """Of more items than are sorted for one run."""
    too_long: int = 0
    """Of the items used, those none of whose right answers an answer of the task has room for."""

    def __post_init__(self) -> None:
        seen: dict[str, int] = {}
        for pool, items in enumerate((self.examples, self.race, self.gate)):
            for one in items:
                if seen.setdefault(one.group, pool) != pool:
                    raise ValueError(f"{one.group} is in two pools")


def sample(items: Sequence[Item]) -> tuple[Item, ...]:
    """As many as are sorted for one run, in the order they came in. They are the same whatever the seed, so that
    whoever asks with a prompt that was found looks for examples among those it was measured with."""
    if len(items) <= MOST_ITEMS:
        return tuple(items)
    places = sorted(range(len(items)), key=lambda number: hashlib.sha256(f"drawn {items[number].id}".encode()).digest())
    return tuple(items[number] for number in sorted(places[:MOST_ITEMS]))


def split(
    items: Sequence[Item],
    embed: Callable[[Sequence[str]], Vectors],
    seed: int,
    labels: Sequence[str] = (),
    shares: tuple[float, float] = SHARES,
) -> Pools:
    """The same items and seed give the same pools, each in the order in which it is to be used. `shares` are those of
    examples and of the race; what is left decides."""
    distinct = _distinct(items, embed)
    first, second = _borders(shares, [_share(one.group) for one in distinct])
    examples: list[Item] = []
    race: list[Item] = []
    gate: list[Item] = []
    for one in sorted(distinct, key=lambda one: _place(one.id, seed)):
        share = _share(one.group)
        (examples if share < first else race if share < second else gate).append(one)
    return Pools(tuple(examples), _mixed(race, labels, seed), _mixed(gate, labels, seed), len(items) - len(distinct))


def turns_of(items: Sequence[Item]) -> list[int]:
    """For each item the how manieth of its label it is, from 1."""
    seen: Counter[str] = Counter()
    turns = []
    for one in items:
        seen[one.output] += 1
        turns.append(seen[one.output])
    return turns


def _distinct(items: Sequence[Item], embed: Callable[[Sequence[str]], Vectors]) -> list[Item]:
    # Where what is accepted is always the question itself no answer is right: then there is none that could differ.
    answered = any(one.accepted != (one.input,) for one in items)
    asked: set[str] = set()
    by_words: dict[tuple[str, tuple[str, ...]], Item] = {}
    for one in items:
        if (text := written(one.input)) not in asked:
            by_words.setdefault((said(one.input), one.accepted if answered else ()), one)
        asked.add(text)
    kept = list(by_words.values())
    vectors = embed([one.input for one in kept])
    gone = {
        later
        for earlier, later in _alike(vectors)
        if (not answered or kept[earlier].accepted == kept[later].accepted)
        and same_words(kept[earlier].input, kept[later].input)
    }
    return [one for number, one in enumerate(kept) if number not in gone]


def _alike(vectors: Vectors) -> Iterator[tuple[int, int]]:
    """Pairs of rows that say the same, the earlier first; some rows at a time, for all at once take a gigabyte from ten
    thousand on."""
    for start in range(0, len(vectors), _ROWS):
        block = vectors[start : start + _ROWS]
        for row, column in np.argwhere(np.triu(block @ vectors[start:].T > _ALIKE, k=1)):
            yield start + int(row), start + int(column)


def _mixed(items: Sequence[Item], labels: Sequence[str], seed: int) -> tuple[Item, ...]:
    """Labels take turns: each is spread evenly over the whole, a label twice as frequent twice as densely. Where each
    begins is drawn, or the rare ones would all come late, and who stops early would not have seen them."""
    if not labels:
        return tuple(items)
    turns = turns_of(items)
    counts = {one.output: turn for one, turn in zip(items, turns, strict=True)}
    begins = {label: int.from_bytes(_place(f"begin {label}", seed)[:8]) / 2**64 for label in counts}

    def at(number: int) -> float:
        label = items[number].output
        return (turns[number] - begins[label]) / counts[label]

    return tuple(items[number] for number in sorted(range(len(items)), key=at))


def _borders(shares: tuple[float, float], placed: Sequence[float]) -> tuple[float, float]:
    """Below the first are examples, below the second the race. Of few items both get less, in proportion: with too few
    to decide nothing is decided."""
    first, second = shares[0], sum(shares)
    if sum(share >= second for share in placed) >= _LEAST_TO_DECIDE or len(placed) <= _LEAST_TO_DECIDE:
        return first, second
    lowered = sorted(placed)[-_LEAST_TO_DECIDE]
    below = sorted(share for share in placed if share < lowered)
    examples = round(len(below) * first / second)
    return (below[examples] if examples < len(below) else lowered), lowered


def _share(group: str) -> float:
    return int.from_bytes(hashlib.sha256(f"pool {group}".encode()).digest()[:8]) / 2**64


def _place(id: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed} {id}".encode()).digest()
