"""Finds the passages of a person's documents that answer a question, best first, and says when none does."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

import numpy as np

from assistant.knowledge import confidence, fusion
from assistant.knowledge.candidates import PARENT, Candidates
from assistant.knowledge.centring import Centring
from assistant.knowledge.judged import Judged
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
_REACH: Final = 2
_PARENTS: Final = 40
_LINK: Final = 0.35
_LINKS_FROM: Final = 10
_LINKED_CHUNKS: Final = 16
_WALK: Final = 0.1
"""Of the best passage's score, for the passage a walk over the names comes to most often."""
_JUDGED: Final = 0.8
"""What a person's word about a passage is worth, for the same question: about what lies between the first hit and the
eighth. For a question that is half the same it is a quarter of that."""
_EMBEDDED: Final = 2_000
"""Characters of a question that are read."""


@dataclass(frozen=True, slots=True)
class Signals:
    """Why a passage is where it is: each from 0 to about 1, but `cosine`, which is None before it is embedded, and
    `judged`, which is below 0 where a person said that it is a wrong one for such a question."""

    cosine: float | None
    meaning: float
    words: float
    sentence: float
    parent: float
    link: float
    judged: float = 0.0


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


@dataclass(frozen=True, slots=True)
class _Library:
    """What is kept in memory of it until it has changed."""

    totals: Totals
    sample: np.ndarray
    names: Names


class Retriever:
    """Called from any thread. Without vectors, or while they are made, it goes by words; what fails is logged."""

    def __init__(
        self,
        index: ChunkIndex,
        store: DocumentStore,
        vectors: VectorIndex,
        walk: Walk | None = None,
        judged: Judged | None = None,
    ) -> None:
        self._walk = walk
        self._judged = judged
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
        found = Candidates(self._index, asked, vector, _floor(library, vector))
        judged = self._judged.of(question) if self._judged is not None and way == "both" else {}
        if judged and allowed is not None:
            judged = {id: near for id, near in judged.items() if np.isin(id, allowed)}
        found.add([*by_words, *by_meaning, *(id for id, near in judged.items() if near > 0)])
        if not found.ids:
            return Answer((), False, 0.0, len(by_words))
        if way == "both":
            self._add_parents(found, vector)
            self._add_related(found, library, allowed)
            found.judged = np.array([_JUDGED * near * abs(near) for near in (judged.get(id, 0.0) for id in found.ids)])
        order = found.best(limit)
        sure = _confidence(found, plain, vector, order[0], library) if order else 0.0
        return Answer(self._found(found, order), sure >= _SURE, sure, len(by_words))

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

    # What stands beside them

    def _add_parents(self, found: Candidates, vector: np.ndarray | None) -> None:
        """What stands around the best chunks counts a little for them."""
        if vector is None:
            return
        best = found.best(_PARENTS)
        around = self._index.around([found.ids[place] for place in best], _REACH)
        cosines = found.cosines(list(dict.fromkeys(id for ids in around.values() for id in ids)))
        top = float(np.nanmax(found.cosine, initial=-1.0))
        for place in best:
            others = [(cosines[id] - found.floor) / max(top - found.floor, 1e-6) for id in around[found.ids[place]]]
            family = [value for value in (found.near[place], *others) if np.isfinite(value)]
            found.parent[place] = PARENT * (sum(family) / len(family) if family else 0.0)

    def _add_related(self, found: Candidates, library: _Library, allowed: np.ndarray | None) -> None:
        """What the best chunks lead to gets a part of what they have: documents that they name by their titles, and
        passages that share names with them, from several sides."""
        totals = found.total
        best = {found.ids[place]: float(totals[place]) for place in found.best(_LINKS_FROM)}
        named = self._named(found, best, library)
        linked = self._index.first_of(list(named), _LINKED_CHUNKS) if named else {}
        reached = self._walk.reached(best) if self._walk is not None else {}
        before, more = len(found.ids), list(dict.fromkeys([*linked, *reached]))
        found.add(more if allowed is None else np.intersect1d(more, allowed).tolist())
        # One that only this leads to stands for its surroundings itself.
        found.parent[before:] = [PARENT * _number(near) for near in found.near[before:]]
        totals, places = found.total, {id: place for place, id in enumerate(found.ids)}
        lead = max(best.values())
        for id, often in reached.items():
            if id in places:
                found.link[places[id]] = _WALK * often * lead
        for document, value in named.items():
            its = [places[id] for id, of in linked.items() if of == document and id in places]
            if its:
                first = max(its, key=lambda place: totals[place])
                found.link[first] = max(found.link[first], _LINK * value)

    def _named(self, found: Candidates, best: dict[int, float], library: _Library) -> dict[str, float]:
        """The documents whose titles stand in the best chunks, each with the score of the best of those."""
        own = self._index.documents_of(list(best))
        bodies = dict(zip(found.ids, found.bodies, strict=True))
        named: dict[str, float] = {}
        for id, score in best.items():
            for document in library.names.within(bodies[id]) - {own.get(id)}:
                named[document] = max(named.get(document, 0.0), score)
        return named

    # What is found

    def _found(self, found: Candidates, order: Sequence[int]) -> tuple[Found, ...]:
        chunks = self._store.chunks_with([found.ids[place] for place in order])
        documents = self._store.with_ids({chunk.document_id for chunk in chunks.values()})
        totals = found.total
        passages: list[Found] = []
        for place in order:
            chunk = chunks.get(found.ids[place])
            if chunk is None or chunk.document_id not in documents:
                continue  # deleted meanwhile
            cosine = found.cosine[place]
            signals = Signals(
                float(cosine) if np.isfinite(cosine) else None,
                _number(found.near[place]),
                float(found.said[place]),
                float(found.sentence[place]),
                float(found.parent[place]),
                float(found.link[place]),
                float(found.judged[place]),
            )
            passages.append(Found(chunk, documents[chunk.document_id], float(totals[place]), signals))
        return tuple(passages)

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
    scored: Candidates, plain: np.ndarray | None, vector: np.ndarray | None, best: int, library: _Library
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
