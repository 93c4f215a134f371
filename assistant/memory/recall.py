"""Finding what was said before, by words and by meaning together."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from assistant.memory.conversations import ConversationStore
from assistant.memory.records import SearchHit, Turn
from assistant.memory.vectors import VectorIndex

_log = logging.getLogger(__name__)
_RANK_OFFSET: Final = 60
"""The usual constant of reciprocal rank fusion: how little the first place counts more than the second."""
_EMBEDDED: Final = 2000
"""Characters of a turn that are embedded; the embedding model reads about 512 tokens."""
_MIN_SIMILARITY: Final = 0.84
"""Cosine below which multilingual-e5 finds anything similar to anything; related turns lie between 0.84 and 0.9."""


class Recall:
    """Searches by words at once and by meaning as far as turns are embedded; vectors may fail, search does not."""

    def __init__(
        self, conversations: ConversationStore, vectors: VectorIndex, min_similarity: float = _MIN_SIMILARITY
    ) -> None:
        self._conversations = conversations
        self._vectors = vectors
        self._min_similarity = min_similarity
        self._compared: str | None = None

    def index_pending(self, batch: int = 32) -> int:
        """Embed up to `batch` finished turns that are not in the index; 0 when none is left or it cannot be done."""
        try:
            generation = self._vectors.generation
            self._compare(generation)
            turns = self._conversations.unindexed(generation, batch)
            if turns:
                self._vectors.add([(turn.id, _embedded(turn)) for turn in turns])
                self._conversations.mark_indexed([turn.id for turn in turns], generation)
        except Exception as error:
            _log.warning("turns could not be embedded: %s", error)
            return 0
        return len(turns)

    def search(self, query: str, limit: int = 30) -> list[SearchHit]:
        """Hits by words and by meaning, fused by their ranks; by words alone where vectors are not to be had."""
        lexical = self._conversations.search(query, limit)
        near = self._conversations.hits(self._near(query, limit))
        keys: dict[str, tuple[str, str]] = {hit.turn_id: (hit.turn_id, hit.role) for hit in reversed(lexical)}
        hits: dict[tuple[str, str], SearchHit] = {}
        scores: dict[tuple[str, str], float] = defaultdict(float)
        key: tuple[str, str]
        for rank, hit in enumerate(lexical, start=1):
            key = (hit.turn_id or hit.conversation_id, hit.role)
            hits[key] = hit
            scores[key] += 1 / (_RANK_OFFSET + rank)
        for rank, hit in enumerate(near, start=1):
            key = keys.get(hit.turn_id, (hit.turn_id, hit.role))
            hits.setdefault(key, hit)
            scores[key] += 1 / (_RANK_OFFSET + rank)
        best = sorted(hits, key=lambda key: (scores[key], hits[key].created_at), reverse=True)
        return [hits[key] for key in best[:limit]]

    def forget(self, turn_ids: Sequence[str]) -> None:
        """Take deleted turns out of the index; what fails here is made good by the next `index_pending`."""
        if not turn_ids or not self._vectors.exists:
            return
        try:
            self._vectors.remove(turn_ids)
        except Exception as error:
            _log.warning("deleted turns stay in the vector index until it can be written: %s", error)
            self._compared = None

    def close(self) -> None:
        self._vectors.close()

    def _near(self, query: str, limit: int) -> list[str]:
        if not query.strip() or not self._vectors.exists:
            return []
        try:
            found = self._vectors.search(query[:_EMBEDDED], limit)
        except Exception as error:
            _log.warning("search by words alone: %s", error)
            return []
        return [turn_id for turn_id, similarity in found if similarity >= self._min_similarity]

    def _compare(self, generation: str) -> None:
        """Once for every opened index: what only one side knows of is removed from it."""
        if self._compared == generation:
            return
        present, marked = self._vectors.ids(), self._conversations.indexed(generation)
        self._vectors.remove(sorted(present - marked))
        self._conversations.mark_indexed(sorted(marked - present), "")
        self._compared = generation


def _embedded(turn: Turn) -> str:
    """With its date in front: short turns without any context lie too close together."""
    day = time.strftime("%Y-%m-%d", time.localtime(turn.created_at))
    names = " ".join(attachment.name for attachment in turn.attachments)
    return f"{day} {names}\n{turn.question[: _EMBEDDED // 2]}\n{turn.answer}"[:_EMBEDDED]
