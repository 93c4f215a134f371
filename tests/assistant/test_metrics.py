from __future__ import annotations

import pytest

from assistant.config import Settings
from assistant.models.engine import Engine
from assistant.models.protocol import Occupancy
from assistant.paths import Paths
from assistant.wiring import build
from tests.fakes.chat_model import FakeModels, ScriptedChatModel

BUSY = Occupancy(
    writing=2, waiting=3, cells=100, cells_used=40, memory=5, memory_limit=6, parked=7, parked_limit=8, shelf=9,
    shelf_limit=10, guessed=11, guessed_right=4,
)  # fmt: skip


async def test_what_models_and_kept_conversations_take_is_shown(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    async def occupancy(self: Engine) -> Occupancy:
        return BUSY

    monkeypatch.setattr(Engine, "occupancy", occupancy)
    async with build(paths, Settings(), models=FakeModels(ScriptedChatModel(answers=["."]))) as assistant:
        told = (await assistant.measure()).decode().splitlines()
    assert {
        "patina_answers_writing 2.0",
        "patina_requests_waiting 3.0",
        'patina_context_cells{use="used"} 40.0',
        'patina_context_cells{use="free"} 60.0',
        "patina_models_memory_bytes 5.0",
        "patina_models_memory_limit_bytes 6.0",
        'patina_kept_bytes{place="memory"} 7.0',
        'patina_kept_limit_bytes{place="memory"} 8.0',
        'patina_kept_bytes{place="disk"} 9.0',
        'patina_kept_limit_bytes{place="disk"} 10.0',
        'patina_guessed_tokens{outcome="right"} 4.0',
        'patina_guessed_tokens{outcome="wrong"} 7.0',
    } <= set(told)
