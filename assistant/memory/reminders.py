"""What a messenger's bot is to say later, to whom and when, and the hours in which somebody wants to hear nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from assistant.i18n import Language
from assistant.memory.database import Database, Row
from assistant.memory.text import storable

ReminderKind: TypeAlias = Literal["reminder", "message"]


@dataclass(frozen=True, slots=True)
class Reminder:
    """`due_at` in seconds since the epoch; a `message` is said as it is, a `reminder` as one. `key` names it: what was
    put under the same key before is not put again."""

    key: str
    user_id: int
    chat_id: int
    thread_id: int | None
    language: Language
    kind: ReminderKind
    text: str
    due_at: float
    id: int = 0


class Reminders:
    """Kept until they have been said, so that none is lost and the late ones are said after a restart."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def put(self, bot_id: int, reminder: Reminder) -> None:
        with self._db.transaction() as tables:
            tables.execute(
                "INSERT OR IGNORE INTO reminders"
                " (bot_id, key, user_id, chat_id, thread_id, language, kind, text, due_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    bot_id,
                    reminder.key,
                    reminder.user_id,
                    reminder.chat_id,
                    reminder.thread_id,
                    reminder.language,
                    reminder.kind,
                    storable(reminder.text),
                    reminder.due_at,
                ),
            )

    def of(self, bot_id: int, user_id: int) -> list[Reminder]:
        """What somebody asked to be reminded of, the next one first."""
        sql = "SELECT * FROM reminders WHERE bot_id = ? AND user_id = ? AND kind = 'reminder' ORDER BY due_at, id"
        return [_reminder(row) for row in self._db.rows(sql, (bot_id, user_id))]

    def due(self, bot_id: int, now: float) -> list[Reminder]:
        sql = "SELECT * FROM reminders WHERE bot_id = ? AND due_at <= ? ORDER BY due_at, id"
        return [_reminder(row) for row in self._db.rows(sql, (bot_id, now))]

    def keys(self, bot_id: int, beginning: str) -> set[str]:
        """Of what is still to be said, those that begin so."""
        sql = "SELECT key FROM reminders WHERE bot_id = ? AND substr(key, 1, ?) = ?"
        return {str(row["key"]) for row in self._db.rows(sql, (bot_id, len(beginning), beginning))}

    def drop(self, bot_id: int, key: str, now: float) -> None:
        """It is not to be said, unless its time has come and it may be said at this moment."""
        with self._db.transaction() as tables:
            tables.execute("DELETE FROM reminders WHERE bot_id = ? AND key = ? AND due_at > ?", (bot_id, key, now))

    def any(self, bot_id: int) -> bool:
        """Whether something is still to be said."""
        return self._db.row("SELECT 1 FROM reminders WHERE bot_id = ?", (bot_id,)) is not None

    def remove(self, bot_id: int, id: int, user_id: int) -> bool:
        """Whether it was there and theirs."""
        with self._db.transaction() as tables:
            sql = "DELETE FROM reminders WHERE bot_id = ? AND id = ? AND user_id = ?"
            return bool(tables.execute(sql, (bot_id, id, user_id)).rowcount)

    def forget(self, bot_id: int, user_id: int) -> None:
        """All that is kept here of somebody."""
        with self._db.transaction() as tables:
            for table in ("reminders", "quiet_hours"):
                tables.execute(f"DELETE FROM {table} WHERE bot_id = ? AND user_id = ?", (bot_id, user_id))  # noqa: S608

    def quiet(self, bot_id: int, user_id: int) -> str:
        """As 22:00-07:00; empty where somebody may be told things at any time."""
        row = self._db.row("SELECT hours FROM quiet_hours WHERE bot_id = ? AND user_id = ?", (bot_id, user_id))
        return str(row["hours"]) if row else ""

    def be_quiet(self, bot_id: int, user_id: int, hours: str) -> None:
        with self._db.transaction() as tables:
            tables.execute("DELETE FROM quiet_hours WHERE bot_id = ? AND user_id = ?", (bot_id, user_id))
            if hours:
                tables.execute("INSERT INTO quiet_hours VALUES (?, ?, ?)", (bot_id, user_id, hours))


def _reminder(row: Row) -> Reminder:
    language: Language = "zh" if row["language"] == "zh" else "en"
    kind: ReminderKind = row["kind"] if row["kind"] in get_args(ReminderKind) else "message"
    return Reminder(
        key=row["key"],
        user_id=row["user_id"],
        chat_id=row["chat_id"],
        thread_id=row["thread_id"],
        language=language,
        kind=kind,
        text=row["text"],
        due_at=float(row["due_at"]),
        id=row["id"],
    )
