"""Numbers that are written as words: an answer says 12 where a document says twelve or 十二."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from assistant.memory.text import plain

_DIGITS: Final = {one: n for n, one in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0}
_UNITS: Final = {"十": 10, "百": 100, "千": 1000}
_MYRIADS: Final = {"万": 10_000, "亿": 100_000_000}
_CHINESE: Final = re.compile("[零〇一二两三四五六七八九十百千万亿]+")
_COUNTED: Final = re.compile(
    "([零〇一二两三四五六七八九十百千万亿]+)(?=[年月日天周号元角块个本人岁次倍米公小分页条项名位种座层])"
)
_SMALL: Final = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS: Final = "twenty thirty forty fifty sixty seventy eighty ninety"
_ENGLISH: Final = {word: n for n, word in enumerate(_SMALL.split())} | {
    word: 10 * n for n, word in enumerate(_TENS.split(), start=2)
}
_WORD: Final = re.compile(rf"\b({'|'.join(_ENGLISH)})(?:[- ]({'|'.join(_SMALL.split()[1:10])}))?\b", re.IGNORECASE)


def spelt(text: str) -> set[str]:
    """The numbers written as words in a text, as digits: English ones up to a hundred, Chinese ones of any size."""
    return {str(number) for number in (*_in_english(text), *_in_chinese(text))}


def counted(text: str) -> set[str]:
    """Those of them that certainly count something: from two on, and in Chinese before what is counted."""
    chinese = (match[1] for match in _COUNTED.finditer(text))
    found = {*_in_english(text), *(number for said in chinese for number in _in_chinese(said))}
    return {str(number) for number in found if number > 1}


def _in_english(text: str) -> Iterator[int]:
    for match in _WORD.finditer(plain(text)):
        first = _ENGLISH[match[1].lower()]
        if match[2] and first >= 20 and first % 10 == 0:
            yield first + _ENGLISH[match[2].lower()]
        else:
            yield first
            if match[2]:
                yield _ENGLISH[match[2].lower()]


def _in_chinese(text: str) -> Iterator[int]:
    for match in _CHINESE.finditer(text):
        said = match.group()
        if any(one in _UNITS or one in _MYRIADS for one in said):
            yield _counted(said)
        else:
            yield int("".join(str(_DIGITS[one]) for one in said))  # a year, read digit by digit


def _counted(said: str) -> int:
    whole = part = digit = 0
    for one in said:
        if one in _DIGITS:
            digit = _DIGITS[one]
        elif one in _UNITS:
            part += (digit or 1) * _UNITS[one]
            digit = 0
        else:
            whole = (whole + part + digit or 1) * _MYRIADS[one]
            part = digit = 0
    return whole + part + digit
