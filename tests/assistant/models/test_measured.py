"""What was found to be quickest on a machine is kept, and damage to the file costs nothing but a new measurement."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.models.engine import Engine
from assistant.models.measured import Measured, Measurements
from assistant.models.protocol import ModelSpec

FOUND = Measured(threads=2, batch_threads=4, batch=256, beside=64, decode=30.5, prefill=240.0)


def test_what_was_measured_is_there_the_next_time(tmp_path: Path) -> None:
    path = tmp_path / "home" / "engine.json"
    Measurements(path).put("one", FOUND)
    Measurements(path).put("two", Measured(1, 1, 32, 32, 1.0, 2.0))
    assert Measurements(path).get("one") == FOUND
    assert Measurements(path).get("three") is None


@pytest.mark.parametrize("damage", ["", "[1]", "{", '{"one": {"threads": 2}}', '{"one": 7}'])
def test_a_damaged_file_is_as_good_as_none(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "engine.json"
    path.write_text(damage, "utf-8")
    assert Measurements(path).get("one") is None
    Measurements(path).put("one", FOUND)
    assert Measurements(path).get("one") == FOUND


@pytest.mark.model
async def test_a_model_is_measured_while_nobody_waits(real_model: Path, tmp_path: Path) -> None:
    spec = ModelSpec("qwen", real_model, context=512, threads=1, batch=64, measurements=tmp_path / "engine.json")
    engine = Engine()
    try:
        before = await engine.load(spec)
        while (found := await engine.load(spec)).choices == before.choices:
            pass
    finally:
        await engine.close()
    assert {choice.name: choice.why for choice in found.choices}["batch"] == "measured"
    assert {choice.name: choice.why for choice in found.choices}["threads"] == "settings"
