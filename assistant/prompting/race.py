"""Which candidate is tried next, and on which items: the ones that may be the best, against each other.

Heats are drawn by top-two Thompson sampling (Russo 2016): a candidate that is the best in a possible truth, or the best
other one, so that half of the effort goes to telling the leader from whoever could beat it. All candidates take the
items in one order, so that any two are compared on the same ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from assistant.prompting.posterior import Array, Belief

_BLOCK: Final = 6
"""Items of a heat. They share what stands before the question, and two such heats fill a batch."""
_FIRST_BLOCK: Final = 4
_HEATS: Final = 3
_LIVELY: Final = 3.0
"""Fewer candidates than that in the running before half of the effort is spent is too soon to be sure."""
_OUT: Final = 0.01
"""A candidate less probable to be the best has fallen out; new answers may bring it back."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Candidate and item by number, and the score."""

    candidate: int
    item: int
    score: float


@dataclass(frozen=True, slots=True)
class Heat:
    """A candidate and the items it is tried on next."""

    candidate: int
    items: range


class Race:
    """`items` are numbered in the order in which they are used. What `rng` draws decides everything else."""

    def __init__(self, candidates: int, items: int, rng: np.random.Generator) -> None:
        self._next = [0] * candidates
        self._items = items
        self._rng = rng
        self.forced = 0
        """Rounds in which the guard against early certainty chose."""

    def first(self, chosen: Sequence[int], count: int = _FIRST_BLOCK) -> list[Heat]:
        """A few items for each of these."""
        return [heat for candidate in chosen if (heat := self._take(candidate, count)) is not None]

    def more(self, candidate: int, count: int) -> list[Heat]:
        """The next items for one of them."""
        heat = self._take(candidate, count)
        return [] if heat is None else [heat]

    def widen(self, candidates: int) -> None:
        """There are that many candidates from now on."""
        self._next += [0] * (candidates - len(self._next))

    def heats(self, belief: Belief, seen: Sequence[Seen], spent: float) -> list[Heat]:
        """The next ones; empty when no candidate in the running has items left. `spent` is the share of the effort."""
        draws = belief.draws(self._rng)
        chances = np.bincount(np.argmax(draws, axis=1), minlength=len(belief.mean)) / len(draws)
        if too_sure(chances, spent):
            self.forced += 1
            order = self._uncertain(belief, seen)
        else:
            order = self._top_two(draws)
        found: list[Heat] = []
        for candidate in order:
            if len(found) == _HEATS:
                break
            if (heat := self._take(candidate, _BLOCK)) is not None:
                found.append(heat)
        return found

    def _top_two(self, draws: Array) -> list[int]:
        order: list[int] = []
        for draw in draws:
            ranking = np.argsort(-draw)
            candidate = int(ranking[0]) if self._rng.random() < 0.5 else self._second(draws, int(ranking[0]))
            if candidate not in order:
                order.append(candidate)
            if len(order) == _HEATS * 4:
                break
        return order

    def _second(self, draws: Array, leader: int) -> int:
        """The best of another possible truth, where that is another candidate."""
        best = np.argmax(draws, axis=1)
        others = best[best != leader]
        return int(self._rng.choice(others)) if len(others) else leader

    def _uncertain(self, belief: Belief, seen: Sequence[Seen]) -> list[int]:
        """By turns one that alone was right where the leaders failed, and one of which least is known."""
        unknown = [int(candidate) for candidate in np.argsort(-belief.deviation)]
        unlike = pareto(seen, int(np.argmax(belief.mean)))
        mixed = [candidate for pair in zip(unlike, unknown, strict=False) for candidate in pair]
        return list(dict.fromkeys([*mixed, *unlike, *unknown]))

    def _take(self, candidate: int, count: int) -> Heat | None:
        start = self._next[candidate]
        stop = min(start + count, self._items)
        if start == stop:
            return None
        self._next[candidate] = stop
        return Heat(candidate, range(start, stop))


def too_sure(chances: Array, spent: float) -> bool:
    """Whether only few candidates are still in the running although little has been tried.

    The measure is the exponential of the entropy of the probabilities of being the best: 3 equal ones give 3. That is
    KL(p || uniform) > ln K - ln 3, a limit that does not depend on how many candidates there are.
    """
    chances = chances[chances > 0]
    return spent < 0.5 and float(np.exp(-(chances * np.log(chances)).sum())) < _LIVELY


def pareto(seen: Sequence[Seen], leader: int) -> list[int]:
    """Candidates that did better than the leader on some item, those with most such items first."""
    leads = {one.item: one.score for one in seen if one.candidate == leader}
    wins: dict[int, int] = {}
    for one in seen:
        if one.candidate != leader and one.score > leads.get(one.item, 1.0):
            wins[one.candidate] = wins.get(one.candidate, 0) + 1
    return sorted(wins, key=lambda candidate: (-wins[candidate], candidate))


def fallen_out(chances: Array) -> list[int]:
    return [int(candidate) for candidate in np.flatnonzero(chances < _OUT)]
