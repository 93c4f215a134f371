"""Sentences are tied to the passages that carry them, and what no passage says is shown as such."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.knowledge.citations import marked, sentences, statements

TOWER = "The Eiffel Tower was completed in 1889 and is 330 metres tall. It stands in Paris."
WALL = "长城始建于公元前七世纪，全长约21196公里。"
FRUIT = "Bananas are rich in potassium."
PASSAGES = [TOWER, WALL, FRUIT]


def tied(answer: str, question: str = "") -> list[tuple[str, int | None]]:
    return [(answer[one.start : one.end], one.passage) for one in statements(answer, PASSAGES, question)]


def test_each_sentence_rests_on_the_passage_that_says_it_in_either_language() -> None:
    assert tied("The tower is 330 metres tall. Bananas contain potassium! 长城全长约21196公里。") == [
        ("The tower is 330 metres tall.", 0),
        ("Bananas contain potassium!", 2),
        ("长城全长约21196公里。", 1),
    ]


@pytest.mark.parametrize("claim", ["It weighs 7,300 tonnes.", "它有一亿块砖。", "Napoleon ordered the construction."])
def test_what_no_passage_says_rests_on_none(claim: str) -> None:
    assert tied(claim) == [(claim, None)]


def test_another_figure_makes_a_sentence_weak() -> None:
    [right], [wrong] = (statements(f"The tower is {metres} metres tall.", PASSAGES) for metres in (330, 331))
    assert not right.is_weak
    assert wrong.is_weak


def test_to_repeat_the_question_supports_nothing() -> None:
    question = "Is the Eiffel Tower in Paris older than the Louvre in Paris?"
    [echo] = statements("The Louvre is older than the Eiffel Tower.", [TOWER], question)
    assert echo.is_weak


def test_greetings_questions_headings_and_code_claim_nothing() -> None:
    assert tied("# The tower in Paris\nSure.\nIs the tower tall?\n```\nprint(330)\n```\n好的。") == []


def test_numbers_the_model_wrote_are_replaced() -> None:
    answer = "The tower is 330 metres tall [3]. It weighs 7,300 tonnes [1][2]. See a[1] in code."
    assert marked(answer, statements(answer, PASSAGES)).startswith(
        "The tower is 330 metres tall [1]. It weighs 7,300 tonnes."
    )


def test_a_sentence_in_another_language_is_compared_by_meaning() -> None:
    def likeness(texts: object) -> np.ndarray:
        return np.array([[1.0, 0.0], [0.95, 0.312], [0.8, 0.6]])

    answer = "埃菲尔铁塔于1889年建成。"
    assert statements(answer, [TOWER, FRUIT])[0].passage is None or statements(answer, [TOWER, FRUIT])[0].is_weak
    [one] = statements(answer, [TOWER, FRUIT], likeness=likeness)
    assert (one.passage, one.is_weak) == (0, False)


TEXT = st.text(st.sampled_from("ab 1.。!？\n```[2]，中文字#-"), max_size=80)


@given(TEXT)
def test_spans_are_in_order_within_the_answer_and_hold_something(answer: str) -> None:
    last = 0
    for start, end in sentences(answer):
        assert last <= start < end <= len(answer)
        assert answer[start:end] == answer[start:end].strip()
        last = end


@given(TEXT, st.lists(TEXT, max_size=3), TEXT)
def test_any_text_can_be_checked_and_marking_loses_no_word(answer: str, passages: list[str], question: str) -> None:
    found = statements(answer, passages, question)
    assert all(0 <= one.support <= 1 for one in found)
    letters = [letter for letter in marked(answer, found) if letter in "ab中文字"]
    assert letters == [letter for letter in answer if letter in "ab中文字"]


def test_figures_written_as_words_are_figures_too() -> None:
    said = ["每人最多可借阅十二本书，逾期每天罚款两角。", "The notice period is three months."]
    [spelt, wrong, right, other] = (
        statements(one, said)[0]
        for one in (
            "每人最多可借阅12本书。",
            "逾期每天罚款五元。",
            "Notice takes 3 months.",
            "Notice takes four months.",
        )
    )
    assert (spelt.passage, spelt.is_weak) == (0, False)
    assert wrong.is_weak
    assert (right.passage, right.is_weak) == (1, False)
    assert other.is_weak


def test_a_single_word_rests_on_the_passage_that_has_it_beside_what_was_asked() -> None:
    [name] = statements("Paris.", PASSAGES, "Where does the Eiffel Tower stand?")
    assert name.passage == 0
    [unknown] = statements("Lyon.", PASSAGES, "Where does the Eiffel Tower stand?")
    assert unknown.passage is None
    assert statements("Yes.", PASSAGES, "Is it tall?") == []


@pytest.mark.parametrize(
    "said", ["That is not in the documents.", "文档中没有这个内容。", "The passages do not mention it."]
)
def test_to_say_that_it_is_not_there_claims_nothing(said: str) -> None:
    assert statements(said, PASSAGES, "How heavy is the tower?") == []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("The Moerlein Co. was founded in 1853. It closed.", ["The Moerlein Co. was founded in 1853.", "It closed."]),
        ("J. R. R. Tolkien met Dr. Brown, e.g. in 1920. Go.", ["J. R. R. Tolkien met Dr. Brown, e.g. in 1920.", "Go."]),
        ("He said “no.” She left.", ["He said “no.”", "She left."]),
        ("It costs 2.50 euros. 3 is more.", ["It costs 2.50 euros.", "3 is more."]),
        ("图书馆九点开门。周日十一点。", ["图书馆九点开门。", "周日十一点。"]),
    ],
)
def test_a_full_stop_ends_a_sentence_only_where_another_begins(answer: str, expected: list[str]) -> None:
    assert [answer[start:end] for start, end in sentences(answer)] == expected
