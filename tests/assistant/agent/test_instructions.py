from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.agent.instructions import instructions, own_words


@pytest.mark.parametrize(
    ("message", "found", "key"),
    [
        ("From now on answer in German. How high is Mount Everest?", "From now on answer in German.", "language"),
        ("Always show me the units.", "Always show me the units.", ""),
        ("Never use emojis in your replies", "Never use emojis in your replies", ""),
        ("Whenever I ask about recipes, use grams.", "Whenever I ask about recipes, use grams.", ""),
        ("Please remember that I am allergic to nuts.", "Please remember that I am allergic to nuts.", ""),
        ("Hi! Call me Captain.", "Call me Captain.", "called"),
        ("I prefer answers without tables.", "I prefer answers without tables.", ""),
        ("以后请用英文回答。珠峰有多高？", "以后请用英文回答。", "language"),
        ("请叫我老王", "请叫我老王", "called"),
        ("每次写代码都要加注释", "每次写代码都要加注释", ""),
        ("记住，我不吃辣。", "记住，我不吃辣。", ""),
        ("从现在开始回答简短一点", "从现在开始回答简短一点", "length"),
        ("不要再用表格了", "不要再用表格了", ""),
    ],
)
def test_standing_instructions_are_caught(message: str, found: str, key: str) -> None:
    assert [(one.text, one.key) for one in instructions(message)] == [(found, key)]


@pytest.mark.parametrize(
    "message",
    [
        "How do I always get the newest version?",
        "My brother is always late.",
        "I never liked him",
        "Do you always answer in English?",
        "```\nalways restart\n```",
        "> Never do this\nWhat does that mean?",
        "以后会下雨吗？",
        "他总说然后呢",
        "",
    ],
)
def test_what_is_no_instruction_is_none(message: str) -> None:
    assert list(instructions(message)) == []


@given(st.text(max_size=400))
def test_every_instruction_is_a_piece_of_the_message(message: str) -> None:
    assert len(own_words(message)) == len(message)
    for one in instructions(message):
        assert one.text in own_words(message)
