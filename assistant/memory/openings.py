"""First questions, of conversations and of sittings in them, and their answers: what stands alone, and so can be asked
again."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from assistant.memory import quotations
from assistant.memory.database import Database
from assistant.memory.elsewhere import ElsewhereStore
from assistant.memory.signals import OWNER, RatedTurn, speaker

PAUSE_S: Final = 4 * 3600.0
"""Without a word, and what follows is another sitting. Longer than a meal and shorter than a night: whoever comes back
then begins anew more often than not."""
_OPENINGS: Final = """
SELECT turns.id AS turn_id, turns.conversation_id, turns.prompt_version AS version, turns.created_at AS answered_at,
    CASE WHEN turns.person_id IS NULL AND turns.face = 'telegram' THEN 'gone' ELSE turns.person_id END AS asker,
    question.content AS question, answer.content AS answer, signals.kind, signals.measure, signals.person_id AS person,
    signals.created_at AS told_at, turns.parent_id IS NOT NULL AS is_later
FROM turns
JOIN prompt_numbers ON prompt_numbers.version_id = turns.prompt_version
JOIN messages AS question ON question.turn_id = turns.id AND question.ordinal = 0
JOIN messages AS answer ON answer.turn_id = turns.id AND answer.ordinal = 1
LEFT JOIN signals ON signals.turn_id = turns.id
LEFT JOIN turns AS before ON before.id = turns.parent_id
WHERE (before.id IS NULL OR turns.created_at - before.created_at >= ?)
    AND turns.conversation_id IN (SELECT id FROM conversations WHERE NOT temporary)
    AND turns.copied_from = '' AND turns.status IN ('done', 'stopped') AND prompt_numbers.name = ?
    AND prompt_numbers.language = ? AND NOT EXISTS (SELECT 1 FROM attachments WHERE attachments.turn_id = turns.id)
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
    """Reads what the turns and signals hold; `owners` as for signals. `leans` says of a question whether it can only be
    understood with what was said before, which one that begins another sitting may be."""

    def __init__(
        self,
        db: Database,
        owners: Callable[[], Collection[str]] = frozenset,
        leans: Callable[[str], bool] = lambda question: False,
    ) -> None:
        self._db = db
        self._owners = owners
        self._leans = leans
        self._elsewhere = ElsewhereStore(db)

    @property
    def erasures(self) -> int:
        """As the database counts them."""
        return self._db.erasures

    def forget_quotations(self, questions: Collection[str]) -> None:
        """What learning has kept of questions goes, as if they were deleted now."""
        if questions:
            with self._db.erasure() as tables:
                quotations.forget(tables, questions, ())

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
        for row in self._db.rows(_OPENINGS, (PAUSE_S, name, language)):
            if row["is_later"] and self._leans(row["question"]):
                continue
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
