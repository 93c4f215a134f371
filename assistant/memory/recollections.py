"""What an answer was reminded of: kept with its turn, shown beside it, and judged by the person."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Final

import numpy as np

from assistant.errors import NotFound
from assistant.events import GivenFact, Remembered
from assistant.memory.database import Database
from assistant.memory.ranking import SIGNALS, Example
from assistant.memory.records import Recalled
from assistant.memory.stems import stems

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


_HIT: Final = """
INSERT INTO judged_hits VALUES (?, ?, ?, ?, ?) ON CONFLICT (search, utterance_id) DO UPDATE SET
    signals = excluded.signals, judged = coalesce(excluded.judged, judged), judged_at = excluded.judged_at
"""
_HITS: Final = """
SELECT search AS turn_id, 1 AS used, judged, signals, NULL AS thumb FROM judged_hits WHERE search IN (
    SELECT search FROM judged_hits WHERE judged IS NOT NULL GROUP BY search ORDER BY max(judged_at) DESC LIMIT ?)
"""


class RecollectionStore:
    """Rows go with the turn that was answered, and with what was recalled."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._clock = clock

    def keep(self, turn_id: str, considered: Sequence[Recalled], used: Sequence[Remembered]) -> None:
        """All that was considered for an answer, the best first, and what of it the model was given."""
        given = {one.utterance_id: one for one in used}
        with self._db.transaction() as tables:
            tables.execute("DELETE FROM recollections WHERE turn_id = ?", (turn_id,))
            for place, one in enumerate(considered):
                shown = given.pop(one.utterance.id, None)
                why = json.dumps(shown.why if shown else ())
                signals = _written(one.signals)
                tables.execute(
                    "INSERT INTO recollections VALUES (?, ?, ?, ?, ?, ?, ?, NULL)",
                    (turn_id, one.utterance.id, place, shown is not None, one.score, why, signals),
                )
            for around in given.values():
                tables.execute(
                    "INSERT INTO recollections VALUES (?, ?, ?, 1, 0, ?, '{}', NULL)",
                    (turn_id, around.utterance_id, len(considered), json.dumps(around.why)),
                )

    def keep_facts(self, turn_id: str, given: Sequence[GivenFact]) -> None:
        """The facts the model was given for an answer."""
        with self._db.transaction() as tables:
            tables.execute("DELETE FROM reminded_facts WHERE turn_id = ?", (turn_id,))
            for place, one in enumerate(given):
                tables.execute(
                    "INSERT INTO reminded_facts (turn_id, fact_id, place, why) VALUES (?, ?, ?, ?)",
                    (turn_id, one.fact_id, place, one.why),
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

    def judge_hit(self, query: str, scope: str, found: Sequence[Recalled], utterance_id: int, *, right: bool) -> None:
        """A person says that a hit of a search in `scope` was right or wrong. NotFound for one that was no hit."""
        if utterance_id not in {one.utterance.id for one in found}:
            raise NotFound(kind="utterance", id=str(utterance_id))
        search = sha256(f"{scope}\0{' '.join(stems(query))}".encode()).hexdigest()
        with self._db.transaction() as tables:
            for one in found:
                judged = right if one.utterance.id == utterance_id else None
                tables.execute(_HIT, (search, one.utterance.id, _written(one.signals), judged, self._clock()))

    def examples(self) -> list[Example]:
        """What learning reads: of every answer or search of which somebody judged or liked something, what was
        considered and what was right."""
        rows: dict[str, list[tuple[list[float], float]]] = defaultdict(list)
        weights: dict[str, float] = {}
        for row in [*self._db.rows(_JUDGED, (_LEARNED_FROM,)), *self._db.rows(_HITS, (_LEARNED_FROM,))]:
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


def _written(signals: Mapping[str, float]) -> str:
    return json.dumps({name: round(value, 5) for name, value in signals.items()})
