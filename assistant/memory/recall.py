"""Finding what was said before, in every conversation and on every face: for the page's search, and for an answer."""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections import defaultdict
from typing import Final

from assistant.memory.candidates import Candidates, Pool
from assistant.memory.conversations import ConversationStore
from assistant.memory.ranking import COLD, SIGNALS, Weights
from assistant.memory.records import Recalled, SearchHit, Utterance
from assistant.memory.utterances import UtteranceStore
from assistant.memory.vector_standing import IndexStanding, standing
from assistant.memory.vectors import VectorIndex

_log = logging.getLogger(__name__)
_RANK_OFFSET: Final = 60
"""The usual constant of reciprocal rank fusion: how little the first place counts more than the second."""
_EMBEDDED: Final = 1000
"""Characters of an utterance that are embedded; the embedding model reads about 512 tokens."""
_BEFORE: Final = 160
"""Characters of what was said before it that are embedded with it: an answer alone says little."""
_MIN_SIMILARITY: Final = 0.84
"""Cosine below which multilingual-e5 finds anything similar to anything; related turns lie between 0.84 and 0.9."""


class Recall:
    """By words at once, by meaning as far as utterances are embedded; vectors may fail, search does not.

    `weights` may be changed at any time."""

    def __init__(
        self,
        conversations: ConversationStore,
        utterances: UtteranceStore,
        vectors: VectorIndex,
        min_similarity: float = _MIN_SIMILARITY,
    ) -> None:
        self._conversations = conversations
        self._utterances = utterances
        self._vectors = vectors
        self._candidates = Candidates(utterances, vectors)
        self._min_similarity = min_similarity
        self._compared: str | None = None
        self._writing = threading.Lock()
        """Held from putting vectors in or taking them out until that is noted. What is embedded first takes no part in
        it: a deletion does not wait for a model."""
        self.weights: Weights = COLD

    def index_pending(self, batch: int = 32) -> int:
        """Embed up to `batch` utterances that are not in the index; 0 when none is left or it cannot be done."""
        try:
            self.forget()
            self._utterances.catch_up()
            self._compact()
            generation = self._vectors.generation
            self._compare(generation)
            pending = self._utterances.unembedded(generation, batch)
            if pending:
                made = self._vectors.embedded([(str(one.id), self._embedded(one)) for one in pending])
                with self._writing:
                    self._vectors.put(made)
                    self._utterances.settle(pending, generation)
                self.forget()
        except Exception as error:
            _log.warning("what was said could not be embedded: %s", error)
            return 0
        return len(pending)

    def candidates(self, question: str, scope: str, *, without: str = "", today: dt.date | None = None) -> Pool:
        """All that `recall` chooses from."""
        return self._candidates.of(question, scope, today or dt.date.today(), without)

    def recall(
        self, question: str, scope: str, *, limit: int = 10, without: str = "", today: dt.date | None = None
    ) -> list[Recalled]:
        """What was said in `scope` that a question needs, the most probable first, the conversation `without` left
        out. The same words are given once, as they were said last."""
        pool = self.candidates(question, scope, without=without, today=today)
        scores = self.weights.score(pool.signals)
        best = sorted(range(len(scores)), key=lambda place: (-scores[place], -pool.ids[place]))[: 3 * limit]
        rows = {int(pool.ids[place]): place for place in best}
        found: dict[str, Recalled] = {}
        for utterance in self._utterances.read(rows):
            place = rows[utterance.id]
            signals = dict(zip(SIGNALS, (float(value) for value in pool.signals[place]), strict=True))
            recalled = Recalled(utterance, float(scores[place]), signals, bool(pool.names[place]))
            same = found.get(utterance.text)
            if same is None or (same.score, same.utterance.id) < (recalled.score, utterance.id):
                found[utterance.text] = recalled
        return sorted(found.values(), key=lambda one: -one.score)[:limit]

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

    def forget(self) -> None:
        """Take what was deleted or written over out of the vector index; what fails here is made good by the next
        `index_pending`."""
        try:
            with self._writing:
                gone = self._utterances.forgotten()
                if gone and self._vectors.exists:
                    self._vectors.remove(gone)
                if gone:
                    self._utterances.has_forgotten(gone)
        except Exception as error:
            _log.warning("deleted turns stay in the vector index until it can be written: %s", error)

    def is_behind(self) -> bool:
        """Whether `index_pending` has anything to do, as far as that shows without opening the index."""
        return self._utterances.is_behind(self._vectors.opened) or bool(
            self._utterances.count() and not self._vectors.exists
        )

    def standing(self) -> IndexStanding:
        """How the index over what was said stands."""
        return standing("said", self._utterances.count(), self._vectors.standing())

    def rebuild(self) -> None:
        """Throw the vectors away; `index_pending` makes them anew."""
        self._vectors.rebuild([])

    def close(self) -> None:
        self._vectors.close()

    def _near(self, query: str, limit: int) -> list[str]:
        """Ids of turns, the nearest first."""
        if not query.strip() or not self._vectors.exists:
            return []
        try:
            found = self._vectors.search(query[:_EMBEDDED], 2 * limit)
        except Exception as error:
            _log.warning("search by words alone: %s", error)
            return []
        near = [int(id) for id, similarity in found if similarity >= self._min_similarity]
        return list(dict.fromkeys(one.turn_id for one in self._utterances.read(near)))[:limit]

    def _compare(self, generation: str) -> None:
        """Once for every opened index: what only one side knows of is removed from it."""
        if self._compared == generation:
            return
        present, marked = self._vectors.ids(), self._utterances.embedded(generation)
        self._vectors.remove(sorted(present - marked))
        self._utterances.mark_embedded(sorted(marked - present), "")
        self._compared = generation

    def _compact(self) -> None:
        if self._vectors.exists and self._vectors.standing().state == "wasteful":
            self._utterances.moved(*self._vectors.compact())

    def _embedded(self, said: Utterance) -> str:
        """With its date, its speaker and the end of what it follows: short turns alone lie too close together."""
        day = time.strftime("%Y-%m-%d", time.localtime(said.said_at))
        return f"{day} {said.before[-_BEFORE:]}\n{said.speaker or said.role}: {said.text}"[:_EMBEDDED]
