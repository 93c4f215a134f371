"""A plain sum is seen without a model and comes out exact; what could mean something else is left to it."""

from __future__ import annotations

import datetime as dt
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.tools.arithmetic import calculate
from assistant.tools.plain_sums import plain_sum
from assistant.tools.wishes import plain_wish


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("What is 17.5 % of 2480?", "17.5% * 2480 = 434"),
        ("what's 12 times 13", "12 * 13 = 156"),
        ("Calculate 3 * (4 + 5)", "3 * (4 + 5) = 27"),
        ("2+2", "2+2 = 4"),
        ("7 - 9 =", "7 - 9 = -2"),
        ("How much is 10/4?", "10/4 = 2.5"),
        ("What is 9 / 12?", "9 / 12 = 0.75"),
        ("what is the square root of 144?", "sqrt(144) = 12"),
        ("2480的17.5%是多少？", "17.5% * 2480 = 434"),
        ("12乘以13等于多少", "12 * 13 = 156"),
        ("请帮我计算一下 1,234 + 5,678", "1,234 + 5,678 = 6912"),
        ("（3＋4）×5＝？", "(3+4)×5 = 35"),
        ("15的平方是多少", "15^2 = 225"),
        ("2的8次方是多少", "2^8 = 256"),
        ("100除以8得多少", "100 / 8 = 12.5"),
    ],
)
def test_a_plain_sum_is_computed(message: str, said: str) -> None:
    expression = plain_sum(message)
    assert expression is not None
    assert f"{expression} = {calculate(expression)}" == said
    wish = plain_wish(message, dt.datetime(2026, 11, 26, 10, 0))
    assert wish is not None
    assert wish.tool == "calculate"


@pytest.mark.parametrize(
    "message",
    [
        "What is 9/11?",
        "what is 24/7",
        "2019-2020",
        "What is 555-1234?",
        "3/4",
        "What is 80 + 15%?",
        "What is 5?",
        "17",
        "1/0 =",
        "What is 2 + x?",
        "2 + 2 = 5, is it not?",
        "Why is 2 + 2 = 4?",
        "I have 3 + 4 apples",
        "1.2.3",
        "192.168.0.1",
        "2026-11-26",
        "第3加4条是什么",
        "> 2 + 2\nWhat does he mean?",
        "",
    ],
)
def test_what_could_mean_something_else_is_none(message: str) -> None:
    assert plain_sum(message) is None


@given(st.integers(0, 10**9), st.sampled_from("+-*/"), st.integers(1, 10**9))
def test_what_is_asked_is_what_comes_out(left: int, sign: str, right: int) -> None:
    expression = plain_sum(f"What is {left} {sign} {right}?")
    assert expression is not None
    exact = {"+": Fraction(left + right), "-": Fraction(left - right), "*": Fraction(left * right)}
    said = calculate(expression)
    if sign in exact:
        assert Fraction(said) == exact[sign]
    else:
        assert abs(Fraction(said.split("≈")[-1].strip()) - Fraction(left, right)) <= Fraction(left, right) / 10**12


@given(st.text(max_size=200) | st.text("0123456789+-*/^()!%.,= ", max_size=60))
def test_nothing_is_too_odd_to_be_looked_at(message: str) -> None:
    expression = plain_sum(message)
    assert expression is None or calculate(expression)
