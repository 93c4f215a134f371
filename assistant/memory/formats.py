"""How each person wants answers drawn; whoever has not said anything is not kept."""

from __future__ import annotations

from typing import Literal, TypeAlias

from assistant.memory.database import Database

Format: TypeAlias = Literal["text", "rich"]


class Formats:
    """Part of the mailbox."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def of(self, bot_id: int, user_id: int) -> Format:
        sql = "SELECT format FROM formats WHERE bot_id = ? AND user_id = ?"
        row = self._db.row(sql, (bot_id, user_id))
        return "rich" if row is not None and row["format"] == "rich" else "text"

    def choose(self, bot_id: int, user_id: int, format: Format) -> None:
        with self._db.transaction() as tables:
            tables.execute("INSERT OR REPLACE INTO formats VALUES (?, ?, ?)", (bot_id, user_id, format))

    def forget(self, bot_id: int, user_id: int) -> None:
        with self._db.transaction() as tables:
            tables.execute("DELETE FROM formats WHERE bot_id = ? AND user_id = ?", (bot_id, user_id))
