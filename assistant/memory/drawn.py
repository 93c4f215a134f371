"""Which buttons stand, or may stand, below a message: digests of what they carry, nothing that could be pressed."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import Final

from assistant.memory.database import Database

_KEPT: Final = 48
"""Buttons of one message, with those it had before: which of two edits a messenger did last is not always known."""


class Drawn:
    """Part of the mailbox."""

    def __init__(self, db: Database, clock: Callable[[], float]) -> None:
        self._db = db
        self._clock = clock

    def note(self, bot_id: int, chat_id: int, message_id: int, data: Iterable[str]) -> None:
        """These are drawn below it from now on."""
        with self._db.transaction() as tables:
            new = [_mark(one) for one in data]
            marks = [one for one in self._marks(bot_id, chat_id, message_id) if one not in new] + new
            values = (bot_id, chat_id, message_id, " ".join(marks[-_KEPT:]), self._clock())
            tables.execute("INSERT OR REPLACE INTO drawn VALUES (?, ?, ?, ?, ?)", values)

    def has(self, bot_id: int, chat_id: int, message_id: int, data: str) -> bool:
        return _mark(data) in self._marks(bot_id, chat_id, message_id)

    def _marks(self, bot_id: int, chat_id: int, message_id: int) -> list[str]:
        sql = "SELECT marks FROM drawn WHERE bot_id = ? AND chat_id = ? AND message_id = ?"
        row = self._db.row(sql, (bot_id, chat_id, message_id))
        return str(row["marks"]).split() if row is not None else []


def _mark(data: str) -> str:
    return base64.urlsafe_b64encode(blake2b(data.encode(), digest_size=6).digest()).decode()
