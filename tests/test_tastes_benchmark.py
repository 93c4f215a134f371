"""What the benchmark of tastes says follows from the answers it is given."""

from __future__ import annotations

import pytest

from assistant.prompting.preference import learned
from benchmarks.prompts.tastes import Answers, chosen, ratings, table

SHORT = "猫是一种小动物。它睡得很多。"
LONG = "\n".join(f"{number}. 猫的第{number}个特点是这样的，这句话再多说一些。" for number in range(1, 12))
PROSE = "".join(f"猫还有一个特点是这样的，这句话再多说一些，第{number}句。" for number in range(1, 12))
BRIEF_LIST = "- 猫是一种小动物。\n- 它睡得很多。"
OTHERS = [f"第{number}种动物是什么？" for number in range(20)]
ANSWERS = Answers(
    [(f"第{number}个东西是什么？", (SHORT, LONG, PROSE)[number % 3] + "好" * (number % 5)) for number in range(120)],
    OTHERS,
    [[(LONG, PROSE)[number % 2] for number in range(20)], [BRIEF_LIST] * 20, [SHORT] * 20, [PROSE] * 20],
)


def short_without_list(answer: str) -> bool:
    return len(answer) < 60 and "-" not in answer


@pytest.mark.parametrize("seed", range(4))
def test_what_was_rated_is_chosen_and_not_what_only_looks_like_it(seed: int) -> None:
    judge, agreement = learned(ratings(ANSWERS, short_without_list, 60, seed))
    assert judge is not None
    assert agreement.is_shown
    truth = ANSWERS.gains(lambda _, answer: float(short_without_list(answer))).mean(axis=1)
    assert truth.tolist() == [0, 0, 1, 0]
    assert chosen(ANSWERS, judge, truth, guessing=False) == 1


def test_the_table_has_a_line_for_each_taste_and_number_of_ratings() -> None:
    lines = table(ANSWERS, [40], 5).splitlines()[2:]
    brief = next(line for line in lines if line.startswith("| at most 60 words"))
    assert brief.split(" | ")[1:5] == ["0%", "100%", "40", "5 of 5"]
    assert brief.rstrip(" |").endswith("5 of 5 | +100 | 0")
    never = next(line for line in lines if line.startswith("| an example"))
    assert "0 of 5 | – | 0 | 0 of 5 | – | 0" in never


def test_the_same_raters_say_the_same() -> None:
    assert ratings(ANSWERS, short_without_list, 30, 1) == ratings(ANSWERS, short_without_list, 30, 1)
    assert ratings(ANSWERS, short_without_list, 30, 1) != ratings(ANSWERS, short_without_list, 30, 2)
