"""First questions of conversations and their answers: what stands alone, and so can be asked again."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from assistant.memory.database import Database
from assistant.memory.elsewhere import ElsewhereStore
from assistant.memory.signals import OWNER, RatedTurn, speaker

_OPENINGS: Final = """
SELECT turns.id AS turn_id, turns.conversation_id, turns.prompt_version AS version, turns.created_at AS answered_at,
    CASE WHEN turns.person_id IS NULL AND turns.face = 'telegram' THEN 'gone' ELSE turns.person_id END AS asker,
    question.content AS question, answer.content AS answer, signals.kind, signals.measure, signals.person_id AS person,
    signals.created_at AS told_at
FROM turns
JOIN prompt_versions ON prompt_versions.id = turns.prompt_version
JOIN messages AS question ON question.turn_id = turns.id AND question.ordinal = 0
JOIN messages AS answer ON answer.turn_id = turns.id AND answer.ordinal = 1
LEFT JOIN signals ON signals.turn_id = turns.id
WHERE turns.parent_id IS NULL AND turns.conversation_id IN (SELECT id FROM conversations WHERE NOT temporary)
    AND turns.status IN ('done', 'stopped') AND prompt_versions.name = ?
    AND prompt_versions.language = ? AND NOT EXISTS (SELECT 1 FROM attachments WHERE attachments.turn_id = turns.id)
ORDER BY turns.created_at, turns.id, signals.id
"""


@dataclass(frozen=True, slots=True)
class Opening:
    """`rated` is what each person did with the answer; the asker is "gone" where that was a member who was removed."""

    conversation_id: str
    asker: str
    question: str
    answer: str
    rated: tuple[RatedTurn, ...]


class OpeningStore:
    """Reads what the turns and signals hold; `owners` as for signals."""

    def __init__(self, db: Database, owners: Callable[[], Collection[str]] = frozenset) -> None:
        self._db = db
        self._owners = owners
        self._elsewhere = ElsewhereStore(db)

    def of(self, name: str, language: str) -> list[Opening]:
        """All that versions of this prompt have answered, oldest first; several where one was answered again. What was
        taken in from elsewhere comes first."""
        owners = self._owners()
        found: dict[str, Opening] = {}
        for id, one in self._elsewhere.list(name, language):
            if one.is_opening:
                rated = RatedTurn(id, OWNER, one.version, one.answered_at, one.kinds, one.measure)
                found[id] = Opening(id, OWNER, one.question, one.answer, (rated,))
        people: dict[str, dict[str, RatedTurn]] = {}
        for row in self._db.rows(_OPENINGS, (name, language)):
            turn = row["turn_id"]
            by = people.setdefault(turn, {})
            if row["kind"] is not None:
                person = speaker(row["person"], owners)
                known = by.get(person)
                kinds = (*(known.kinds if known else ()), row["kind"])
                measure = row["measure"] if row["measure"] is not None else known.measure if known else None
                by[person] = RatedTurn(turn, person, row["version"], row["answered_at"], kinds, measure, row["told_at"])
            found[turn] = Opening(
                row["conversation_id"],
                speaker(row["asker"], owners),
                row["question"],
                row["answer"],
                tuple(by.values()),
            )
        return list(found.values())
