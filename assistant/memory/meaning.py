"""How near utterances are to a question by meaning: found in the vector index, compared after whitening."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from assistant.memory.vectors import VectorIndex
from assistant.memory.whitening import Whitening

_log = logging.getLogger(__name__)
_SAMPLE: Final = 3000
_COUNTED_EVERY: Final = 50
"""Questions."""
_UNLIKE: Final = 0.8
"""The cosine of any two texts under multilingual-e5, where nothing is whitened."""
_CHANGED: Final = 1.3
"""By which factor the number of vectors changes before the whitening is made anew."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question's vector, and the whitening it is compared under."""

    vector: np.ndarray
    whitening: Whitening | None


class Meaning:
    """Whatever fails here is logged and costs no answer: recall goes by words alone then."""

    def __init__(self, vectors: VectorIndex) -> None:
        self._vectors = vectors
        self._whitening: Whitening | None = None
        self._until_counted = 0

    def ask(self, question: str) -> Asked | None:
        if not self._vectors.exists:
            return None
        try:
            self._prepare()
            return Asked(np.asarray(self._vectors.question(question), np.float32), self._whitening)
        except Exception as error:
            _log.warning("recall by words alone: %s", error)
            return None

    def nearest(self, asked: Asked, limit: int) -> list[int]:
        """Ids of utterances, the nearest first."""
        towards = asked.vector if asked.whitening is None else asked.whitening.towards(asked.vector)
        try:
            return [int(id) for id, _ in self._vectors.near(towards.tolist(), limit)]
        except Exception as error:
            _log.warning("recall by words alone: %s", error)
            return []

    def similar(self, asked: Asked, ids: Sequence[int]) -> np.ndarray:
        """The cosine of each with the question; 0 for one that is not embedded yet."""
        similar = np.zeros(len(ids))
        try:
            vectors = self._vectors.of([str(id) for id in ids])
        except Exception as error:
            _log.warning("recall by words alone: %s", error)
            return similar
        there = [place for place, id in enumerate(ids) if str(id) in vectors]
        if there:
            rows = np.array([vectors[str(ids[place])] for place in there], np.float32)
            if asked.whitening is None:
                similar[there] = np.maximum(rows @ asked.vector - _UNLIKE, 0) / (1 - _UNLIKE)
            else:
                similar[there] = asked.whitening.apply(rows) @ asked.whitening.apply(asked.vector[None])[0]
        return similar

    def _prepare(self) -> None:
        # Counting takes Chroma as long as searching does.
        self._until_counted -= 1
        if self._whitening is not None and self._until_counted > 0:
            return
        self._until_counted = _COUNTED_EVERY
        count, made = self._vectors.count(), self._whitening.made_of if self._whitening else 0
        if made and 1 / _CHANGED < count / made < _CHANGED:
            return
        sample = self._vectors.sample(_SAMPLE)
        self._whitening = Whitening.of(np.array(list(sample.values()), np.float32), count) if sample else None
