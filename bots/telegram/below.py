"""What can be pressed below an answer, besides what can be below every one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from assistant.events import Grounds
from assistant.knowledge.marks import cited
from assistant.memory.records import Turn
from bots.telegram.rich import gains

CUT: Final = frozenset({"stopped", "length"})
"""What ends an answer that could have gone on."""


@dataclass(frozen=True, slots=True)
class Below:
    """`sources` are the numbers of passages; `formed` says that the answer can be drawn in two ways, `cut` that it
    broke off."""

    turn_id: str
    sources: tuple[int, ...] = ()
    formed: bool = False
    cut: bool = False


def below(turn: Turn) -> Below:
    formed, broke_off = gains(turn.answer), turn.finish_reason in CUT
    return Below(turn.id, tuple(sources_of(turn.grounds)), formed, broke_off)


def sources_of(grounds: Grounds | None) -> list[int]:
    """The numbers to be shown: of what the answer cites, or of what came nearest to one."""
    if grounds is None:
        return []
    known = {one.number for one in grounds.passages}
    if grounds.outcome == "refused":
        return sorted(known)
    return [number for number in cited(grounds) if number in known]
