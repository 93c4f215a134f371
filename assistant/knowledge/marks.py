"""An answer from documents taken apart for a face to draw: its text, and at which places which passage is named."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from assistant.events import Grounds
from assistant.knowledge.citations import CLOSING, unmarked

_NUMBER: Final = re.compile(r" ?\[(\d{1,3})\]")


@dataclass(frozen=True, slots=True)
class Mark:
    """Stands at the end of a sentence: the number of its passage, None for what no document says."""

    number: int | None
    weak: bool = False


def pieces(answer: str, grounds: Grounds, *, edited: bool = False) -> Iterator[str | Mark]:
    """Joined, with the marks left out, they are the answer without its numbers. Of one that was `edited` by hand only
    the numbers are known. A number whose passage is gone with its document is left out."""
    known = {one.number for one in grounds.passages}
    if edited:
        yield from _numbers(answer, known)
        return
    last = 0
    for one in grounds.sentences:
        if not last <= one.start < one.end <= len(answer):
            continue
        yield unmarked(answer[last : one.start])
        said = answer[one.start : one.end]
        place = said.rfind(f" [{one.number}]") if one.number is not None else -1
        if place >= 0:
            yield said[:place]
            yield Mark(one.number, one.weak)
            yield said[place + len(f" [{one.number}]") :]
        elif one.number is None:
            body = said.rstrip(CLOSING)
            yield body
            yield Mark(None, one.weak)
            yield said[len(body) :]
        else:
            yield said
        last = one.end
    yield unmarked(answer[last:])


def _numbers(answer: str, known: set[int]) -> Iterator[str | Mark]:
    last = 0
    for match in _NUMBER.finditer(answer):
        if int(match[1]) in known:
            yield answer[last : match.start()]
            yield Mark(int(match[1]))
            last = match.end()
    yield answer[last:]


def cited(grounds: Grounds) -> list[int]:
    """The numbers that stand in the answer, in order."""
    return sorted({one.number for one in grounds.sentences if one.number is not None})
