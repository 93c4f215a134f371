"""Wishes so plain that no model is needed to see which tool they mean: "remind me in 20 minutes to …", 20分钟后提醒我…,
"What is 17.5 % of 2480?".

Rules only. What is not surely such a wish is none, and is answered like anything else.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from dataclasses import dataclass
from typing import Final

from assistant.memory import appointments
from assistant.tools.plain_sums import plain_sum

_LONGEST: Final = 300
_POLITE: Final = r"(?:(?:please|hey|hi|ok|okay|can you|could you|would you|will you|patina)[\s,]+)*"
_EN: Final = re.compile(rf"{_POLITE}(?P<front>.{{0,60}}?)[\s,]*\bremind me\b[\s,:]*(?P<rest>.+)", re.IGNORECASE)
_ZH: Final = re.compile(
    r"(?:请|麻烦(?:你|您)?|帮我|(?:你|您)?(?:能不能|可不可以|可以|能)|[\s，,])*(?P<front>.{0,30}?)[\s，,]*(?:请|记得)?"
    r"提醒(?:一下)?我[\s，,：:]*(?P<rest>.+)"
)
_ASKING: Final = re.compile(
    r"(?:of\s+)?(?:what|who|whom|whose|how|why|when|where|which|whether|if)\b|.*(?:什么|谁|怎么|为何|哪|多少)",
    re.IGNORECASE,
)
_ENDING: Final = re.compile(
    r"(?:[,，\s]*(?:please|好吗|好不好|可以吗|行吗|吗|吧|谢谢|thanks|thank you))*[\s.!?。！？~]*$", re.IGNORECASE
)
_SECOND_SENTENCE: Final = re.compile(r"[。！？!?;；]\s*\S|(?<![ap]\.m)[.]\s+[A-Z一-鿿]|\n")


@dataclass(frozen=True, slots=True)
class Wish:
    """A call that needs no model: `arguments` is a JSON object as text."""

    tool: str
    arguments: str


def plain_wish(message: str, now: dt.datetime) -> Wish | None:
    """The one thing a message asks for; None for everything else."""
    text = message.strip()
    if len(text) > _LONGEST:
        return None
    if (expression := plain_sum(text)) is not None:
        return Wish("calculate", json.dumps({"expression": expression}))
    if _SECOND_SENTENCE.search(_ENDING.sub("", text)):
        return None
    text = _ENDING.sub("", " ".join(text.split()))
    match = _EN.fullmatch(text) or _ZH.fullmatch(text)
    if match is None or _ASKING.match(match["rest"]):
        return None
    front, rest = match["front"].strip(" ,，"), match["rest"].strip()
    if front:
        # Only a time may stand before it: "she told me to remind me" is no wish.
        alone = appointments.read(f"{front} x", now)
        if alone is None or alone.text != "x":
            return None
    found = appointments.read(f"{front} {rest}".strip(), now)
    if found is None:
        return None
    # Rounded up: a reminder comes rather a few seconds late than before its time.
    at = found.at + dt.timedelta(seconds=59 if found.at.second or found.at.microsecond else 0)
    arguments = {"when": at.strftime("%Y-%m-%d %H:%M"), "what": re.sub(r"^of\s+", "", found.text)}
    return Wish("remind", json.dumps(arguments, ensure_ascii=False))
