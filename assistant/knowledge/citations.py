"""Which passage each sentence of an answer rests on, and how well: found in what was read, never taken from the model.

A small model that is told to write [1] writes it anywhere. What it wrote is compared with the passages instead: a
sentence is carried by the passage that holds its words, weighed by how few passages hold them, and every one of its
figures. What the question said already counts little, for an answer repeats it whatever was read.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from assistant.memory.terms import asked as asked_words
from assistant.memory.terms import language

Likeness: TypeAlias = Callable[[Sequence[str]], np.ndarray]
"""Texts as vectors of length 1, row by row."""

_SENTENCE: Final = re.compile(r"[^。！？!?；\n]*?(?:[。！？!?；]+[”’」』）)\"']*|\.(?=\s|$)[”’)\"']*|\n|$)")
_FENCE: Final = re.compile(r"(?ms)^```.*?(?:^```[^\S\n]*$|\Z)")
_MARKER: Final = re.compile(r"\s*(?:\[\d{1,2}(?:\s*[,，、]\s*\d{1,2})*\]|【\d{1,2}】)")
_LEAD: Final = re.compile(r"^\s*(?:[-*•>#]+|\d{1,3}[.)、](?!\d))\s*")
_FIGURE: Final = re.compile(r"\d+(?:[.,]\d+)*")
_SUPPORTED: Final = 0.5
_CARRIED: Final = 0.3
"""Below it a sentence rests on no passage at all."""
_ASKED: Final = 0.25
"""Weight of a word that stands in the question."""
_FIGURES: Final = 3.0
"""Weight of a figure, beside a word's 1."""
_WRONG_FIGURE: Final = 0.5
"""What is left of the support where a figure is not in the passage."""
_FEWEST: Final = 2
_NEAR: Final = (0.82, 0.92)
"""Cosines of multilingual-e5 between a sentence and a passage in another language, from nothing to certain."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence of an answer: `answer[start:end]`. `passage` is the place, from 0, of the one it rests on; None where
    it rests on none."""

    start: int
    end: int
    passage: int | None
    support: float
    """From 0 to 1."""

    @property
    def is_weak(self) -> bool:
        """Whether a person should look for themselves."""
        return self.support < _SUPPORTED


def statements(
    answer: str, passages: Sequence[str], question: str = "", likeness: Likeness | None = None
) -> list[Statement]:
    """Every sentence that claims something, in order. `likeness` is asked only where languages differ."""
    held = [_terms(passage) for passage in passages]
    figures = [_figures(passage) for passage in passages]
    seen = Counter(term for terms in held for term in terms)
    asked = _terms(question)
    found: list[Statement] = []
    for start, end in sentences(answer):
        said = _LEAD.sub("", _MARKER.sub("", answer[start:end]))
        numbers = _figures(said) - _figures(question)
        weights = _weights(said, seen, asked, len(passages))
        if len(weights) + len(numbers) < _FEWEST:
            continue  # too little to be a claim
        supports = [_support(weights, terms, numbers, known) for terms, known in zip(held, figures, strict=True)]
        if likeness is not None and passages:
            supports = _across(said, passages, supports, numbers, figures, likeness)
        best = int(np.argmax(supports)) if supports else 0
        support = supports[best] if supports else 0.0
        found.append(Statement(start, end, best if support >= _CARRIED else None, round(support, 3)))
    return found


def sentences(answer: str) -> list[tuple[int, int]]:
    """The spans of the sentences, without blanks around them; code, headings and questions are none."""
    found: list[tuple[int, int]] = []
    code = [match.span() for match in _FENCE.finditer(answer)]
    for match in _SENTENCE.finditer(answer):
        start, end = match.span()
        text = answer[start:end]
        start, end = start + len(text) - len(text.lstrip()), start + len(text.rstrip())
        text = answer[start:end]
        if not text or any(start < stop and end > begin for begin, stop in code):
            continue
        if not text.lstrip().startswith("#") and not text.rstrip("”’」』）)\"' ").endswith(("?", "？", ":", "：")):
            found.append((start, end))
    return found


def _weights(said: str, seen: Counter[str], asked: set[str], passages: int) -> dict[str, float]:
    """What each word of a sentence counts."""
    return {
        term: float(np.log(1 + (passages + 1) / (seen[term] + 0.5))) * (_ASKED if term in asked else 1.0)
        for term in _terms(said)
    }


def _support(weights: dict[str, float], held: set[str], numbers: set[str], known: set[str]) -> float:
    common = sum(weight for term, weight in weights.items() if term in held)
    whole = sum(weights.values())
    mean = whole / len(weights) if weights else 1.0
    common += _FIGURES * mean * len(numbers & known)
    whole += _FIGURES * mean * len(numbers)
    return common / whole * (_WRONG_FIGURE if numbers - known else 1.0)


def _across(
    said: str,
    passages: Sequence[str],
    supports: list[float],
    numbers: set[str],
    figures: Sequence[set[str]],
    likeness: Likeness,
) -> list[float]:
    """A sentence in Chinese about a passage in English shares no words with it: meaning has to do."""
    own = language(said)
    others = [place for place, passage in enumerate(passages) if language(passage) != own]
    if not others:
        return supports
    vectors = likeness([said, *(passages[place] for place in others)])
    low, high = _NEAR
    for place, cosine in zip(others, vectors[1:] @ vectors[0], strict=True):
        near = min(1.0, max(0.0, (float(cosine) - low) / (high - low)))
        supports[place] = max(supports[place], near * (_WRONG_FIGURE if numbers - figures[place] else 1.0))
    return supports


def _terms(text: str) -> set[str]:
    return {term for term in asked_words(text) if not _FIGURE.fullmatch(term)}


def _figures(text: str) -> set[str]:
    """Numbers as they are written, whatever separates thousands."""
    return {match.group().replace(",", "") for match in _FIGURE.finditer(unicodedata.normalize("NFKC", text))}


def marked(answer: str, found: Sequence[Statement]) -> str:
    """The answer with the numbers of its passages behind its sentences, in place of those the model wrote."""
    pieces: list[str] = []
    last = 0
    for one in found:
        pieces.append(_MARKER.sub("", answer[last : one.start]))
        text = _MARKER.sub("", answer[one.start : one.end])
        body = text.rstrip("。！？!?；.”’」』）)\"'")
        number = "" if one.passage is None else f" [{one.passage + 1}]"
        pieces.append(body + number + text[len(body) :])
        last = one.end
    return "".join([*pieces, _MARKER.sub("", answer[last:])])
