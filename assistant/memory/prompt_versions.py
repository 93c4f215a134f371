"""The prompt texts that answers were made with, kept under their ids even when the files have changed since."""

from __future__ import annotations

import builtins
import time
from collections.abc import Callable
from dataclasses import dataclass

from assistant.errors import NotFound
from assistant.memory.database import Database


@dataclass(frozen=True, slots=True)
class PromptVersionRecord:
    """`text` is the template as it was when this version was first used."""

    id: str
    name: str
    language: str
    purpose: str
    text: str
    first_seen_at: float


class PromptVersionStore:
    """Remembers a version the first time it is used and never changes it."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._clock = clock

    def remember(self, id: str, *, name: str, language: str, purpose: str, text: str) -> None:
        """Nothing happens when the id is known."""
        with self._db.transaction() as tables:
            tables.execute(
                "INSERT INTO prompt_versions (id, name, language, purpose, text, first_seen_at)"
                " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
                (id, name, language, purpose, text, self._clock()),
            )

    def get(self, id: str) -> PromptVersionRecord:
        """NotFound when no answer was ever made with it."""
        row = self._db.row("SELECT * FROM prompt_versions WHERE id = ?", (id,))
        if row is None:
            raise NotFound(kind="prompt_version", id=id)
        return PromptVersionRecord(**row)

    def list(self) -> builtins.list[PromptVersionRecord]:
        """In the order they were first used."""
        rows = self._db.rows("SELECT * FROM prompt_versions ORDER BY first_seen_at, rowid")
        return [PromptVersionRecord(**row) for row in rows]
