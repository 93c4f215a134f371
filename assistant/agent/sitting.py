"""A sitting: what is said in a conversation without a long pause. A chat in a messenger goes on for months: it is given
a prompt on trial for a sitting, as if that were a conversation of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assistant.memory.openings import PAUSE_S
from assistant.memory.records import Turn
from assistant.prompting.intent import Intent, intent_of


@dataclass(frozen=True, slots=True)
class Sitting:
    """`turns` are those of the branch, the one to answer last."""

    turns: tuple[Turn, ...]

    @property
    def intent(self) -> Intent:
        """What is wanted there: of the first question that is more than a greeting, so that the prompt stays the same
        from turn to turn. With a file it is something from documents, unless it says otherwise."""
        said = [intent_of(one.question) or ("documents" if one.attachments else "") for one in self.turns]
        return next((one for one in said if one != "small-talk"), "small-talk")


def sitting(path: Sequence[Turn]) -> Sitting:
    """The one that the last turn of a branch belongs to."""
    for place in range(len(path) - 1, 0, -1):
        if path[place].created_at - path[place - 1].created_at >= PAUSE_S:
            return Sitting(tuple(path[place:]))
    return Sitting(tuple(path))
