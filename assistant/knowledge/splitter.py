"""Cuts a document into passages along its structure, so that each can be found, cited and understood by itself.

Passages touch and never overlap: every character of the text is in exactly one of them, and joined they are the text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Final

from assistant.knowledge.blocks import Block, blocks
from assistant.knowledge.source import Passage, Places, Source, squeezed, tokens

_SENTENCE: Final = re.compile(r"[。！？!?；…]+[”’」』）)\"']*\s*|[.;][”’)\"']*\s+|\n+")
_CLAUSE: Final = re.compile(r"[，、：,:]+\s*|\s+")
_ROW: Final = re.compile(r"\n+")
_DEEPEST: Final = 6
_LONGEST_HEADING: Final = 120
_JOINING: Final = frozenset("\u200d\ufe0e\ufe0f")
_BACK: Final = 16
"""Characters looked through for a place where no character made of several is cut."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """In tokens of the embedding model. A passage is cut off at `good`, is never longer than `most`, and one shorter
    than `least` is put together with what stands beside it."""

    good: float = 200
    most: float = 400
    least: float = 30


@dataclass(frozen=True, slots=True)
class _Piece:
    """What is not cut further, with the headings it stands under and its page."""

    start: int
    end: int
    size: float
    headings: tuple[str, ...]
    page: int


def split(source: Source, sizes: Sizes = Sizes()) -> list[Passage]:
    """The passages of a document in order; none of a document without text."""
    text = source.text
    if not text.strip():
        return []
    places = Places(source)
    cut = list(_pages(blocks(text, source.form), source.pages))
    sections = [list(pieces) for _, pieces in groupby(_pieces(text, cut, sizes), lambda one: (one.headings, one.page))]
    groups: list[list[_Piece]] = []
    for section in _merged(sections, sizes):
        groups.extend(_packed(section, sizes))
    return [
        Passage(
            group[0].start,
            group[-1].end,
            max(group, key=lambda piece: piece.size).headings,
            places.lines(group[0].start, _last_visible(text, group[0].start, group[-1].end)),
            places.pages(group[0].start, _last_visible(text, group[0].start, group[-1].end)),
        )
        for group in groups
    ]


def header(title: str, headings: Iterable[str]) -> str:
    """What a passage stands under, for both indexes and for people: title > heading > heading."""
    parts = [squeezed(title), *headings]
    return " > ".join(part for number, part in enumerate(parts) if part and part not in parts[:number])


def _last_visible(text: str, start: int, end: int) -> int:
    return start + len(text[start:end].rstrip()) or end


def _pages(found: Iterable[Block], pages: tuple[int, ...]) -> Iterator[tuple[Block, int]]:
    """Every block with the number of its page; one that goes over a page's end is two."""
    breaks = [at for at in pages if at > 0]
    page = 0
    for block in found:
        start = block.start
        while page < len(breaks) and breaks[page] < block.end:
            if breaks[page] > start:
                yield Block(start, breaks[page], block.kind, block.level, block.title), page
                start = breaks[page]
            page += 1
        level = block.level if start == block.start else 0
        yield Block(start, block.end, block.kind if level == block.level else "paragraph", level, block.title), page


def _pieces(text: str, cut: Iterable[tuple[Block, int]], sizes: Sizes) -> Iterator[_Piece]:
    path: list[tuple[int, str]] = []
    for block, page in cut:
        if block.kind == "heading":
            path = [(level, title) for level, title in path if level < block.level][: _DEEPEST - 1]
            path.append((block.level, block.title[:_LONGEST_HEADING]))
        headings = tuple(title for _, title in path)
        size = tokens(text[block.start : block.end])
        if size <= sizes.most and block.kind != "table":
            yield _Piece(block.start, block.end, size, headings, page)
            continue
        first_row = ""
        if block.kind == "table" and size > sizes.most:
            first_row = squeezed(text[block.start : block.end].strip().partition("\n")[0])[:_LONGEST_HEADING]
        below = (*headings, first_row) if first_row else headings
        for start, end in _small(text, block.start, block.end, sizes.most, rows=block.kind in {"table", "code"}):
            yield _Piece(start, end, tokens(text[start:end]), below, page)


def _small(text: str, start: int, end: int, most: float, *, rows: bool) -> Iterator[tuple[int, int]]:
    """Spans of at most `most` tokens, cut where rows or sentences end, else between clauses, else anywhere."""
    for begin, stop in _cut(text, start, end, _ROW if rows else _SENTENCE):
        if tokens(text[begin:stop]) <= most:
            yield begin, stop
            continue
        for first, last in _joined(text, _cut(text, begin, stop, _CLAUSE), most / 2):
            if tokens(text[first:last]) <= most:
                yield first, last
            else:
                yield from _anywhere(text, first, last, most)


def _cut(text: str, start: int, end: int, after: re.Pattern[str]) -> list[tuple[int, int]]:
    ends = [match.end() for match in after.finditer(text, start, end) if start < match.end() < end]
    return list(pairwise([start, *ends, end]))


def _joined(text: str, spans: Iterable[tuple[int, int]], enough: float) -> Iterator[tuple[int, int]]:
    """Neighbours together as far as they stay below `enough`."""
    begun: tuple[int, int] | None = None
    size = 0.0
    for start, end in spans:
        own = tokens(text[start:end])
        if begun is not None and size + own <= enough:
            begun = (begun[0], end)
            size += own
            continue
        if begun is not None:
            yield begun
        begun, size = (start, end), own
    if begun is not None:
        yield begun


def _anywhere(text: str, start: int, end: int, most: float) -> Iterator[tuple[int, int]]:
    step = max(1, int(most / 2))  # a character is at most one token by the estimate, and half leaves room to go back
    while end - start > step:
        stop = start + step
        for back in range(_BACK):
            if stop - back > start and not _is_inside(text, stop - back):
                stop -= back
                break
        yield start, stop
        start = stop
    yield start, end


def _is_inside(text: str, at: int) -> bool:
    """Whether what stands before and after `at` is one character to the eye."""
    after, before = text[at], text[at - 1]
    return bool(
        unicodedata.combining(after)
        or after in _JOINING
        or before == "\u200d"
        or "\U0001f3fb" <= after <= "\U0001f3ff"
        or unicodedata.category(after) == "Mn"
    )


def _merged(sections: list[list[_Piece]], sizes: Sizes) -> list[list[_Piece]]:
    """Sections too short to stand alone go with the next one, or with the one before if that has room."""
    merged: list[list[_Piece]] = []
    for section in sections:
        size = _size(section)
        before = _size(merged[-1]) if merged else 0.0
        too_short = min(before, size) < sizes.least and before + size <= sizes.good
        if merged and (too_short or (before < sizes.least and _is_title_only(merged[-1], section))):
            merged[-1].extend(section)
        else:
            merged.append(list(section))
    return merged


def _is_title_only(before: list[_Piece], section: list[_Piece]) -> bool:
    """Whether what comes before is little more than the heading that this section stands under."""
    return section[0].headings[: len(before[-1].headings)] == before[-1].headings


def _size(pieces: Iterable[_Piece]) -> float:
    return sum(piece.size for piece in pieces)


def _packed(pieces: list[_Piece], sizes: Sizes) -> Iterator[list[_Piece]]:
    """Pieces put together into passages of about the same size."""
    left = _size(pieces)
    group: list[_Piece] = []
    size = 0.0
    for piece in pieces:
        goal = (left + size) / max(1, round((left + size) / sizes.good))
        fits = size + piece.size <= sizes.most
        # Cut where that comes closer to the goal than going on would.
        if group and (not fits or (size + piece.size - goal > goal - size and size >= sizes.least)):
            yield group
            group, size = [], 0.0
        group.append(piece)
        size += piece.size
        left -= piece.size
    if group:
        yield group
