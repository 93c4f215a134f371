"""What answers take, by what each of them says: a run that goes on after an interruption reckons with the same."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from assistant.memory.ledger import Cell

MEASURED_FROM: Final = 8
"""Answers after which it is known what one takes."""


@dataclass(slots=True)
class Pace:
    """Of `calls` one after the other: their tokens, and the seconds of the run between which they were made."""

    calls: int = 0
    tokens: int = 0
    began: float = math.inf
    ended: float = 0.0

    def see(self, cell: Cell, run: str) -> None:
        """What another run has asked says nothing about when."""
        self.calls += 1
        self.tokens += cell.prompt_tokens + cell.completion_tokens
        if cell.run == run:
            self.began = min(self.began, cell.passed - cell.ms / 1000)
            self.ended = max(self.ended, cell.passed)

    @property
    def is_known(self) -> bool:
        return self.calls >= MEASURED_FROM

    def calls_with(self, tokens: float, seconds: float) -> float:
        """So many more like these can be made."""
        took = ((tokens, float(self.tokens)), (seconds, self.ended - self.began))
        return min((left * self.calls / each for left, each in took if self.is_known and each > 0), default=math.inf)
