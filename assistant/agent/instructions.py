"""Standing instructions in what a person writes ("from now on answer in French", 以后叫我老王), caught by rule.

A rule finds nine of ten where search finds four, and asks no model. Only what the person wrote counts: nothing in code,
in quotations or in attached files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_LONGEST: Final = 300
"""Characters of a sentence that can be an instruction."""
_NOT_OWN: Final = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|^[ \t]*>.*$|<[^>\n]{1,40}>", re.DOTALL | re.MULTILINE)
_SENTENCES: Final = re.compile(r"[^.!?。！？；;\n]+[.!?。！？；;]*")
_STANDING: Final = re.compile(
    r"\b(from now on|going forward|from here on|in (the )?future|from today on|by default)\b"
    r"|^\W*(please |and |also |but )*(always|never|don['’]?t ever|do not ever|remember (that|to|this)?\b|keep in mind)"
    r"|\b(whenever|every time|each time) (i|you|we|someone)\b"
    r"|\b(you (should|must|can|may) (always|never)"
    r"|i (always )?(want|prefer|would like|['’]d like) (you|your|answers|replies)"
    r"|call me|don['’]?t call me|stop (using|adding|saying|calling|writing))\b",
    re.IGNORECASE,
)
_STANDING_ZH: Final = re.compile(
    r"以后|从现在(起|开始)|从今(以后|往后|天起)|今后|往后(都|请|回答)|(每次|每当|每回).{0,20}(都|请|要|先|用)|(请|要|必须|务必)?(总是|始终|一律|永远)"
    r"|(永远|千万|再也)?(不要|别)再|请?(你)?(记住|记得)|默认(用|使用|按)|(请)?(叫|称呼)我"
)
_PAST_ZH: Final = re.compile(r"以后(再说|会|就会|才)|从那以后|不久以后|然后")
_ASKED: Final = re.compile(r"[?？]\W*$|[吗呢]\W*$")
_TOLD_OTHERS: Final = re.compile(
    r"^\W*(why|how|what|when|who|where|which|can|could|do|does|did|is|are|was|should|would)\b", re.IGNORECASE
)
_KEYS: Final = (
    ("called", re.compile(r"\bcall me\b|(叫|称呼)我", re.IGNORECASE)),
    (
        "language",
        re.compile(
            r"\b(in|use|speak) (english|chinese|mandarin|german|french|spanish|japanese|italian|russian|korean)\b"
            r"|(用|说|讲|使用)(英|中|汉|德|法|日|俄|韩|西班牙|意大利)(文|语)",
            re.IGNORECASE,
        ),
    ),
    ("length", re.compile(r"\b(short|brief|concise|long|detailed)(er)?\b|简短|简洁|详细|短一点|长一点", re.IGNORECASE)),
)


@dataclass(frozen=True, slots=True)
class Instruction:
    """A sentence as it was written; of two with the same key, the newer one holds."""

    text: str
    key: str = ""


def own_words(message: str) -> str:
    """What a person wrote themselves: code, quotations and markup are blanked out, every other place is kept."""
    return _NOT_OWN.sub(lambda match: " " * len(match.group()), message)


def instructions(message: str) -> Iterator[Instruction]:
    for match in _SENTENCES.finditer(own_words(message)):
        sentence = match.group().strip()
        if len(sentence) > _LONGEST or _ASKED.search(sentence) or _TOLD_OTHERS.search(sentence):
            continue
        if _STANDING.search(sentence) or (_STANDING_ZH.search(sentence) and not _PAST_ZH.search(sentence)):
            key = next((key for key, pattern in _KEYS if pattern.search(sentence)), "")
            yield Instruction(sentence, key)
