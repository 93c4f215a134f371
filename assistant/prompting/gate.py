"""Is the new prompt better? Decided on questions nobody has seen, while they come, and never by luck of stopping.

A betting e-process: of a starting capital of 1, a share is bet on each paired difference being in the candidate's
favour. If the candidate is no better, the capital grows twentyfold with a probability of at most 1 in 20 however often
one looks (Ville's inequality; Waudby-Smith & Ramdas 2024, "Estimating means of bounded random variables by betting").
The mean over several shares is such a capital again and needs no share to be chosen beforehand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

import numpy as np

_SHARES: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
Decision: TypeAlias = Literal["better", "open", "not_shown"]


@dataclass(slots=True)
class Gate:
    """Takes differences of scores, each from -1 to 1, candidate minus incumbent on the same item.

    `alpha` is the probability of calling a candidate better that is not.
    """

    alpha: float = 0.05
    differences: list[float] = field(default_factory=list)
    _capital: np.ndarray = field(default_factory=lambda: np.ones(len(_SHARES)))
    _highest: float = 1.0

    def see(self, differences: Sequence[float]) -> Decision:
        """What is known after these as well. Once better, always better: later losses are the monitor's business."""
        for difference in differences:
            if not -1 <= difference <= 1:
                raise ValueError(f"a difference of scores is between -1 and 1, not {difference}")
            self.differences.append(difference)
            self._capital = self._capital * (1 + np.array(_SHARES) * difference)
            self._highest = max(self._highest, self.evidence)
        return self.decision

    @property
    def evidence(self) -> float:
        """The capital now."""
        return float(self._capital.mean())

    @property
    def decision(self) -> Decision:
        return "better" if self._highest >= 1 / self.alpha else "open"

    @property
    def error(self) -> float:
        """At most how probable it is to see this much evidence for a candidate that is not better."""
        return min(1.0, 1 / self._highest)

    def needed(self, most: int) -> int:
        """How many items, those seen among them, would show it if they went on as they came; 0 for more than `most`."""
        growth = np.log(self._capital) / len(self.differences)
        counts = range(len(self.differences), most + 1)
        return next((count for count in counts if float(np.exp(growth * count).mean()) >= 1 / self.alpha), 0)

    def hopeless(self, left: int) -> bool:
        """Whether it could not be shown any more if every one of the `left` items spoke for the candidate."""
        best = self._capital * (1 + np.array(_SHARES)) ** left
        return self.decision == "open" and float(best.mean()) < 1 / self.alpha
