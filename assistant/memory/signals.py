"""What people did with answers: thumbs, copies, stops, regenerations and edits, each tied to its turn."""

from __future__ import annotations

import time
from collections.abc import Callable

from ulid import ULID

from assistant.errors import NotFound
from assistant.memory.database import Database
from assistant.memory.records import Face, Signal, SignalKind
from assistant.memory.text import storable


class SignalStore:
    """Adds and reads signals; they go when their turn goes."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._clock = clock

    def add(
        self, turn_id: str, kind: SignalKind, *, face: Face, person_id: str | None = None, reason: str = ""
    ) -> Signal:
        """Keep one; `reason` is what the person wrote beside a thumb. NotFound for an unknown turn or person."""
        signal = Signal(str(ULID()), turn_id, kind, face, person_id, storable(reason).strip(), self._clock())
        with self._db.transaction() as tables:
            if self._db.row("SELECT 1 FROM turns WHERE id = ?", (turn_id,)) is None:
                raise NotFound(kind="turn", id=turn_id)
            if person_id and self._db.row("SELECT 1 FROM people WHERE id = ?", (person_id,)) is None:
                raise NotFound(kind="person", id=person_id)
            tables.execute(
                "INSERT INTO signals (id, turn_id, kind, face, person_id, reason, created_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (signal.id, turn_id, kind, face, person_id, signal.reason, signal.created_at),
            )
        return signal

    def of_turn(self, turn_id: str) -> list[Signal]:
        """Oldest first."""
        rows = self._db.rows(
            "SELECT id, turn_id, kind, face, person_id, reason, created_at FROM signals WHERE turn_id = ? ORDER BY id",
            (turn_id,),
        )
        return [Signal(**row) for row in rows]
