"""What people did with answers: thumbs, copies, stops, regenerations and edits, each tied to its turn."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from ulid import ULID

from assistant.errors import NotFound
from assistant.memory.database import Database
from assistant.memory.prompt_versions import Scope
from assistant.memory.records import Face, Signal, SignalKind
from assistant.memory.text import storable

OWNER: Final = "owner"
"""Who asks at the machine itself. People who come in through a messenger are known by their ids."""


@dataclass(frozen=True, slots=True)
class RatedTurn:
    """An answer that somebody did something with, the version that made it, and what was done, oldest first."""

    turn_id: str
    person: str
    version: str
    answered_at: float
    kinds: tuple[SignalKind, ...]


@dataclass(frozen=True, slots=True)
class ToldTurn:
    """A question and its answer with everything anybody did with it and wrote beside it, oldest first."""

    turn_id: str
    question: str
    answer: str
    version: str
    model: str
    answered_at: float
    kinds: tuple[SignalKind, ...]
    reasons: tuple[str, ...]


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

    def told(self) -> list[ToldTurn]:
        """Every answer that somebody did something with, oldest first."""
        rows = self._db.rows(
            "SELECT turns.id AS turn_id, asked.content AS question, coalesce(said.content, '') AS answer,"
            " turns.prompt_version AS version, turns.model, turns.created_at AS answered_at, signals.kind,"
            " signals.reason FROM signals JOIN turns ON turns.id = signals.turn_id"
            " JOIN messages AS asked ON asked.turn_id = turns.id AND asked.ordinal = 0"
            " LEFT JOIN messages AS said ON said.id = (SELECT id FROM messages WHERE turn_id = turns.id"
            " AND role = 'assistant' ORDER BY ordinal DESC LIMIT 1)"
            " ORDER BY turns.created_at, turns.id, signals.id"
        )
        found: dict[str, ToldTurn] = {}
        for row in rows:
            kind, reason = row.pop("kind"), row.pop("reason")
            known = found.get(row["turn_id"])
            found[row["turn_id"]] = ToldTurn(
                **row,
                kinds=(*(known.kinds if known else ()), kind),
                reasons=(*(known.reasons if known else ()), reason),
            )
        return list(found.values())

    def rated(self, versions: Sequence[str], since: float) -> list[RatedTurn]:
        """Answers that these versions have made since then and that people did something with, oldest first."""
        rows = self._db.rows(
            "SELECT turns.id AS turn_id, turns.prompt_version AS version, turns.created_at AS answered_at,"
            " signals.kind, coalesce(signals.person_id, ?) AS person"
            " FROM signals JOIN turns ON turns.id = signals.turn_id"
            " WHERE turns.prompt_version IN (SELECT value FROM json_each(?)) AND turns.created_at >= ?"
            " ORDER BY turns.created_at, turns.id, signals.id",
            (OWNER, json.dumps(list(versions)), since),
        )
        found: dict[tuple[str, str], RatedTurn] = {}
        for row in rows:
            key = row["turn_id"], row["person"]
            known = found.get(key)
            kinds = (*(known.kinds if known else ()), row["kind"])
            found[key] = RatedTurn(row["turn_id"], row["person"], row["version"], row["answered_at"], kinds)
        return list(found.values())

    def beside(self, canary: str, production: str | None, scope: Scope, since: float) -> list[RatedTurn]:
        """Those of a version on trial and of the one it is compared with; None is what comes with Patina or from the
        person's own file, whatever its text was meanwhile."""
        if production is not None:
            return self.rated([canary, production], since)
        rows = self._db.rows(
            "SELECT id FROM prompt_versions WHERE name = ? AND language = ? AND author <> 'optimiser'",
            (scope.name, scope.language),
        )
        return self.rated([canary, *(row["id"] for row in rows)], since)
