"""Duels on disk: which answers were set against each other, what was chosen, and who does not want to be asked."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from ulid import ULID

from assistant.errors import NotFound
from assistant.memory.database import Database
from assistant.memory.records import Arm, Duel, DuelChoice, Face
from assistant.memory.signals import OWNER

_ASKED_SINCE: Final = """
SELECT COUNT(*) AS number FROM turns WHERE source = 'new' AND copied_from = '' AND created_at > ?
    AND CASE WHEN person_id IS NULL AND face <> 'telegram' THEN ? ELSE person_id END = ?
"""
_WHOLE: Final = """
SELECT 1 FROM turns AS first WHERE first.id = :first AND first.status = 'done' AND (:second IS NULL
    OR EXISTS (SELECT 1 FROM turns AS second WHERE second.id = :second AND second.status IN ('done', 'streaming')))
"""
_BROKEN_OFF: Final = """
SELECT duels.* FROM duels JOIN turns ON turns.id = duels.second_turn_id
WHERE duels.choice IS NULL AND (turns.status <> 'done' OR turns.finish_reason IS NOT 'stop') ORDER BY duels.rowid
"""


class DuelStore:
    """`person` is the id of somebody who came in through a messenger, or OWNER."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._clock = clock

    def begin(self, first_turn_id: str, *, first_arm: Arm, person: str, face: Face) -> Duel:
        """That question is to have two answers."""
        duel = Duel(str(ULID()), first_turn_id, None, first_arm, person, face, self._clock())
        with self._db.transaction() as tables:
            tables.execute(
                "INSERT INTO duels (id, first_turn_id, first_arm, person, face, asked_at) VALUES (?, ?, ?, ?, ?, ?)",
                (duel.id, first_turn_id, first_arm, person, face, duel.asked_at),
            )
        return duel

    def of_turn(self, turn_id: str) -> Duel | None:
        """The one this turn is an answer of, whether the first or the second."""
        row = self._db.row("SELECT * FROM duels WHERE ? IN (first_turn_id, second_turn_id)", (turn_id,))
        return None if row is None else Duel(**row)

    def answered_by(self, duel: Duel, second_turn_id: str) -> None:
        """The second answer is being written."""
        with self._db.transaction() as tables:
            tables.execute("UPDATE duels SET second_turn_id = ? WHERE id = ?", (second_turn_id, duel.id))

    def give_up(self, duel: Duel) -> None:
        """There is no second answer to choose and there will be none."""
        with self._db.transaction() as tables:
            tables.execute(
                "UPDATE duels SET second_turn_id = NULL, given_up_at = ? WHERE id = ? AND choice IS NULL",
                (self._clock(), duel.id),
            )

    def choose(self, duel: Duel, choice: DuelChoice) -> Duel:
        """What was chosen first stays. NotFound while there is nothing to choose from."""
        with self._db.transaction() as tables:
            tables.execute(
                "UPDATE duels SET choice = ?, chosen_at = ? WHERE id = ? AND choice IS NULL"
                " AND second_turn_id IS NOT NULL",
                (choice, self._clock(), duel.id),
            )
            chosen = self.of_turn(duel.first_turn_id)
        if chosen is None or chosen.choice is None:
            raise NotFound(kind="turn", id=duel.second_turn_id or duel.first_turn_id)
        return chosen

    def is_whole(self, duel: Duel) -> bool:
        """Whether its answers are there to their end; the second may be yet to come, or be written now."""
        return self._db.row(_WHOLE, {"first": duel.first_turn_id, "second": duel.second_turn_id}) is not None

    def broken_off(self) -> list[Duel]:
        """Those that nobody has decided whose second answer is not whole, one that is being written included."""
        return [Duel(**row) for row in self._db.rows(_BROKEN_OFF)]

    def newest(self, person: str, limit: int) -> list[Duel]:
        """Of one person, the newest first."""
        rows = self._db.rows(
            "SELECT * FROM duels WHERE person = ? ORDER BY asked_at DESC, rowid DESC LIMIT ?", (person, limit)
        )
        return [Duel(**row) for row in rows]

    def questions_since(self, person: str, since: float) -> int:
        """How many this person has asked after that."""
        return int(self._db.rows(_ASKED_SINCE, (since, OWNER, person))[0]["number"])

    def refuse(self, person: str) -> None:
        """This person does not want to be asked again."""
        with self._db.transaction() as tables:
            tables.execute(
                "INSERT INTO duel_refusals (person, refused_at) VALUES (?, ?) ON CONFLICT DO NOTHING",
                (person, self._clock()),
            )

    def allow(self, person: str) -> None:
        """Take a refusal back."""
        with self._db.transaction() as tables:
            tables.execute("DELETE FROM duel_refusals WHERE person = ?", (person,))

    def refused(self, person: str) -> bool:
        return self._db.row("SELECT 1 FROM duel_refusals WHERE person = ?", (person,)) is not None
