"""What of a text counts when it is looked for: English words without their endings, Chinese characters and their pairs.

Both the index and a question go through here, so that "painted" finds "painting" and 画画 finds 画画了.
"""

from __future__ import annotations

import re
import threading
from functools import lru_cache
from typing import Any, Final

from assistant.memory import text

_POSSESSIVE: Final = re.compile(r"['’]s\b", re.IGNORECASE)
_EVERYWHERE: Final = frozenset(
    """a about after also am an and any are as at be been before being but by can could d did do does doing during ever
    for from get got had has have having he her hers him his how i if in into is it its just let ll m may me might more
    most my no not of on one or other our out over please re s shall she should so some such t tell than that the their
    them then there these they this those to too up us ve very was we were what when where which who whom whose why will
    with would you your""".split()  # noqa: SIM905 - a list would take a page
)
_CHINESE_EVERYWHERE: Final = frozenset("的了吗呢吧啊么我你您他她它们是在有和就都也不这那哪谁什怎几个为过着把被给让很")
"""A pair of two of these says nothing of what is looked for: 什么, 我们, 是不 …"""
_MANY_PAIRS: Final = 8
_MOST: Final = 32
"""Stems of a question that are looked for."""
_local: Final = threading.local()
_CACHED: Final = 1 << 16


def stems(content: str) -> list[str]:
    """In the order of the text, with every repetition."""
    found: list[str] = []
    for word in _words(content):
        if _is_pair(word):
            found.append(word[0])
        found.append(_stem(word))
    return found


def asked(question: str) -> tuple[str, ...]:
    """The distinct stems of a question without those that any question may have; all of them when none is left.

    Single Chinese characters count in a short question only: in a long one its pairs say enough."""
    words = _words(question)
    telling = [word for word in words if not _is_everywhere(word)] or words
    pairs = sum(map(_is_pair, telling))
    if pairs > _MANY_PAIRS:
        return tuple(dict.fromkeys(_stem(word) for word in telling))[:_MOST]
    single = [word[0] for word in words if _is_pair(word) and not _is_everywhere(word[0])]
    return tuple(dict.fromkeys([*(_stem(word) for word in telling), *single]))[:_MOST]


def _is_pair(word: str) -> bool:
    return len(word) == 2 and not word.isascii() and text.is_paired(word)


def _words(content: str) -> list[str]:
    return text.segment(_POSSESSIVE.sub(" ", content)).split()


def _is_everywhere(word: str) -> bool:
    return word in _EVERYWHERE or all(character in _CHINESE_EVERYWHERE for character in word)


@lru_cache(maxsize=_CACHED)
def _stem(word: str) -> str:
    if len(word) < 3 or not word.isascii() or not word.isalpha():
        return word
    return str(_stemmer().stemWord(word))


def _stemmer() -> Any:
    # A stemmer works on fields of its own, so every thread has one.
    if not hasattr(_local, "english"):
        import snowballstemmer

        _local.english = snowballstemmer.stemmer("english")
    return _local.english
