"""What an answer was reminded of: kept with its turn, shown beside it, and judged by the person."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import numpy as np

from assistant.errors import NotFound
from assistant.events import Remembered
from assistant.memory.database import Database
from assistant.memory.ranking import SIGNALS, Example
from assistant.memory.records import Recalled

_LEARNED_FROM: Final = 2000
"""Answers, the newest."""
_LIKED: Final = 0.3
"""How much less an answer that was liked says of what it was reminded of than a word about that itself."""
_JUDGED: Final = """
SELECT recollections.turn_id, used, judged, signals,
    (SELECT kind FROM signals AS said WHERE said.turn_id = recollections.turn_id
        AND kind IN ('thumb_up', 'thumb_down', 'thumb_cleared') ORDER BY said.id DESC LIMIT 1) AS thumb
FROM recollections WHERE turn_id IN (
    SELECT turn_id FROM recollections WHERE judged IS NOT NULL
    UNION SELECT turn_id FROM signals WHERE kind = 'thumb_up'
    ORDER BY turn_id DESC LIMIT ?)
"""


class RecollectionStore:
    """Rows go with the turn that was answered, and with what was recalled."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def keep(self, turn_id: str, considered: Sequence[Recalled], used: Sequence[Remembered]) -> None:
        """All that was considered for an answer, the best first, and what of it the model was given."""
        given = {one.utterance_id: one for one in used}
        with self._db.transaction() as tables:
            tables.execute("DELETE FROM recollections WHERE turn_id = ?", (turn_id,))
            for place, one in enumerate(considered):
                shown = given.pop(one.utterance.id, None)
                why = json.dumps(shown.why if shown else ())
                signals = json.dumps({name: round(value, 5) for name, value in one.signals.items()})
                tables.execute(
                    "INSERT INTO recollections VALUES (?, ?, ?, ?, ?, ?, ?, NULL)",
                    (turn_id, one.utterance.id, place, shown is not None, one.score, why, signals),
                )
            for around in given.values():
                tables.execute(
                    "INSERT INTO recollections VALUES (?, ?, ?, 1, 0, ?, '{}', NULL)",
                    (turn_id, around.utterance_id, len(considered), json.dumps(around.why)),
                )

    def judge(self, turn_id: str, utterance_id: int, *, right: bool) -> None:
        """A person says that an answer was reminded of the right or the wrong thing."""
        with self._db.transaction() as tables:
            changed = tables.execute(
                "UPDATE recollections SET judged = ? WHERE turn_id = ? AND utterance_id = ?",
                (right, turn_id, utterance_id),
            )
            if not changed.rowcount:
                raise NotFound(kind="turn", id=f"{turn_id} {utterance_id}")

    def examples(self) -> list[Example]:
        """What learning reads: of every answer somebody judged or liked, what was considered and what was right."""
        rows: dict[str, list[tuple[list[float], float]]] = defaultdict(list)
        weights: dict[str, float] = {}
        for row in self._db.rows(_JUDGED, (_LEARNED_FROM,)):
            signals = json.loads(row["signals"])
            if not signals:
                continue
            liked = row["thumb"] == "thumb_up" and row["used"]
            right = float(row["judged"] if row["judged"] is not None else liked)
            rows[row["turn_id"]].append(([signals.get(name, 0.0) for name in SIGNALS], right))
            told = 1.0 if row["judged"] is not None else _LIKED
            weights[row["turn_id"]] = max(told, weights.get(row["turn_id"], 0.0))
        return [
            Example(np.array([one[0] for one in found]), np.array([one[1] for one in found]), weights[turn_id])
            for turn_id, found in rows.items()
        ]
