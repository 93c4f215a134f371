"""Passages as a model is given them: numbered, and with nothing in them that could pass for a part of the frame.

What is left out is left out for the model alone: what is kept and shown to people is the document's own text. Whoever
writes a document can still write "ignore what you were told" into it. So nothing that follows from an answer rests on
the model having resisted: it decides no tool, no permission, and not what its sentences are said to rest on.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

_RULE: Final = re.compile(r"(?m)^[^\S\n]*(?:[-‐‑‒–—―−─━_=*~#+][^\S\n]*){3,}$")
"""A line of dashes, in any spelling: the frame's own are such."""
_NUMBER: Final = re.compile(r"([\[【［])\s*(\d{1,3}(?:\s*[,，、]\s*\d{1,3})*)\s*([\]】］])")
_TOKEN: Final = re.compile(r"<(?=[|｜/]?[A-Za-z_▁|｜])")
"""What the special words of chat templates begin with."""
_BLANK: Final = re.compile(r"\n{3,}")
_INVISIBLE: Final = frozenset({"Cf", "Cc", "Co", "Cs", "Cn"})


def as_data(text: str) -> str:
    """What a person would see of it, with what the frame is made of written another way."""
    seen = "".join(one for one in text if one in "\n\t" or unicodedata.category(one) not in _INVISIBLE)
    seen = _RULE.sub("· · ·", seen.replace("\u2028", "\n").replace("\u2029", "\n"))
    seen = _NUMBER.sub(r"(\2)", seen)
    return _BLANK.sub("\n\n", _TOKEN.sub("‹", seen)).strip()


def framed(passages: Sequence[tuple[str, str]]) -> str:
    """Of (header, text) pairs, each with its number."""
    return "\n\n".join(
        f"[{number}] {' '.join(as_data(header).split())}\n{as_data(text)}".replace("\n\n", "\n")
        for number, (header, text) in enumerate(passages, start=1)
    )
