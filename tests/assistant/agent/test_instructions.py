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
        (
            "From now on call me Dr. Smith and answer in German. Why?",
            "From now on call me Dr. Smith and answer in German.",
            "",
        ),
        ("From now on call me Prof.Li. Ask Mrs. Wu.", "From now on call me Prof.Li.", "called"),
        (
            "I was at the Dr. From now on answer in German.",
            "I was at the Dr. From now on answer in German.",
            "language",
        ),
        ("I saw the Dr.\nFrom now on answer in German.", "From now on answer in German.", "language"),
    ],
)
def test_standing_instructions_are_caught(message: str, found: str, key: str) -> None:
    assert [(one.text, one.key) for one in instructions(message)] == [(found, key)]


@pytest.mark.parametrize(
    ("key", "first", "then"),
    [
        ("length", "From now on keep your answers short.", "Remember that my commute is long."),
        ("language", "From now on answer in German.", "Always write code comments in English."),
        ("language", "From now on answer in German.", "Whenever I send code, answer in English."),
        ("called", "Call me Ann.", "Remember to call me tomorrow."),
        ("called", "Call me Ann.", "Don't call me sir."),
        ("length", "From now on keep your answers short.", "Remember that I have long hair."),
        ("length", "Always answer briefly, in short sentences.", "Remember my long list of allergies."),
        ("length", "以后回答简短一点", "记住我的通勤时间很长，路上要详细规划"),
        ("language", "以后用中文回答", "以后代码注释用英文"),
        ("language", "以后用中文回答", "每次写邮件都用英文写"),
        ("called", "以后叫我老王", "记得明天叫我起床"),
        ("called", "From now on call me Ann.", "They call me Ishmael."),
        ("called", "From now on call me Ann.", "My friends at school always say they call me Annie."),
        ("called", "From now on call me Ann.", "Remember that everybody used to call me Annie."),
        ("language", "From now on answer in German.", "From now on answer in French and never call me sir."),
        ("called", "From now on call me Ann.", "They love me and call me Annie."),
        ("called", "以后叫我老王", "老师就叫我小明"),
        ("called", "以后叫我老王", "以后同学们可能会叫我小王"),
        ("called", "以后叫我老王", "记住，小时候妈妈总是叫我毛毛"),
    ],
)
def test_what_settles_something_else_takes_the_place_of_nothing(key: str, first: str, then: str) -> None:
    one, other = (next(instructions(message)).key for message in (first, then))
    assert one == key
    assert other != key


@pytest.mark.parametrize(
    ("message", "key"),
    [
        ("From now on keep your answers short.", "length"),
        ("I prefer your explanations detailed.", "length"),
        ("From now on be brief.", "length"),
        ("以后请简短地回答", "length"),
        ("以后说普通话", "language"),
        ("回答一律用英文，永远如此", "language"),
        ("I want your replies in French.", "language"),
        ("From now on speak Chinese to me.", "language"),
        ("以后叫我老王", "called"),
        ("Please call me Ann from now on.", "called"),
        ("From now on, you can just call me Ann", "called"),
        ("My name is William, but call me Bill.", "called"),
        ("I want you to call me Ann.", "called"),
        ("From now on be funny and call me Ann.", "called"),
        ("Remember that you should call me Ann.", "called"),
        ("Call me Ifeoma.", "called"),
        ("Call me Nowak, please.", "called"),
        ("叫我小红就好", "called"),
        ("我叫王明，你可以叫我小王", "called"),
        ("从现在起请你都叫我老板", "called"),
        ("以后就叫我老王吧", "called"),
        ("请称呼我为李博士", "called"),
        ("记住，以后叫我大刘", "called"),
    ],
)
def test_what_settles_the_same_has_the_same_key(message: str, key: str) -> None:
    assert [one.key for one in instructions(message)] == [key]


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
        "我妈妈叫我去买菜",
        "Call me a taxi.",
        "Call me crazy, but I like it.",
        "You can call me old-fashioned.",
        "",
    ],
)
def test_what_is_no_instruction_is_none(message: str) -> None:
    assert list(instructions(message)) == []


_PIECES = st.sampled_from(
    [
        "From now on",
        "always",
        " call me ",
        "以后叫我",
        "记住，",
        " Dr. ",
        "Smith",
        "`",
        "```",
        "> ",
        "<b>",
        "\n",
        ". ",
        "。",
        "? ",
        " ",
    ]
)


@given(st.lists(_PIECES | st.text(max_size=8), max_size=30).map("".join))
def test_every_instruction_is_a_piece_of_the_message(message: str) -> None:
    own = own_words(message)
    assert len(own) == len(message)
    for one in instructions(f"{message}\nAlways rhyme."):
        assert one.text in own or one.text == "Always rhyme."


@given(st.lists(_PIECES | st.text(max_size=8), max_size=30).map("".join))
def test_what_was_asked_for_first_is_found_whatever_comes_after(message: str) -> None:
    assert next(instructions(f"Always rhyme.\n{message}")).text == "Always rhyme."
