"""What of what was found a model is given to read: the most telling for its length, joined with its section."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from assistant.knowledge.retriever import Found
from assistant.knowledge.source import tokens
from assistant.memory.document_records import Chunk, Document

_WORTH: Final = 0.45
"""Part of the best score from which on a passage is worth reading."""
_SAID: Final = 0.6
"""Part of the most words that any of them has of the question with which one is worth it all the same: in a small
library the second best is far behind by meaning, since meaning is told between the nearest and the farthest."""
_BESIDE: Final = 0.4
"""What a chunk is worth for standing beside one that was found, under the same heading."""
_AROUND: Final = 60.0
"""Tokens that a chunk of no length would cost: its number and heading, and that it takes attention at all."""
_MOST: Final = 6


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Chunks of one document that follow each other. `found` is the best of them."""

    document: Document
    chunks: tuple[Chunk, ...]
    found: Chunk
    score: float

    @property
    def text(self) -> str:
        return "".join(chunk.text for chunk in self.chunks)


def excerpts(found: Sequence[Found], beside: Sequence[Chunk], room: float) -> list[Excerpt]:
    """The best first. `beside` are chunks next to those found, in their documents; `room` is in tokens of the
    embedding model, and the best passage is given whatever its length."""
    if not found:
        return []
    said = max(one.signals.words for one in found)
    worth = [one for one in found if one.score >= _WORTH * found[0].score or 0 < _SAID * said <= one.signals.words]
    scores = {one.chunk.id: one.score for one in worth}
    chunks = {one.chunk.id: one.chunk for one in found} | {one.id: one for one in beside}
    documents = {one.document.id: one.document for one in found}
    taken: dict[int, Chunk] = {}
    waiting = dict(scores)
    best: int | None = found[0].chunk.id
    while best is not None:
        taken[best] = chunks[best]
        room -= _cost(chunks[best])
        waiting.pop(best, None)
        for one in beside:
            if one.id not in taken and _belongs(one, chunks[best]):
                own = scores.get(one.id, 0.0)
                waiting[one.id] = max(own, waiting.get(one.id, 0.0), _BESIDE * scores.get(best, 0.0))
        fitting = [id for id in waiting if _cost(chunks[id]) <= room and waiting[id] > 0]
        best = max(fitting, key=lambda id: waiting[id] / _cost(chunks[id]), default=None)
    joined = [_excerpt(run, documents, scores) for run in _runs(list(taken.values()))]
    return sorted(joined, key=lambda one: -one.score)[:_MOST]


def _cost(chunk: Chunk) -> float:
    return tokens(chunk.text) + _AROUND


def _belongs(one: Chunk, other: Chunk) -> bool:
    """Whether it is the next or the previous one of the same section."""
    return one.document_id == other.document_id and abs(one.ordinal - other.ordinal) == 1 and one.header == other.header


def _runs(chunks: Sequence[Chunk]) -> list[list[Chunk]]:
    by_document: dict[str, list[Chunk]] = defaultdict(list)
    for chunk in chunks:
        by_document[chunk.document_id].append(chunk)
    runs: list[list[Chunk]] = []
    for its in by_document.values():
        its.sort(key=lambda one: one.ordinal)
        for chunk in its:
            if runs and _belongs(runs[-1][-1], chunk):
                runs[-1].append(chunk)
            else:
                runs.append([chunk])
    return runs


def _excerpt(run: list[Chunk], documents: dict[str, Document], scores: dict[int, float]) -> Excerpt:
    best = max(run, key=lambda chunk: scores.get(chunk.id, 0.0))
    return Excerpt(documents[best.document_id], tuple(run), best, scores.get(best.id, 0.0))
