"""Numbers as people write them before what they count: 25, twenty-five, a hundred, 二十五, 三五, 二〇二一.

A number is read whole or not at all: of 三十天 nobody means ten days.
"""

from __future__ import annotations

import re
from typing import Final

_SMALL: Final = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS: Final = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_WORDS: Final = {word: n for n, word in enumerate(_SMALL)} | {word: 10 * n for n, word in enumerate(_TENS, start=2)}
_WORD: Final = "|".join(sorted(_WORDS, key=len, reverse=True))
ENGLISH: Final = (
    rf"(?:\d{{1,3}}|(?:(?:an?|{_WORD})\s+hundred\s+(?:and\s+)?)?(?:{_WORD})(?:[-\s]+(?:{_WORD}))?"
    rf"|(?:an?|{_WORD})\s+hundred)"
)
"""What may be one, as part of a pattern; `in_english` says whether it is."""
_TO: Final = re.compile(r"\s*(-|–|to|or)\s*")
_DIGITS: Final = {one: n for n, one in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0}
_UNITS: Final = {"十": 10, "百": 100, "千": 1000}
ZH: Final = "0-9０-９〇零一二两三四五六七八九十百千"
"""The characters of a Chinese number, for a class of them."""
CHINESE: Final = "(?:[0-9]{1,3}|[零一二两三四五六七八九十百千]{1,9})"
YEAR_ZH: Final = r"(?:\d{4}|[一二][〇零一二三四五六七八九]{3})"
_WHOLE_ZH: Final = re.compile(
    "(?:([一二两三四五六七八九])千(零)?)?(?:([一二两三四五六七八九])百(零)?)?(?:([一二三四五六七八九])?十)?([一二两三四五六七八九])?"
)


def between(words: str) -> tuple[int, int] | None:
    """The least and the most of twenty-five, 2-three, two to 3, 二十 or 两三; None for what is no number."""
    one = in_english(words)
    one = in_chinese(words) if one is None else one
    if one is not None:
        return one, one
    for cut in _TO.finditer(words):
        low, high = in_english(words[: cut.start()]), in_english(words[cut.end() :])
        if low is not None and high is not None and (low <= high or cut[1] == "or"):
            return min(low, high), max(low, high)
    return either_in_chinese(words)


def in_english(word: str) -> int | None:
    """None for words that are no number together, like five twenty or 2-three."""
    if word.isdecimal():
        return int(word)
    total, rest = 0, word.lower().replace("-", " ").split()
    if rest[1:2] == ["hundred"]:
        total = 100 * (1 if rest[0] in {"a", "an"} else _WORDS.get(rest[0], 0))
        rest = rest[3:] if rest[2:3] == ["and"] else rest[2:]
        if not 100 <= total < 1000:
            return None
        if not rest:
            return total
    match [_WORDS.get(one) for one in rest]:
        case [int(one)]:
            return total + one
        case [int(tens), int(ones)] if tens in range(20, 100) and ones in range(1, 10):
            return total + tens + ones
        case _:
            return None


def in_chinese(word: str) -> int | None:
    """二十五, 两百零三; None for what is no number like 五十二十."""
    if word.isdecimal():
        return int(word)
    if word in {"零", "〇"}:
        return 0
    match = _WHOLE_ZH.fullmatch(word)
    if match is None or not word:
        return None
    thousands, skipped, hundreds, skipped_tens, tens, ones = match.groups()
    if ones and "十" not in word and len(word) > 1 and not (skipped or skipped_tens):
        return None  # 二百五 is 250 to some and a word of abuse to others
    number = 1000 * _DIGITS.get(thousands, 0) + 100 * _DIGITS.get(hundreds, 0) + _DIGITS.get(ones, 0)
    return number + (10 * _DIGITS[tens] if tens else 10 if "十" in word else 0)


def either_in_chinese(word: str) -> tuple[int, int] | None:
    """The two numbers of 两三 or 三五, which mean one of them or between; None for anything else."""
    if len(word) != 2 or any(one not in _DIGITS for one in word):
        return None
    low, high = _DIGITS[word[0]], _DIGITS[word[1]]
    return (low, high) if 0 < low < high else None


def year(word: str) -> int:
    """2021 or 二〇二一, digit by digit."""
    return int(word) if word.isdecimal() else int("".join(str(_DIGITS[one]) for one in word))
