"""What it would take to show that a promising prompt is better, where a run had too little to show it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from assistant.prompting.gate import Gate
from assistant.prompting.result import Evidence

_FARTHEST: Final = 4
"""Times as many items as were asked: a lead that needs more than this is as likely none."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """`needed` unseen items would show it, if it goes on as it went. There are so many once about `examples` more are
    given; with 0 there were, and more calls are all that was missing."""

    needed: int
    examples: int


def outlook(evidence: Evidence, pools: Mapping[str, int]) -> Outlook | None:
    """None where no lead was seen, or none that would soon be shown. `pools` tells how many examples came into each."""
    same, unseen = evidence.items - len(evidence.changes), pools.get("gate", 0)
    if same < 0 or not evidence.changes or not unseen:
        return None
    gate = Gate()
    if gate.see([*(one.difference for one in evidence.changes), *[0.0] * same]) == "better":
        return None
    needed = gate.needed(_FARTHEST * evidence.items)
    used = unseen + pools.get("examples", 0) + pools.get("race", 0)
    return Outlook(needed, max(0, math.ceil((needed - unseen) * used / unseen))) if needed else None
