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


def test_without_runs_there_is_no_table() -> None:
    assert tables.of([]) == []
