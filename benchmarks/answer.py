"""What is asked of both sides, and what is noted of each answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MAX_TOKENS: Final = 96

_RULES = " ".join(
    f"Rule {number}: answer in short paragraphs, name your assumptions, and never invent a number."
    for number in range(1, 17)
)
WARM_UP: Final = ("warm-up", "Say one word.")
QUESTIONS: Final[tuple[tuple[str, str], ...]] = (
    ("short, Chinese", "请用三段话介绍一下长城的历史，从战国时期讲起。"),
    ("short, English", "Explain step by step how a bicycle stays upright while it is being ridden."),
    ("long, English", f"{_RULES}\n\nDescribe how a letter travels from a village in Norway to a city in China."),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """`first_token_s` counts from sending the question; `tokens_per_second` is of the tokens after the first."""

    question: str
    text: str
    prompt_tokens: int
    completion_tokens: int
    first_token_s: float
    tokens_per_second: float


def speed(tokens: int, first_token_s: float, total_s: float) -> float:
    """Tokens per second after the first one; 0 when there is nothing to measure."""
    return (tokens - 1) / (total_s - first_token_s) if tokens > 1 and total_s > first_token_s else 0.0
