"""Sittings of a trial: what is said in a conversation without a long pause is answered by one of its versions."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from assistant.memory.database import Database
from assistant.memory.openings import PAUSE_S
from assistant.memory.prompt_versions import Labelled, PromptLabels, place
from assistant.memory.records import Arm, Turn
from assistant.memory.signals import speaker

_ANSWERED: Final = """
SELECT turns.conversation_id, turns.person_id, turns.created_at, turns.prompt_version, turns.intent, turns.model
FROM turns JOIN prompt_versions ON prompt_versions.id = turns.prompt_version
WHERE prompt_versions.name = ? AND prompt_versions.language = ? AND turns.created_at >= ? AND turns.id <> ?
    AND NOT EXISTS (SELECT 1 FROM duels WHERE turns.id IN (duels.first_turn_id, duels.second_turn_id))
ORDER BY turns.created_at, turns.id
"""


@dataclass(frozen=True, slots=True)
class Sittings:
    """What a person's sittings had since a trial began, oldest first; `here` is the one that goes on, if it has been
    drawn for."""

    person: str
    earlier: tuple[Arm, ...]
    here: Arm | None


class SittingStore:
    """Reads what the turns hold; `owners` as for signals."""

    def __init__(self, db: Database, labels: PromptLabels, owners: Callable[[], Collection[str]] = frozenset) -> None:
        self._db = db
        self._labels = labels
        self._owners = owners

    def beside(self, turn: Turn, canary: Labelled) -> Sittings:
        """Those of whoever asks this turn, which has no answer yet. What was answered where the trial does not reach,
        and the two answers of a duel, are none."""
        owners, scope = self._owners(), canary.scope
        person, placed = speaker(turn.person_id, owners), self._labels.placed(scope, ("production", "canary"))
        asked = scope.name, scope.language, canary.moved_at, turn.id
        last: dict[str, tuple[float, int]] = {}
        arms: list[Arm] = []
        for row in self._db.rows(_ANSWERED, asked):
            if (
                speaker(row["person_id"], owners) != person
                or place(scope, placed, row["intent"], row["model"]) != scope
            ):
                continue
            before, number = last.get(row["conversation_id"], (-PAUSE_S, 0))
            if row["created_at"] - before >= PAUSE_S:
                number = len(arms)
                arms.append("canary" if row["prompt_version"] == canary.version_id else "production")
            last[row["conversation_id"]] = row["created_at"], number
        before, number = last.get(turn.conversation_id, (-PAUSE_S, 0))
        here = arms.pop(number) if turn.created_at - before < PAUSE_S else None
        return Sittings(person, tuple(arms), here)
