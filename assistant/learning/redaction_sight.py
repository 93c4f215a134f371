"""How a text is looked at when personal data is taken out of it: every way to write a letter or figure is one."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

KNOWN: Final = "\ue000"
"""Stands for what is known already, so that a second look finds no more than the first did."""
HAN: Final = r"\u4e00-\u9fff"
_PIECE: Final = re.compile(
    rf"\[(?:secret|e-mail|account|identity|plate|card|phone|address)\]|(?P<plain>[\n -Z\\-~{HAN}]+)|.", re.DOTALL
)
_CHINESE_SIGNS: Final = "，；：！？（）"  # full-width as a matter of course: folded, they would be part of a link


def looked_at(text: str) -> tuple[str, list[int], list[int]]:
    """The text as it is looked at, and where each of its characters begins and ends in the text itself."""
    shown: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for found in _PIECE.finditer(text):
        start, end = found.span()
        piece = found["plain"] or _shown(found.group())
        shown.append(piece)
        starts += range(start, end) if found["plain"] else [start] * len(piece)
        ends += range(start + 1, end + 1) if found["plain"] else [end] * len(piece)
    return "".join(shown), starts, ends


@lru_cache(4096)
def _shown(piece: str) -> str:
    """Full-width letters and figures as plain ones, every dash as a hyphen, and nothing of what cannot be seen."""
    if len(piece) > 1:
        return KNOWN
    kind = unicodedata.category(piece)
    if kind == "Nd":
        return str(unicodedata.decimal(piece))
    if kind in ("Pd", "Cf", "Co") or piece == "−":
        return {"Cf": "", "Co": "?"}.get(kind, "-")
    # ① is no digit of what follows it, and … no dots before it.
    plain = piece if kind == "No" or piece in _CHINESE_SIGNS else unicodedata.normalize("NFKC", piece)
    return plain if len(plain) == 1 or kind.startswith("L") else piece
