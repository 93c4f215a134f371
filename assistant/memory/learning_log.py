"""What was learned in idle time, when, with how many calls, and why nothing came of it where nothing did."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ulid import ULID

from assistant.memory.database import Database


@dataclass(frozen=True, slots=True)
class LearningEntry:
    """`outcome` is empty while it runs; `details` are figures, and the version that came of it."""

    id: str
    began_at: float
    ended_at: float | None
    prompt: str
    language: str
    outcome: str
    calls: int
    details: Mapping[str, Any]


class LearningLog:
    """Entries are begun and ended; one whose process died is ended as interrupted."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._clock = clock

    def begin(self, prompt: str, language: str) -> str:
        id = str(ULID())
        with self._db.transaction() as tables:
            tables.execute(
                "INSERT INTO learning_log (id, began_at, prompt, language) VALUES (?, ?, ?, ?)",
                (id, self._clock(), prompt, language),
            )
        return id

    def spend(self, id: str, day: str, calls: int = 1) -> None:
        """So many more, on a day of the person's such as 2027-01-31. Kept before a call is made: what a process that
        dies has spent counts for the day."""
        with self._db.transaction() as tables:
            tables.execute("UPDATE learning_log SET calls = calls + ? WHERE id = ?", (calls, id))
            tables.execute(
                "INSERT INTO learning_days (entry_id, day, calls) VALUES (?, ?, ?)"
                " ON CONFLICT DO UPDATE SET calls = calls + excluded.calls",
                (id, day, calls),
            )

    def note(self, id: str, details: Mapping[str, Any]) -> None:
        """What is known of one that goes on, and stays where its process dies."""
        with self._db.transaction() as tables:
            tables.execute(
                "UPDATE learning_log SET details = ? WHERE id = ?", (json.dumps(dict(details), ensure_ascii=False), id)
            )

    def end(self, id: str, outcome: str, details: Mapping[str, Any]) -> None:
        with self._db.transaction() as tables:
            tables.execute(
                "UPDATE learning_log SET ended_at = ?, outcome = ?, details = ? WHERE id = ?",
                (self._clock(), outcome, json.dumps(dict(details), ensure_ascii=False), id),
            )

    def recover(self) -> None:
        """End what a process that died has left open."""
        with self._db.transaction() as tables:
            tables.execute(
                "UPDATE learning_log SET ended_at = ?, outcome = 'interrupted' WHERE ended_at IS NULL", (self._clock(),)
            )

    def latest(self, count: int = 50) -> list[LearningEntry]:
        """The latest first."""
        rows = self._db.rows("SELECT * FROM learning_log ORDER BY began_at DESC, id DESC LIMIT ?", (count,))
        return [LearningEntry(**{**row, "details": json.loads(row["details"])}) for row in rows]

    def within(self, seconds: float) -> list[LearningEntry]:
        """What was begun in so many seconds before now, the latest first."""
        since = self._clock() - seconds
        rows = self._db.rows("SELECT * FROM learning_log WHERE began_at > ? ORDER BY began_at DESC, id DESC", (since,))
        return [LearningEntry(**{**row, "details": json.loads(row["details"])}) for row in rows]

    def calls_on(self, day: str) -> int:
        """All that was spent on it."""
        row = self._db.row("SELECT coalesce(sum(calls), 0) AS calls FROM learning_days WHERE day = ?", (day,))
        return int(row["calls"]) if row else 0
