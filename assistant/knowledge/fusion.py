"""How well a chunk answers a question, from the words they share and from how near they are in meaning.

BM25 after Robertson and Zaragoza, "The Probabilistic Relevance Framework" (2009), with Lucene's inverse frequency. The
two kinds of scores are added after bringing each to 0 … 1 over the candidates (a convex combination, Bruch et al.,
arXiv 2210.11934), words counting less where few of the question's are found anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

_K1: Final = 1.5
_B: Final = 0.75
_WORDS: Final = 0.5
_SENTENCE: Final = 0.5
_FOUND: Final = 2.0
"""Words count fully once the best chunk holds half of what the question asks for."""


@dataclass(frozen=True, slots=True)
class Weights:
    """How rare each word of a question is in a library of `chunks` chunks of `average` words."""

    of: Mapping[str, float]
    chunks: int
    average: float

    @property
    def total(self) -> float:
        return sum(self.of.values())


def weights(words: Sequence[str], holding: Mapping[str, float], chunks: int, average: float) -> Weights:
    """`holding` is in how many chunks a word is found."""
    found = {
        word: math.log(1 + (chunks - min(held, chunks) + 0.5) / (held + 0.5))
        for word in words
        for held in (holding.get(word, 0.0),)
    }
    return Weights(found, chunks, average)


def bm25(body: str, length: int, asked: Weights) -> float:
    """`body` has a space around every word."""
    norm = _K1 * (1 - _B + _B * length / asked.average) if asked.average else _K1
    score = 0.0
    for word, weight in asked.of.items():
        times = body.count(f" {word} ")
        if times:
            score += weight * times * (_K1 + 1) / (times + norm)
    return score


def best_sentence(body: str, asked: Weights) -> float:
    """The part of what is asked for, from 0 to 1, that the best line of a body holds."""
    terms = [(f" {word} ", weight) for word, weight in asked.of.items()]
    best = max((sum(weight for term, weight in terms if term in line) for line in body.split("\n")), default=0.0)
    return best / asked.total if asked.total else 0.0


def spaced(body: str) -> str:
    """A body as it is kept, ready to be counted in."""
    return f" {body} ".replace("\n", " \n ")


def meaning(cosines: np.ndarray, floor: float) -> np.ndarray:
    """To 1 for the nearest, 0 for what is as far away as the farthest of the library."""
    best = float(np.nanmax(cosines))
    return np.asarray((cosines - floor) / max(best - floor, 1e-6))


def coverage(scores: np.ndarray, asked: Weights) -> float:
    """How much of the question the best chunk holds by its words, from 0 to about 2."""
    return float(scores.max(initial=0.0)) / asked.total if asked.total else 0.0


def words(scores: np.ndarray, asked: Weights) -> np.ndarray:
    """From 0 to 1, less where even the best chunk holds little of the question."""
    best = float(scores.max(initial=0.0))
    if not best:
        return np.zeros_like(scores)
    return np.asarray(min(1.0, _FOUND * coverage(scores, asked)) * scores / best)


def fused(near: np.ndarray, said: np.ndarray, sentence: np.ndarray) -> np.ndarray:
    """Meaning, words and best sentence together; a chunk that has no vector yet counts as near as the others are."""
    known = np.isfinite(near)
    usual = float(near[known].mean()) if known.any() else 0.0
    return np.asarray(np.where(known, near, usual) + _WORDS * said + _SENTENCE * sentence)
