"""Which tools were called for an answer, with what, and what came of it."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final

from ulid import ULID

from assistant.errors import NotFound, NotUndoable
from assistant.events import ToolStatus
from assistant.memory.database import Database, Row
from assistant.memory.records import ToolCall
from assistant.memory.text import storable

_OF_TURNS: Final = """
SELECT tool_calls.* FROM json_each(?) AS wanted JOIN tool_calls ON tool_calls.turn_id = wanted.value
ORDER BY turn_id, ordinal
"""
_ASKERS: Final = """
WITH RECURSIVE same AS (
    SELECT id, source, source_turn_id, face, person_id, 0 AS steps FROM turns WHERE id = ?
    UNION ALL
    SELECT turns.id, turns.source, turns.source_turn_id, turns.face, turns.person_id, steps + 1
    FROM turns JOIN same ON turns.id = same.source_turn_id WHERE same.source = 'regenerate'
)
SELECT id, CASE WHEN person_id IS NULL AND face = 'telegram' THEN ? ELSE person_id END AS asker FROM same ORDER BY steps
"""
GONE: Final = "gone"
"""Who asked, where that was a member who was removed."""


def load(db: Database, turn_ids: Sequence[str]) -> dict[str, tuple[ToolCall, ...]]:
    """Those of these turns, by turn."""
    found: dict[str, list[ToolCall]] = defaultdict(list)
    for row in db.rows(_OF_TURNS, (json.dumps(list(turn_ids)),)):
        found[row["turn_id"]].append(_call(row))
    return {turn_id: tuple(calls) for turn_id, calls in found.items()}


class ToolCallStore:
    """Kept before a tool runs, so that whatever happens then is known of."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._clock = clock

    def begin(self, turn_id: str, tool: str, arguments: str) -> str:
        """The call's id."""
        id = str(ULID())
        with self._db.transaction() as tables:
            tables.execute(
                "INSERT INTO tool_calls (id, turn_id, ordinal, tool, arguments, began_at) VALUES"
                " (?, ?, (SELECT COUNT(*) FROM tool_calls WHERE turn_id = ?), ?, ?, ?)",
                (id, turn_id, turn_id, storable(tool), storable(arguments), self._clock()),
            )
        return id

    def finish(self, id: str, status: ToolStatus, result: str, receipt: str | None = None) -> None:
        """`receipt` is by what it can be taken back."""
        with self._db.transaction() as tables:
            tables.execute(
                "UPDATE tool_calls SET status = ?, result = ?, receipt = ?, ended_at = ? WHERE id = ?",
                (status, storable(result), receipt, self._clock(), id),
            )

    def receipt(self, id: str) -> tuple[ToolCall, str]:
        """A call that can be taken back, and by what; NotFound, or NotUndoable."""
        row = self._db.row("SELECT * FROM tool_calls WHERE id = ?", (id,))
        if row is None:
            raise NotFound(kind="tool_call", id=id)
        if row["receipt"] is None or row["status"] != "done":
            raise NotUndoable(id=id)
        return _call(row), str(row["receipt"])

    def of(self, turn_id: str) -> tuple[ToolCall, ...]:
        """In the order they were made."""
        return load(self._db, [turn_id]).get(turn_id, ())

    def with_receipts(self, turn_id: str) -> list[tuple[ToolCall, str | None]]:
        """In the order they were made, each with by what it is taken back, where it can be."""
        found = self._db.rows(_OF_TURNS, (json.dumps([turn_id]),))
        return [(call, row["receipt"] if call.undoable else None) for row in found for call in [_call(row)]]

    def askers(self, turn_id: str) -> list[tuple[str, str | None]]:
        """The turns that answer the words of this one, itself first and last the one in which they were said, each with
        who asked: None for the owner at the machine, GONE for a member who was removed."""
        return [(row["id"], row["asker"]) for row in self._db.rows(_ASKERS, (turn_id, GONE))]

    def turn_of(self, id: str) -> str:
        """NotFound for a call that is none."""
        row = self._db.row("SELECT turn_id FROM tool_calls WHERE id = ?", (id,))
        if row is None:
            raise NotFound(kind="tool_call", id=id)
        return str(row["turn_id"])

    def conversation_of(self, id: str) -> str:
        """NotFound for a call that is none."""
        sql = "SELECT conversation_id FROM turns WHERE id = ?"
        return str(self._db.rows(sql, (self.turn_of(id),))[0]["conversation_id"])

    def undone(self, id: str) -> None:
        """It has been taken back."""
        with self._db.transaction() as tables:
            tables.execute("UPDATE tool_calls SET status = 'undone', receipt = NULL WHERE id = ?", (id,))

    def recover(self) -> None:
        """At start: those that were running when a process died; nobody knows how far they came."""
        with self._db.transaction() as tables:
            tables.execute(
                "UPDATE tool_calls SET status = 'interrupted', ended_at = ? WHERE status = 'running'", (self._clock(),)
            )


def _call(row: Row) -> ToolCall:
    return ToolCall(
        id=row["id"],
        tool=row["tool"],
        arguments=row["arguments"],
        status=row["status"],
        result=row["result"],
        undoable=row["receipt"] is not None and row["status"] == "done",
    )
