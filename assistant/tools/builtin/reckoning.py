"""Tools that know nothing of anybody: arithmetic, and what day it is."""

from __future__ import annotations

from assistant.tools.arithmetic import calculate as compute
from assistant.tools.base import Asked, Tool, tool


def reckoning() -> tuple[Tool, ...]:
    return calculate, today


@tool(permission="free", seconds=5)
def calculate(expression: str) -> str:
    """Compute an arithmetic expression exactly. Use it for every calculation.

    Args:
        expression: Numbers with + - * / ^ ( ) % ! and sqrt, abs, round, min, max, such as (3 + 4) * 15% or 2^64.
    """
    return f"{expression.strip()} = {compute(expression)}"


@tool(permission="free", seconds=5)
def today(asked: Asked) -> str:
    """Tell the date, the day of the week and the time of day."""
    return asked.now.strftime("%Y-%m-%d, %A, %H:%M")
