"""A text with entities in several messages: cut where a reader would pause, and inside code or a table only where one
of them is longer than a message."""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from aiogram.types import MessageEntity

_WHOLE: Final = frozenset({"pre"})
"""Code, and tables, which are shown as such: they are read in columns."""
_LABEL: Final = 14
"""UTF-16 code units kept for a number such as "(12/34)" below each of several parts."""
_JOINS: Final = frozenset("\u200d\ufe0e\ufe0f")
_MARKS: Final = frozenset({"Mn", "Me", "Mc"})
_ENDS: Final = frozenset("。！？；…")


def split(text: str, entities: Sequence[MessageEntity], limit: int) -> list[tuple[str, list[MessageEntity]]]:
    """In messages of at most `limit` UTF-16 code units, with a number below each where they are several. Only white
    space at the ends of parts is left out."""
    offsets = [0, *accumulate(1 + (ord(one) > 0xFFFF) for one in text)]
    if offsets[-1] <= limit:
        return [(text, list(entities))] if text.strip() else []
    pieces, begin = [], 0
    cuts = _Cuts(text, offsets, entities)
    while begin < len(text):
        end = cuts.after(begin, limit - _LABEL)
        piece = _piece(text, offsets, entities, begin, end)
        if piece is not None:
            pieces.append(piece)
        begin = end
    return [
        (f"{piece}\n\n({number}/{len(pieces)})" if len(pieces) > 1 else piece, placed)
        for number, (piece, placed) in enumerate(pieces, start=1)
    ]


class _Cuts:
    """Where a text may be cut; places are characters, as Python counts them."""

    def __init__(self, text: str, offsets: list[int], entities: Sequence[MessageEntity]) -> None:
        self._text = text
        self._offsets = offsets
        spans = [(self._at(one.offset), self._at(one.offset + one.length), one.type) for one in entities]
        self._whole = [(begin, end) for begin, end, kind in spans if kind in _WHOLE]
        self._inside = bytearray(len(text) + 1)
        for begin, end, _ in spans:
            for place in range(begin + 1, end):
                self._inside[place] = 1

    def after(self, begin: int, room: int) -> int:
        """The end of the part that begins here and has this much room, in UTF-16 code units."""
        furthest = self._at(self._offsets[begin] + room)
        if furthest >= len(self._text):
            return len(self._text)
        for start, end in self._whole:
            fits = self._offsets[end] - self._offsets[start] <= room
            if begin < start < furthest < end and fits and self._text[begin:start].strip():
                return start
        half = begin + (furthest - begin) // 2
        best, place = 0, 0
        for one in range(furthest, half, -1):
            rank = self._rank(one)
            if rank > best:
                best, place = rank, one
        if best:
            return place
        return next((one for one in range(furthest, half, -1) if self._is_border(one)), furthest)

    def _rank(self, place: int) -> int:
        """How good it is to begin a new message here; 0 is not at all."""
        before, last = self._text[place - 1], self._text[max(0, place - 2) : place]
        outside = not self._inside[place]
        if before == "\n":
            return (6 if last == "\n\n" else 5) if outside else 4
        if before in _ENDS or (before == " " and last[0] in ".!?;"):
            return 3 if outside else 1
        if before in " \t":
            return 2 if outside else 1
        return 0

    def _is_border(self, place: int) -> bool:
        """Whether nothing that is shown as one is cut in two here."""
        before, after = self._text[place - 1], self._text[place]
        joined = before == "\u200d" or after in _JOINS or "\U0001f3fb" <= after <= "\U0001f3ff"
        return not joined and unicodedata.category(after) not in _MARKS

    def _at(self, units: int) -> int:
        """The character at or before this many UTF-16 code units."""
        return bisect_right(self._offsets, units) - 1


def _piece(
    text: str, offsets: list[int], entities: Sequence[MessageEntity], begin: int, end: int
) -> tuple[str, list[MessageEntity]] | None:
    while end > begin and text[end - 1].isspace():
        end -= 1
    while begin < end and text[begin] in "\r\n":
        begin += 1
    if begin == end:
        return None
    first, last = offsets[begin], offsets[end]
    placed = []
    for entity in entities:
        start, stop = max(entity.offset, first), min(entity.offset + entity.length, last)
        if start < stop:
            placed.append(entity.model_copy(update={"offset": start - first, "length": stop - start}))
    return text[begin:end], placed
