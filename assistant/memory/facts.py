"""What is known about each person: standing instructions and facts, every one with the words it comes from.

Where several people share a memory, each fact is that of the one who said it, and only their own words supersede it.

Nothing is overwritten: a newer fact with the same key supersedes the older one, which says until when it held. Deleting
the turn a fact comes from deletes the fact, and gives back its validity to the one it superseded.
"""

from __future__ import annotations

import builtins
import json
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final, Literal

import sqlite_utils
from ulid import ULID

from assistant.errors import EmptyMessage, NotFound
from assistant.memory.database import Database, Row
from assistant.memory.namesakes import CALLED
from assistant.memory.records import Fact
from assistant.memory.stems import stems
from assistant.memory.text import is_blank, storable
from assistant.memory.utterances import SHARED

LONGEST: Final = 300
"""Characters of a fact."""
_MOST: Final = 500
"""Facts of one person that hold; beyond it, the oldest that is not pinned goes."""
_PINNED: Final = 40
"""Instructions and pinned facts that an answer may be given, the newest."""


class FactStore:
    """By scope, as `assistant.memory.utterances` has it. Unknown ids raise NotFound."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.time, most: int = _MOST) -> None:
        """`most` of one scope hold at a time, beside those that are pinned."""
        self._db = db
        self._clock = clock
        self._most = most

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
        person_id: str | None = None,
        prompt_version: str = "",
    ) -> Fact | None:
        """Keep one, in place of the older one with its key; None where the same is known already. `person_id` is whose
        it is, in a memory that several share."""
        text = " ".join(storable(text).split())[:LONGEST]
        if is_blank(text):
            raise EmptyMessage
        now = self._clock()
        at = now if said_at is None else said_at
        id = str(ULID())
        with self._db.transaction() as tables:
            holding = [one for one in self.list(scope) if one.person_id == person_id]
            if any(_alike(one.text, text) for one in holding):
                return None
            tables.execute(
                "INSERT INTO facts (id, scope, kind, key, text, quote, turn_id, author, pinned, valid_from, person_id,"
                " prompt_version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (id, scope, kind, key, text, quote, turn_id, author, pinned, at, person_id, prompt_version),
            )
            for older in holding if key else ():
                if older.key == key:
                    newer, old = (id, older.id) if self._is_later(turn_id, at, older, now) else (older.id, id)
                    _supersede(tables, old, newer)
            tables.execute(_BEYOND, (scope, self._most))
        return self.get(id)

    def get(self, id: str) -> Fact:
        row = self._db.row(f"{_FACTS} WHERE facts.id = ?", (id,))
        if row is None:
            raise NotFound(kind="fact", id=id)
        return _fact(row)

    def list(self, scope: str, *, old: bool = False) -> list[Fact]:
        """Pinned first, then the newest; with `old`, also what was superseded, behind what superseded it."""
        held = [_fact(row) for row in self._db.rows(_HOLDING, (scope,))]
        if not old:
            return held
        past = [_fact(row) for row in self._db.rows(_PAST, (scope,))]
        before: dict[str | None, builtins.list[Fact]] = defaultdict(builtins.list)
        for one in past:
            before[one.superseded_by].append(one)
        shown: dict[str, Fact] = {}
        waiting = held[::-1]
        while waiting:
            fact = waiting.pop()
            if fact.id not in shown:
                shown[fact.id] = fact
                waiting += before[fact.id][::-1]
        return [*shown.values(), *(one for one in past if one.id not in shown)]

    def search(self, scope: str, query: str) -> builtins.list[Fact]:
        """Of what holds, what has every word of the query."""
        wanted = set(stems(query))
        return [fact for fact in self.list(scope, old=True) if wanted <= set(stems(f"{fact.text} {fact.quote}"))]

    def in_groups(self, person_id: str) -> builtins.list[Fact]:
        """What groups know of somebody, the old too."""
        return [_fact(row) for row in self._db.rows(f"{_FACTS} WHERE person_id = ? ORDER BY facts.rowid", (person_id,))]

    def holding(self, scope: str, person_id: str | None = None) -> builtins.list[Fact]:
        """What an answer may be given: what holds, and of pinned facts the newest. In a group, those of `person_id` are
        pinned for them, and those of others are not. Nothing while the memory rests."""
        if self.paused(scope):
            return []
        shared = scope.startswith(SHARED)
        pinned: builtins.list[Fact] = []
        others: builtins.list[Fact] = []
        for fact in self.list(scope):
            own = not shared or fact.person_id in {None, person_id}
            (pinned if fact.pinned and own else others).append(fact if own else replace(fact, pinned=False))
        return [*pinned[:_PINNED], *others]

    def pin(self, id: str, *, on: bool = True) -> Fact:
        with self._db.transaction() as tables:
            self.get(id)
            tables.execute("UPDATE facts SET pinned = ? WHERE id = ?", (on, id))
        return self.get(id)

    def edit(self, id: str, text: str) -> Fact:
        """Write it anew by hand: a fact of the person's own that supersedes this one."""
        fact = self.get(id)
        edited = self.add(
            fact.scope,
            text,
            kind=fact.kind,
            author="person",
            key=fact.key or f"#{fact.id}",
            pinned=fact.pinned,
            person_id=fact.person_id,
        )
        if edited is None:
            return fact
        with self._db.transaction() as tables:
            if fact.superseded_by is None and self.get(id).superseded_by is None:
                _supersede(tables, id, edited.id)
        return self.get(edited.id)

    def forget(self, id: str, *, older: bool = True) -> None:
        """Gone, with everything it superseded; without `older`, what it superseded last holds again."""
        with self._db.erasure(said=False) as tables:
            self.get(id)
            tables.execute(_WITH_OLDER if older else "DELETE FROM facts WHERE id = ?", (id,))

    def forget_all(self, scope: str) -> int:
        """Nor is anything noted any more of what was said until now."""
        with self._db.erasure(said=False) as tables:
            tables.execute("INSERT OR IGNORE INTO turns_read SELECT turn_id FROM utterances WHERE scope = ?", (scope,))
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

    def unread(self, limit: int, without: Collection[str] = ()) -> builtins.list[str]:
        """Turns from which nothing was noted yet, the oldest first, and not those in `without`; those of a paused
        memory are passed over for good, and a question asked again says nothing new."""
        with self._db.transaction() as tables:
            tables.execute(
                "INSERT OR IGNORE INTO turns_read SELECT utterances.turn_id FROM utterances"
                " JOIN memory_pauses ON memory_pauses.scope = utterances.scope"
            )
        rows = self._db.rows(
            "SELECT turns.id FROM turns JOIN utterances ON utterances.turn_id = turns.id AND utterances.role = 'user'"
            " WHERE turns.source <> 'regenerate' AND NOT EXISTS"
            " (SELECT 1 FROM turns_read WHERE turns_read.turn_id = turns.id)"
            " AND turns.id NOT IN (SELECT value FROM json_each(?)) ORDER BY turns.id LIMIT ?",
            (json.dumps(list(without)), limit),
        )
        return [row["id"] for row in rows]

    @contextmanager
    def ruling(self, turn_id: str) -> Iterator[bool]:
        """Whether instructions of a turn are still to be noted: the first time only, so that what a person forgets does
        not come back. What is added inside is kept together with that mark, or neither is."""
        with self._db.transaction() as tables:
            marked = "INSERT OR IGNORE INTO turns_ruled SELECT id FROM turns WHERE id = ?"
            yield tables.execute(marked, (turn_id,)).rowcount > 0

    @contextmanager
    def reading(self, turn_id: str, scope: str) -> Iterator[bool]:
        """Whether what a model found in a turn is still wanted: meanwhile the turn may have been deleted, its memory
        paused, or everything forgotten. What is added inside is kept together with the mark that it was read."""
        with self._db.transaction() as tables:
            marked = "INSERT OR IGNORE INTO turns_read SELECT id FROM turns WHERE id = ?"
            yield tables.execute(marked, (turn_id,)).rowcount > 0 and not self.paused(scope)

    def has_read(self, turn_id: str) -> None:
        with self._db.transaction() as tables:
            tables.execute("INSERT OR IGNORE INTO turns_read SELECT id FROM turns WHERE id = ?", (turn_id,))

    def _is_later(self, turn_id: str | None, at: float, than: Fact, now: float) -> bool:
        """Whether what is noted now was said after it. Clocks are set back: what was said in one conversation is in the
        order of that, and nothing known was said in what is still to come."""
        if turn_id is not None and than.turn_id is not None:
            order = self._db.row(_ORDER, (turn_id, than.turn_id))
            if order is not None:
                return bool(order["later"])
        return at >= than.valid_from or than.valid_from > now


_FACTS: Final = f"SELECT facts.*, coalesce({CALLED.format(person='facts.person_id')}, '') AS speaker FROM facts"  # noqa: S608
_HOLDING: Final = f"{_FACTS} WHERE scope = ? AND valid_to IS NULL ORDER BY pinned DESC, facts.rowid DESC"
_PAST: Final = f"{_FACTS} WHERE scope = ? AND valid_to IS NOT NULL ORDER BY facts.rowid DESC"
_ORDER: Final = """
SELECT one.id > other.id AS later FROM utterances AS one, utterances AS other
WHERE one.turn_id = ? AND other.turn_id = ? AND one.role = 'user' AND other.role = 'user'
AND one.conversation_id = other.conversation_id
"""
_CHAIN: Final = "UNION SELECT facts.id FROM facts JOIN older ON facts.superseded_by = older.id"
_WITH_OLDER: Final = f"""
WITH RECURSIVE older(id) AS (SELECT ? {_CHAIN}) DELETE FROM facts WHERE id IN older
"""  # noqa: S608 - made of constants
_BEYOND: Final = f"""
WITH RECURSIVE older(id) AS (
    SELECT id FROM (SELECT id FROM facts WHERE scope = ? AND valid_to IS NULL AND NOT pinned
        ORDER BY rowid DESC LIMIT -1 OFFSET ?) {_CHAIN}
) DELETE FROM facts WHERE id IN older
"""  # noqa: S608 - made of constants
"""With what they superseded, which would hold again in their place."""


def _supersede(tables: sqlite_utils.Database, old: str, newer: str) -> None:
    tables.execute(
        "UPDATE facts SET valid_to = (SELECT max(facts.valid_from, later.valid_from) FROM facts AS later WHERE id = ?),"
        " superseded_by = ? WHERE id = ?",
        (newer, newer, old),
    )


def _alike(one: str, other: str) -> bool:
    return stems(one) == stems(other)


def _fact(row: Row) -> Fact:
    return Fact(**{**row, "pinned": bool(row["pinned"])})
