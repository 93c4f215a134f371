"""What the model was asked beside an answer, such as what to look for: kept with the turn it was asked for."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from assistant.memory.database import Database
from assistant.memory.records import Aside
from assistant.memory.text import storable

_OF: Final = """
SELECT asides.* FROM json_each(?) AS wanted JOIN asides ON asides.turn_id = wanted.value ORDER BY purpose
"""
_READ: Final = """
SELECT read.turn_id, 'summary' AS purpose, summaries.prompt_version, summaries.text FROM json_each(?) AS wanted
JOIN summaries_read AS read ON read.turn_id = wanted.value JOIN summaries ON summaries.turn_id = read.summary_id
ORDER BY read.summary_id
"""


class AsideStore:
    """Rows go with the turn, and with those that they were made from; so does what says which summaries were read."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def keep(self, turn_id: str, purpose: str, version: str, text: str, sources: Sequence[str] = ()) -> None:
        """In place of what was asked for this purpose before; nothing where one of the turns is gone by now."""
        with self._db.transaction() as tables:
            wanted = {turn_id, *sources}
            there = "SELECT COUNT(*) AS number FROM turns WHERE id IN (SELECT value FROM json_each(?))"
            if self._db.rows(there, (json.dumps(list(wanted)),))[0]["number"] != len(wanted):
                return
            tables.execute("DELETE FROM asides WHERE turn_id = ? AND purpose = ?", (turn_id, purpose))
            row = (turn_id, purpose, version, storable(text))
            tables.execute("INSERT INTO asides (turn_id, purpose, prompt_version, text) VALUES (?, ?, ?, ?)", row)
            for id in sources:
                tables.execute(
                    "INSERT INTO aside_sources (source_id, turn_id, purpose) VALUES (?, ?, ?)", (id, turn_id, purpose)
                )

    def read(self, turn_id: str, summary_ids: Sequence[str]) -> None:
        """Which summaries stood before the question of a turn, in place of what was noted before; those that are gone
        by now are left out."""
        with self._db.transaction() as tables:
            tables.execute("DELETE FROM summaries_read WHERE turn_id = ?", (turn_id,))
            tables.execute(
                "INSERT INTO summaries_read (turn_id, summary_id) SELECT turns.id, summaries.turn_id"
                " FROM turns, summaries WHERE turns.id = ? AND summaries.turn_id IN (SELECT value FROM json_each(?))",
                (turn_id, json.dumps(list(summary_ids))),
            )


def load(db: Database, turn_ids: Sequence[str]) -> dict[str, tuple[Aside, ...]]:
    """By turn; those beside which nothing was asked are left out."""
    found: dict[str, list[Aside]] = defaultdict(list)
    for row in (*db.rows(_OF, (json.dumps(list(turn_ids)),)), *db.rows(_READ, (json.dumps(list(turn_ids)),))):
        found[row["turn_id"]].append(Aside(row["purpose"], row["prompt_version"], row["text"]))
    return {id: tuple(several) for id, several in found.items()}
