"""A scripted model behind a real server on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from assistant.paths import Paths
from tests.fakes.chat_model import FakeModels, ScriptedChatModel
from tests.fakes.web import Running, serving


@pytest.fixture
def model() -> ScriptedChatModel:
    return ScriptedChatModel(answers=["你好，世界。Hello, world."])


@pytest.fixture
async def server(paths: Paths, model: ScriptedChatModel) -> AsyncIterator[Running]:
    async with serving(paths, FakeModels(model)) as running:
        yield running


@pytest.fixture
async def http(server: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.address, trust_env=False) as client:
        yield client
