"""Sums come out exactly, and nothing anybody writes is more than a sum."""

from __future__ import annotations

import time
from contextlib import suppress
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.tools.arithmetic import NotArithmetic, calculate


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("0.1 + 0.2", "0.3"),
        ("17.5 * 348", "6090"),
        ("15% * 840", "126"),
        ("（１２＋３）×２＝", "30"),
        ("1,234.50 * 2 = ?", "2469"),
        ("2^3^2", "512"),
        ("-2^2", "-4"),
        ("2^-2", "0.25"),
        ("7 mod 3 + 7 // 2", "4"),
        ("√16 + sqrt(9/4)", "5.5"),
        ("10! / 8!", "90"),
        ("round(2.567, 1) + max(1, 5, 3)", "7.6"),
        ("1/3", "1/3 ≈ 0.333333333333333"),
        ("2^64", "18446744073709551616"),
    ],
)
def test_sums_as_people_write_them(written: str, value: str) -> None:
    assert calculate(written) == value


@pytest.mark.parametrize(
    "written",
    [
        "",
        "1/0",
        "0^-1",
        "sqrt(-1)",
        "2 +",
        "((1)",
        "__import__('os')",
        "9^9^9^9",
        "1e999^9",
        "701!",
        "(" * 200,
        "x",
    ],
)
def test_what_is_no_sum_or_too_large_is_refused_at_once(written: str) -> None:
    began = time.perf_counter()
    with pytest.raises(NotArithmetic):
        calculate(written)
    assert time.perf_counter() - began < 1


@given(st.text(alphabet="0123456789.+-*/^()%!, esqrtpimodabun", max_size=60) | st.text(max_size=60))
def test_anything_at_all_is_a_value_or_refused(written: str) -> None:
    with suppress(NotArithmetic):
        assert calculate(written)


@given(st.integers(-(10**12), 10**12), st.integers(-(10**12), 10**12), st.integers(1, 10**6))
def test_whole_numbers_and_fractions_are_exact(one: int, other: int, third: int) -> None:
    assert calculate(f"({one}) * ({other}) - {third}") == str(one * other - third)
    assert Fraction(calculate(f"{one} / {third}").partition(" ")[0] or "0") == Fraction(one, third)
