"""The rules that read what people do next: right on plain cases, silent on look-alikes, the same however often read."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.learning.behaviour import (
    ABANDONED_AFTER_S,
    REPHRASED_WITHIN_S,
    is_correction,
    is_rephrased,
    is_thanks,
    read,
)
from assistant.memory.records import Attachment, Turn

ASKED = "How do I sort a list of words in Python?"
AGAIN = "How can I sort a list of words in Python quickly?"


def turn(id: str, question: str, parent: str | None = None, at: float = 0.0, **more: object) -> Turn:
    made = Turn(
        id=id,
        conversation_id="c",
        parent_id=parent,
        source="new",
        source_turn_id=None,
        face="page",
        person_id=None,
        status="done",
        question=question,
        answer="An answer.",
        created_at=at,
        finished_at=at + 1,
    )
    return dataclasses.replace(made, **more)  # type: ignore[arg-type]


def kinds(path: list[Turn], beside: tuple[Turn, ...] = (), stopped: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    return [(sign.turn_id, sign.kind) for sign in read(path, beside, stopped)]


@pytest.mark.parametrize(
    "words",
    ["No, the other one.", "That's wrong", "it still doesn't work", "I meant the second", "No that’s not right",
     "不对，应该是三", "错了", "我是说明天", "答案不对。", "你理解错了", "不是这个意思", "不，我要两个"],
)  # fmt: skip
def test_a_correction_is_one(words: str) -> None:
    assert is_correction(words)
    assert not is_thanks(words)


@pytest.mark.parametrize(
    "words",
    ["No, thanks", "No problem", "Nobody came", "Now what?", "No-code tools?", "Wrong answers only: 2+2?",
     "不对称加密是什么", "错了多少题", "不客气", "不知道怎么写", "看错了，是第二个"],
)  # fmt: skip
def test_what_only_looks_like_a_correction_is_none(words: str) -> None:
    assert not is_correction(words)


@pytest.mark.parametrize(
    "words",
    [
        "thanks, works",
        "Thank you so much!",
        "Great, now in C",
        "It works now",
        "谢谢，好了",
        "搞定",
        "太好了！",
        "谢谢，不错",
    ],
)
def test_thanks_are_thanks(words: str) -> None:
    assert is_thanks(words)
    assert not is_correction(words)


@pytest.mark.parametrize(
    "words",
    ["Thank you note for my boss", "Great Britain is where?", "Thanks for nothing", "thanks, but it does not work",
     "exactly how many?", "This works council, what is it?",
     "感谢信怎么写", "谢谢用英语怎么说", "谢谢，但是不对", "很好奇为什么"],
)  # fmt: skip
def test_what_only_looks_like_thanks_is_none(words: str) -> None:
    assert not is_thanks(words)


def test_a_no_that_answers_a_question_is_no_correction() -> None:
    assert is_correction("No, just one.")
    assert not is_correction("No, just one.", "Shall I write two?")
    assert is_correction("That's wrong.", "Shall I write two?")


def test_the_same_question_in_other_words_is_told_from_another_question() -> None:
    assert is_rephrased(ASKED, AGAIN)
    assert is_rephrased("怎么用Python给列表排序", "用Python怎么给列表排序？")
    for one, other in (
        ("What is the capital of France?", "What is the capital of Spain?"),
        ("今天天气怎么样", "明天天气怎么样"),
        ("continue", "continue"),
        ("继续", "继续"),
        ("What is 12 times 13 plus 4?", "What is 12 times 14 plus 4?"),
    ):
        assert not is_rephrased(one, other), (one, other)


def test_rephrasing_counts_within_minutes_by_the_same_person_and_without_new_files() -> None:
    first = turn("a", ASKED)
    again = turn("b", AGAIN, "a", at=60)
    file = Attachment("f", "f.txt", 1, "0" * 64, "x")
    assert kinds([first, again]) == [("a", "rephrased")]
    assert kinds([first, dataclasses.replace(again, created_at=REPHRASED_WITHIN_S + 2)]) == []
    assert kinds([first, dataclasses.replace(again, person_id="somebody else")]) == []
    assert kinds([first, dataclasses.replace(again, attachments=(file,))]) == []
    assert kinds([first, dataclasses.replace(again, source="regenerate")]) == []
    assert kinds([dataclasses.replace(first, status="failed"), again]) == []


def test_only_what_was_stopped_and_left_for_long_is_abandoned() -> None:
    first, late = turn("a", "Why?"), turn("b", "Something else", "a", at=ABANDONED_AFTER_S + 5)
    assert kinds([first, late]) == [], "nothing came for long, which says nothing"
    assert kinds([first, late], stopped=("a",)) == [("a", "abandoned")]
    assert kinds([first, dataclasses.replace(late, created_at=60)], stopped=("a",)) == []


def test_going_back_to_an_earlier_answer_and_on_from_it_keeps_it() -> None:
    first = turn("a", "Why?")
    newer = dataclasses.replace(turn("b", "Why?", at=9), source="regenerate", source_turn_id="a")
    after = turn("c", "And then what?", "a", at=20)
    (sign,) = read([first, after], [newer])
    assert (sign.kind, sign.turn_id, sign.other_turn_id) == ("kept", "a", "b")
    assert read([newer, dataclasses.replace(after, parent_id="b")], [first]) == [], "the newest is what is shown anyway"
    assert read([first, after], [dataclasses.replace(newer, compared=True)]) == [], "a duel is not asking again"


texts = st.text(max_size=60) | st.sampled_from([ASKED, AGAIN, "不对", "谢谢", "No, other", "thanks!", ""])


@given(st.lists(st.tuples(texts, st.floats(0, 9000), st.booleans()), max_size=6))
def test_the_same_turns_always_say_the_same_and_every_sign_needs_a_next_message(
    said: list[tuple[str, float, bool]],
) -> None:
    path: list[Turn] = []
    at = 0.0
    for number, (words, pause, _) in enumerate(said):
        at += pause
        path.append(turn(str(number), words, str(number - 1) if number else None, at=at))
    stopped = [str(number) for number, (_, _, was) in enumerate(said) if was]
    signs = read(path, (), stopped)
    assert signs == read(path, (), stopped)
    assert all(sign.turn_id != path[-1].id for sign in signs)
    opinions = [sign.turn_id for sign in signs if sign.kind != "abandoned"]
    assert len(opinions) == len(set(opinions)), "one answer is not corrected, thanked for and asked again at once"
    longer = [*path, turn("end", "x", path[-1].id if path else None, at=at)]
    assert read(longer, (), stopped)[: len(signs)] == signs, "what was read stays read"
