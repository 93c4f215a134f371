"""Finds the passages of a person's documents that answer a question, best first, and says when none does."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

import numpy as np

from assistant.knowledge import confidence, fusion
from assistant.knowledge.centring import Centring
from assistant.knowledge.names import Names
from assistant.knowledge.walk import Walk
from assistant.memory import terms
from assistant.memory.chunk_index import ChunkIndex, Holding, Totals
from assistant.memory.document_records import Chunk, Document, Filter
from assistant.memory.documents import DocumentStore
from assistant.memory.vectors import VectorIndex

_log = logging.getLogger(__name__)
Way: TypeAlias = Literal["both", "words", "meaning"]

_CANDIDATES: Final = 100
"""By words and by meaning each."""
_FEW_WORDS: Final = 2
_CANDIDATES_OF_FEW: Final = 300
"""By words where there are so few that many chunks hold all of them."""
_MOST_WORDS: Final = 32
_SAMPLE: Final = 256
_LEAST_SAMPLE: Final = 8
"""Chunks below which cosines say nothing of what is usual."""
_MANY: Final = 128
"""Chunks from which on cosines say what is usual in the library."""
_SURE: Final = 0.5
_STALE: Final = 0.1
"""Part of the library that may have changed before the sample is drawn anew."""
_COMPARED: Final = 5_000
"""Chunks a filter lets through up to which each is compared, instead of searching the vector index more widely."""
_WIDER: Final = 4
_PARENT: Final = 0.3
_REACH: Final = 2
_PARENTS: Final = 40
_READ: Final = 60
"""Chunks that are read sentence by sentence: the best of the candidates so far."""
_LINK: Final = 0.35
_LINKS_FROM: Final = 10
_LINKED_CHUNKS: Final = 16
_WALK: Final = 0.1
"""Of the best passage's score, for the passage a walk over the names comes to most often."""
_EMBEDDED: Final = 2_000
"""Characters of a question that are read."""


@dataclass(frozen=True, slots=True)
class Signals:
    """Why a passage is where it is: each from 0 to about 1, but `cosine`, which is None before it is embedded."""

    cosine: float | None
    meaning: float
    words: float
    sentence: float
    parent: float
    link: float


@dataclass(frozen=True, slots=True)
class Found:
    chunk: Chunk
    document: Document
    score: float
    signals: Signals


@dataclass(frozen=True, slots=True)
class Answer:
    """`is_answered` says whether the first passages are likely to hold an answer at all; `lexical` how many of the
    library's chunks hold a word of the question."""

    passages: tuple[Found, ...]
    is_answered: bool
    confidence: float
    lexical: int


@dataclass(slots=True)
class _Scored:
    """Candidates as rows, in one order throughout."""

    ids: list[int]
    bodies: list[str]
    cosine: np.ndarray
    near: np.ndarray
    said: np.ndarray
    sentence: np.ndarray
    parent: np.ndarray
    link: np.ndarray
    covered: float
    """How much of the question the best of them holds by its words."""

    @property
    def total(self) -> np.ndarray:
        return np.asarray(fusion.fused(self.near, self.said, self.sentence) + self.parent + self.link)


@dataclass(frozen=True, slots=True)
class _Library:
    """What is kept in memory of it until it has changed."""

    totals: Totals
    sample: np.ndarray
    names: Names


class Retriever:
    """Called from any thread. Without vectors, or while they are made, it goes by words; what fails is logged."""

    def __init__(self, index: ChunkIndex, store: DocumentStore, vectors: VectorIndex, walk: Walk | None = None) -> None:
        self._walk = walk
        self._index = index
        self._store = store
        self._vectors = vectors
        self._centring = Centring(vectors.question)
        self._library: _Library | None = None

    def search(self, question: str, limit: int = 10, limits: Filter | None = None, way: Way = "both") -> Answer:
        """The best passages; `way` other than both is for comparing."""
        library = self._now()
        allowed = None if limits is None or limits.is_empty else self._index.allowed(limits)
        words = terms.asked(question) if way != "meaning" else ()
        holding = self._index.holding(words) if words else {}
        asked = _asked(words, holding, library.totals)
        by_words = _most_words(holding, asked, allowed)
        plain = self._vector(question) if way != "words" else None
        vector = None if plain is None else self._centred(plain, question, library)
        by_meaning = self._nearest(vector, allowed)
        ids = list(dict.fromkeys([*by_words, *by_meaning]))
        if not ids:
            return Answer((), False, 0.0, len(by_words))
        scored = self._scored(ids, vector, asked, library)
        if way == "both":
            self._add_parents(scored, vector, library)
            scored = self._add_links(scored, vector, asked, library, allowed)
            scored = self._add_walk(scored, vector, asked, library, allowed)
        order = np.argsort(-scored.total, kind="stable")[:limit]
        sure = _confidence(scored, plain, vector, int(order[0]), library) if len(order) else 0.0
        return Answer(self._found(scored, order), sure >= _SURE, sure, len(by_words))

    # Candidates

    def _vector(self, question: str) -> np.ndarray | None:
        if not question.strip() or not self._vectors.exists:
            return None
        try:
            return np.asarray(self._vectors.question(question[:_EMBEDDED]), np.float32)
        except Exception as error:
            _log.warning("search by words alone: %s", error)
            return None

    def _centred(self, vector: np.ndarray, question: str, library: _Library) -> np.ndarray:
        chinese = library.totals.chinese / max(1, library.totals.chunks)
        return self._centring.centred(vector, terms.language(question), chinese)

    def _nearest(self, vector: np.ndarray | None, allowed: np.ndarray | None) -> list[int]:
        if vector is None:
            return []
        if allowed is not None and len(allowed) <= _COMPARED:
            ids, vectors = self._index.vectors(allowed.tolist())
            if not ids:
                return []
            best = np.argsort(-(vectors @ vector))[:_CANDIDATES]
            return [ids[place] for place in best]
        try:
            near = self._vectors.near(vector.tolist(), _CANDIDATES * (1 if allowed is None else _WIDER))
        except Exception as error:
            _log.warning("search by words alone: %s", error)
            return []
        found = [int(id) for id, _ in near]
        if allowed is not None:
            found = [id for id, lets in zip(found, np.isin(found, allowed), strict=True) if lets]
        return found[:_CANDIDATES]

    # Scores

    def _scored(
        self, ids: Sequence[int], vector: np.ndarray | None, asked: fusion.Weights, library: _Library
    ) -> _Scored:
        bodies = self._index.bodies(ids)
        ids = [id for id in ids if id in bodies]
        spaced = [fusion.spaced(bodies[id][0]) for id in ids]
        scores = np.array([fusion.bm25(body, bodies[id][1], asked) for id, body in zip(ids, spaced, strict=True)])
        cosine = self._cosines(ids, vector)
        near = np.zeros(len(ids))
        if np.isfinite(cosine).any():
            near = fusion.meaning(cosine, _floor(library, vector))
        said, sentence = fusion.words(scores, asked), np.zeros(len(ids))
        for place in np.argsort(-fusion.fused(near, said, sentence), kind="stable")[:_READ]:
            sentence[place] = fusion.best_sentence(spaced[place], asked)
        nothing = np.zeros(len(ids))
        covered = fusion.coverage(scores, asked)
        return _Scored(list(ids), spaced, cosine, near, said, sentence, nothing, nothing.copy(), covered)

    def _cosines(self, ids: Sequence[int], vector: np.ndarray | None) -> np.ndarray:
        """Not a number where there is no vector."""
        cosines = np.full(len(ids), np.nan)
        if vector is None:
            return cosines
        known, vectors = self._index.vectors(ids)
        if known:
            found = dict(zip(known, (vectors @ vector).tolist(), strict=True))
            cosines = np.array([found.get(id, np.nan) for id in ids])
        return cosines

    def _add_parents(self, scored: _Scored, vector: np.ndarray | None, library: _Library) -> None:
        """What stands around the best chunks counts a little for them."""
        if vector is None or not scored.ids:
            return
        best = np.argsort(-scored.total, kind="stable")[:_PARENTS]
        around = self._index.around([scored.ids[place] for place in best], _REACH)
        beside = list(dict.fromkeys(id for ids in around.values() for id in ids))
        cosines = dict(zip(beside, self._cosines(beside, vector), strict=True))
        floor, top = _floor(library, vector), float(np.nanmax(scored.cosine, initial=-1.0))
        for place in best:
            own = scored.near[place]
            others = [(cosines[id] - floor) / max(top - floor, 1e-6) for id in around[scored.ids[place]]]
            family = [value for value in (own, *others) if np.isfinite(value)]
            scored.parent[place] = _PARENT * (sum(family) / len(family) if family else 0.0)

    def _add_links(
        self,
        scored: _Scored,
        vector: np.ndarray | None,
        asked: fusion.Weights,
        library: _Library,
        allowed: np.ndarray | None,
    ) -> _Scored:
        """The documents that the best chunks name get a part of what those have."""
        totals = scored.total
        best = np.argsort(-totals, kind="stable")[:_LINKS_FROM]
        own = self._index.documents_of([scored.ids[place] for place in best])
        bonus: dict[str, float] = {}
        for place in best:
            for document in library.names.within(scored.bodies[place]) - {own.get(scored.ids[place])}:
                bonus[document] = max(bonus.get(document, 0.0), float(totals[place]))
        if not bonus:
            return scored
        linked = self._index.first_of(list(bonus), _LINKED_CHUNKS)
        if allowed is not None:
            lets = np.isin(list(linked), allowed)
            linked = {id: document for (id, document), let in zip(linked.items(), lets, strict=True) if let}
        scored = self._widened(scored, list(linked), vector, asked, library)
        places = {id: place for place, id in enumerate(scored.ids)}
        totals = scored.total
        for document, value in bonus.items():
            its = [places[id] for id, of in linked.items() if of == document and id in places]
            if its:
                scored.link[max(its, key=lambda place: totals[place])] = _LINK * value
        return scored

    def _add_walk(
        self,
        scored: _Scored,
        vector: np.ndarray | None,
        asked: fusion.Weights,
        library: _Library,
        allowed: np.ndarray | None,
    ) -> _Scored:
        """What shares names with the best chunks, from several sides, counts a little for it."""
        if self._walk is None or not scored.ids:
            return scored
        totals = scored.total
        best = np.argsort(-totals, kind="stable")[:_LINKS_FROM]
        lead = float(totals[best[0]])
        reached = self._walk.reached({scored.ids[place]: float(totals[place]) for place in best})
        if allowed is not None:
            reached = {id: value for id, value in reached.items() if np.isin(id, allowed)}
        scored = self._widened(scored, list(reached), vector, asked, library)
        for place, id in enumerate(scored.ids):
            if id in reached:
                scored.link[place] = max(scored.link[place], _WALK * reached[id] * lead)
        return scored

    def _widened(
        self,
        scored: _Scored,
        more: Sequence[int],
        vector: np.ndarray | None,
        asked: fusion.Weights,
        library: _Library,
    ) -> _Scored:
        """With further chunks: one that only a link leads to stands for its surroundings itself."""
        ids = list(dict.fromkeys([*scored.ids, *more]))
        if len(ids) == len(scored.ids):
            return scored
        parents = dict(zip(scored.ids, scored.parent, strict=True))
        links = dict(zip(scored.ids, scored.link, strict=True))
        wider = self._scored(ids, vector, asked, library)
        wider.parent = np.array(
            [parents.get(id, _PARENT * _number(near)) for id, near in zip(wider.ids, wider.near, strict=True)]
        )
        wider.link = np.array([links.get(id, 0.0) for id in wider.ids])
        return wider

    # What is found

    def _found(self, scored: _Scored, order: np.ndarray) -> tuple[Found, ...]:
        chunks = self._store.chunks_with([scored.ids[place] for place in order])
        documents: dict[str, Document] = {}
        totals = scored.total
        found: list[Found] = []
        for place in order:
            chunk = chunks.get(scored.ids[place])
            if chunk is None:
                continue
            if chunk.document_id not in documents:
                documents[chunk.document_id] = self._store.get(chunk.document_id)
            cosine = scored.cosine[place]
            signals = Signals(
                float(cosine) if np.isfinite(cosine) else None,
                _number(scored.near[place]),
                float(scored.said[place]),
                float(scored.sentence[place]),
                float(scored.parent[place]),
                float(scored.link[place]),
            )
            found.append(Found(chunk, documents[chunk.document_id], float(totals[place]), signals))
        return tuple(found)

    def _now(self) -> _Library:
        totals, known = self._index.totals(), self._library
        if known is None or abs(totals.changes - known.totals.changes) > _STALE * min(totals.chunks, _SAMPLE * 4):
            known = _Library(totals, self._index.sample(_SAMPLE)[1], Names(self._index.titles()))
            self._library = known
        elif 2 * len(known.sample) < min(_SAMPLE, totals.chunks):  # drawn before there were vectors
            self._library = known = replace(known, sample=self._index.sample(_SAMPLE)[1])
        return known


def _number(value: float) -> float:
    return float(value) if np.isfinite(value) else 0.0


def _floor(library: _Library, vector: np.ndarray | None) -> float:
    """The cosine of what is farthest away, by the sample."""
    if vector is None or not len(library.sample):
        return 0.0
    return float((library.sample @ vector).min())


def _asked(words: Sequence[str], holding: dict[str, Holding], totals: Totals) -> fusion.Weights:
    rarest = sorted(words, key=lambda word: holding[word].documents if word in holding else 0)[:_MOST_WORDS]
    held = {word: one.documents for word, one in holding.items()}
    return fusion.weights(rarest, held, totals.chunks, totals.words / max(1, totals.chunks))


def _most_words(holding: dict[str, Holding], asked: fusion.Weights, allowed: np.ndarray | None) -> list[int]:
    """The chunks that hold most of what is asked for, by the words that not half the library holds."""
    lists = [(word, one) for word, one in holding.items() if word in asked.of]
    telling = [(word, one) for word, one in lists if one.is_whole] or lists
    if not telling:
        return []
    ids = np.concatenate([one.ids for _, one in telling])
    worth = np.concatenate([np.full(len(one.ids), asked.of[word]) for word, one in telling])
    if allowed is not None:
        lets = np.isin(ids, allowed)
        ids, worth = ids[lets], worth[lets]
        if not len(ids):
            return []
    chunks, places = np.unique(ids, return_inverse=True)
    scores = np.bincount(places, weights=worth)
    count = min(len(chunks), _CANDIDATES_OF_FEW if len(telling) <= _FEW_WORDS else _CANDIDATES)
    best = np.argpartition(-scores, count - 1)[:count]
    return [int(id) for id in chunks[best]]


def _confidence(
    scored: _Scored, plain: np.ndarray | None, vector: np.ndarray | None, best: int, library: _Library
) -> float:
    """`best` is the row of the first passage."""
    if vector is None or plain is None or not np.isfinite(scored.cosine).any():
        return confidence.by_words(scored.covered)
    nearest, said = float(np.nanmax(scored.cosine)), float(scored.sentence[best])
    small = vector is plain and len(library.sample) < _MANY
    few = confidence.by_few(nearest, said, scored.covered) if small else 0.0
    if len(library.sample) < _LEAST_SAMPLE:
        return few if small else confidence.by_words(scored.covered)
    sample = library.sample @ vector
    if vector is not plain:
        return confidence.across_languages(nearest, sample)
    return max(few, confidence.by_both(nearest, sample, said))
