"""What a person did with answers in another home of theirs, taken in from a file.

There is no turn here that it belongs to: it says what is liked, and nothing of any version that is in use here.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from assistant.memory import quotations
from assistant.memory.database import Database
from assistant.memory.records import SignalKind
from assistant.memory.text import storable


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """An answer with what was done with it, oldest first. `edited` is what the person made of it, `measure` how much of
    it that kept; `other` is an answer to the same question that it was preferred to. `is_opening` where the question
    began a conversation, and so stands alone."""

    prompt: str
    language: str
    is_opening: bool
    question: str
    answer: str
    version: str
    model: str
    answered_at: float
    kinds: tuple[SignalKind, ...]
    measure: float | None = None
    edited: str | None = None
    other: str | None = None

    @property
    def id(self) -> str:
        """The first 24 hex digits of the sha256 of all of it."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:24]


class ElsewhereStore:
    """Takes in and lets go of it."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._clock = clock

    def take(self, told: Sequence[Elsewhere]) -> int:
        """All of it or nothing; returns how much was not here yet."""
        before = self.count()
        with self._db.transaction() as tables:
            for one in told:
                tables.execute(
                    "INSERT INTO told_elsewhere (id, prompt, language, is_opening, question, answer, version, model,"
                    " answered_at, kinds, measure, edited, other, taken_at)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                    (
                        one.id, one.prompt, one.language, one.is_opening, storable(one.question), storable(one.answer),
                        one.version, one.model, one.answered_at, json.dumps(one.kinds), one.measure,
                        None if one.edited is None else storable(one.edited),
                        None if one.other is None else storable(one.other), self._clock(),
                    ),
                )  # fmt: skip
        return self.count() - before

    def list(self, prompt: str | None = None, language: str | None = None) -> list[tuple[str, Elsewhere]]:
        """With the id of each, oldest first."""
        rows = self._db.rows(
            "SELECT id, prompt, language, is_opening, question, answer, version, model, answered_at, kinds, measure,"
            " edited, other FROM told_elsewhere WHERE coalesce(prompt = ?, 1) AND coalesce(language = ?, 1)"
            " ORDER BY answered_at, id",
            (prompt, language),
        )
        return [
            (
                row.pop("id"),
                Elsewhere(
                    **{**row, "is_opening": bool(row["is_opening"]), "kinds": tuple(json.loads(row["kinds"]))},
                ),
            )
            for row in rows
        ]

    def count(self) -> int:
        return int(self._db.rows("SELECT count(*) AS number FROM told_elsewhere")[0]["number"])

    def forget(self) -> int:
        """All of it, which a person wants to be gone, with what learning has kept of its words; returns how much that
        was."""
        if not self.count():
            return 0
        with self._db.erasure() as tables:
            told = [one for _, one in self.list()]
            beside = [text for one in told for text in (one.answer, one.edited, one.other) if text]
            quotations.forget(tables, [one.question for one in told], beside, whole=True)
            tables.execute("DELETE FROM told_elsewhere")
        self._db.checkpoint()
        return len(told)
