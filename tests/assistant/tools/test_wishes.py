"""Plain wishes are seen without a model, in both languages; anything else is left to it."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.tools.builtin.remind import resolved
from assistant.tools.wishes import plain_wish

NOW = dt.datetime(2026, 11, 26, 10, 0)


@pytest.mark.parametrize(
    ("message", "when", "what"),
    [
        ("remind me in 20 minutes to call mum", "2026-11-26 10:20", "call mum"),
        ("Please remind me tomorrow at 9 to pay the rent.", "2026-11-27 09:00", "pay the rent"),
        ("can you remind me to buy milk in 2 hours please?", "2026-11-26 12:00", "buy milk"),
        ("In an hour, remind me that the oven is on!", "2026-11-26 11:00", "the oven is on"),
        ("20分钟后提醒我关火", "2026-11-26 10:20", "关火"),
        ("明天下午三点提醒我给妈妈打电话好吗？", "2026-11-27 15:00", "给妈妈打电话"),
        ("你能提醒我周五交报告吗", "2026-11-27 09:00", "交报告"),
    ],
)
def test_a_plain_wish_is_a_reminder(message: str, when: str, what: str) -> None:
    wish = plain_wish(message, NOW)
    assert wish is not None
    assert (wish.tool, json.loads(wish.arguments)) == ("remind", {"when": when, "what": what})


@pytest.mark.parametrize(
    "message",
    [
        "Remind me what we said yesterday",
        "Remind me of what is planned for tomorrow",
        "She told me to remind me tomorrow",
        "Remind me to call mum",
        "Remind me in 5 minutes to go. What is the weather?",
        "> remind me in 5 minutes to pay\nWhat does he mean?",
        "提醒我昨天说了什么",
        "你为什么没有提醒我明天开会",
        "",
    ],
)
def test_what_is_not_surely_a_wish_is_none(message: str) -> None:
    assert plain_wish(message, NOW) is None


def test_a_reminder_comes_rather_a_little_late_than_early() -> None:
    wish = plain_wish("remind me in 1 minute to look", NOW.replace(second=50))
    assert wish is not None
    assert json.loads(wish.arguments)["when"] == "2026-11-26 10:02"


@given(st.text(max_size=300) | st.text(max_size=40).map(lambda text: f"remind me in 5 minutes {text}"))
def test_no_message_breaks_it(message: str) -> None:
    wish = plain_wish(message, NOW)
    if wish is not None:
        at = resolved(json.loads(wish.arguments)["when"], NOW)
        assert at is not None
        assert at > NOW


def test_times_in_a_persons_own_words() -> None:
    assert resolved("明天上午9点", NOW) == dt.datetime(2026, 11, 27, 9)
    assert resolved("in 20 minutes", NOW) == NOW + dt.timedelta(minutes=20)
    assert resolved("yesterday", NOW) is None
    assert resolved("soon", NOW) is None
