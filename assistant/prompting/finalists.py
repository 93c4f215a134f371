"""Which of the candidates that are as good as the best goes to the gate: accuracy counts 0.6, quickness 0.4."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from assistant.prompting.posterior import Belief
from assistant.prompting.search_space import SearchSpace

FINALISTS: Final = 3
"""At most so many are timed."""
_ACCURACY: Final = 0.6
_AS_GOOD: Final = 0.01
"""Accuracy by which one may be believed to be worse and still be as good."""
_UNNOTICED_MS: Final = 100.0
"""What is later by so little is there at once all the same (Nielsen 1993), and a difference that chance makes."""


def finalists(space: SearchSpace, belief: Belief, tried: Collection[int]) -> list[int]:
    """Up to `FINALISTS` of `tried` that are as good as the best, the one first that seems worth most while nobody has
    been timed.

    Until then time is what has to be read for each question: what is the same for all of them is read once and kept.
    Of those that read as much only the best is worth timing.
    """
    highest = max(float(belief.mean[index]) for index in tried)

    def value(index: int) -> tuple[float, float, int]:
        accuracy, candidate = float(belief.mean[index]), space.candidates[index]
        return _ACCURACY * accuracy + (1 - _ACCURACY) / (1 + candidate.nearest), accuracy, -candidate.length

    order = sorted((index for index in tried if belief.mean[index] >= highest - _AS_GOOD), key=value, reverse=True)
    unlike: dict[tuple[int, str], int] = {}
    for index in order:
        unlike.setdefault((space.candidates[index].nearest, space.candidates[index].layout), index)
    return list(unlike.values())[:FINALISTS]


def worth_most(order: Sequence[int], belief: Belief, ms: Sequence[float]) -> int:
    """Of `order` the one worth most, now that it is known how many milliseconds each takes; the first of equals."""
    quickest = max(min(ms), 1.0)

    def value(place: int) -> float:
        later = max(0.0, ms[place] - quickest - _UNNOTICED_MS)
        return _ACCURACY * float(belief.mean[order[place]]) + (1 - _ACCURACY) * quickest / (quickest + later)

    return order[max(range(len(order)), key=lambda place: (value(place), -place))]
