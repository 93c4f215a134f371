"""Tables whose columns stand below each other where a Chinese character is as wide as two letters, as it is in the
monospaced type of Telegram's clients. The library that reads the Markdown pads cells by counting characters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from aiogram.types import MessageEntity

_RULE: Final = re.compile(r"-+(?:\+-+)+")
_WIDE: Final = frozenset("WF")
_NOTHING: Final = frozenset({"Mn", "Me", "Cf"})


def aligned(text: str, entities: Sequence[MessageEntity]) -> tuple[str, list[MessageEntity]]:
    """With every table set anew; the rest stays as it is."""
    units = text.encode("utf-16-le")
    placed = list(entities)
    for table in sorted((one for one in entities if one.type == "pre" and not one.language), key=_from_the_end):
        begin, end = table.offset, table.offset + table.length
        rows = _rows(units[2 * begin : 2 * end].decode("utf-16-le"))
        if rows is None:
            continue
        drawn = _drawn(rows).encode("utf-16-le")
        units = units[: 2 * begin] + drawn + units[2 * end :]
        placed = [_moved(one, begin, end, len(drawn) // 2 - (end - begin)) for one in placed]
    return units.decode("utf-16-le"), placed


def width(text: str) -> int:
    """How many letters wide."""
    return sum(
        0 if unicodedata.category(one) in _NOTHING else 1 + (unicodedata.east_asian_width(one) in _WIDE) for one in text
    )


def _from_the_end(entity: MessageEntity) -> int:
    return -entity.offset


def _rows(block: str) -> list[list[str]] | None:
    """The cells without the line below the first row; None for what the library has not drawn as a table."""
    lines = block.split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    if len(lines) < 2 or not _RULE.fullmatch(lines[1]):
        return None
    bars = [place for place, one in enumerate(lines[1]) if one == "+"]
    rows = []
    for line in (lines[0], *lines[2:]):
        if any(line[bar : bar + 1] != "|" for bar in bars):
            return None
        edges = [-1, *bars, len(line)]
        rows.append([line[before + 1 : after].strip() for before, after in pairwise(edges)])
    return rows


def _drawn(rows: list[list[str]]) -> str:
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    padded = [[cell + " " * (wide - width(cell)) for cell, wide in zip(row, widths, strict=True)] for row in rows]
    lines = [" | ".join(cells) for cells in padded]
    rule = "-+-".join("-" * wide for wide in widths)
    return "\n".join(line.rstrip() for line in (lines[0], rule, *lines[1:]))


def _moved(entity: MessageEntity, begin: int, end: int, more: int) -> MessageEntity:
    if entity.offset >= end:
        return entity.model_copy(update={"offset": entity.offset + more})
    if entity.offset <= begin and entity.offset + entity.length >= end:
        return entity.model_copy(update={"length": entity.length + more})
    return entity
