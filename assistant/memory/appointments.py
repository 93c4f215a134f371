"""When somebody wants to be reminded, and of what: "in 2 hours call mum", 明天 9 点 开会.

Rules only, as in `moments`, which reads the days. The time stands before what it is about, or after it.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Final

from assistant.memory.moments import placed
from assistant.memory.text import plain

_MORNING: Final = dt.time(9)
_EVENING: Final = dt.time(20)
_COUNTS: Final = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30,
}  # fmt: skip
_DIGITS: Final = {c: n for n, c in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0}
_ZH: Final = "[0-9]{1,3}|[零〇一二两三四五六七八九十]{1,3}"
_COUNT: Final = rf"[0-9]{{1,3}}|{'|'.join(sorted(_COUNTS, key=len, reverse=True))}"
_APART: Final = (
    re.compile(rf"in\s+(?P<half>half\s+an)\s+(?P<unit>hour)\b|in\s+(?P<n>{_COUNT})\s*(?P<u>"
               r"minutes?|mins?|m|hours?|hrs?|h|days?|d|weeks?)\b", re.IGNORECASE),
    re.compile(rf"(?:过)?(?:(?P<half>半)个?(?P<unit>小时|钟头)|(?P<n>{_ZH})\s*(?P<u>分钟|个?半?小时|个?半?钟头|天|周|个?星期))"
               r"\s*(?:之后|以后|后)"),
)  # fmt: skip
_CLOCK: Final = (
    re.compile(
        r"(?:at\s+)?(?P<h>[01]?\d|2[0-3]):(?P<m>[0-5]\d)\s*(?P<half>[ap]\.?m\b\.?)?(?!\d)"
        r"|(?:at\s+)?(?P<h2>1[0-2]|0?[1-9])\s*(?P<half2>[ap]\.?m\b\.?)"
        r"|at\s+(?P<h3>[01]?\d|2[0-3])(?:\s*o'?clock)?(?![\d:.])"
        r"|(?:at\s+)?(?P<named>noon|midnight)\b",
        re.IGNORECASE,
    ),
    re.compile(
        rf"(?P<part>凌晨|早上|上午|早晨|中午|下午|傍晚|晚上)?\s*(?P<h>{_ZH})\s*(?:点钟?|时)\s*"
        rf"(?:(?P<half>半)|(?P<quarter>[一三])刻|(?P<m>{_ZH})\s*分?)?"
    ),
)
_PART_DAY: Final = re.compile(r"(?:in the\s+)?(morning|afternoon|evening)\b|(早上|上午|中午|下午|晚上)", re.IGNORECASE)
_PARTS: Final = {
    "morning": _MORNING, "afternoon": dt.time(15), "evening": _EVENING, "早上": _MORNING, "上午": _MORNING,
    "中午": dt.time(12), "下午": dt.time(15), "晚上": _EVENING,
}  # fmt: skip
_JOINING: Final = re.compile(
    r"(?:[\s,，:：、。.;；]+|(?:to|that|about|me|please)\b\s*|(?:请|提醒我|叫我|记得|的时候|我))+", re.IGNORECASE
)
_MINUTES: Final = {
    "m": 1, "分": 1, "h": 60, "小": 60, "钟": 60, "d": 1440, "天": 1440, "w": 10080, "周": 10080, "星": 10080,
}  # fmt: skip
_LONGEST_DAYS: Final = 3660


@dataclass(frozen=True, slots=True)
class Appointment:
    """`at` is local time, without a zone."""

    at: dt.datetime
    text: str


@dataclass(slots=True)
class _Time:
    """What was read of it so far."""

    apart: dt.timedelta | None = None
    day: dt.date | None = None
    time: dt.time | None = None
    tonight: bool = False


def read(text: str, now: dt.datetime) -> Appointment | None:
    """None where no time is named, or one that has passed."""
    text = " ".join(text.split())
    for from_the_end in (False, True):
        told, rest = _Time(), text
        while (cut := _next(rest, told, now.date(), from_the_end)) is not None:
            rest = cut
        if told != _Time():
            at = _at(told, now)
            about = _stripped(rest)
            if at is None or not about or at <= now or at - now > dt.timedelta(days=_LONGEST_DAYS):
                return None
            return Appointment(at, about)
    return None


def _next(rest: str, told: _Time, today: dt.date, from_the_end: bool) -> str | None:
    """The text without one more piece of the time at its beginning or end; None when there is none."""
    said = plain(rest)
    joined = _JOINING.match(said)
    begin = joined.end() if joined and not from_the_end else 0
    stripped = rest.rstrip(" ,，.。!！")
    pieces = [*((one, _take_apart) for one in _APART), *((one, _take_clock) for one in _CLOCK)]
    if told.apart is None and (told.day is None or told.time is None):
        for pattern, take in pieces:
            for match in pattern.finditer(said):
                if _stands(match.span(), begin, len(stripped), from_the_end) and take(match, told):
                    return rest[: match.start()] if from_the_end else rest[match.end() :]
        if told.day is None:
            for span, interval in placed(said, today, ahead=True):
                if interval.days == 1 and _stands(span, begin, len(stripped), from_the_end):
                    told.day = _ahead(interval.begin, today, said[slice(*span)])
                    told.tonight = said[slice(*span)].lower() in {"tonight", "今晚", "明晚"}
                    return rest[: span[0]] if from_the_end else rest[span[1] :]
        for match in _PART_DAY.finditer(said):
            if told.time is None and _stands(match.span(), begin, len(stripped), from_the_end):
                told.time = _PARTS[match[0].lower().removeprefix("in the").strip()]
                return rest[: match.start()] if from_the_end else rest[match.end() :]
    return None


def _stands(span: tuple[int, int], begin: int, end: int, from_the_end: bool) -> bool:
    return span[1] == end if from_the_end else span[0] <= begin < span[1]


def _take_apart(match: re.Match[str], told: _Time) -> bool:
    if told != _Time():
        return False
    unit = (match["unit"] or match["u"]).lower().removeprefix("个")
    number = 0.5 if match["half"] else float(_number(match["n"])) + (0.5 if unit.startswith("半") else 0)
    unit = unit.removeprefix("半")
    told.apart = dt.timedelta(minutes=number * _MINUTES[unit[0]])
    return True


def _take_clock(match: re.Match[str], told: _Time) -> bool:
    if told.time is not None or told.apart is not None:
        return False
    groups = match.groupdict()
    if named := groups.get("named"):
        told.time = dt.time(12 if named.lower() == "noon" else 0)
        return True
    hour = _number(groups["h"] or groups.get("h2") or groups.get("h3") or "0")
    minute = _number(groups["m"]) if groups["m"] else 0
    if "part" in groups:
        minute = 30 if groups["half"] else 15 * _number(groups["quarter"]) if groups["quarter"] else minute
        afternoon = groups["part"] in {"下午", "傍晚", "晚上"} or told.tonight
        if (hour < 12 and afternoon) or (hour < 11 and groups["part"] == "中午"):
            hour += 12
    elif half := (groups["half"] or groups.get("half2") or "").lower():
        hour = hour % 12 + (12 if half.startswith("p") else 0)
    if hour == 24 and not minute:
        hour = 0
    if hour > 23 or minute > 59:
        return False
    told.time = dt.time(hour, minute)
    return True


def _at(told: _Time, now: dt.datetime) -> dt.datetime | None:
    if told.apart is not None:
        return now + told.apart
    time = told.time or (_EVENING if told.tonight else _MORNING)
    if told.day is not None:
        return dt.datetime.combine(told.day, time)
    at = dt.datetime.combine(now.date(), time)
    return at if at > now else at + dt.timedelta(days=1)


def _ahead(day: dt.date, today: dt.date, said: str) -> dt.date:
    """Weekdays are those to come; a date without a year is the next one."""
    if day >= today:
        return day
    if re.search(r"\d", said):
        return day if re.search(r"\d{4}", said) else _next_year(day)
    weekday = re.search(r"(?:周|星期|礼拜)[一二三四五六日天]$|^on ", said, re.IGNORECASE)
    return day + dt.timedelta(days=7) if weekday else day


def _next_year(day: dt.date) -> dt.date:
    try:
        return day.replace(year=day.year + 1)
    except ValueError:
        return day + dt.timedelta(days=366)


def _number(word: str) -> int:
    word = word.lower()
    if word.isdecimal():
        return int(word)
    if word in _COUNTS:
        return _COUNTS[word]
    tens, ten, ones = word.rpartition("十")
    if not ten:
        return int("".join(str(_DIGITS[c]) for c in word))
    return 10 * (_number(tens) if tens else 1) + (_number(ones) if ones else 0)


def _stripped(text: str) -> str:
    text = text.strip(" ,，:：、。;；")
    joined = _JOINING.match(text)
    text = text[joined.end() :] if joined else text
    return re.sub(r"^remind\s+me\s+(?:to\s+)?", "", text, flags=re.IGNORECASE).strip()
