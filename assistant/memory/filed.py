"""The documents that came through a chat: their numbers only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from assistant.memory.database import Database

_REMEMBERED: Final = 200
"""Of one chat."""
_NEWEST: Final = """
SELECT document_id FROM filed WHERE bot_id = ? AND chat_id = ? ORDER BY filed_at DESC, document_id DESC
"""
_OLDER: Final = """
DELETE FROM filed WHERE bot_id = ?1 AND chat_id = ?2 AND document_id NOT IN (
    SELECT document_id FROM filed WHERE bot_id = ?1 AND chat_id = ?2 ORDER BY filed_at DESC, document_id DESC LIMIT ?3
)
"""


class Filed:
    """Part of the mailbox."""

    def __init__(self, db: Database, clock: Callable[[], float]) -> None:
        self._db = db
        self._clock = clock

    def note(self, bot_id: int, chat_id: int, document_id: str) -> None:
        with self._db.transaction() as tables:
            values = (bot_id, chat_id, document_id, self._clock())
            tables.execute("INSERT OR REPLACE INTO filed VALUES (?, ?, ?, ?)", values)
            tables.execute(_OLDER, (bot_id, chat_id, _REMEMBERED))

    def of(self, bot_id: int, chat_id: int) -> list[str]:
        """The newest first."""
        return [str(row["document_id"]) for row in self._db.rows(_NEWEST, (bot_id, chat_id))]

    def forget(self, bot_id: int, document_ids: Sequence[str]) -> None:
        """They are gone."""
        with self._db.transaction() as tables:
            for id in document_ids:
                tables.execute("DELETE FROM filed WHERE bot_id = ? AND document_id = ?", (bot_id, id))
