"""What a better prompt may cost."""

from __future__ import annotations

from assistant.prompting.crowding import crowding
from assistant.prompting.evaluator import Answered
from assistant.prompting.limits import Limits, exceeded, too_slow
from assistant.prompting.task import item


def answers(tokens: int, valid: float) -> list[Answered]:
    asked = item({"input": "a", "output": "b"})
    return [Answered(asked, "b", 1.0, number < valid * 100, tokens, 100.0) for number in range(100)]


def test_no_accuracy_buys_off_time_length_or_form() -> None:
    limits = Limits()
    assert not too_slow(limits, 200, 1600), "a second and a half more is bearable"
    assert too_slow(limits, 200, 1800)
    assert not too_slow(limits, 6000, 8900), "so is half as much again"
    assert not too_slow(limits, 2000, 4500, crowding=10), "and what others on this machine make it longer"
    assert too_slow(limits, 2000, 18000, crowding=10)
    assert exceeded(limits, answers(100, 1), answers(1601, 1)) == "too_long"
    assert exceeded(limits, answers(1600, 1), answers(1610, 1)) is None, "the questions themselves may be long"
    assert exceeded(limits, answers(1600, 1), answers(3200, 1)) == "too_long"
    assert exceeded(limits, answers(100, 1), answers(100, 0.9)) == "worse_form"
    assert exceeded(limits, answers(100, 0.5), answers(1000, 1)) is None


def test_a_crowd_never_makes_anything_quicker() -> None:
    assert 1 <= crowding() <= 20
