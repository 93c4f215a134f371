"""What two searches for one question found, as one list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from assistant.knowledge.retriever import Found

_LESS: Final = 0.5
"""What a score of the second search counts for. On 1,500 follow-up questions made from XQuAD's and CMRC's, whose
passage is that of the question before or another one, half leaves most of either kind in the first place: with more,
questions that say little by themselves lose theirs, with less those that turn to another passage do."""


def added(first: Sequence[Found], second: Sequence[Found], limit: int) -> tuple[Found, ...]:
    """By the sum of the scores: what both searches are sure of comes first. What both found has the signals of the
    first; scores stay on the scale that they had."""
    scores = {one.chunk.id: one.score for one in first}
    for one in second:
        scores[one.chunk.id] = scores.get(one.chunk.id, 0.0) + _LESS * one.score
    kept = {one.chunk.id: one for one in (*second, *first)}
    order = sorted(kept, key=lambda id: -scores[id])[:limit]
    return tuple(replace(kept[id], score=scores[id] / (1 + _LESS)) for id in order)
