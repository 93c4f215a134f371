"""What a better prompt may cost: limits of time, length and form, each on its own, that no accuracy can buy off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from assistant.prompting.evaluator import Answered

Exceeded: TypeAlias = Literal["too_long", "worse_form"]


@dataclass(frozen=True, slots=True)
class Limits:
    """An answer alone may take `times` as long as before or `extra_ms` longer, whichever is more, on a machine where
    nothing else runs; it may read and write `tokens` more than before; and the share of answers with the right form
    may fall by `valid`."""

    times: float = 1.5
    extra_ms: float = 1500.0
    tokens: float = 1500.0
    valid: float = 0.02


def too_slow(limits: Limits, before_ms: float, after_ms: float, crowding: float = 1.0) -> bool:
    """`crowding` is how many times as long as alone everything took meanwhile."""
    return after_ms > max(before_ms * limits.times, before_ms + limits.extra_ms * crowding)


def exceeded(limits: Limits, before: Sequence[Answered], after: Sequence[Answered]) -> Exceeded | None:
    """The limit that the answers `after` break, measured against those `before` on the same items."""
    if float(np.mean([one.tokens for one in after])) > float(np.mean([one.tokens for one in before])) + limits.tokens:
        return "too_long"
    if float(np.mean([one.valid for one in after])) < float(np.mean([one.valid for one in before])) - limits.valid:
        return "worse_form"
    return None
