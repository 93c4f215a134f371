"""The gate lets by what is better, and nearly never what is not, however often one looks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.prompting.gate import Gate


@pytest.mark.parametrize("lift", [0.0, -0.1])
def test_what_is_no_better_passes_in_fewer_than_one_of_twenty_looks_at_everything(lift: float) -> None:
    rng = np.random.default_rng(4)
    passed = 0
    for _ in range(1000):
        moved = rng.random(150) < 0.3
        signs = np.where(rng.random(150) < 0.5 + lift, 1, -1) * moved
        gate = Gate()
        for difference in signs:
            gate.see([float(difference)])
        passed += gate.decision == "better"
    assert passed <= 50


def test_a_large_gain_is_seen_soon() -> None:
    gate = Gate()
    for seen in range(1, 40):
        if gate.see([1.0 if seen % 3 else 0.0]) == "better":
            break
    assert seen <= 15
    assert gate.error <= 0.05
    assert gate.see([-1.0] * 20) == "better", "what was shown stays shown"


@given(st.lists(st.sampled_from([-1.0, 0.0, 0.5, 1.0]), max_size=30), st.integers(0, 30))
def test_it_is_hopeless_only_if_nothing_could_help(differences: list[float], left: int) -> None:
    gate = Gate()
    gate.see(differences)
    if gate.hopeless(left):
        assert gate.see([1.0] * left) == "open"
    elif gate.decision == "open":
        assert gate.see([1.0] * left) == "better"


def test_a_difference_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="between -1 and 1"):
        Gate().see([1.5])
