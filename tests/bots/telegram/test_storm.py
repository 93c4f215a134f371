"""The bot is killed while everything goes wrong: people see every answer once. The long version is in benchmarks."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.telegram.faults import Plan, storm


@pytest.mark.timeout(300)
async def test_killed_again_and_again_in_bad_weather_it_answers_everybody_once(tmp_path: Path) -> None:
    outcome = await storm(Plan(chats=8, turns=5, seed=5, kills=6, storm_s=100, calm_s=90, stalls=1), tmp_path)
    assert outcome.sound, outcome
    assert outcome.questions == 40
    assert outcome.kills == 6
    assert outcome.too_early <= outcome.kills, "whoever is killed before a wait is written down cannot know of it"
    assert outcome.faults["lost"] > 0, "a test without trouble shows nothing"
