"""How a trial stands, in the terminal."""

from __future__ import annotations

import pytest

from assistant.cli.terminal import Terminal
from assistant.cli.trials import chances
from assistant.learning.recorder import TrialStanding
from assistant.memory.prompt_versions import Scope
from assistant.paths import Paths


@pytest.mark.parametrize("better", [0.995, 0.9999, 1.0])
def test_a_trial_that_goes_on_is_never_told_to_be_certain(paths: Paths, better: float) -> None:
    standing = TrialStanding(Scope("chat", "en"), "a", "b", 30, 30, 40.0, 82.0, 6, 0.5, better)
    assert chances(Terminal.open(), standing).startswith("Better with a probability of 99%.")


@pytest.mark.parametrize(("missing", "said"), [(6, "about 6 more"), (1000, "about 1000 more"), (2397, "many more")])
def test_how_many_ratings_are_missing_is_a_number_as_far_as_that_is_worth_one(
    paths: Paths, missing: int, said: str
) -> None:
    standing = TrialStanding(Scope("chat", "en"), "a", "b", 30, 30, 4.0, 82.0, missing, 0.5, 0.7)
    assert chances(Terminal.open(), standing).endswith(f"Not enough data yet: {said} ratings.")
