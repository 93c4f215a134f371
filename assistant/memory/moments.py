"""Time as people speak of it, in Chinese and English: the days that "last Friday", 上周五 or "May 2023" mean.

Only rules, read against the day something was said. What is vague is a longer interval, never a guess of one day.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

_MONTHS: Final = (
    "january|february|march|april|may|june|july|august|september|october|november|december"
    "|jan|feb|mar|apr|jun|jul|aug|sept|sep|oct|nov|dec"
)
_DAYS: Final = "monday|tuesday|wednesday|thursday|friday|saturday|sunday|mon|tues|tue|wed|thurs|thur|thu|fri|sat|sun"
_WORDS: Final = ("zero", *"one two three four five six seven eight nine ten eleven twelve".split())  # noqa: SIM905
_NUMBERS: Final = {
    **{word: n for n, word in enumerate(_WORDS)},
    "a": 1, "an": 1, "a couple of": 2, "couple of": 2, "a few": 3, "few": 3, "several": 4,
    **{word: n for n, word in enumerate("零一二三四五六七八九十")},
    "两": 2, "几": 3, "十一": 11, "十二": 12,
}  # fmt: skip
_SHORT_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_SHORT_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_STEPS: Final = {
    "last": -1, "past": -1, "this": 0, "next": 1, "上": -1, "上个": -1, "这": 0, "这个": 0, "本": 0, "下": 1, "下个": 1,
}  # fmt: skip
_COUNT: Final = (
    r"(\d{1,3}|an?|(?:a )?couple of|(?:a )?few|several|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
)
_COUNT_ZH: Final = "([0-9]{1,3}|十[一二]|[一二两三四五六七八九十几])"
_WEEKDAY_ZH: Final = {c: n for n, c in enumerate("一二三四五六")} | {"日": 6, "天": 6}


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """From the first to the last day, both belonging to it."""

    begin: dt.date
    end: dt.date

    @property
    def days(self) -> int:
        return (self.end - self.begin).days + 1

    def gap(self, other: Interval) -> int:
        """Days between the two, 0 where they share one."""
        return max(0, (other.begin - self.end).days, (self.begin - other.end).days)


Reading: TypeAlias = Callable[[re.Match[str], dt.date], Interval | None]


def mentioned(text: str, said: dt.date) -> tuple[Interval, ...]:
    """What a text said on this day speaks of, the most exact first; empty where it names no time."""
    found = {interval for _, interval in placed(text, said)}
    return tuple(sorted(found, key=lambda one: (one.days, one.begin)))


def placed(text: str, said: dt.date) -> list[tuple[tuple[int, int], Interval]]:
    """The same, each with where in the text it stands."""
    found: list[tuple[tuple[int, int], Interval]] = []
    for pattern, read in _READINGS:
        for match in pattern.finditer(text):
            if any(begin < match.end() and match.start() < end for (begin, end), _ in found):
                continue
            try:
                interval = read(match, said)
            except (ValueError, OverflowError):
                continue  # 31 February, or before the first year
            if interval is not None:
                found.append((match.span(), interval))
    return found


def _day(day: dt.date) -> Interval:
    return Interval(day, day)


def _month(year: int, month: int) -> Interval:
    begin = dt.date(year, month, 1)
    return Interval(begin, (begin + dt.timedelta(days=31)).replace(day=1) - dt.timedelta(days=1))


def _year(year: int) -> Interval:
    return Interval(dt.date(year, 1, 1), dt.date(year, 12, 31))


def _week(day: dt.date) -> Interval:
    begin = day - dt.timedelta(days=day.weekday())
    return Interval(begin, begin + dt.timedelta(days=6))


def _shifted_month(said: dt.date, by: int) -> Interval:
    months = said.year * 12 + said.month - 1 + by
    return _month(months // 12, months % 12 + 1)


def _around(day: dt.date, spread: int) -> Interval:
    return Interval(day - dt.timedelta(days=spread), day + dt.timedelta(days=spread))


def _number(word: str) -> int:
    word = " ".join(word.lower().split())
    return int(word) if word.isdecimal() else _NUMBERS[word]


def _month_number(word: str) -> int:
    if word.isdecimal() or word in _NUMBERS:
        return _number(word)
    return ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"].index(
        word.lower()[:3]
    ) + 1


def _weekday(word: str) -> int:
    return _SHORT_DAYS.index(word.lower()[:3])


def _dated(said: dt.date, year: str | None, month: str, day: str | None) -> Interval:
    """Without a year: the last time it was that month or day, or the next one within two months."""
    number = _month_number(month)
    if year is not None:
        return _day(dt.date(int(year), number, int(day))) if day else _month(int(year), number)
    near = said + dt.timedelta(days=60)
    guess = near.year if number <= near.month else near.year - 1
    if day is None:
        return _month(guess, number)
    found = dt.date(guess, number, int(day))
    return _day(found if found <= near else dt.date(guess - 1, number, int(day)))


def _apart(said: dt.date, count: str, unit: str, direction: int) -> Interval:
    """A number of days, weeks, months or years away; the longer, the less exact. Vague counts are less exact, too."""
    number = _number(count)
    vague = not count.isdecimal() and ("few" in count or "couple" in count or count in {"several", "几"})
    by = dt.timedelta(days=1) * direction * number
    match unit[0].lower():
        case "d" | "天" | "日":
            return _around(said + by, number // 2 if vague else 0)
        case "w" | "周" | "星" | "礼":
            return _around(said + 7 * by, 7 * number // 2 if vague else 3)
        case "m" | "个" | "月":
            there = _shifted_month(said, direction * number)
            return _around(there.begin + dt.timedelta(days=15), 15 + (15 * number // 2 if vague else 0))
        case _:
            return _year(said.year + direction * number)


def _beside(said: dt.date, which: str, unit: str) -> Interval:
    """Last, this or next week, weekend, month, year or weekday."""
    step = _STEPS[which.lower()]
    match unit.lower():
        case "week" | "周" | "星期" | "礼拜":
            return _week(said + dt.timedelta(days=7 * step))
        case "weekend" | "周末":
            week = _week(said + dt.timedelta(days=7 * step))
            return Interval(week.begin + dt.timedelta(days=5), week.end)
        case "month" | "月":
            return _shifted_month(said, step)
        case "year":
            return _year(said.year + step)
        case "night":
            return _day(said + dt.timedelta(days=step))
        case day:
            return _named_day(said, step, day)


def _named_day(said: dt.date, step: int, day: str) -> Interval:
    wanted = _weekday(day)
    if step < 0:
        return _day(said - dt.timedelta(days=(said.weekday() - wanted - 1) % 7 + 1))
    return _day(said + dt.timedelta(days=(wanted - said.weekday() - 1) % 7 + 1))


def _weekday_zh(said: dt.date, which: str, day: str) -> Interval:
    week = _beside(said, which or "这", "周")
    return _day(week.begin + dt.timedelta(days=_WEEKDAY_ZH[day]))


_NEAR: Final = {
    "today": 0, "tonight": 0, "this morning": 0, "this afternoon": 0, "this evening": 0, "yesterday": -1,
    "last night": -1, "the day before yesterday": -2, "tomorrow": 1, "the day after tomorrow": 2,
    "今天": 0, "今晚": 0, "今早": 0, "昨天": -1, "昨晚": -1, "前天": -2, "大前天": -3, "明天": 1, "明晚": 1, "后天": 2,
}  # fmt: skip
_YEARS_ZH: Final = {"今年": 0, "去年": -1, "前年": -2, "明年": 1, "后年": 2}


_UNIT: Final = r"(days?|weeks?|months?|years?)"
_UNIT_ZH: Final = "(天|周|个?星期|个?礼拜|个月|年)"


def _readings() -> Iterator[tuple[str, Reading]]:
    """What is more exact comes first: no place of a text is read twice."""
    yield r"(?<!\d)(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)", lambda m, s: _dated(s, m[1], m[2], m[3])
    yield r"(\d{4})\s*年\s*(\d{1,2})\s*月(?:\s*(\d{1,2})\s*[日号])?", lambda m, s: _dated(s, m[1], m[2], m[3])
    yield (
        r"(?:(去年|前年|今年|明年)\s*的?)?(?<!\d)(\d{1,2}|[一二三四五六七八九十]|十[一二])\s*月(?:\s*(\d{1,2})\s*[日号])?",
        lambda m, s: _dated(s, str(s.year + _YEARS_ZH[m[1]]) if m[1] else None, m[2], m[3]),
    )
    yield (
        rf"\b(\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?({_MONTHS})\b\.?(?:,?\s*(\d{{4}}))?",
        lambda m, s: _dated(s, m[3], m[2], m[1]),
    )
    yield (
        rf"\b({_MONTHS})\b\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?\b(?!:)(?:,?\s*(\d{{4}}))?",
        lambda m, s: _dated(s, m[3], m[1], m[2]),
    )
    yield rf"\b({_MONTHS})\b\.?,?\s+(?:of\s+)?(\d{{4}})\b", lambda m, s: _dated(s, m[2], m[1], None)
    yield (
        rf"\b(?:in|last|since|during|by|until|of|this|early|late|mid)[- ]({_MONTHS})\b",
        lambda m, s: _dated(s, None, m[1], None),
    )
    near = "|".join(sorted(_NEAR, key=len, reverse=True))
    yield near, lambda m, s: _day(s + dt.timedelta(days=_NEAR[m[0].lower()]))
    yield rf"\b{_COUNT}\s+{_UNIT}\s+(?:ago|before|earlier|back)\b", lambda m, s: _apart(s, m[1], m[2], -1)
    yield rf"\bin\s+{_COUNT}\s+{_UNIT}\b", lambda m, s: _apart(s, m[1], m[2], 1)
    yield rf"{_COUNT_ZH}\s*{_UNIT_ZH}\s*(?:以前|之前|前)", lambda m, s: _apart(s, m[1], _unit_zh(m[2]), -1)
    yield rf"{_COUNT_ZH}\s*{_UNIT_ZH}\s*(?:以后|之后|后)", lambda m, s: _apart(s, m[1], _unit_zh(m[2]), 1)
    yield rf"\b(last|past|this|next)\s+(weekend|week|month|year|night|{_DAYS})\b", lambda m, s: _beside(s, m[1], m[2])
    yield rf"\bon\s+({_DAYS})\b", lambda m, s: _beside(s, "last", m[1])
    yield r"(上个?|这个?|本|下个?)(周末)", lambda m, s: _beside(s, m[1], m[2])
    yield r"(上个?|这个?|本|下个?)?(?:周|星期|礼拜)([一二三四五六日天])", lambda m, s: _weekday_zh(s, m[1] or "", m[2])
    yield r"(上个?|这个?|本|下个?)(周|星期|礼拜|月)", lambda m, s: _beside(s, m[1], m[2])
    yield "|".join(_YEARS_ZH), lambda m, s: _year(s.year + _YEARS_ZH[m[0]])
    yield r"\b(?:in|since|during|of)\s+((?:19|20)\d{2})\b", lambda m, s: _year(int(m[1]))
    yield r"(?<!\d)((?:19|20)\d{2})\s*年", lambda m, s: _year(int(m[1]))


def _unit_zh(unit: str) -> str:
    return unit.removeprefix("个") if unit != "个月" else unit


_READINGS: Final = [(re.compile(pattern, re.IGNORECASE), read) for pattern, read in _readings()]
