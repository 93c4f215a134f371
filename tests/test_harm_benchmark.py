"""`benchmarks.prompts.harm` on answers that are made up, so that it is known which prompt is how good."""

from __future__ import annotations

import numpy as np
import pytest

from assistant.prompting.candidate import Candidate
from assistant.prompting.evaluator import Answered
from assistant.prompting.metric import METRICS
from assistant.prompting.search_space import SearchSpace
from assistant.prompting.task import Item, Task
from benchmarks.prompts.grid import Matrix
from benchmarks.prompts.harm import Ended, ended, table


def matrix(*accuracies: float, items: int = 120) -> Matrix:
    """A candidate for each accuracy, whose right answers are drawn."""
    rng = np.random.default_rng(3)
    asked = tuple(Item(f"{number}", f"question {number}", ("yes",), f"{number}") for number in range(items))
    task = Task("made up", "Answer.", METRICS["exact"], 8, (), asked)
    space = SearchSpace(
        tuple(Candidate(f"Answer in manner {number}.") for number in range(len(accuracies))),
        tuple((f"manner {number}",) for number in range(len(accuracies))),
        (0.0,) * len(accuracies),
    )
    rows = []
    for accuracy in accuracies:
        right = rng.permutation(items) < accuracy * items
        answers = [
            Answered(one, "yes" if ok else "no", float(ok), True, 10, 5.0) for one, ok in zip(asked, right, strict=True)
        ]
        rows.append(answers)
    return Matrix(task, space, rows)


def test_who_begins_with_something_useless_ends_with_the_best() -> None:
    recorded = matrix(0.1, 0.8, 0.3, 0.2)
    for seed in range(3):
        run = ended(recorded, 0, 300, seed)
        assert (run.began_with, run.better) == (0, pytest.approx(0.7))
        assert run.ungated == pytest.approx(0.7)


def test_who_begins_with_the_best_keeps_it_where_trust_in_the_race_would_lose_it() -> None:
    recorded = matrix(0.6, *(0.55 for _ in range(11)))
    runs = [ended(recorded, 0, 150, seed) for seed in range(12)]
    assert all(run.better == 0 for run in runs)
    assert any(run.ungated < -0.02 for run in runs)


def test_the_same_order_is_the_same_run() -> None:
    recorded = matrix(0.5, 0.6, 0.4, 0.7)
    assert ended(recorded, 2, 200, 5) == ended(recorded, 2, 200, 5)


def test_the_table_counts_what_was_lost_by_what_a_run_began_with() -> None:
    scores = np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    runs = [Ended(0, -0.5, -0.5), Ended(0, 0.0, -0.5), Ended(2, 0.5, 1.0), Ended(3, -0.01, 0.0)]
    lines = table({"made up": runs}, {"made up": scores}).splitlines()
    assert lines[2].startswith("| made up | the best | 2 | 1 of 2 (≤ 97%) | 2 of 2 (≤ 100%) | -25.0 | -50.0 |")
    assert lines[4].startswith("| made up | any | 4 | 1 of 4 ")
    assert lines[5].startswith("| all | any | 4 | 1 of 4 ")
