"""What of a document is indexed and what of a question is looked for: its words, sentence by sentence.

The same words as `assistant.memory.text` finds, with English plurals as singulars and without what any question holds.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from assistant.memory import text

_SENTENCE_END: Final = re.compile(r"(?<=[。！？!?；\n])|(?<=[.;])\s+")
_COMMON: Final = """
a about also an and are as at be been being but by can could did do does for from had has have he her his how i if in
into is it its may me my of on or our she should so some such than that the their them then there these they this those
to us was we were what when where which who whom whose why will with would you your
"""
_EVERYWHERE: Final = frozenset(_COMMON.split())
_CHINESE_EVERYWHERE: Final = frozenset("的了吗呢吧啊么我你您他她它们是在有和就都也不这那哪谁什怎几个为被把给让与及")
_LOOKED_AT: Final = 2000
_FIRST_PAIRED: Final = "\u2e80"
_PLURAL: Final = re.compile(r"[a-z]{4,}")


def body(content: str) -> str:
    """The words of a text as they go into the index: a line a sentence, spaces between."""
    lines = (" ".join(_words(sentence)) for sentence in _SENTENCE_END.split(content))
    return "\n".join(line for line in lines if line)


def asked(question: str) -> tuple[str, ...]:
    """The distinct words of a question that tell something; all of them when none does."""
    return telling(question) or tuple(dict.fromkeys(_words(question)))


def telling(question: str) -> tuple[str, ...]:
    """The distinct words of a question that tell something."""
    return tuple(dict.fromkeys(word for word in _words(question) if not _says_nothing(word)))


def language(content: str) -> Literal["zh", "en"]:
    """zh for text mostly in Chinese, Japanese or Korean characters, else en."""
    words = text.segment(content[:_LOOKED_AT]).split()
    paired = sum(word[0] >= _FIRST_PAIRED for word in words)
    return "zh" if 2 * paired > len(words) else "en"


def _words(content: str) -> list[str]:
    return [_singular(word) for word in text.segment(content).split()]


def _says_nothing(word: str) -> bool:
    return word in _EVERYWHERE or all(character in _CHINESE_EVERYWHERE for character in word)


def _singular(word: str) -> str:
    if word[-1] != "s" or not _PLURAL.fullmatch(word):
        return word
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    if word.endswith(("sses", "xes", "zes", "ches", "shes")):
        return word[:-2]
    return word if word.endswith(("ss", "us", "is")) else word[:-1]
