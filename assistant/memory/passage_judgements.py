"""What a person said of passages that were found: whether they are right ones for a question."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Final

from ulid import ULID

from assistant.errors import NotFound
from assistant.memory.database import Database, Row
from assistant.memory.document_records import PassageJudgement
from assistant.memory.text import storable

_COLUMNS: Final = "SELECT id, document_id, chunk_id, question, is_right, signals, judged_at FROM passage_judgements"


class JudgementStore:
    """One judgement of a question and a passage, the newest; it goes with the document."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._clock = clock

    def keep(
        self, question: str, chunk_id: int, *, right: bool, signals: Mapping[str, float | None]
    ) -> PassageJudgement:
        with self._db.transaction() as tables:
            chunk = self._db.row("SELECT document_id FROM chunks WHERE id = ?", (chunk_id,))
            if chunk is None:
                raise NotFound("passage", str(chunk_id))
            tables.execute(
                "INSERT INTO passage_judgements VALUES (?, ?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (question, chunk_id) DO UPDATE SET is_right = excluded.is_right, "
                "signals = excluded.signals, judged_at = excluded.judged_at",
                (
                    str(ULID()),
                    chunk["document_id"],
                    chunk_id,
                    storable(question),
                    int(right),
                    json.dumps(dict(signals)),
                    self._clock(),
                ),
            )
        return self.of(question)[chunk_id]

    def drop(self, question: str, chunk_id: int) -> None:
        """Taken back."""
        with self._db.transaction() as tables:
            tables.execute(
                "DELETE FROM passage_judgements WHERE question = ? AND chunk_id = ?", (storable(question), chunk_id)
            )

    def newest(self, limit: int) -> list[PassageJudgement]:
        """Of all questions, the last one said first."""
        return [
            _judgement(row) for row in self._db.rows(f"{_COLUMNS} ORDER BY judged_at DESC, id DESC LIMIT ?", (limit,))
        ]

    def of(self, question: str) -> dict[int, PassageJudgement]:
        """By the passages' ids."""
        rows = self._db.rows(f"{_COLUMNS} WHERE question = ?", (storable(question),))
        return {row["chunk_id"]: _judgement(row) for row in rows}


def _judgement(row: Row) -> PassageJudgement:
    return PassageJudgement(**{**row, "is_right": bool(row["is_right"])})
