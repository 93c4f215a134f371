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
