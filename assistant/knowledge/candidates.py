"""The chunks that may answer one question, and every signal of each of them: rows in one order throughout."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from assistant.knowledge import fusion
from assistant.memory.chunk_index import ChunkIndex

PARENT: Final = 0.3
"""Of what a chunk's surroundings score by meaning."""
_READ: Final = 60
"""Chunks that are read sentence by sentence: the best of the candidates so far."""


class Candidates:
    """`floor` is the cosine of what is farthest away. Where there is no vector, chunks are told apart by words alone.

    What is known of a chunk stays when others are added; how it compares with the best of them is worked out anew.
    """

    def __init__(self, index: ChunkIndex, asked: fusion.Weights, vector: np.ndarray | None, floor: float) -> None:
        self._index = index
        self._asked = asked
        self._vector = vector
        self.floor = floor
        self.ids: list[int] = []
        self.bodies: list[str] = []
        self._bm25 = self.parent = self.link = self.judged = self.near = self.said = self.sentence = np.zeros(0)
        self.cosine = np.zeros(0)
        """Not a number where there is no vector."""
        self._sentences: dict[int, float] = {}

    @property
    def total(self) -> np.ndarray:
        return np.asarray(fusion.fused(self.near, self.said, self.sentence) + self.parent + self.link + self.judged)

    @property
    def covered(self) -> float:
        """How much of the question the best of them holds by its words."""
        return fusion.coverage(self._bm25, self._asked)

    def best(self, count: int) -> list[int]:
        """Rows, best first."""
        return [int(place) for place in np.argsort(-self.total, kind="stable")[:count]]

    def add(self, ids: Iterable[int]) -> None:
        """Those that are there already, or no longer in the library, are passed over."""
        known = set(self.ids)
        new = [id for id in dict.fromkeys(ids) if id not in known]
        bodies = self._index.bodies(new) if new else {}
        new = [id for id in new if id in bodies]
        if not new:
            return
        spaced = [fusion.spaced(bodies[id][0]) for id in new]
        bm25 = [fusion.bm25(body, bodies[id][1], self._asked) for id, body in zip(new, spaced, strict=True)]
        cosines = self.cosines(new)
        self.ids += new
        self.bodies += spaced
        self._bm25 = np.append(self._bm25, bm25)
        self.cosine = np.append(self.cosine, [cosines[id] for id in new])
        none = np.zeros(len(new))
        self.parent, self.link, self.judged = (np.append(old, none) for old in (self.parent, self.link, self.judged))
        self._weigh()

    def cosines(self, ids: Sequence[int]) -> dict[int, float]:
        """Of any chunks; not a number where there is no vector."""
        found = dict.fromkeys(ids, float("nan"))
        if self._vector is None:
            return found
        found |= {id: value for id, value in zip(self.ids, self.cosine.tolist(), strict=True) if id in found}
        missing = [id for id, value in found.items() if not np.isfinite(value)]
        known, vectors = self._index.vectors(missing) if missing else ([], np.zeros((0, 0)))
        if known:
            found |= zip(known, (vectors @ self._vector).tolist(), strict=True)
        return found

    def _weigh(self) -> None:
        count = len(self.ids)
        self.near = fusion.meaning(self.cosine, self.floor) if np.isfinite(self.cosine).any() else np.zeros(count)
        self.said, self.sentence = fusion.words(self._bm25, self._asked), np.zeros(count)
        for place in np.argsort(-fusion.fused(self.near, self.said, self.sentence), kind="stable")[:_READ]:
            id = self.ids[place]
            if id not in self._sentences:
                self._sentences[id] = fusion.best_sentence(self.bodies[place], self._asked)
            self.sentence[place] = self._sentences[id]
