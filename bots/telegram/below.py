"""What can be pressed below an answer, besides what can be below every one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from assistant.api import Assistant
from assistant.errors import NotFound
from assistant.events import Grounds
from assistant.knowledge.marks import cited
from assistant.memory.records import Turn
from bots.telegram.rich import gains

CUT: Final = frozenset({"stopped", "length"})
"""What ends an answer that could have gone on."""
_WHOLE: Final = frozenset({"done", "stopped"})
"""An answer that a crash or an error ended is none to go back to."""


@dataclass(frozen=True, slots=True)
class Below:
    """`sources` are the numbers of passages; `formed` says that the answer can be drawn in two ways, `cut` that it
    broke off, `again` that there is another answer to the question, which may have been better."""

    turn_id: str
    sources: tuple[int, ...] = ()
    formed: bool = False
    cut: bool = False
    again: bool = False


async def below(assistant: Assistant, turn: Turn) -> Below:
    formed, broke_off = gains(turn.answer), turn.finish_reason in CUT
    again = await before(assistant, turn) is not None
    return Below(turn.id, tuple(sources_of(turn.grounds)), formed, broke_off, again)


async def before(assistant: Assistant, turn: Turn) -> Turn | None:
    """The answer that this one was written after, to the same question, where nobody was asked which is better."""
    if turn.source != "regenerate" or turn.compared or turn.id not in turn.siblings:
        return None
    for id in reversed(turn.siblings[: turn.siblings.index(turn.id)]):
        try:
            other = await assistant.turn(id)
        except NotFound:
            continue
        if other.status in _WHOLE and other.answer.strip() and other.question == turn.question:
            return other
    return None


def sources_of(grounds: Grounds | None) -> list[int]:
    """The numbers to be shown: of what the answer cites, or of what came nearest to one."""
    if grounds is None:
        return []
    known = {one.number for one in grounds.passages}
    if grounds.outcome == "refused":
        return sorted(known)
    return [number for number in cited(grounds) if number in known]
