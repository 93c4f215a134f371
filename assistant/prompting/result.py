"""What a run of the optimiser decided, and on what evidence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal, TypeAlias

import numpy as np

from assistant.prompting.candidate import Candidate
from assistant.prompting.evaluator import Answered
from assistant.prompting.gate import Gate

Verdict: TypeAlias = Literal["better", "nothing_to_gain", "not_shown", "too_slow", "too_long", "worse_form"]
"""better: the new prompt is to be used; for every other reason the seed is kept."""
_Z: Final = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Score:
    """The mean of `n` scores from 0 to 1 and an interval that holds the true mean 95 times of 100."""

    score: float
    ci95: tuple[float, float]
    n: int


@dataclass(frozen=True, slots=True)
class Change:
    """An item of the gate on which the two prompts differ."""

    item: str
    accepted: tuple[str, ...]
    before: str
    after: str
    difference: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the gate saw: `gained` and `lost` of `items`, whose mean difference is `difference`. The candidate is no
    better with a probability of at most `error`. Where no two met there, `asked` is what the seed alone was asked and
    `right` the sum of its scores. Times are milliseconds of the quickest of some answers asked alone, 0
    where none was timed."""

    items: int = 0
    gained: int = 0
    lost: int = 0
    difference: float = 0.0
    error: float = 1.0
    before_ms: float = 0.0
    after_ms: float = 0.0
    before_tokens: float = 0.0
    after_tokens: float = 0.0
    before_valid: float = 0.0
    after_valid: float = 0.0
    changes: tuple[Change, ...] = ()
    asked: int = 0
    right: float = 0.0


@dataclass(frozen=True, slots=True)
class RunResult:
    run: str
    verdict: Verdict
    seed: Candidate
    chosen: Candidate
    """The seed where it is kept."""
    evidence: Evidence
    calls: int
    tokens: int
    seconds: float
    pools: dict[str, int] = field(default_factory=dict)
    tried: int = 0
    """Candidates that were asked anything."""

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "seed": self.seed.as_json(), "chosen": self.chosen.as_json()}


def mean_score(answers: Sequence[Answered]) -> Score:
    """Wilson's interval (1927); for scores between 0 and 1 that are not only right or wrong it is wider than needed."""
    n = len(answers)
    if not n:
        return Score(0.0, (0.0, 1.0), 0)
    mean = sum(one.score for one in answers) / n
    centre = (mean + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z * math.sqrt(mean * (1 - mean) / n + _Z**2 / (4 * n * n)) / (1 + _Z**2 / n)
    return Score(mean, (max(0.0, centre - half), min(1.0, centre + half)), n)


def evidence_from(gate: Gate, before: Sequence[Answered], after: Sequence[Answered]) -> Evidence:
    """What it saw in these, item by item."""
    pairs = list(zip(before, after, strict=True))
    if not pairs:
        return Evidence()
    return Evidence(
        items=len(pairs),
        gained=sum(new.score > old.score for old, new in pairs),
        lost=sum(new.score < old.score for old, new in pairs),
        difference=float(np.mean(gate.differences)),
        error=gate.error,
        before_tokens=float(np.mean([one.tokens for one in before])),
        after_tokens=float(np.mean([one.tokens for one in after])),
        before_valid=float(np.mean([one.valid for one in before])),
        after_valid=float(np.mean([one.valid for one in after])),
        changes=tuple(
            Change(old.item.input, old.item.accepted, old.output, new.output, new.score - old.score)
            for old, new in pairs
            if new.score != old.score
        ),
    )
