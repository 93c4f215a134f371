from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.memory.appointments import read
from assistant.memory.moments import Interval, mentioned, placed

_SAID = dt.date(2023, 5, 10)  # a Wednesday


@pytest.mark.parametrize(
    ("text", "begin", "end"),
    [
        ("I saw her last Friday", "2023-05-05", "2023-05-05"),
        ("yesterday we went out", "2023-05-09", "2023-05-09"),
        ("a couple of weeks ago", "2023-04-19", "2023-05-03"),
        ("What happened in June 2022?", "2022-06-01", "2022-06-30"),
        ("on 8 May", "2023-05-08", "2023-05-08"),
        ("May 3rd, 2021", "2021-05-03", "2021-05-03"),
        ("in December", "2022-12-01", "2022-12-31"),
        ("two days ago", "2023-05-08", "2023-05-08"),
        ("in 2019", "2019-01-01", "2019-12-31"),
        ("next week", "2023-05-15", "2023-05-21"),
        ("this weekend", "2023-05-13", "2023-05-14"),
        ("上周五去了医院", "2023-05-05", "2023-05-05"),
        ("去年的三月", "2022-03-01", "2022-03-31"),
        ("两天前", "2023-05-08", "2023-05-08"),
        ("2023年5月8日", "2023-05-08", "2023-05-08"),
        ("上个月", "2023-04-01", "2023-04-30"),
        ("前天", "2023-05-08", "2023-05-08"),
        ("3个星期前", "2023-04-16", "2023-04-22"),
        ("去年", "2022-01-01", "2022-12-31"),
        ("2021-02-03", "2021-02-03", "2021-02-03"),
        ("三十天前", "2023-04-10", "2023-04-10"),
        ("二十年前", "2003-01-01", "2003-12-31"),
        ("十五天前", "2023-04-25", "2023-04-25"),
        ("三天前天气很好", "2023-05-07", "2023-05-07"),
        ("大后天", "2023-05-13", "2023-05-13"),
        ("上上周五", "2023-04-28", "2023-04-28"),
        ("下下周三", "2023-05-24", "2023-05-24"),
        ("上上个月", "2023-03-01", "2023-03-31"),
        ("上个月五号", "2023-04-05", "2023-04-05"),
        ("二〇二一年五月", "2021-05-01", "2021-05-31"),
        ("98年3月2号", "1998-03-02", "1998-03-02"),
        ("五月八日", "2023-05-08", "2023-05-08"),
        ("去年的今天", "2022-01-01", "2022-12-31"),
        ("twenty-five days ago", "2023-04-15", "2023-04-15"),
        ("one hundred and five days ago", "2023-01-25", "2023-01-25"),
        ("last May", "2022-05-01", "2022-05-31"),
        ("in April last year", "2022-04-01", "2022-04-30"),
        ("on 12 April last year", "2022-04-12", "2022-04-12"),
        ("On Friday, May 19, we will leave", "2023-05-19", "2023-05-19"),
        ("on Friday of last week we met", "2023-05-01", "2023-05-07"),
        ("a year ago today", "2022-01-01", "2022-12-31"),
        ("去年今天", "2022-01-01", "2022-12-31"),
        ("5月19日（周五）出发", "2023-05-19", "2023-05-19"),
        ("两周前的周五我们吃了火锅", "2023-04-23", "2023-04-29"),
        ("See you on Friday", "2023-05-12", "2023-05-12"),
        ("On Friday we went out", "2023-05-05", "2023-05-05"),
        ("晚上周五见", "2023-05-12", "2023-05-12"),
        ("周五去了医院", "2023-05-05", "2023-05-05"),
        ("laſt week", "2023-05-01", "2023-05-07"),
        ("yeſterday", "2023-05-09", "2023-05-09"),
        ("laſt wee\N{KELVIN SIGN}", "2023-05-01", "2023-05-07"),
        ("ın sıx days", "2023-05-16", "2023-05-16"),
        ("LAST FRİDAY", "2023-05-05", "2023-05-05"),
        ("３ days ago", "2023-05-07", "2023-05-07"),
        ("３天前", "2023-05-07", "2023-05-07"),
        ("２０２３年５月８日", "2023-05-08", "2023-05-08"),
    ],
)
def test_times_are_read_against_the_day_they_are_said(text: str, begin: str, end: str) -> None:
    assert mentioned(text, _SAID)[0] == Interval(dt.date.fromisoformat(begin), dt.date.fromisoformat(end))


@pytest.mark.parametrize(
    ("text", "begin", "end"),
    [
        ("on Friday", "2023-05-05", "2023-05-12"),
        ("周五", "2023-05-05", "2023-05-12"),
        ("two or three days ago", "2023-05-07", "2023-05-08"),
        ("2-3 days ago", "2023-05-07", "2023-05-08"),
        ("2-three days ago", "2023-05-07", "2023-05-08"),
        ("two-3 days ago", "2023-05-07", "2023-05-08"),
        ("two–three days ago", "2023-05-07", "2023-05-08"),
        ("two-three days ago", "2023-05-07", "2023-05-08"),
        ("3to four days ago", "2023-05-06", "2023-05-07"),
        ("in 5-six days", "2023-05-15", "2023-05-16"),
        ("twenty-one to 22 days ago", "2023-04-18", "2023-04-19"),
        ("a hundred to a hundred and five days ago", "2023-01-25", "2023-01-30"),
        ("两三天前", "2023-05-07", "2023-05-08"),
        ("about three days ago", "2023-05-06", "2023-05-08"),
        ("大约三天前", "2023-05-06", "2023-05-08"),
        ("over ten years ago", "2008-01-01", "2013-12-31"),
        ("十几天前", "2023-04-21", "2023-04-30"),
        ("三十多天前", "2023-04-01", "2023-04-10"),
        ("好几天前", "2023-05-04", "2023-05-08"),
        ("半年前", "2022-11-01", "2022-12-01"),
    ],
)
def test_what_is_vague_is_longer_and_never_one_day(text: str, begin: str, end: str) -> None:
    assert mentioned(text, _SAID) == (Interval(dt.date.fromisoformat(begin), dt.date.fromisoformat(end)),)


@pytest.mark.parametrize(
    "text",
    [
        *("几十年前", "第三天后", "三天后他走了", "今后天气", "一周五次", "每周五", "每年五月", "二百五天前"),
        *("twenty-five-six days ago", "2-hundredfive days ago", "one hundredfive days ago"),
        *("I did it in three days", "two days before the wedding", "two thousand five days ago", "1,000 days ago"),
        *("two years and three months ago", "a week from tomorrow", "This may be wrong", "five twenty days ago"),
    ],
)
def test_what_is_not_understood_as_a_whole_is_not_read_in_part(text: str) -> None:
    assert mentioned(text, _SAID) == ()


@pytest.mark.parametrize("text", ["I may go", "2023-02-31", "march on", "", "三个苹果", "sun and moon", "1:30 pm"])
def test_what_is_no_time_is_none(text: str) -> None:
    assert mentioned(text, _SAID) == ()


_ONES = ("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = ("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def _spelt(number: int) -> str:
    hundreds, rest = divmod(number, 100)
    below = _TEENS[rest - 10] if 10 <= rest < 20 else "-".join(filter(None, [_TENS[rest // 10], _ONES[rest % 10]]))
    return " and ".join(filter(None, [f"{_ONES[hundreds]} hundred" if hundreds else "", below]))


def _spelt_zh(number: int) -> str:
    hundreds, tens, ones = (int(digit) for digit in f"{number:03}")
    said = f"{'零一二三四五六七八九'[hundreds]}百" if hundreds else ""
    if tens:
        said += f"{'' if tens == 1 and not hundreds else '一二三四五六七八九'[tens - 1]}十"
    elif hundreds and ones:
        said += "零"
    return said + "零一二三四五六七八九"[ones] if ones else said


@given(st.integers(1, 999), st.dates(dt.date(1900, 1, 1)))
def test_a_number_of_days_is_read_whole_in_every_way_it_is_written(number: int, said: dt.date) -> None:
    then = said - dt.timedelta(days=number)
    for text in (f"{number}天前", f"{_spelt_zh(number)}天前", f"{number} days ago", f"{_spelt(number)} days ago"):
        assert mentioned(f"It rained {text}.", said) == (Interval(then, then),), text
        assert mentioned(f"那是{text}的事", said) == (Interval(then, then),), text


@given(st.integers(1, 998), st.integers(1, 998), st.sampled_from(["-", "–", " to ", "to", " or "]), st.data())
def test_a_range_is_read_whole_however_its_ends_are_written(one: int, other: int, to: str, data: st.DataObject) -> None:
    low, high = min(one, other), max(one, other) + 1
    written = [str, _spelt, lambda number: str(number).translate({48 + digit: 0xFF10 + digit for digit in range(10)})]
    ends = [data.draw(st.sampled_from(written), label="written")(number) for number in (low, high)]
    then = Interval(_SAID - dt.timedelta(days=high), _SAID - dt.timedelta(days=low))
    assert mentioned(f"It rained {to.join(ends)} days ago.", _SAID) == (then,)


@given(st.integers(1, 99), st.dates(dt.date(1900, 1, 1), dt.date(2200, 1, 1)))
def test_years_are_counted_whole_too(number: int, said: dt.date) -> None:
    year = said.year - number
    for text in (f"{_spelt_zh(number)}年前", f"{_spelt(number)} years ago"):
        assert mentioned(text, said) == (Interval(dt.date(year, 1, 1), dt.date(year, 12, 31)),), text


@given(st.integers(1900, 2099), st.integers(1, 12))
def test_a_year_digit_by_digit_is_that_year(year: int, month: int) -> None:
    digits = "".join("〇一二三四五六七八九"[int(digit)] for digit in str(year))
    begin = dt.date(year, month, 1)
    assert mentioned(f"{digits}年{_spelt_zh(month)}月", _SAID)[0].begin == begin
    assert mentioned(f"{digits.replace('〇', '零')}年{month}月", _SAID)[0].begin == begin
    assert mentioned(f"{digits}年", _SAID)[0] == Interval(dt.date(year, 1, 1), dt.date(year, 12, 31))


@given(st.integers(1, 3), st.integers(0, 6), st.dates(dt.date(1900, 1, 1), dt.date(2200, 1, 1)))
def test_weeks_are_counted_by_their_words(weeks: int, weekday: int, said: dt.date) -> None:
    monday = said - dt.timedelta(days=said.weekday())
    for sign, word in ((-1, "上"), (1, "下")):
        then = monday + dt.timedelta(days=weekday + 7 * sign * weeks)
        assert mentioned(f"{word * weeks}周{'一二三四五六日'[weekday]}", said) == (Interval(then, then),)


@given(st.integers(0, 6), st.dates(dt.date(1900, 1, 1), dt.date(2200, 1, 1)))
def test_a_weekday_is_past_or_to_come_as_its_sentence_is(weekday: int, said: dt.date) -> None:
    name, name_zh = dt.date(2023, 5, 1 + weekday).strftime("%A"), "周" + "一二三四五六日"[weekday]
    for text in (f"We met on {name}.", f"{name_zh}我们吃了火锅"):
        (past,) = mentioned(text, said)
        assert (past.days, past.begin.weekday()) == (1, weekday)
        assert 1 <= (said - past.begin).days <= 7
    for text in (f"See you on {name}!", f"{name_zh}我要去医院"):
        (coming,) = mentioned(text, said)
        assert (coming.days, coming.begin.weekday()) == (1, weekday)
        assert 0 <= (coming.begin - said).days < 7
    (either,) = mentioned(f"the report on {name}", said)
    assert either.begin < said <= either.end


_COUNTED = st.sampled_from(
    [*_ONES[1:], *_TENS[2:], "zero", "ten", "eleven", "a", "an", "hundred", "and", "a few", "couple of", "0", "2", "13",
     "105", "９", "３４", "٣", "一", "两三", "十", "十几", "百", "半", "几"]
)  # fmt: skip
_JOINED = st.sampled_from(["-", "–", "to", "or", " to ", " or ", " - ", "-to-", "", " ", "、", "到"])
_PLACED = st.sampled_from(
    ["{} days ago", "in {} days", "{}weeks back", "{} months earlier", "about {} years ago", "{}天前", "{}个月后",
     "大约{}年前", "{}月{}日", "{} May", "on {} May last year", "last {}", "上周{}", "remind me in {} hours to {}",
     "at {}:{} tea", "{}分钟后{}", "{}点{}分开会", "tomorrow at {}"]
)  # fmt: skip
_FOLDED = str.maketrans({"s": "ſ", "k": "\N{KELVIN SIGN}", "i": "ı", "I": "İ"})


@st.composite
def numbered(draw: st.DrawFn) -> str:
    """A time with numbers as nobody would write them, in letters that a search without case takes for others."""
    counts = [
        draw(st.one_of(_COUNTED, st.builds("".join, st.tuples(_COUNTED, _JOINED, _COUNTED, _JOINED, _COUNTED))))
        for _ in range(2)
    ]
    said = draw(_PLACED).format(*counts)
    letters = draw(st.lists(st.booleans(), min_size=len(said), max_size=len(said)))
    return "".join(one.translate(_FOLDED) if odd else one for one, odd in zip(said, letters, strict=True))


@given(numbered(), st.dates(), st.booleans())
def test_numbers_of_every_making_can_be_read(text: str, said: dt.date, ahead: bool) -> None:
    assert all(text[slice(*span)] and one.begin <= one.end for span, one in placed(text, said, ahead=ahead))
    found = read(text, dt.datetime.combine(_SAID, dt.time(9)))
    assert found is None or found.text.strip()


@given(
    st.text(alphabet="last yesterdmonthwk2023-05/年月日上下周前后天一二三十百多几半零〇两大约 ago.in", max_size=60),
    st.dates(),
)
def test_any_text_on_any_day_can_be_read(text: str, said: dt.date) -> None:
    assert all(one.begin <= one.end for one in mentioned(text, said))
