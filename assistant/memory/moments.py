"""Time as people speak of it, in Chinese and English: the days that "last Friday", 上周五 or "May 2023" mean.

Only rules, read against the day something was said. What is vague is a longer interval, never a guess of one day; what
cannot be read as a whole, like the day of 第三天后 or the years of 几十年前, is not read at all.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from assistant.memory.numerals import CHINESE, ENGLISH, YEAR_ZH, ZH, between, in_chinese, year
from assistant.memory.text import plain

_MONTHS: Final = (
    "january|february|march|april|may|june|july|august|september|october|november|december"
    "|jan|feb|mar|apr|jun|jul|aug|sept|sep|oct|nov|dec"
)
_DAYS: Final = "monday|tuesday|wednesday|thursday|friday|saturday|sunday|mon|tues|tue|wed|thurs|thur|thu|fri|sat|sun"
_VERBS: Final = frozenset({"may", "march", "mar"})
"""Months that are other words too, unless they are written large or stand behind a word of time."""
_SHORT_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_SHORT_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_STEPS: Final = {"last": -1, "past": -1, "this": 0, "next": 1}
_WEEKDAY_ZH: Final = {c: n for n, c in enumerate("一二三四五六")} | {"日": 6, "天": 6}
_VAGUE: Final = {"couple": (1, 3), "few": (2, 5), "several": (3, 7), "几": (2, 6)}
_TO_COME: Final = re.compile(
    r"\b(will|won['’]t|going to|gonna|shall|see you|let['’]s|plan(s|ning)? to|wants? to|ha(ve|s) to|needs? to|due"
    r"|can (we|you|i)|should|must|remind|schedul\w+|upcoming)\b|['’]ll\b"
    r"|见(?=\W|$)|(?<![开聚晚大机社])会(?![议员场])|(?<!重)要|将(?=[会要在于])|打算|准备|计划|记得|提醒|希望|约好",
    re.IGNORECASE,
)
_PAST: Final = re.compile(
    r"\b(was|were|had|did|went|saw|met|got|came|took|made|bought|left|found|gave|told|said|ate|ran|won|lost|spent|felt"
    r"|kept|began|wrote|(?!need|feed|speed|indeed|hundred)\w{2,}ed)\b"
    r"|了(?!解)|(?<=[去来到吃看见说做买听玩聊])过|刚才|刚刚|昨|已经|曾",
    re.IGNORECASE,
)
_SENTENCE: Final = re.compile(r"[^.!?。！？；;\n]+")


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


Reading: TypeAlias = Callable[[re.Match[str], dt.date, int], Interval | None]
"""What a match means that was said on a day; last comes the tense of its sentence, 1 for what is to come and -1 for
what is past."""


def mentioned(text: str, said: dt.date) -> tuple[Interval, ...]:
    """What a text said on this day speaks of, the most exact first; empty where it names no time."""
    found = {interval for _, interval in placed(text, said)}
    return tuple(sorted(found, key=lambda one: (one.days, one.begin)))


def placed(text: str, said: dt.date, *, ahead: bool = False) -> list[tuple[tuple[int, int], Interval]]:
    """The same, each with where in the text it stands; `ahead` where all of it is to come, as in an appointment."""
    found: list[tuple[tuple[int, int], Interval]] = []
    taken: list[tuple[int, int]] = []
    text = plain(text)
    for pattern, read in _READINGS:
        for match in pattern.finditer(text):
            if any(begin < match.end() and match.start() < end for begin, end in taken):
                continue
            taken.append(match.span())
            try:
                interval = read(match, said, 1 if ahead else _tense(match))
            except (ValueError, OverflowError, LookupError):
                continue  # 31 February, before the first year, or a word of which a pattern knows more than the rules
            if interval is not None:
                found.append((match.span(), interval))
    return found


def _tense(match: re.Match[str]) -> int:
    sentence = next((one for one in _SENTENCE.finditer(match.string) if one.end() > match.start()), None)
    if sentence is None:
        return 0
    around = f"{match.string[sentence.start() : match.start()]} {match.string[match.end() : sentence.end()]}"
    return bool(_TO_COME.search(around)) - bool(_PAST.search(around))


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
    number = in_chinese(word)
    if number is None:
        raise ValueError(word)
    return number


def _month_number(word: str) -> int:
    short = word.lower()[:3]
    return _SHORT_MONTHS.index(short) + 1 if short in _SHORT_MONTHS else _number(word)


def _dated(said: dt.date, year: int | None, month: str, day: str | None) -> Interval:
    """Without a year: the last time it was that month or day, or the next one within two months."""
    number = _month_number(month)
    if year is not None:
        return _day(dt.date(year, number, _number(day))) if day else _month(year, number)
    near = said + dt.timedelta(days=60)
    guess = near.year if number <= near.month else near.year - 1
    if day is None:
        return _month(guess, number)
    found = dt.date(guess, number, _number(day))
    return _day(found if found <= near else dt.date(guess - 1, number, _number(day)))


def _of_year(said: dt.date, year: str | None, which: str | None) -> int | None:
    """2021, or last year."""
    if year:
        return int(year)
    return said.year + _STEPS[which.lower()] if which else None


def _of_century(said: dt.date, year: int) -> int:
    """98年 and 21年: the latest that is no more than ten years ahead."""
    found = said.year // 100 * 100 + year
    return found if found <= said.year + 10 else found - 100


def _named_month(said: dt.date, before: str, month: str) -> Interval | None:
    before, number = before.lower(), _month_number(month)
    if month in _VERBS and before not in {"in", "since", "during", "last", "until"}:
        return None
    if before == "this":
        return _month(said.year, number)
    if before == "last":
        return _month(said.year if number < said.month else said.year - 1, number)
    return _dated(said, None, month, None)


def _range(count: str) -> tuple[int, int] | None:
    """The least and the most that a count may mean; None for what is no number."""
    count = " ".join(count.lower().split())
    vague = count.removeprefix("a ").removesuffix(" of")
    if vague in _VAGUE:
        return _VAGUE[vague]
    if count in {"a", "an"}:
        return 1, 1
    if count[-1] in "几多来余":
        tens = in_chinese(count[:-1])
        return (tens, tens + 9) if tens and tens % 10 == 0 else None
    return between(count)


def _apart(said: dt.date, about: str | None, count: str, unit: str, direction: int) -> Interval | None:
    """A number of days, weeks, months or years away; the longer, the less exact."""
    kind = _UNITS[unit.lower().removesuffix("s")]
    counted = {"month": (6, 6), "days": (13, 17)} if count == "半" else {}
    if counted:
        low, high = counted["month" if kind == "year" else "days"]
        kind = "month" if kind == "year" else "day"
        return _between(said, low, high, kind, direction) if unit in {"年", "个月"} else None
    ends = _range(count)
    if ends is None:
        return None
    low, high = ends
    if about and _MORE.fullmatch(about):
        high += max(1, high // 2)
    elif about:
        slack = max(1 if kind == "day" else 0, high // 5)
        low, high = max(0, low - slack), high + slack
    return _between(said, low, high, kind, direction)


def _between(said: dt.date, low: int, high: int, kind: str, direction: int) -> Interval:
    ends = [_away(said, direction * number, kind, exact=low == high) for number in (low, high)]
    return Interval(min(one.begin for one in ends), max(one.end for one in ends))


def _away(said: dt.date, number: int, kind: str, *, exact: bool) -> Interval:
    match kind:
        case "day":
            return _day(said + dt.timedelta(days=number))
        case "week":
            return _around(said + dt.timedelta(days=7 * number), 3 if exact else 0)
        case "month":
            return _around(_shifted_month(said, number).begin + dt.timedelta(days=15), 15)
        case _:
            return _year(said.year + number)


def _beside(said: dt.date, step: int, unit: str) -> Interval:
    """Last, this or next week, weekend, month, year or night."""
    match unit.lower():
        case "week" | "周" | "星期" | "礼拜":
            return _week(said + dt.timedelta(days=7 * step))
        case "weekend" | "周末":
            week = _week(said + dt.timedelta(days=7 * step))
            return Interval(week.begin + dt.timedelta(days=5), week.end)
        case "month" | "月":
            return _shifted_month(said, step)
        case "night":
            return _day(said + dt.timedelta(days=step))
        case _:
            return _year(said.year + step)


def _named_day(said: dt.date, step: int, wanted: int) -> Interval:
    """The last one, the coming one, or what is called the next one."""
    if step < 0:
        return _day(said - dt.timedelta(days=(said.weekday() - wanted - 1) % 7 + 1))
    if step == 0:
        return _day(said + dt.timedelta(days=(wanted - said.weekday()) % 7))
    return _day(said + dt.timedelta(days=(wanted - said.weekday() - 1) % 7 + 1))


def _some_day(said: dt.date, tense: int, wanted: int) -> Interval:
    """A weekday alone is the last or the coming one; where its sentence does not say which, from one to the other."""
    last, coming = _named_day(said, -1, wanted), _named_day(said, 0, wanted)
    return last if tense < 0 else coming if tense > 0 else Interval(last.begin, coming.end)


def _step(which: str) -> int:
    """上, 上上 … are so many before this one, 下, 下下 … after it."""
    return which.count("下") - which.count("上")


_UNITS: Final = {
    **{one: one for one in ("day", "week", "month", "year")},
    "天": "day", "周": "week", "星期": "week", "个星期": "week", "礼拜": "week", "个礼拜": "week", "个月": "month",
    "年": "year",
}  # fmt: skip
_NEAR: Final = {
    "today": 0, "tonight": 0, "this morning": 0, "this afternoon": 0, "this evening": 0, "yesterday": -1,
    "last night": -1, "the day before yesterday": -2, "tomorrow": 1, "the day after tomorrow": 2,
}  # fmt: skip
_NEAR_ZH: Final = {
    "今天": 0, "今晚": 0, "今早": 0, "今日": 0, "昨天": -1, "昨晚": -1, "昨日": -1, "前天": -2, "大前天": -3, "明天": 1,
    "明晚": 1, "明早": 1, "明日": 1, "后天": 2, "大后天": 3,
}  # fmt: skip
_YEARS_ZH: Final = {"今年": 0, "去年": -1, "前年": -2, "大前年": -3, "明年": 1, "后年": 2, "大后年": 3}
_YEAR_NAMED_ZH: Final = "|".join(sorted(_YEARS_ZH, key=len, reverse=True))
_MORE: Final = re.compile(r"over|more than|at least", re.IGNORECASE)
_OF_YEAR: Final = r"(?:,?\s*(\d{4})|,?\s+(?:of\s+)?(last|this|next)\s+year\b)?"
_ABOUT: Final = r"(?:\b(about|around|almost|nearly|roughly|some|over|more than|at least)\s+)?"
_ABOUT_ZH: Final = "(大约|大概|差不多|将近|近|约)?"
_COUNT: Final = (
    r"(?<![A-Za-z\d.,/-])(?<!\band )(?<!hundred )(?<!thousand )(?<!million )(?<!half )"
    rf"((?:a )?couple(?: of)?|(?:a )?few|several|{ENGLISH}(?:\s*(?:-|–|to|or)\s*{ENGLISH})?|an?)"
)
_COUNT_ZH: Final = f"(?<![{ZH}.第半几两])({CHINESE}[几多来余]?|[几半])"
_UNIT: Final = r"(days?|weeks?|months?|years?)"
_UNIT_ZH: Final = "(天|周|个?星期|个?礼拜|个月|年)"
_WHICH_ZH: Final = "(?<![早晚])(上{1,3}|下{1,3}|这|本)一?个?"
_MONTH_ZH: Final = rf"(?<![{ZH}])(\d{{1,2}}|十[一二]?|[一二三四五六七八九])\s*月"
_DAY_ZH: Final = r"(?:\s*(\d{1,2}|[一二三四五六七八九十]{1,3})\s*[日号])?"
_NO_DAY_ZH: Final = "(?![次个遍回节岁]|天(?!气))"
"""一周五次 names no Friday."""


def _readings() -> Iterator[tuple[str, Reading]]:
    """What is more exact comes first: no place of a text is read twice."""
    yield r"(?<!\d)(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)", lambda m, s, _: _dated(s, int(m[1]), m[2], m[3])
    yield rf"(?<!\d)({YEAR_ZH})\s*年\s*{_MONTH_ZH}{_DAY_ZH}", lambda m, s, _: _dated(s, year(m[1]), m[2], m[3])
    yield (
        rf"(?<!\d)(\d{{2}}|[〇零一二三四五六七八九]{{2}})\s*年\s*{_MONTH_ZH}{_DAY_ZH}",
        lambda m, s, _: _dated(s, _of_century(s, year(m[1])), m[2], m[3]),
    )
    yield (
        rf"(?:({_YEAR_NAMED_ZH})\s*的?\s*|(?<!年)(?<!年的)(?<!年 )){_MONTH_ZH}{_DAY_ZH}",
        lambda m, s, _: _dated(s, s.year + _YEARS_ZH[m[1]] if m[1] else None, m[2], m[3]),
    )
    yield (
        rf"(?<![\d.,:])(\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?({_MONTHS})\b\.?{_OF_YEAR}",
        lambda m, s, _: _dated(s, _of_year(s, m[3], m[4]), m[2], m[1]),
    )
    yield (
        rf"\b({_MONTHS})\b\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?\b(?!:){_OF_YEAR}",
        lambda m, s, _: _dated(s, _of_year(s, m[3], m[4]), m[1], m[2]),
    )
    yield (
        rf"\b({_MONTHS})\b\.?,?\s+(?:of\s+)?(?:(\d{{4}})|(last|this|next)\s+year)\b",
        lambda m, s, _: _dated(s, _of_year(s, m[2], m[3]), m[1], None),
    )
    yield (
        rf"\b(in|last|since|during|by|until|of|this|early|late|mid)[- ]({_MONTHS})\b",
        lambda m, s, _: _named_month(s, m[1], m[2]),
    )
    yield (
        rf"{_ABOUT}{_COUNT}\s+{_UNIT}\s+(?:ago|back|(?:before|earlier)(?=\s*(?:[.,!?;]|$)))(?![a-z])",
        lambda m, s, _: _apart(s, m[1], m[2], m[3], -1),
    )
    yield (
        rf"\bin\s+{_ABOUT}{_COUNT}\s+{_UNIT}\b",
        lambda m, s, tense: _apart(s, m[1], m[2], m[3], 1) if tense >= 0 else None,  # in three days: it took them
    )
    yield (
        rf"{_ABOUT_ZH}{_COUNT_ZH}\s*{_UNIT_ZH}\s*(?:以前|之前|前)",
        lambda m, s, _: _apart(s, m[1], m[2], m[3], -1),
    )
    yield (
        rf"{_ABOUT_ZH}{_COUNT_ZH}\s*{_UNIT_ZH}\s*(?:以后|之后|后)",
        lambda m, s, tense: _apart(s, m[1], m[2], m[3], 1) if tense >= 0 else None,  # of a story, after what was told
    )
    near = "|".join(sorted(_NEAR, key=len, reverse=True))
    yield (
        rf"(?<!from )(?<!after )(?<!before )(?<!ago )(?<!week )\b(?:{near})\b",
        lambda m, s, _: _day(s + dt.timedelta(days=_NEAR[m[0].lower()])),
    )
    near = "|".join(sorted(_NEAR_ZH, key=len, reverse=True))
    yield (
        f"(?<![以之目从提当今然最雨先随至如说大的年])(?:{near})",
        lambda m, s, _: _day(s + dt.timedelta(days=_NEAR_ZH[m[0]])),
    )
    yield r"\b(last|past|this|next)\s+(weekend|week|month|year|night)\b", lambda m, s, _: _beside(s, _english(m), m[2])
    yield rf"\b(last|past|this|next)\s+({_DAYS})\b", lambda m, s, _: _named_day(s, _english(m), _weekday(m[2]))
    yield (
        rf"(?<!ago )\bon\s+({_DAYS})\b(?!,?\s+(?:of\b|last\b|next\b|(?:the )?\d|{_MONTHS}|(?:a|two|three) week))",
        lambda m, s, tense: _some_day(s, tense, _weekday(m[1])),
    )
    yield rf"{_WHICH_ZH}(周末)", lambda m, s, _: _beside(s, _step(m[1]), m[2])
    yield (
        rf"{_WHICH_ZH}(?:周|星期|礼拜)([一二三四五六日天]){_NO_DAY_ZH}",
        lambda m, s, _: _day(_beside(s, _step(m[1]), "周").begin + dt.timedelta(days=_WEEKDAY_ZH[m[2]])),
    )
    yield (
        rf"(?<![{ZH}每逢个前的日号天(（])(?<![日号天] )(?:周|星期|礼拜)([一二三四五六日天]){_NO_DAY_ZH}",
        lambda m, s, tense: _some_day(s, tense, _WEEKDAY_ZH[m[1]]),
    )
    yield (
        rf"{_WHICH_ZH}月的?\s*(\d{{1,2}}|[一二三四五六七八九十]{{1,3}})\s*[日号]",
        lambda m, s, _: _day(_shifted_month(s, _step(m[1])).begin.replace(day=_number(m[2]))),
    )
    yield rf"{_WHICH_ZH}(周|星期|礼拜|月)", lambda m, s, _: _beside(s, _step(m[1]), m[2])
    yield (
        rf"(?<!大)(?:{_YEAR_NAMED_ZH})",
        lambda m, s, _: _year(s.year + _YEARS_ZH[m[0]]),
    )
    yield r"\b(?:in|since|during|of)\s+((?:19|20)\d{2})\b", lambda m, s, _: _year(int(m[1]))
    yield (
        r"(?<!\d)((?:19|20)\d{2}|(?:一九|二[〇零])[〇零一二三四五六七八九]{2})\s*年",
        lambda m, s, _: _year(year(m[1])),
    )


def _english(match: re.Match[str]) -> int:
    return _STEPS[match[1].lower()]


def _weekday(word: str) -> int:
    return _SHORT_DAYS.index(word.lower()[:3])


_READINGS: Final = [(re.compile(pattern, re.IGNORECASE), read) for pattern, read in _readings()]
