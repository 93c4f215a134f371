"""Runs of the optimiser that a person began: what was asked for, and what came of it."""

from __future__ import annotations

import builtins
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from ulid import ULID

from assistant.errors import NotFound
from assistant.memory.database import Database
from assistant.memory.text import storable

RunEnd: TypeAlias = Literal["done", "cancelled", "failed"]
RunStored: TypeAlias = Literal["running", "done", "cancelled", "failed"]


@dataclass(frozen=True, slots=True)
class RunRecord:
    """`status` is "running" as well for one that a killed process left behind: only who works on it knows."""

    id: str
    name: str
    status: RunStored
    asked: Mapping[str, Any]
    outcome: Mapping[str, Any]
    began_at: float
    ended_at: float | None


class RunStore:
    """Keeps runs; their answers are in the ledger."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._clock = clock

    def begin(self, name: str, asked: Mapping[str, Any]) -> RunRecord:
        """A new run of what was asked for."""
        record = RunRecord(str(ULID()), storable(name), "running", asked, {}, self._clock(), None)
        with self._db.transaction() as tables:
            tables.execute(
                "INSERT INTO prompt_runs (id, name, status, asked, began_at) VALUES (?, ?, 'running', ?, ?)",
                (record.id, record.name, json.dumps(dict(asked)), record.began_at),
            )
        return record

    def begin_again(self, id: str) -> RunRecord:
        """The same run once more, with what came of it before forgotten; NotFound."""
        with self._db.transaction() as tables:
            self.get(id)
            tables.execute(
                "UPDATE prompt_runs SET status = 'running', outcome = '{}', began_at = ?, ended_at = NULL WHERE id = ?",
                (self._clock(), id),
            )
        return self.get(id)

    def end(self, id: str, status: RunEnd, outcome: Mapping[str, Any]) -> None:
        """What came of it; nothing happens when it was removed meanwhile."""
        with self._db.transaction() as tables:
            tables.execute(
                "UPDATE prompt_runs SET status = ?, outcome = ?, ended_at = ? WHERE id = ?",
                (status, json.dumps(dict(outcome)), self._clock(), id),
            )

    def remove(self, id: str) -> None:
        """From the list; the prompts that were found and the answers that were paid for stay."""
        with self._db.transaction() as tables:
            tables.execute("DELETE FROM prompt_runs WHERE id = ?", (id,))

    def get(self, id: str) -> RunRecord:
        """NotFound for one that never was."""
        found = self.find(id)
        if found is None:
            raise NotFound(kind="prompt_run", id=id)
        return found

    def find(self, id: str) -> RunRecord | None:
        row = self._db.row("SELECT * FROM prompt_runs WHERE id = ?", (id,))
        return None if row is None else _record(row)

    def latest(self, name: str) -> builtins.list[RunRecord]:
        """All that were given this name, the latest first."""
        rows = self._db.rows("SELECT * FROM prompt_runs WHERE name = ? ORDER BY began_at DESC, id DESC", (name,))
        return [_record(row) for row in rows]

    def list(self, limit: int, before: float | None = None) -> builtins.list[RunRecord]:
        """The latest first, `before` a moment where there is one."""
        rows = self._db.rows(
            "SELECT * FROM prompt_runs WHERE began_at < coalesce(?, 9e999) ORDER BY began_at DESC, id DESC LIMIT ?",
            (before, limit),
        )
        return [_record(row) for row in rows]


def _record(row: Mapping[str, Any]) -> RunRecord:
    return RunRecord(**{**row, "asked": json.loads(row["asked"]), "outcome": json.loads(row["outcome"])})
