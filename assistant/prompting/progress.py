"""What an optimisation tells while it runs, for a face to draw."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

Stage: TypeAlias = Literal["split", "seed", "instructions", "race", "gate", "test", "done"]


@dataclass(frozen=True, slots=True)
class Standing:
    """One candidate in the race: what its score is believed to be, how sure, and how probable it is to be the best."""

    candidate: str
    tried: int
    mean: float
    deviation: float
    best: float


@dataclass(frozen=True, slots=True)
class RunProgress:
    """`calls` of `budget` are spent after `seconds`; in the stage "test" they are the test's own. `standings` are those
    still in the running, the leader first; `evidence` is the gate's capital, of which 1 / alpha is wanted. Of tokens
    and seconds there is a budget where it is not 0."""

    stage: Stage
    calls: int
    budget: int
    seconds: float
    standings: tuple[Standing, ...] = ()
    candidates: int = 0
    evidence: float = 1.0
    tokens: int = 0
    token_budget: int = 0
    second_budget: float = 0.0
    sorted_items: int = 0
    """Of all `items`, in the stage "split"."""
    items: int = 0

    @property
    def tokens_left(self) -> int | None:
        """None where they have no budget."""
        return self.token_budget - self.tokens if self.token_budget else None

    @property
    def share(self) -> float:
        """From 0 to 1: of the budget of which most is spent."""
        spent = ((self.calls, self.budget), (self.tokens, self.token_budget), (self.seconds, self.second_budget))
        return min(1.0, max((used / most for used, most in spent if most), default=0.0))


Tell: TypeAlias = Callable[[RunProgress], Awaitable[None] | None]
"""Who hears how far a run is."""
Pause: TypeAlias = Callable[[], Awaitable[None]]
"""What is awaited before each group of calls, for whoever wants to hold a run or end it."""


def untold(_: RunProgress) -> None:
    """Nobody hears it."""
