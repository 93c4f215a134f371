"""What a better prompt may cost: limits of time, length and form, each on its own, that no accuracy can buy off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from assistant.prompting.evaluator import Answered

Exceeded: TypeAlias = Literal["too_slow", "too_long", "worse_form"]


@dataclass(frozen=True, slots=True)
class Limits:
    """The slowest twentieth of the answers may take `times` as long as before or `extra_ms` longer, whichever is more;
    an answer may read and write `tokens` altogether; and the share of answers with the right form may fall by
    `valid`."""

    times: float = 1.5
    extra_ms: float = 2000.0
    tokens: float = 1500.0
    valid: float = 0.02


def exceeded(limits: Limits, before: Sequence[Answered], after: Sequence[Answered]) -> Exceeded | None:
    """The first limit that the answers `after` break, measured against those `before` on the same items."""
    slowest = float(np.quantile([one.ms for one in before], 0.95))
    if float(np.quantile([one.ms for one in after], 0.95)) > max(slowest * limits.times, slowest + limits.extra_ms):
        return "too_slow"
    if float(np.mean([one.tokens for one in after])) > limits.tokens:
        return "too_long"
    if float(np.mean([one.valid for one in after])) < float(np.mean([one.valid for one in before])) - limits.valid:
        return "worse_form"
    return None
