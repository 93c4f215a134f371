"""What a messenger's bot has been sent and has to send, kept until it is dealt with.

A file of its own in the bot's home, since a bot may stand before a Patina on another machine. Texts are in it only
while they wait: what was answered and what has arrived leaves numbers behind, and those not for long.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from assistant.memory.database import Database
from assistant.memory.drawn import Drawn
from assistant.memory.filed import Filed
from assistant.memory.formats import Formats
from assistant.memory.inbox import Inbox
from assistant.memory.letters import Letters
from assistant.memory.mailbox_schema import MAILBOX_STEPS
from assistant.memory.reminders import Reminders

_REMEMBERED_S: Final = 3 * 86_400.0
"""Telegram delivers an update for a day; for so long after it was dealt with it is known again."""
_PRESSES_S: Final = 90 * 86_400.0
"""So long a button works, and one that was pressed cannot be pressed again."""
_SHOWN_S: Final = 90 * 86_400.0
"""For so long it is known which answer a message shows, for those who react to it late."""
_REMEMBERED: Final = 100_000
"""And at most so many of each."""


@dataclass(frozen=True, slots=True)
class MailboxReport:
    """How the bot of this home stands, for `patina doctor`; `since` and `oldest` in seconds since the epoch.

    `trouble` is empty when all is well, `stalls` and `conflicts` were counted since the bot last started.
    """

    username: str
    trouble: str
    since: float
    stalls: int
    conflicts: int
    waiting: int
    undelivered: int
    oldest: float | None


class Mailbox:
    """One per bot process. Every method may be called from any thread."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._clock = clock
        self.inbox = Inbox(db, clock)
        self.letters = Letters(db, clock)
        self.reminders = Reminders(db)
        self.filed = Filed(db, clock)
        self.formats = Formats(db)
        self.drawn = Drawn(db, clock)

    @classmethod
    def open(cls, path: Path, backups: Path, clock: Callable[[], float] = time.time) -> Mailbox:
        """Raises what `Database.open` does."""
        return cls(Database.open(path, backups, MAILBOX_STEPS), clock)

    def close(self) -> None:
        self._db.close()

    def tidy(self) -> None:
        """Forget what was dealt with long ago."""
        before = self._clock() - _REMEMBERED_S
        with self._db.transaction() as tables:
            tables.execute("DELETE FROM updates WHERE done_at < ?", (before,))
            tables.execute(
                "DELETE FROM updates WHERE done_at IS NOT NULL AND done_at <= (SELECT done_at FROM updates"
                " WHERE done_at IS NOT NULL ORDER BY done_at DESC LIMIT 1 OFFSET ?)",
                (_REMEMBERED,),
            )
            settled = "state IN ('confirmed', 'refused')"
            tables.execute(
                f"DELETE FROM letters WHERE {settled} AND changed_at < iif(turn_id IS NULL, ?, ?)",  # noqa: S608
                (before, self._clock() - _SHOWN_S),
            )
            tables.execute(
                f"DELETE FROM letters WHERE {settled} AND id <= (SELECT max(id) FROM letters) - ?",  # noqa: S608
                (_REMEMBERED,),
            )
            tables.execute("DELETE FROM presses WHERE pressed_at < ?", (self._clock() - _PRESSES_S,))
            tables.execute("DELETE FROM drawn WHERE drawn_at < ?", (self._clock() - _PRESSES_S,))
            tables.execute("DELETE FROM waits WHERE until < ?", (self._clock(),))

    def newest_message(self, bot_id: int, chat_id: int) -> int:
        """The highest number of a message known where this chat's messages are counted; 0 for none."""
        found = [
            self._db.row(
                f"SELECT max(message_id) AS id FROM {table} WHERE bot_id = ? AND {_counted_with(chat_id)}",  # noqa: S608
                (bot_id,),
            )
            for table in ("updates", "letters")
        ]
        return max(int((row or {}).get("id") or 0) for row in found)

    def known_messages(self, bot_id: int, chat_id: int, after: int) -> frozenset[int]:
        """The numbers above `after` that are taken by messages of somebody else's or of another letter's."""
        ids: set[int] = set()
        for table in ("updates", "letters"):
            sql = f"SELECT message_id FROM {table} WHERE bot_id = ? AND message_id > ? AND {_counted_with(chat_id)}"  # noqa: S608
            ids.update(int(row["message_id"]) for row in self._db.rows(sql, (bot_id, after)))
        return frozenset(ids)

    def take_press(self, bot_id: int, once: str, update_id: int) -> bool:
        """Whether this update is the one that may use a button that works once."""
        with self._db.transaction() as tables:
            tables.execute(
                "INSERT OR IGNORE INTO presses VALUES (?, ?, ?, ?)", (bot_id, once, update_id, self._clock())
            )
            sql = "SELECT update_id FROM presses WHERE bot_id = ? AND once = ?"
            return int(self._db.rows(sql, (bot_id, once))[0]["update_id"]) == update_id

    # How long a chat is shut

    def shut(self, bot_id: int, chat_id: int, until: float) -> None:
        """Telegram asked not to be called for this chat before then; chat 0 stands for all of them."""
        with self._db.transaction() as tables:
            tables.execute(
                "INSERT INTO waits VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET until = max(until, excluded.until)",
                (bot_id, chat_id, until),
            )

    def waits(self, bot_id: int) -> dict[int, float]:
        rows = self._db.rows("SELECT * FROM waits WHERE bot_id = ? AND until > ?", (bot_id, self._clock()))
        return {int(row["chat_id"]): float(row["until"]) for row in rows}

    # Which conversation a group is in

    def enter(self, bot_id: int, chat_id: int, thread_id: int | None, conversation_id: str) -> None:
        with self._db.transaction() as tables:
            tables.execute(
                "INSERT INTO places VALUES (?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET conversation_id = excluded.conversation_id",
                (bot_id, chat_id, thread_id or 0, conversation_id),
            )

    def places(self, bot_id: int) -> dict[tuple[int, int | None], str]:
        rows = self._db.rows("SELECT * FROM places WHERE bot_id = ?", (bot_id,))
        return {(int(row["chat_id"]), int(row["thread_id"]) or None): str(row["conversation_id"]) for row in rows}

    # How the connection stands

    def connection(self, username: str, trouble: str, *, started: bool = False) -> None:
        """Note what the connection is like from now on; `started` begins counting anew."""
        stalls, conflicts = int(trouble == "stalled"), int(trouble == "conflict")
        with self._db.transaction() as tables:
            if started:
                tables.execute("DELETE FROM connection")
            tables.execute(
                "INSERT INTO connection VALUES (1, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
                " username = excluded.username, trouble = excluded.trouble, since = excluded.since,"
                " stalls = stalls + excluded.stalls, conflicts = conflicts + excluded.conflicts",
                (username, trouble, self._clock(), stalls, conflicts),
            )


def report(path: Path) -> MailboxReport | None:
    """From outside, without writing; None when no bot has run in this home, or the file cannot be read."""
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as connection:
            told = connection.execute("SELECT username, trouble, since, stalls, conflicts FROM connection").fetchone()
            waiting, oldest = connection.execute(
                "SELECT count(*), min(received_at) FROM updates WHERE done_at IS NULL"
            ).fetchone()
            undelivered = connection.execute(
                "SELECT count(*) FROM letters WHERE final AND state IN ('queued', 'sent', 'unknown')"
            ).fetchone()[0]
    except sqlite3.Error:
        return None
    username, trouble, since, stalls, conflicts = told or ("", "", 0.0, 0, 0)
    return MailboxReport(username, trouble, since, stalls, conflicts, waiting, undelivered, oldest)


def _counted_with(chat_id: int) -> str:
    """Telegram numbers a supergroup's messages by themselves, and those of all other chats of a bot together."""
    if chat_id <= -1_000_000_000_000:
        return f"chat_id = {int(chat_id)}"
    return "chat_id > -1000000000000"
