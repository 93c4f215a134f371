"""Sittings of a trial: what is said in a conversation without a long pause is answered by one of its versions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Final

from assistant.memory.database import Database, Row
from assistant.memory.openings import PAUSE_S
from assistant.memory.prompt_versions import Labelled, PromptLabels, place
from assistant.memory.records import Arm, Turn
from assistant.memory.signals import speaker

_ANSWERED: Final = """
SELECT turns.id, turns.conversation_id, turns.person_id, turns.created_at, turns.prompt_version, turns.intent,
    turns.model, turns.copied_from
FROM turns JOIN prompt_numbers ON prompt_numbers.version_id = turns.prompt_version
WHERE prompt_numbers.name = ? AND prompt_numbers.language = ? AND turns.created_at >= ? AND turns.id <> ?
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
        person = speaker(turn.person_id, self._owners())
        arms: list[Arm] = []
        here: tuple[float, int] | None = None
        numbers: dict[str, int] = {}
        for row, asker, sitting, begins in self._answered(canary, turn.id):
            if asker != person:
                continue
            if begins:
                numbers[sitting] = len(arms)
                arms.append("canary" if row["prompt_version"] == canary.version_id else "production")
            if row["conversation_id"] == turn.conversation_id:
                here = row["created_at"], numbers[sitting]
        if here is None or turn.created_at - here[0] >= PAUSE_S:
            return Sittings(person, tuple(arms), None)
        arm = arms.pop(here[1])
        return Sittings(person, tuple(arms), arm)

    def of_turns(self, canary: Labelled) -> dict[str, str]:
        """In which sitting each turn was answered since the trial began, by the id of the turn. What was drawn for once
        is one bet, however few of its answers were rated and however far apart those are."""
        return {row["id"]: f"{asker} {sitting}" for row, asker, sitting, _ in self._answered(canary)}

    def _answered(self, canary: Labelled, but: str = "") -> Iterator[tuple[Row, str, str, bool]]:
        """What was answered where the trial reaches, oldest first, with who asked, the turn that the sitting began with
        and whether it is this one. A branch goes on with the sitting of what it says again."""
        owners, scope = self._owners(), canary.scope
        placed = self._labels.placed(scope, ("production", "canary"))
        last: dict[tuple[str, str], tuple[float, str]] = {}
        sittings: dict[str, str] = {}
        for row in self._db.rows(_ANSWERED, (scope.name, scope.language, canary.moved_at, but)):
            id, original = row["id"], row["copied_from"]
            if place(scope, placed, row["intent"], row["model"]) != scope or (original and original not in sittings):
                continue
            person = speaker(row["person_id"], owners)
            where = row["conversation_id"], person
            before, sitting = last.get(where, (-PAUSE_S, ""))
            begins = not original and row["created_at"] - before >= PAUSE_S
            sittings[id] = sittings[original] if original else id if begins else sitting
            last[where] = row["created_at"], sittings[id]
            yield row, person, sittings[id], begins
