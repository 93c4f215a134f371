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
_BREAK: Final = re.compile(r"\n(?:[^\S\n]*\n)+")
_LINE_END: Final = re.compile(r"(\r\n|[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029])")
_DASHES: Final = re.compile(r"[^\S\n]*(?:[-‐‑‒–—―−─━⸺⸻﹘﹣－ー][^\S\n]*){4,}")
_CHAT_TOKEN: Final = re.compile(r"<(?=[^\w\s]*[|｜])|<(?=/?(?:s|im_start|im_end|start_of_turn|end_of_turn|eot_id)>)")
_NAME_LENGTH: Final = 120
_QUOTES: Final = dict.fromkeys(map(ord, '"“”„‟«»「」『』`'), "'")
_INVISIBLE: Final = frozenset({"Cf", "Cc", "Co", "Cs", "Cn"})


def visible(text: str) -> str:
    """What a person sees of it: without characters of no width, of no meaning, or that steer a terminal."""
    seen = text.replace("\u2028", "\n").replace("\u2029", "\n")
    return "".join(one for one in seen if one in "\n\t" or unicodedata.category(one) not in _INVISIBLE)


def as_data(text: str) -> str:
    """What a person sees of it, with what the frame is made of written another way."""
    seen = _RULE.sub("· · ·", visible(text))
    seen = _NUMBER.sub(r"(\2)", seen)
    return _TOKEN.sub("‹", seen).strip()


def between_lines(text: str) -> str:
    """To stand between the two lines of dashes of a prompt: as it is, code and all, but for lines that look like those
    and for what chat templates are made of."""
    pieces = _LINE_END.split(text)
    pieces[::2] = [_CHAT_TOKEN.sub("‹", "· · ·" if _DASHES.fullmatch(visible(line)) else line) for line in pieces[::2]]
    return "".join(pieces)


def as_name(name: str) -> str:
    """Of a file or of somebody, to stand in quotation marks in one line of a prompt."""
    seen = " ".join(as_data(name).translate(_QUOTES).split())
    return seen if len(seen) <= _NAME_LENGTH else seen[: _NAME_LENGTH - 1] + "…"


def framed(passages: Sequence[tuple[str, str]]) -> str:
    """Of (header, text) pairs, each with its number."""
    return "\n\n".join(f"[{number}] {_one(*passage)}" for number, passage in enumerate(passages, start=1))


def _one(header: str, text: str) -> str:
    """Below what it stands under, as far as it does not say that itself."""
    said = _BREAK.sub("\n", as_data(text))
    above = [one for one in " ".join(as_data(header).split()).split(" > ") if one and one not in said]
    return f"({' > '.join(above)})\n{said}" if above else said
