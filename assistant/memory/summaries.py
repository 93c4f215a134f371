"""Summaries of parts of conversations that may have to leave a model's window, each with the turns it was made from."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from assistant.memory.database import Database
from assistant.memory.text import storable

_OF: Final = """
SELECT summaries.*, summarised.turn_id AS source FROM summaries
JOIN summarised ON summarised.summary_id = summaries.turn_id
WHERE summaries.turn_id IN (SELECT value FROM json_each(?)) ORDER BY summaries.turn_id
"""


@dataclass(frozen=True, slots=True)
class Summary:
    """Of the turns `sources`, which follow each other; `turn_id` is the last of them."""

    turn_id: str
    text: str
    prompt_version: str
    made_at: float
    sources: frozenset[str]


class SummaryStore:
    """A summary goes with any of its turns."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._clock = clock

    def of(self, turn_ids: Sequence[str]) -> list[Summary]:
        """What was made from these turns of a branch and from no other, in their order."""
        rows: dict[str, dict[str, object]] = {}
        sources: dict[str, set[str]] = defaultdict(set)
        for row in self._db.rows(_OF, (json.dumps(list(turn_ids)),)):
            sources[row["turn_id"]].add(row.pop("source"))
            rows[row["turn_id"]] = row
        wanted = set(turn_ids)
        return [
            Summary(**rows[id], sources=frozenset(sources[id]))  # type: ignore[arg-type]
            for id in turn_ids
            if id in rows and sources[id] <= wanted
        ]

    def keep(self, turn_ids: Sequence[str], text: str, version: str) -> bool:
        """Of these turns; False where one of them is gone by now."""
        with self._db.transaction() as tables:
            there = "SELECT COUNT(*) AS number FROM turns WHERE id IN (SELECT value FROM json_each(?))"
            if self._db.rows(there, (json.dumps(list(turn_ids)),))[0]["number"] != len(turn_ids):
                return False
            last = turn_ids[-1]
            tables.execute("DELETE FROM summaries WHERE turn_id = ?", (last,))
            values = (last, version, storable(text), self._clock())
            tables.execute("INSERT INTO summaries (turn_id, prompt_version, text, made_at) VALUES (?, ?, ?, ?)", values)
            for id in turn_ids:
                tables.execute("INSERT INTO summarised (turn_id, summary_id) VALUES (?, ?)", (id, last))
        return True
