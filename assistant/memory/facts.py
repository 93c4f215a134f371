"""What is known about each person: standing instructions and facts, every one with the words it comes from.

Nothing is overwritten: a newer fact with the same key supersedes the older one, which says until when it held. Deleting
the turn a fact comes from deletes the fact, and gives back its validity to the one it superseded.
"""

from __future__ import annotations

import builtins
import json
import time
from collections.abc import Callable, Sequence
from typing import Final, Literal

from ulid import ULID

from assistant.errors import EmptyMessage, NotFound
from assistant.memory.database import Database, Row
from assistant.memory.records import Fact
from assistant.memory.stems import stems
from assistant.memory.text import is_blank, storable

LONGEST: Final = 300
"""Characters of a fact."""
_MOST: Final = 500
"""Facts of one person that hold; beyond it, the oldest that is not pinned goes."""
_PINNED: Final = 40
"""Instructions and pinned facts that an answer may be given, the newest."""


class FactStore:
    """By scope, as `assistant.memory.utterances` has it. Unknown ids raise NotFound."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._clock = clock

    def add(
        self,
        scope: str,
        text: str,
        *,
        kind: Literal["instruction", "fact"],
        author: Literal["rule", "model", "person"],
        key: str = "",
        quote: str = "",
        turn_id: str | None = None,
        said_at: float | None = None,
        pinned: bool = False,
    ) -> Fact | None:
        """Keep one, in place of the older one with its key; None where the same is known already."""
        text = " ".join(storable(text).split())[:LONGEST]
        if is_blank(text):
            raise EmptyMessage
        at = self._clock() if said_at is None else said_at
        id = str(ULID())
        with self._db.transaction() as tables:
            holding = [_fact(row) for row in self._db.rows(_HOLDING, (scope,))]
            if any(_alike(one.text, text) for one in holding):
                return None
            tables.execute(
                "INSERT INTO facts (id, scope, kind, key, text, quote, turn_id, author, pinned, valid_from)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (id, scope, kind, key, text, quote, turn_id, author, pinned, at),
            )
            for older in holding if key else ():
                if older.key == key:
                    newer, old = (id, older.id) if at >= older.valid_from else (older.id, id)
                    tables.execute(
                        "UPDATE facts SET valid_to = (SELECT max(valid_from, ?) FROM facts WHERE id = ?),"
                        " superseded_by = ? WHERE id = ?",
                        (min(at, older.valid_from), newer, newer, old),
                    )
            tables.execute(
                "DELETE FROM facts WHERE id IN (SELECT id FROM facts WHERE scope = ? AND valid_to IS NULL"
                " AND NOT pinned ORDER BY id DESC LIMIT -1 OFFSET ?)",
                (scope, _MOST),
            )
        return self.get(id)

    def get(self, id: str) -> Fact:
        row = self._db.row("SELECT * FROM facts WHERE id = ?", (id,))
        if row is None:
            raise NotFound(kind="fact", id=id)
        return _fact(row)

    def list(self, scope: str, *, old: bool = False) -> list[Fact]:
        """Pinned first, then the newest; with `old`, also what was superseded, behind what superseded it."""
        held = [_fact(row) for row in self._db.rows(_HOLDING, (scope,))]
        if not old:
            return held
        past = [
            _fact(row)
            for row in self._db.rows(
                "SELECT * FROM facts WHERE scope = ? AND valid_to IS NOT NULL ORDER BY valid_from DESC", (scope,)
            )
        ]
        shown: builtins.list[Fact] = []
        for fact in held:
            shown.append(fact)
            newest = fact.id
            for one in past:
                if one.superseded_by == newest:
                    shown.append(one)
                    newest = one.id
        return [*shown, *(one for one in past if one not in shown)]

    def search(self, scope: str, query: str) -> builtins.list[Fact]:
        """Of what holds, what has every word of the query."""
        wanted = set(stems(query))
        return [fact for fact in self.list(scope, old=True) if wanted <= set(stems(f"{fact.text} {fact.quote}"))]

    def pinned(self, scope: str) -> builtins.list[Fact]:
        """What every answer may be given, the newest first."""
        if self.paused(scope):
            return []
        return [fact for fact in self.list(scope) if fact.pinned][:_PINNED]

    def pin(self, id: str, *, on: bool = True) -> Fact:
        with self._db.transaction() as tables:
            self.get(id)
            tables.execute("UPDATE facts SET pinned = ? WHERE id = ?", (on, id))
        return self.get(id)

    def edit(self, id: str, text: str) -> Fact:
        """Write it anew by hand: a fact of the person's own that supersedes this one."""
        fact = self.get(id)
        edited = self.add(
            fact.scope, text, kind=fact.kind, author="person", key=fact.key or f"#{fact.id}", pinned=fact.pinned
        )
        if edited is None:
            return fact
        with self._db.transaction() as tables:
            tables.execute(
                "UPDATE facts SET valid_to = ?, superseded_by = ? WHERE id = ? AND superseded_by IS NULL",
                (edited.valid_from, edited.id, id),
            )
        return edited

    def forget(self, id: str, *, older: bool = True) -> None:
        """Gone, with everything it superseded; without `older`, what it superseded last holds again."""
        with self._db.erasure() as tables:
            self.get(id)
            tables.execute(_CHAIN if older else "DELETE FROM facts WHERE id = ?", (id,))

    def forget_all(self, scope: str) -> int:
        with self._db.erasure() as tables:
            return int(tables.execute("DELETE FROM facts WHERE scope = ?", (scope,)).rowcount)

    def superseded_in(self, turn_ids: Sequence[str]) -> set[str]:
        """Of these turns, the ones that said something which no longer holds."""
        rows = self._db.rows(
            "SELECT DISTINCT turn_id FROM facts WHERE superseded_by IS NOT NULL"
            " AND turn_id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(turn_ids)),),
        )
        return {row["turn_id"] for row in rows}

    # What is read

    def paused(self, scope: str) -> bool:
        return self._db.row("SELECT 1 FROM memory_pauses WHERE scope = ?", (scope,)) is not None

    def pause(self, scope: str, *, on: bool = True) -> None:
        """Note nothing more about a person, and give no answer what is known."""
        with self._db.transaction() as tables:
            if on:
                tables.execute("INSERT OR IGNORE INTO memory_pauses VALUES (?, ?)", (scope, self._clock()))
            else:
                tables.execute("DELETE FROM memory_pauses WHERE scope = ?", (scope,))

    def unread(self, limit: int) -> builtins.list[str]:
        """Turns from which nothing was noted yet, the oldest first; those of a paused memory are passed over for good,
        and a question asked again says nothing new."""
        with self._db.transaction() as tables:
            tables.execute(
                "INSERT OR IGNORE INTO turns_read SELECT utterances.turn_id FROM utterances"
                " JOIN memory_pauses ON memory_pauses.scope = utterances.scope"
            )
        rows = self._db.rows(
            "SELECT turns.id FROM turns JOIN utterances ON utterances.turn_id = turns.id AND utterances.role = 'user'"
            " WHERE turns.source <> 'regenerate' AND NOT EXISTS"
            " (SELECT 1 FROM turns_read WHERE turns_read.turn_id = turns.id) ORDER BY turns.id LIMIT ?",
            (limit,),
        )
        return [row["id"] for row in rows]

    def has_read(self, turn_id: str) -> None:
        with self._db.transaction() as tables:
            tables.execute("INSERT OR IGNORE INTO turns_read SELECT id FROM turns WHERE id = ?", (turn_id,))


_HOLDING: Final = "SELECT * FROM facts WHERE scope = ? AND valid_to IS NULL ORDER BY pinned DESC, id DESC"
_CHAIN: Final = """
WITH RECURSIVE older(id) AS (
    SELECT ? UNION SELECT facts.id FROM facts JOIN older ON facts.superseded_by = older.id
)
DELETE FROM facts WHERE id IN older
"""


def _alike(one: str, other: str) -> bool:
    return stems(one) == stems(other)


def _fact(row: Row) -> Fact:
    return Fact(**{**row, "pinned": bool(row["pinned"])})
