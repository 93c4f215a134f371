"""What the owner was asked to allow: for one call with these very arguments, to be used once and not too late."""

from __future__ import annotations

import builtins
import time
from collections.abc import Callable
from typing import Final

from ulid import ULID

from assistant.errors import NotFound
from assistant.events import Approval, Decision
from assistant.memory.database import Database, Row

_APPROVALS: Final = """
SELECT approvals.*, tool_calls.turn_id, turns.conversation_id FROM approvals
JOIN tool_calls ON tool_calls.id = approvals.call_id JOIN turns ON turns.id = tool_calls.turn_id
"""


class ApprovalStore:
    """A decision is made once; an approval is used once."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._clock = clock

    def ask(self, call_id: str, tool: str, arguments: str, person_id: str | None, seconds: float) -> Approval:
        """Ask for a call, for so many seconds."""
        id, now = str(ULID()), self._clock()
        with self._db.transaction() as tables:
            tables.execute(
                "INSERT INTO approvals (id, call_id, tool, arguments, person_id, asked_at, expires_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (id, call_id, tool, arguments, person_id, now, now + seconds),
            )
        return self.get(id)

    def get(self, id: str) -> Approval:
        """NotFound for one that is none, or whose turn was deleted."""
        row = self._db.row(f"{_APPROVALS} WHERE approvals.id = ?", (id,))
        if row is None:
            raise NotFound(kind="approval", id=id)
        return _approval(row)

    def list(self, *, waiting: bool = True, limit: int = 50) -> builtins.list[Approval]:
        """Those that wait, the oldest first; else all, the newest first."""
        where = "WHERE decision = 'waiting' ORDER BY approvals.id" if waiting else "ORDER BY approvals.id DESC"
        return [_approval(row) for row in self._db.rows(f"{_APPROVALS} {where} LIMIT ?", (limit,))]

    def decide(self, id: str, decision: Decision, by: str | None) -> bool:
        """Whether this was what decided it: only one that waits and has not expired can be approved or refused."""
        now = self._clock()
        with self._db.transaction() as tables:
            changed = tables.execute(
                "UPDATE approvals SET decision = ?, decided_by = ?, decided_at = ?"
                " WHERE id = ? AND decision = 'waiting' AND (? = 'expired' OR expires_at > ?)",
                (decision, by, now, id, decision, now),
            )
            return bool(changed.rowcount)

    def use(self, id: str, call_id: str, tool: str, arguments: str) -> bool:
        """Whether it allows this call; from now on it allows none."""
        now = self._clock()
        with self._db.transaction() as tables:
            changed = tables.execute(
                "UPDATE approvals SET used_at = ? WHERE id = ? AND call_id = ? AND tool = ? AND arguments = ?"
                " AND decision = 'approved' AND used_at IS NULL AND expires_at > ?",
                (now, id, call_id, tool, arguments, now),
            )
            return bool(changed.rowcount)

    def recover(self) -> None:
        """At start: nobody waits any more for what was asked before."""
        with self._db.transaction() as tables:
            tables.execute(
                "UPDATE approvals SET decision = 'expired', decided_at = ? WHERE decision = 'waiting'", (self._clock(),)
            )


def _approval(row: Row) -> Approval:
    return Approval(
        id=row["id"],
        turn_id=row["turn_id"],
        conversation_id=row["conversation_id"],
        call_id=row["call_id"],
        tool=row["tool"],
        arguments=row["arguments"],
        person_id=row["person_id"],
        asked_at=row["asked_at"],
        expires_at=row["expires_at"],
        decision=row["decision"],
        decided_by=row["decided_by"],
        decided_at=row["decided_at"],
    )
