from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.memory.moments import Interval, mentioned

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
    ],
)
def test_times_are_read_against_the_day_they_are_said(text: str, begin: str, end: str) -> None:
    assert mentioned(text, _SAID)[0] == Interval(dt.date.fromisoformat(begin), dt.date.fromisoformat(end))


@pytest.mark.parametrize("text", ["I may go", "2023-02-31", "march on", "", "三个苹果", "sun and moon", "1:30 pm"])
def test_what_is_no_time_is_none(text: str) -> None:
    assert mentioned(text, _SAID) == ()


@given(st.text(alphabet="last yesterdmonthwk2023-05/年月日上下周前后天一二三 ago.in", max_size=60), st.dates())
def test_any_text_on_any_day_can_be_read(text: str, said: dt.date) -> None:
    assert all(one.begin <= one.end for one in mentioned(text, said))
