"""A model as a judge of two answers, and how far it may be trusted: as far as it agrees with the person.

It is asked twice, the second time with the answers in the other order, and what it says only counts where it says the
same both times: a small model prefers whatever stands first. Its agreement is the share of pairs it decides as the
person did, with Wilson's interval (1927); half is guessing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Better: TypeAlias = Literal["first", "second", "tie"]
Judged: TypeAlias = Literal["right", "wrong", "tie"]
"""Against the person's word; a tie is where the judge does not decide, or not the same way in both orders."""
LEAST_PAIRS: Final = 24
_LEAST_AGREEMENT: Final = 0.6
_LEAST_DECIDED: Final = 0.5
_Z: Final = 1.959963984540054
_ALPHA: Final = 0.05


@dataclass(frozen=True, slots=True)
class Pair:
    """Two answers to a question, as the person ranked them."""

    question: str
    better: str
    worse: str


@dataclass(frozen=True, slots=True)
class JudgeAgreement:
    """Of `pairs` that the person decided, how the judge decided those it was asked."""

    pairs: int = 0
    right: int = 0
    wrong: int = 0
    ties: int = 0

    @property
    def asked(self) -> int:
        return self.right + self.wrong + self.ties

    @property
    def decided(self) -> int:
        return self.right + self.wrong

    @property
    def share(self) -> float:
        """Of the pairs it decides, those it decides as the person did."""
        return self.right / self.decided if self.decided else 0.5

    @property
    def interval(self) -> tuple[float, float]:
        """Holds the true share 95 times of 100."""
        n = self.decided
        if not n:
            return 0.0, 1.0
        centre = (self.share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
        half = _Z * math.sqrt(self.share * (1 - self.share) / n + _Z**2 / (4 * n * n)) / (1 + _Z**2 / n)
        return max(0.0, centre - half), min(1.0, centre + half)

    @property
    def missing(self) -> int:
        """Pairs that the person has still to decide before anything can be said."""
        return max(0, LEAST_PAIRS - self.pairs)

    @property
    def is_shown(self) -> bool:
        """Whether it decides often enough, and as the person does more often than chance."""
        enough = self.asked >= LEAST_PAIRS and self.decided >= _LEAST_DECIDED * self.asked
        return enough and self.interval[0] > 0.5 and self.share >= _LEAST_AGREEMENT


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a judge whose agreement is shown says of new answers beside the old ones."""

    better: int = 0
    worse: int = 0
    ties: int = 0

    @property
    def is_against(self) -> bool:
        """Whether it finds the new ones worse more often than chance would (sign test, one-sided, 1 in 20)."""
        n = self.better + self.worse
        tail = sum(math.comb(n, k) for k in range(self.worse, n + 1)) / 2**n
        return self.worse > self.better and tail <= _ALPHA


def settled(label: str, swapped: str) -> Better:
    """What the labels A, B and tie mean together; the second was given with the answers in the other order."""
    if (label, swapped) == ("A", "B"):
        return "first"
    return "second" if (label, swapped) == ("B", "A") else "tie"


def agreement(verdicts: Iterable[Judged], pairs: int) -> JudgeAgreement:
    said: Sequence[Judged] = list(verdicts)
    return JudgeAgreement(pairs, said.count("right"), said.count("wrong"), said.count("tie"))
