"""Some seconds of the soak test; `python -m benchmarks.soak` is the long one."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.soak import faults, soak


@pytest.mark.model
async def test_people_who_come_go_give_up_and_kill_leave_nothing_behind(real_model: Path, tmp_path: Path) -> None:
    report = await soak(real_model, tmp_path, seconds=2, rounds=2)
    assert faults(report) == []
    assert report.kills == 1
    assert report.asked > 8
    assert report.outcomes["deleted"] >= 2
