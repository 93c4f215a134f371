"""What counts as right."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.prompting.metric import METRICS

TEXTS = st.text(max_size=40)


@pytest.mark.parametrize(
    ("metric", "answer", "accepted", "score"),
    [
        ("exact", " (A)\nbecause", "A", 1),
        ("exact", "“Paris”。", "paris", 1),
        ("exact", "the answer is Paris", "Paris", 0),
        ("exact", "", "Paris", 0),
        ("exact", "", "*", 0),
        ("exact", "((", "] ) }", 0),
        ("exact", "] ) }", "] ) }", 1),
        ("label", "()", "*", 0),
        ("json", "null", "null", 1),
        ("json", "NaN", "1", 0),
        ("label", "science/technology.", "science/technology", 1),
        ("label", "ＳＰＯＲＴＳ", "sports", 1),
        ("numeric", "3 apples and 4 pears make 7.", "7", 1),
        ("numeric", "一共 1,250 元", "1250", 1),
        ("numeric", "７", "7", 1),
        ("numeric", "none", "7", 0),
        ("numeric", "about 0.00001", "1e-05", 1),
        ("numeric", "It is -5", "1e-05", 0),
        ("numeric", "1E+16", "10000000000000000", 1),
        ("numeric", "0", "0.0000001", 0),
        ("numeric", "1000001", "1000000", 0),
        ("numeric", "\u22125", "-5", 1),
        ("numeric", "5", "\u22125", 0),
        ("numeric", "1, 2,3", "3", 1),
        ("numeric", "1e999", "1e999", 1),
        ("exact", "{", '{\n  "id": 7\n}', 0),
        ("exact", '{\n    "ID": 7\n}\n', '{\n  "id": 7\n}', 1),
        ("exact", "- apples\n- bombs", "- apples\n- pears", 0),
        ("f1", "the cat sat", "the cat", 0.8),
        ("f1", "北京大学", "北京", 2 / 3),
        ("f1", "2024年5月1日", "2024年5月", 0.8),
        ("f1", "ＡＢＣ", "abc", 1),
        ("json", '{"a": 1, "b": 2}', '{"a": 0}', 1),
        ("json", '{"b": 2}', '{"a": 0}', 0),
        ("json", "{", '{"a": 0}', 0),
        ("length", "12345", "12345", 1),
        ("length", "123456789012345", "1234567890", 0.5),
        ("language", "你好", "早上好", 1),
        ("language", "hello", "早上好", 0),
        ("citations", "so it is [1][2]", "[2] and [3]", 0.5),
        ("citations", "so it is", "no source", 1),
    ],
)
def test_examples(metric: str, answer: str, accepted: str, score: float) -> None:
    assert METRICS[metric].score(answer, [accepted]) == pytest.approx(score)


@pytest.mark.parametrize(
    ("metric", "answer", "accepted", "valid"),
    [
        ("exact", "anything", "Paris", True),
        ("exact", "", "Paris", False),
        ("label", "anything", "sports", True),
        ("numeric", "It is -5.", "7", True),
        ("numeric", "seven", "7", False),
        ("json", '{"b": 2}', '{"a": 0}', True),
        ("json", '```json\n{"a": 0}\n```', '{"a": 0}', False),
        ("json", '{"a": [0, 1', '{"a": 0}', False),
        ("json", "", "null", False),
        ("citations", "so it is [7]", "[2] and [3]", True),
        ("citations", "so it is", "[2] and [3]", False),
        ("citations", "that is not known", "no source", True),
        ("citations", "", "no source", False),
        ("judge", "anything", "Paris", True),
        ("f1", "", "Paris", False),
    ],
)
def test_what_can_be_right_has_the_form_for_it(metric: str, answer: str, accepted: str, valid: bool) -> None:
    assert METRICS[metric].valid(answer, [accepted]) is valid


@pytest.mark.parametrize("name", sorted(METRICS))
@given(answer=TEXTS.map(str.strip).filter(bool), accepted=TEXTS.filter(str.strip))
def test_what_is_right_is_valid(name: str, answer: str, accepted: str) -> None:
    assert METRICS[name].score(answer, [accepted]) == 0 or METRICS[name].valid(answer, [accepted])


def test_chrf_is_high_for_a_near_miss_and_low_for_something_else() -> None:
    score = METRICS["chrf"].score
    assert score("the weather is fine", ["the weather is fine"]) == pytest.approx(1)
    assert score("the weather was fine", ["the weather is fine"]) > 0.7 > score("quack", ["the weather is fine"])


@pytest.mark.parametrize("name", sorted(METRICS))
@given(answer=TEXTS, accepted=st.lists(TEXTS, min_size=1, max_size=3))
def test_a_score_lies_between_0_and_1_and_more_accepted_answers_never_lower_it(
    name: str, answer: str, accepted: list[str]
) -> None:
    score = METRICS[name].score
    assert 0 <= score(answer, accepted[:1]) <= 1
    if name not in ("json", "language") and accepted[0]:
        assert score(answer, accepted) >= score(answer, accepted[:1])


def test_of_answers_with_several_lines_none_stops_after_the_first() -> None:
    metric = METRICS["label"]
    assert metric.one_line
    assert not metric.for_answers(["a", "a\nb"]).one_line
    assert metric.for_answers(["a", "b\n"]) is metric


@pytest.mark.parametrize("name", ["exact", "f1", "chrf"])
@given(answer=st.text(alphabet="abcdefg \n中文", min_size=1).filter(str.strip))
def test_the_accepted_answer_itself_is_right(name: str, answer: str) -> None:
    assert METRICS[name].score(answer, [answer]) == pytest.approx(1)
