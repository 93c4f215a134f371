"""Which of the two versions of a trial somebody's next sitting has.

Somebody's sittings come in pairs, one with either version, in an order that is drawn; so many pairs as the share asks
for, and in the others both have the same. A coin for every sitting leaves many that there is nothing to compare with:
pairs decide after about half as many (`benchmarks.online`), and within one nobody knows which comes first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from assistant.memory.records import Arm


def paired(trial: str, share: float, person: str, earlier: Sequence[Arm]) -> Arm:
    """`earlier` is what this person's sittings had since the trial began, oldest first. The same is drawn whenever
    nothing of this has changed; `share`, from 0 to 1, may change within a pair."""
    pair, is_second = divmod(len(earlier), 2)
    most: Arm = "canary" if share > 0.5 else "production"
    if _drawn(f"{trial} {person} {pair}") >= 2 * min(share, 1 - share):
        return most
    if is_second:
        return _other(earlier[-1])
    return "canary" if _drawn(f"{trial} {person} {pair} first") < 0.5 else "production"


def _other(arm: Arm) -> Arm:
    return "production" if arm == "canary" else "canary"


def _drawn(of: str) -> float:
    """From 0 to 1, the same for the same text."""
    return int.from_bytes(hashlib.sha256(of.encode()).digest()[:8]) / 2**64
