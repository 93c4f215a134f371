"""What a person did with an answer, as one weak label from 0 (of no use) to 1 (just right).

A thumb says more than what can be read from behaviour, so the strongest signal of a turn decides. What nobody did says
nothing: an answer without a signal has no label, and is not a bad one. Changing one's own question says nothing of the
answer either.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from types import MappingProxyType
from typing import Final

from assistant.memory.records import SignalKind
from assistant.memory.signals import OWNER, RatedTurn

_STRENGTH: Final[tuple[SignalKind, ...]] = ("thumb_up", "thumb_down", "regenerated", "copied", "stopped")
"""The strongest first."""
_LABELS: Final = MappingProxyType(
    {"thumb_up": 1.0, "thumb_down": 0.0, "regenerated": 0.2, "copied": 0.8, "stopped": 0.3}
)
_MOST_A_DAY: Final = 20
"""Labels of one person but the owner that are heard in a day; whoever rates everything is not everybody."""
_DAY_S: Final = 86_400


def label_of(kinds: Iterable[SignalKind]) -> float | None:
    """Of the signals of one turn, oldest first; None where they say nothing."""
    found: list[SignalKind] = []
    for kind in kinds:
        if kind in ("thumb_up", "thumb_down", "thumb_cleared"):
            found = [one for one in found if one not in ("thumb_up", "thumb_down")]
        if kind in _LABELS:
            found.append(kind)
    return next((_LABELS[kind] for kind in _STRENGTH if kind in found), None)


def heard(turns: Iterable[RatedTurn]) -> Iterator[tuple[RatedTurn, float]]:
    """The turns that count, with their labels, in the order in which they were answered."""
    days: Counter[tuple[str, int]] = Counter()
    for turn in turns:
        label = label_of(turn.kinds)
        day = turn.person, int(turn.answered_at // _DAY_S)
        if label is not None and (turn.person == OWNER or days[day] < _MOST_A_DAY):
            days[day] += 1
            yield turn, label
