"""What a person wrote in Telegram as Markdown: there the form of a text stands beside it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aiogram.types import MessageEntity

_MARKS: Final = {"bold": "**", "italic": "*", "strikethrough": "~~"}
_QUOTES: Final = frozenset({"blockquote", "expandable_blockquote"})
_UNIT: Final = 2
"""Bytes of a code unit of UTF-16, by which Telegram counts."""


@dataclass(frozen=True, slots=True)
class _Put:
    """Something that is put into the text `at` a place. What ends there comes before what begins there; of those that
    begin the longest is outermost, of those that end the shortest."""

    at: int
    is_end: bool
    length: int
    text: str

    @property
    def order(self) -> tuple[int, bool, int]:
        return self.at, not self.is_end, self.length if self.is_end else -self.length


def as_markdown(text: str, entities: Sequence[MessageEntity] | None) -> str:
    """Bold, italic, struck and quoted text, code and links; what Markdown has no word for is text."""
    units = text.encode("utf-16-le")

    def words(begin: int, end: int) -> str:
        return units[begin * _UNIT : end * _UNIT].decode("utf-16-le", "replace")

    put: list[_Put] = []
    for entity in entities or ():
        begin, end = entity.offset, min(entity.offset + entity.length, len(units) // _UNIT)
        inside = words(begin, end)
        if entity.type == "pre":
            fence = "`" * max(3, _longest_run(inside) + 1)
            before = "" if begin == 0 or words(begin - 1, begin) == "\n" else "\n"
            after = "" if end * _UNIT == len(units) or words(end, end + 1) == "\n" else "\n"
            closes = "" if inside.endswith("\n") else "\n"
            marks = f"{before}{fence}{entity.language or ''}\n", f"{closes}{fence}{after}"
        elif entity.type == "code":
            fence = "`" * (_longest_run(inside) + 1)
            edge = " " if inside.startswith("`") or inside.endswith("`") else ""
            marks = fence + edge, edge + fence
        elif entity.type in _QUOTES:
            lines = [begin, *(begin + place for place in _line_starts(inside))]
            put += [_Put(line, False, end - line, "> ") for line in lines]
            continue
        elif entity.type in _MARKS or (entity.type == "text_link" and entity.url):
            # "** so **" is no bold text: the marks stand at the words.
            begin += len(inside) - len(inside.lstrip())
            end -= len(inside) - len(inside.rstrip())
            mark = _MARKS.get(entity.type, "")
            marks = (mark, mark) if mark else ("[", f"]({entity.url})")
        else:
            continue
        if begin < end:
            put += [_Put(begin, False, end - begin, marks[0]), _Put(end, True, end - begin, marks[1])]
    written, last = "", 0
    for one in sorted(put, key=lambda one: one.order):
        written += words(last, one.at) + one.text
        last = one.at
    return written + words(last, len(units) // _UNIT)


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)


def _line_starts(text: str) -> list[int]:
    """In code units, of every line but the first; an end is none."""
    starts = [at + 1 for at, character in enumerate(text) if character == "\n" and at + 1 < len(text)]
    return [len(text[:at].encode("utf-16-le")) // _UNIT for at in starts]
