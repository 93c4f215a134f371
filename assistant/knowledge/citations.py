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
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np

from assistant.knowledge.numerals import counted, spelt
from assistant.memory.terms import asked as asked_words
from assistant.memory.terms import language

Likeness: TypeAlias = Callable[[Sequence[str]], np.ndarray]
"""Texts as vectors of length 1, row by row."""

_SHORTENED: Final = (
    r"(?<!\bDr)(?<!\bMr)(?<!\bMs)(?<!\bMrs)(?<!\bSt)(?<!\bProf)(?<!\bvs)(?<!\be\.g)(?<!\bi\.e)(?<!\b[A-Z])"
)
"""What a full stop behind is no end of a sentence, as it is none before a small letter."""
_SENTENCE: Final = re.compile(
    rf"[^。！？!?；\n]*?(?:[。！？!?；]+[”’」』）)\"']*|{_SHORTENED}\.(?=[”’)\"']*(?:\s+[^\sa-z]|\s*$))[”’)\"']*|\n|$)"
)
_FENCE: Final = re.compile(r"(?ms)^```.*?(?:^```[^\S\n]*$|\Z)")
_MARKER: Final = re.compile(r"\s*(?:\[\d{1,2}(?:\s*[,，、]\s*\d{1,2})*\]|【\d{1,2}】)")
_LEAD: Final = re.compile(r"^\s*(?:[-*•>#]+|\d{1,3}[.)、](?!\d))\s*")
_FIGURE: Final = re.compile(r"\d+(?:[.,]\d+)*")
CLOSING: Final = "。！？!?；.”’」』）)\"'"
"""What a number stands before, at the end of a sentence."""
_DENIAL: Final = re.compile(
    r"\b(?:not|no|none|neither|cannot|can['’]?t|don['’]?t|doesn['’]?t|does not|do not|isn['’]?t|aren['’]?t)\b.{0,60}"
    r"\b(?:documents?|passages?|texts?|materials?|provided information|context)\b"
    r"|\b(?:documents?|passages?|texts?|context)\b.{0,40}\b(?:does not|do not|doesn['’]?t|don['’]?t|not|no)\b.{0,40}"
    r"\b(?:contain|mention|say|specify|provide|hold|state|include|give|answer|information)",
    re.IGNORECASE,
)
_DENIAL_ZH: Final = re.compile(
    r"(?:文档|段落|资料|材料|文中|文本|原文|内容)[^。！？]{0,12}(?:没有|未|并未|不包含|无法|找不到|不含)"
    r"|(?:没有|未|无法|找不到|不在)[^。！？]{0,16}(?:文档|段落|资料|材料|文中|提到|提及)"
)
_YES_OR_NO: Final = re.compile(
    r"\s*(?:yes|no|sure|ok(?:ay)?|是的?|不是|对|不对|没有|有|好的?)\s*[。.!！]?\s*$", re.IGNORECASE
)
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


class Ties:
    """Ties sentences to passages, one at a time. `likeness` is asked only where languages differ."""

    def __init__(self, passages: Sequence[str], question: str = "", likeness: Likeness | None = None) -> None:
        self._passages = passages
        self._held = [_terms(passage) for passage in passages]
        self._figures = [_figures(passage) | spelt(passage) for passage in passages]
        self._seen = Counter(term for terms in self._held for term in terms)
        self._asked, self._asked_figures = _terms(question), _figures(question) | spelt(question)
        self._likeness = likeness

    def tie(self, answer: str, start: int, end: int, *, alone: bool = False) -> Statement | None:
        """None for a sentence that claims nothing. One that is the whole answer (`alone`) may be a single word: what
        it claims then is what was asked."""
        said = _LEAD.sub("", _MARKER.sub("", answer[start:end]))
        if is_denial(said):
            return None
        numbers = (_figures(said) | counted(said)) - self._asked_figures
        weights = self._weights(said)
        if len(weights) + len(numbers) < _FEWEST:
            return self._word(said, start, end) if alone else None
        supports = [
            _support(weights, terms, numbers, known) for terms, known in zip(self._held, self._figures, strict=True)
        ]
        if self._likeness is not None and self._passages:
            supports = _across(said, self._passages, supports, numbers, self._figures, self._likeness)
        best = int(np.argmax(supports)) if supports else 0
        support = supports[best] if supports else 0.0
        return Statement(start, end, best if support >= _CARRIED else None, round(support, 3))

    def _word(self, said: str, start: int, end: int) -> Statement | None:
        """A name or a figure rests on the passage that has it beside most of what was asked."""
        terms, figures = _terms(said), _figures(said)
        if not (terms or figures) or _YES_OR_NO.match(said):
            return None
        asked = {term: self._weight(term) for term in self._asked}
        whole = sum(asked.values())
        supports = [
            0.5 + 0.5 * sum(asked[term] for term in asked.keys() & held) / whole if whole else 0.5
            for held in self._held
        ]
        places = [
            place
            for place, (held, known) in enumerate(zip(self._held, self._figures, strict=True))
            if terms <= held and figures <= known
        ]
        best = max(places, key=lambda place: supports[place], default=None)
        return Statement(start, end, best, 0.0 if best is None else round(supports[best], 3))

    def _weights(self, said: str) -> dict[str, float]:
        """What each word of a sentence counts."""
        return {term: self._weight(term) * (_ASKED if term in self._asked else 1.0) for term in _terms(said)}

    def _weight(self, term: str) -> float:
        return float(np.log(1 + (len(self._passages) + 1) / (self._seen[term] + 0.5)))


def statements(
    answer: str, passages: Sequence[str], question: str = "", likeness: Likeness | None = None
) -> list[Statement]:
    """Every sentence that claims something, in order."""
    ties, spans = Ties(passages, question, likeness), sentences(answer)
    found = (ties.tie(answer, start, end, alone=len(spans) == 1) for start, end in spans)
    return [one for one in found if one is not None]


def carriers(passage: str, claims: Sequence[str]) -> list[tuple[int, int]]:
    """The sentences of a passage that the claims rest on, as spans; in order, each once."""
    spans = sentences(passage)
    held = [(_terms(passage[start:end]), _figures(passage[start:end])) for start, end in spans]
    found: set[int] = set()
    for claim in claims:
        said = _MARKER.sub("", claim)
        terms, figures = _terms(said), _figures(said)
        shares = [len(terms & own) + _FIGURES * len(figures & known) for own, known in held]
        if shares and max(shares) > 0:
            found.add(int(np.argmax(shares)))
    return [spans[place] for place in sorted(found)]


def is_denial(said: str) -> bool:
    """Whether a sentence only says that the documents do not hold what was asked for."""
    return bool(_DENIAL.search(said) or _DENIAL_ZH.search(said))


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


def unmarked(text: str) -> str:
    """Without the numbers of passages in it, but for those in code."""
    pieces, last = [], 0
    for start, end in [match.span() for match in _FENCE.finditer(text)]:
        pieces += [_MARKER.sub("", text[last:start]), text[start:end]]
        last = end
    return "".join([*pieces, _MARKER.sub("", text[last:])])


def marked(answer: str, found: Sequence[Statement]) -> str:
    """The answer with the numbers of its passages behind its sentences, in place of those the model wrote."""
    return numbered(answer, found)[0]


def numbered(answer: str, found: Sequence[Statement]) -> tuple[str, list[Statement]]:
    """What `marked` makes, and where the sentences stand in that."""
    pieces: list[str] = []
    moved: list[Statement] = []
    last = length = 0

    def put(text: str) -> None:
        nonlocal length
        pieces.append(text)
        length += len(text)

    for one in found:
        put(unmarked(answer[last : one.start]))
        text = _MARKER.sub("", answer[one.start : one.end])
        body = text.rstrip(CLOSING)
        number = "" if one.passage is None else f" [{one.passage + 1}]"
        begun = length
        put(body + number + text[len(body) :])
        moved.append(replace(one, start=begun, end=length))
        last = one.end
    put(unmarked(answer[last:]))
    return "".join(pieces), moved
