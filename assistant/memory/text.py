"""Words as full-text search sees them, for Chinese and English alike.

SQLite's tokenizers know no Chinese words, so the text is cut here, by one rule for what is stored and what is asked:
a run of Chinese, Japanese or Korean characters becomes its overlapping pairs and, at its end, its last character
(今天好 -> 今天 天好 好); anything else becomes whole words, folded to plain lower case (Café -> cafe). The pairs of any
part of a run then stand side by side in the index, and a single character is the beginning of a pair or the last one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

_PAIRED: Final = (
    "\u1100-\u11ff\u2e80-\u2fdf\u3005\u3007\u3021-\u3029\u3041-\u3096\u309d\u309e\u30a1-\u30fa\u30fc-\u30fe"
    "\u3105-\u312f\u3131-\u318e\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97c\uac00-\ud7a3\ud7b0-\ud7fb\uf900-\ufaff"
    "\uff66-\uff9f\U00020000-\U0003ffff"
)
_ACCENTS: Final = "\u0300-\u036f"
_RUNS: Final = re.compile(rf"(?P<paired>[{_PAIRED}]+)|(?:[^\W_{_PAIRED}]|[{_ACCENTS}])+")
_NOT_WORD: Final = re.compile(rf"[\W_{_ACCENTS}]")
_PLAIN: Final = {ord("ſ"): "s", ord("\N{KELVIN SIGN}"): "k", ord("ı"): "i", ord("İ"): "I"} | {
    ord("０") + digit: str(digit) for digit in range(10)
}
_SURROGATES: Final = re.compile("[\ud800-\udfff]")

_MOST_TERMS: Final = 48
"""Of a query; what comes after them would not change which messages are found first."""
_LONGEST_PHRASE: Final = 48


@dataclass(frozen=True, slots=True)
class Query:
    """What somebody looks for, as two FTS5 expressions: every term, or any of them; both empty without a word."""

    every: str
    any: str
    terms: tuple[str, ...]
    """Runs and words as typed, to be marked where every term is there."""
    parts: tuple[str, ...]
    """Pairs and words as typed, to be marked where only some are."""


def storable(text: str) -> str:
    """The text without lone surrogates, which no UTF-8 file or database can hold."""
    return _SURROGATES.sub("\ufffd", text)


def plain(text: str) -> str:
    """The text, as long as it was, without the letters that patterns for s, k and i match as well where they leave the
    case aside, and with full-width digits as others: for rules that look up what such a pattern has found."""
    return text.translate(_PLAIN)


def is_paired(word: str) -> bool:
    """Whether it is of the characters that are cut into pairs."""
    match = _RUNS.fullmatch(word)
    return match is not None and match.lastgroup == "paired"


def is_blank(text: str) -> bool:
    """Whether nothing in it can be seen: spaces, line ends, control and zero-width characters only."""
    return all(unicodedata.category(c) in {"Cc", "Cf", "Zs", "Zl", "Zp"} for c in text)


def segment(text: str) -> str:
    """The text as it goes into the index: tokens with spaces between."""
    return " ".join(_tokens(text))


def parse(text: str) -> Query:
    """Read a query. Punctuation and FTS5's own syntax in it mean nothing; its last word may be unfinished."""
    every: list[str] = []
    either: list[str] = []
    terms: list[str] = []
    parts: list[str] = []
    runs = list(_runs(text))
    for number, (run, paired) in enumerate(runs):
        characters = _characters(run[:_LONGEST_PHRASE]) if paired else []
        word = "" if paired else _folded(run)
        if len(characters) > 1:
            pairs = _pairs(characters)
            every.append(f'"{" ".join(pairs)}"')
            either.extend(f'"{pair}"' for pair in pairs)
            parts.extend(_pairs(list(run[:_LONGEST_PHRASE])))
        elif characters or word:
            unfinished = bool(characters) or number == len(runs) - 1
            expression = f'"{word or characters[0]}"{"*" if unfinished else ""}'
            every.append(expression)
            either.append(expression)
            parts.append(run)
        terms.append(run)
    return Query(
        every=" AND ".join(_first(every)), any=" OR ".join(_first(either)), terms=_first(terms), parts=_first(parts)
    )


def _first(terms: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(terms))[:_MOST_TERMS]


def _tokens(text: str) -> Iterator[str]:
    for run, paired in _runs(text):
        if paired:
            characters = _characters(run)
            yield from _pairs(characters)
            yield from characters[-1:]
        elif word := _folded(run):
            yield word


def _runs(text: str) -> Iterator[tuple[str, bool]]:
    for match in _RUNS.finditer(text):
        yield match.group(), match.lastgroup == "paired"


def _characters(run: str) -> list[str]:
    return [folded for folded in map(_folded, run) if folded]


def _pairs(characters: list[str]) -> list[str]:
    return [first + second for first, second in pairwise(characters)]


def _folded(run: str) -> str:
    if run.isascii():
        return run.lower()
    if len(run) == 1 and "\u4e00" <= run <= "\u9fff":
        return run
    plain = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", run).casefold())
    return unicodedata.normalize("NFC", _NOT_WORD.sub("", plain)) or _NOT_WORD.sub("", run)
