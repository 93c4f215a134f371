"""What people asked to be reminded of in a conversation, until some face has said it to them."""

from __future__ import annotations

import builtins
import time
from collections.abc import Callable

from ulid import ULID

from assistant.i18n import Language
from assistant.memory.database import Database, Row
from assistant.memory.records import Face, PersonReminder
from assistant.memory.text import storable


class PersonReminders:
    """`person_id` None is the owner's; a reminder goes with the message it was asked for in."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._clock = clock

    def put(
        self, turn_id: str, person_id: str | None, text: str, language: Language, due_at: float
    ) -> PersonReminder | None:
        """On disk when this returns; None where the very same is waiting already."""
        id = str(ULID())
        with self._db.transaction() as tables:
            same = "SELECT 1 FROM person_reminders WHERE person_id IS ? AND text = ? AND due_at = ? AND said_at IS NULL"
            if self._db.row(same, (person_id, storable(text), due_at)) is not None:
                return None
            tables.execute(
                "INSERT INTO person_reminders (id, turn_id, person_id, text, language, due_at)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (id, turn_id, person_id, storable(text), language, due_at),
            )
        return PersonReminder(id, person_id, storable(text), language, due_at)

    def list(self, person_id: str | None) -> builtins.list[PersonReminder]:
        """What is still to be said to somebody, the next one first."""
        sql = "SELECT * FROM person_reminders WHERE person_id IS ? AND said_at IS NULL ORDER BY due_at, id"
        return [_reminder(row) for row in self._db.rows(sql, (person_id,))]

    def due(self) -> builtins.list[PersonReminder]:
        """Whose time has come and that nobody has said yet, whoever they are for."""
        sql = "SELECT * FROM person_reminders WHERE said_at IS NULL AND due_at <= ? ORDER BY due_at, id"
        return [_reminder(row) for row in self._db.rows(sql, (self._clock(),))]

    def coming(self) -> builtins.list[PersonReminder]:
        """What is still to be said, whoever it is for, the next one first."""
        sql = "SELECT * FROM person_reminders WHERE said_at IS NULL ORDER BY due_at, id"
        return [_reminder(row) for row in self._db.rows(sql)]

    def take(self, id: str, face: Face) -> bool:
        """Whether this face is the one to say it; asked again, it is told the same."""
        with self._db.transaction() as tables:
            changed = tables.execute(
                "UPDATE person_reminders SET said_at = ?, said_by = ?"
                " WHERE id = ? AND (said_at IS NULL OR said_by = ?)",
                (self._clock(), face, id, face),
            )
            return bool(changed.rowcount)

    def remove(self, id: str, person_id: str | None) -> bool:
        """Whether it was there and theirs."""
        with self._db.transaction() as tables:
            gone = tables.execute("DELETE FROM person_reminders WHERE id = ? AND person_id IS ?", (id, person_id))
            return bool(gone.rowcount)

    def take_back(self, id: str) -> None:
        """Whoever's it is; nothing where it is gone."""
        with self._db.transaction() as tables:
            tables.execute("DELETE FROM person_reminders WHERE id = ?", (id,))


def _reminder(row: Row) -> PersonReminder:
    return PersonReminder(row["id"], row["person_id"], row["text"], row["language"], row["due_at"])
