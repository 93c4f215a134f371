"""When a reminder is due, read from what a person writes."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.memory.appointments import read

NOW = dt.datetime(2026, 11, 26, 17, 30)
"""A Thursday."""


@pytest.mark.parametrize(
    ("said", "at", "about"),
    [
        ("in 2 hours call mum", "2026-11-26 19:30", "call mum"),
        ("in half an hour tea", "2026-11-26 18:00", "tea"),
        ("in 5 days to renew the lease", "2026-12-01 17:30", "renew the lease"),
        ("call mum tomorrow at 9", "2026-11-27 09:00", "call mum"),
        ("tomorrow at 9:30 pm dentist", "2026-11-27 21:30", "dentist"),
        ("on friday pay rent", "2026-11-27 09:00", "pay rent"),
        ("next monday morning standup", "2026-11-30 09:00", "standup"),
        ("3 December at noon party", "2026-12-03 12:00", "party"),
        ("2026-12-01 10:00 launch", "2026-12-01 10:00", "launch"),
        ("at 16 leave", "2026-11-27 16:00", "leave"),
        ("remind me to call Bob in 3 hours", "2026-11-26 20:30", "call Bob"),
        ("明天 9 点 开会", "2026-11-27 09:00", "开会"),
        ("提醒我明天早上八点吃药", "2026-11-27 08:00", "吃药"),
        ("后天下午三点半 面试", "2026-11-28 15:30", "面试"),
        ("下周五上午10点 交报告", "2026-12-04 10:00", "交报告"),
        ("今晚九点半看球", "2026-11-26 21:30", "看球"),
        ("两个半小时后吃药", "2026-11-26 20:00", "吃药"),
        ("二十分钟后关火", "2026-11-26 17:50", "关火"),
        ("大后天 面试", "2026-11-29 09:00", "面试"),
        ("十五天后 交房租", "2026-12-11 17:30", "交房租"),
        ("周三 开会", "2026-12-02 09:00", "开会"),
        ("12月3日 生日", "2026-12-03 09:00", "生日"),
        ("买 9 点的票 明天", "2026-11-27 09:00", "买 9 点的票"),
        ("in ſıx hours kapıyı kapat", "2026-11-26 23:30", "kapıyı kapat"),
        ("at ９:30 tea", "2026-11-27 09:30", "tea"),
        ("at ٩:30 tea", "2026-11-27 09:30", "tea"),
        ("明天 ９ 点 开会", "2026-11-27 09:00", "开会"),
        ("mıdnight feed the cat", "2026-11-27 00:00", "feed the cat"),
        ("tomorrow mornıng tea", "2026-11-27 09:00", "tea"),
    ],
)
def test_the_time_is_read_and_what_it_is_about_is_left(said: str, at: str, about: str) -> None:
    found = read(said, NOW)
    assert found is not None
    assert (found.at, found.text) == (dt.datetime.fromisoformat(at), about)


@pytest.mark.parametrize(
    "said",
    [
        *("", "buy milk", "in 2 hours", "yesterday call mum", "in 0 minutes x", "in 5-six days tea", "at 25 x"),
        "31 February party",
    ],
)
def test_what_names_no_time_to_come_or_nothing_to_say_is_not_guessed(said: str) -> None:
    assert read(said, NOW) is None


@given(st.text(max_size=60) | st.text("in at 0123456789:十点半明天后上下周 hours", max_size=40))
def test_whatever_is_written_is_read_or_not_and_what_is_read_is_to_come(said: str) -> None:
    found = read(said, NOW)
    assert found is None or (found.at > NOW and found.text.strip())
