"""Questions that lean on what was said before ("and in winter?", 那冬天呢？), and what is looked for then."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from assistant.memory.records import Turn
from assistant.memory.terms import asked, telling

_BEGINS: Final = re.compile(
    r"^\W*(?:and|or|but|also|so|then|what about|how about|what if|why|how so|which one|since when)\b"
    r"|^\W*(?:那么?|还有|另外|如果|要是|换成|为什么|怎么会|然后|以及|至于)",
    re.IGNORECASE,
)
_POINTS: Final = re.compile(
    r"\b(?:it|its|they|them|their|theirs|that|those|these|this|he|she|his|her|hers|him|there|then|ones?|same)\b"
    r"|它|他|她|其|这|那|该|此|前者|后者|上述|刚才",
    re.IGNORECASE,
)
_THANKS: Final = re.compile(r"\b(?:thanks?|thx|great|perfect|ok(?:ay)?)\b|谢|好的|明白了", re.IGNORECASE)
_ASKS: Final = re.compile(r"[?？]|[吗呢]\W*$")
_ONLY_ASKS: Final = re.compile(
    r"\W*(?:那么?|又|还)?[在是从到]?(?:哪里|哪儿|哪个|哪些|谁|什么|什么时候|何时|几时|多久|多少|几个|怎么样?|如何)的?[呢吗呀啊]?\W*"
)
"""A Chinese question of nothing but its question word: its pairs of characters would count as telling."""
_SHORT: Final = 6
"""Telling words of a question that may point back without naming what it is about."""
_FEW: Final = 2
"""Telling words of a question that cannot stand alone, if it asks anything at all."""
_MOST: Final = 3


def leans(question: str) -> bool:
    """Whether a question can only be understood with what it follows."""
    if _THANKS.search(question) and not _ASKS.search(question):
        return False
    if _ONLY_ASKS.fullmatch(question):
        return True
    count = len(asked(question))
    if count > 2 * _SHORT:
        return False
    if _BEGINS.search(question):
        return count <= _SHORT
    points = bool(_POINTS.search(question)) and count <= _SHORT
    return points or (count < _FEW and bool(_ASKS.search(question)))


def searched(path: Sequence[Turn]) -> tuple[str, ...]:
    """What to look for to answer the last turn of a branch: its question, behind those it leans on; then, if it tells
    anything, also alone. Together the earlier ones outweigh what is new in it, and alone it may be about anything."""
    *earlier, newest = path
    questions = [newest.question]
    for turn in reversed(earlier):
        if len(questions) >= _MOST or not leans(questions[0]):
            break
        questions.insert(0, turn.question)
    together = "\n".join(questions)
    tells = telling(newest.question) and not _ONLY_ASKS.fullmatch(newest.question)
    return (together, newest.question) if len(questions) > 1 and tells else (together,)
