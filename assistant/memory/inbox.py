"""Updates of a messenger, kept from before they are acknowledged until they have been dealt with."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from assistant.memory.database import Database, Row


@dataclass(frozen=True, slots=True)
class Arrival:
    """An update as it came. `content` is None for what nobody may keep: then only its number is remembered."""

    update_id: int
    content: dict[str, Any] | None
    chat_id: int | None = None
    message_id: int | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """An update that is not dealt with. `attempts` counts how often it was begun, `turn_id` is its answer's turn."""

    update_id: int
    content: dict[str, Any]
    attempts: int
    turn_id: str | None
    received_at: float


class Inbox:
    """Each update once, told by bot and number; there is no watermark, so a late one is as good as any."""

    def __init__(self, db: Database, clock: Callable[[], float]) -> None:
        self._db = db
        self._clock = clock

    def keep(self, bot_id: int, arrivals: Sequence[Arrival]) -> list[Waiting]:
        """Those that are new and wait now, on disk when this returns."""
        new, now = [], self._clock()
        with self._db.transaction() as tables:
            for arrival in arrivals:
                content = None if arrival.content is None else json.dumps(arrival.content, ensure_ascii=False)
                kept = tables.execute(
                    "INSERT OR IGNORE INTO updates"
                    " (bot_id, update_id, content, chat_id, message_id, received_at, done_at)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (
                        bot_id,
                        arrival.update_id,
                        content,
                        arrival.chat_id,
                        arrival.message_id,
                        now,
                        None if content else now,
                    ),
                ).rowcount
                if kept and arrival.content is not None:
                    new.append(Waiting(arrival.update_id, arrival.content, 0, None, now))
        return new

    def knows(self, bot_id: int, update_ids: Sequence[int]) -> frozenset[int]:
        """Which of these came before."""
        marks = ",".join("?" * len(update_ids))
        rows = self._db.rows(
            f"SELECT update_id FROM updates WHERE bot_id = ? AND update_id IN ({marks})",  # noqa: S608 - only marks
            (bot_id, *update_ids),
        )
        return frozenset(int(row["update_id"]) for row in rows)

    def waiting(self, bot_id: int) -> list[Waiting]:
        """What a process before this one did not finish, in the order in which it was sent."""
        rows = self._db.rows("SELECT * FROM updates WHERE bot_id = ? AND done_at IS NULL ORDER BY update_id", (bot_id,))
        return [_waiting(row) for row in rows]

    def begin(self, bot_id: int, update_id: int, *more: int) -> int:
        """Count a try at an update, and at those that are dealt with as one with it; says which one it is, from 1."""
        with self._db.transaction() as tables:
            for one in (*more, update_id):
                row = tables.execute(
                    "UPDATE updates SET attempts = attempts + 1 WHERE bot_id = ? AND update_id = ? RETURNING attempts",
                    (bot_id, one),
                ).fetchone()
        return int(row[0]) if row else 1

    def link(self, bot_id: int, update_id: int, turn_id: str) -> None:
        """From now on it is known which turn answers this update."""
        with self._db.transaction() as tables:
            tables.execute(
                "UPDATE updates SET turn_id = ? WHERE bot_id = ? AND update_id = ?", (turn_id, bot_id, update_id)
            )

    def asked(self, bot_id: int, chat_id: int, message_id: int) -> str | None:
        """The turn that answers what was asked in this message."""
        row = self._db.row(
            "SELECT turn_id FROM updates WHERE bot_id = ? AND chat_id = ? AND message_id = ? AND turn_id IS NOT NULL"
            " ORDER BY update_id DESC LIMIT 1",
            (bot_id, chat_id, message_id),
        )
        return None if row is None else str(row["turn_id"])

    def done(self, bot_id: int, *update_ids: int) -> None:
        """They were dealt with, all at once; what they said is erased here."""
        with self._db.transaction() as tables:
            for one in update_ids:
                tables.execute(
                    "UPDATE updates SET content = NULL, done_at = ? WHERE bot_id = ? AND update_id = ?",
                    (self._clock(), bot_id, one),
                )


def _waiting(row: Row) -> Waiting:
    return Waiting(
        row["update_id"], json.loads(row["content"]), row["attempts"], row["turn_id"], float(row["received_at"])
    )
