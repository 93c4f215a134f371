"""The tables of the comparison of optimisers say what was measured."""

from __future__ import annotations

from typing import Any

from benchmarks.prompts import tables


def run(side: str, final: float, **differs: Any) -> dict[str, Any]:
    made = {
        "side": side, "arm": "free", "budget": 300, "task": "trec", "seed": 0, "seed_test": 0.5, "final_test": final,
        "calls": 300, "seconds": 60.0, "tokens": 30_000,
    }  # fmt: skip
    return made | differs


def test_each_arm_and_budget_has_a_table_of_means() -> None:
    runs = [
        run("patina", 0.8),
        run("patina", 0.6, seed=1),
        run("mipro", 0.55, seconds=240.0),
        run("plain", 0.45, seed_test=None),
        run("patina", 0.9, arm="held"),
        run("patina", 0.95, budget=650),
    ]
    said = tables.of(runs)
    whole = "\n".join(said)
    assert "70.0 (2)" in whole
    assert "55.0 (1)" in whole
    assert "MIPROv2" in whole
    assert "90.0 (1)" in whole
    assert "95.0 (1)" in whole
    assert sum("| trec |" in line for line in whole.splitlines()) == 3


def test_what_makes_no_calls_stands_in_the_table_of_every_budget() -> None:
    """Examples that are shown as they come are the same ones, however many calls there are."""
    runs = [
        run("patina", 0.8),
        run("labelled", 0.5, calls=0),
        run("labelled", 0.4, calls=0, task="sst2"),
        run("mipro", 0.6),
        run("patina", 0.9, budget=650),
        run("mipro", 0.7, budget=650),
    ]
    *_, table, verdict = tables.of(runs)
    assert "about 650 calls" in table
    assert "| 50.0 (1) |" in table
    assert "sst2" not in table
    assert "LabeledFewShot +40.0 (1)" in verdict
    assert "MIPROv2 +20.0 (1)" in verdict


def test_examples_that_make_no_calls_are_no_budget_of_their_own() -> None:
    assert tables.of([run("labelled", 0.5, calls=0)]) == []


def test_without_runs_there_is_no_table() -> None:
    assert tables.of([]) == []
