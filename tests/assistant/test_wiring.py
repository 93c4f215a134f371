from __future__ import annotations

from typing import Any

import pytest

from assistant import wiring
from assistant.config import EngineSettings, Settings
from assistant.models.engine import Engine
from assistant.paths import Paths
from tests.fakes.chat_model import FakeModels, ScriptedChatModel


@pytest.mark.parametrize(("megabytes", "told"), [(0, 0), (6000, 6_000_000_000)])
async def test_the_engine_is_told_what_models_may_take(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, megabytes: int, told: int
) -> None:
    handed: dict[str, Any] = {}

    def engine(*arguments: Any, **named: Any) -> Engine:
        handed.update(named)
        return Engine(*arguments, **named)

    monkeypatch.setattr(wiring, "Engine", engine)
    settings = Settings(engine=EngineSettings(memory=megabytes))
    async with wiring.build(paths, settings, models=FakeModels(ScriptedChatModel(answers=["."]))):
        assert handed["memory"] == told
