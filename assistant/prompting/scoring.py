"""How right answers are, told in a thread: a person's own metric may take its time, and holds up nobody else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import TypeAlias

from assistant.prompting.metric import Metric

Scored: TypeAlias = tuple[float, bool]
"""How right an answer is, and whether it has the form of one at all."""


class Scorer:
    """`labels` are all answers there can be, where that is known."""

    def __init__(self, metric: Metric, labels: Sequence[str]) -> None:
        self._metric = metric
        self._labels = labels

    async def scored(self, answers: Sequence[tuple[str, Sequence[str]]]) -> list[Scored]:
        """Each with what is accepted, one after the other; all in one thread, for there are few that everybody shares.
        Where nobody waits any more, no further one is looked at."""
        gone = threading.Event()

        def score() -> list[Scored]:
            return [self._scored(*one) for one in answers if not gone.is_set()]

        try:
            return await asyncio.to_thread(score)
        finally:
            gone.set()

    def _scored(self, answer: str, accepted: Sequence[str]) -> Scored:
        score = self._metric.score(answer, accepted)
        if self._labels:
            return score, any(self._metric.score(answer, (label,)) for label in self._labels)
        return score, self._metric.valid(answer, accepted)
