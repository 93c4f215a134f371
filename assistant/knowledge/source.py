"""What a loader makes of a file and what the splitter makes of that: text with spans, pages and headings."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Form: TypeAlias = Literal["prose", "markdown", "code", "table"]
"""How structure shows: in blank lines and numbered titles, in Markdown, in definitions, in rows below a first one."""

_CJK: Final = re.compile(r"[\u2e80-\u30ff\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]")
_SPACE: Final = re.compile(r"\s+")
_LINE_END: Final = re.compile(r"\r\n?")
_CJK_TOKENS: Final = 0.7
_OTHER_TOKENS: Final = 0.28
"""Tokens of multilingual-e5 a character, over Chinese and over English encyclopaedias."""


@dataclass(frozen=True, slots=True)
class Source:
    """A document as text. `pages` are the offsets at which its pages begin, the first at 0; empty where it has none.
    `unread` of them are pictures that nothing here can recognise."""

    text: str
    title: str = ""
    form: Form = "prose"
    pages: tuple[int, ...] = ()
    unread: int = 0


@dataclass(frozen=True, slots=True)
class PageRead:
    """One page of so many is through, counted from 1, or, where it is a picture, only `begun`: that takes a while.
    `recognised` is what was made of its picture just now."""

    number: int
    of: int
    recognised: str | None = None
    begun: bool = False


Tell: TypeAlias = Callable[[PageRead], None]


@dataclass(frozen=True, slots=True)
class Passage:
    """One piece of a source: `source.text[start:end]`. Lines and pages are counted from 1, both ends included."""

    start: int
    end: int
    headings: tuple[str, ...]
    """The titles it stands under, outermost first; of a table that was cut, last its first row."""
    lines: tuple[int, int]
    pages: tuple[int, int] | None = None


def tokens(text: str) -> float:
    """How many tokens the embedding model makes of a text, by estimate; runs of blanks count as one character."""
    visible = _SPACE.sub(" ", text)
    wide = len(_CJK.findall(visible))
    return wide * _CJK_TOKENS + (len(visible) - wide) * _OTHER_TOKENS


def plain(text: str) -> str:
    """With one kind of line end and one form of every character: spans count in this text."""
    return unicodedata.normalize("NFC", _LINE_END.sub("\n", text)).replace("\0", "\ufffd")


def squeezed(text: str) -> str:
    """On one line, for a title or for the embedding model."""
    return _SPACE.sub(" ", text).strip()


class Places:
    """Finds the line and page of an offset."""

    def __init__(self, source: Source) -> None:
        self._lines = [0, *(match.end() for match in re.finditer("\n", source.text))]
        self._pages = source.pages

    def lines(self, start: int, end: int) -> tuple[int, int]:
        return bisect_right(self._lines, start), bisect_right(self._lines, max(start, end - 1))

    def pages(self, start: int, end: int) -> tuple[int, int] | None:
        if not self._pages:
            return None
        return bisect_right(self._pages, start), bisect_right(self._pages, max(start, end - 1))
