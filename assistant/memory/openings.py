"""First questions of conversations and their answers: what stands alone, and so can be asked again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from assistant.memory.database import Database
from assistant.memory.signals import OWNER, RatedTurn

_OPENINGS: Final = """
SELECT turns.id AS turn_id, turns.conversation_id, turns.prompt_version AS version, turns.created_at AS answered_at,
    coalesce(turns.person_id, ?) AS asker, question.content AS question, answer.content AS answer,
    signals.kind, signals.measure, coalesce(signals.person_id, ?) AS person
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
    """`rated` is what each person did with the answer."""

    conversation_id: str
    asker: str
    question: str
    answer: str
    rated: tuple[RatedTurn, ...]


class OpeningStore:
    """Reads what the turns and signals hold."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def of(self, name: str, language: str) -> list[Opening]:
        """All that versions of this prompt have answered, oldest first; several where one was answered again."""
        found: dict[str, Opening] = {}
        people: dict[str, dict[str, RatedTurn]] = {}
        for row in self._db.rows(_OPENINGS, (OWNER, OWNER, name, language)):
            turn = row["turn_id"]
            rated = people.setdefault(turn, {})
            if row["kind"] is not None:
                known = rated.get(row["person"])
                kinds = (*(known.kinds if known else ()), row["kind"])
                measure = row["measure"] if row["measure"] is not None else known.measure if known else None
                rated[row["person"]] = RatedTurn(
                    turn, row["person"], row["version"], row["answered_at"], kinds, measure
                )
            found[turn] = Opening(
                row["conversation_id"], row["asker"], row["question"], row["answer"], tuple(rated.values())
            )
        return list(found.values())
