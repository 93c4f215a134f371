"""A scripted model behind a real server on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import openai
import pytest

from assistant.config import Settings
from assistant.models.chat_model import ChatModel
from assistant.paths import Paths
from assistant.server.app import create_app
from assistant.wiring import build
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
    async with httpx.AsyncClient(base_url=server.address, trust_env=False, timeout=60) as client:
        yield client


@asynccontextmanager
async def asking(paths: Paths, model: ChatModel) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application itself, for what does not depend on when something arrives: that is much quicker."""
    async with build(paths, Settings(), models=FakeModels(model)) as assistant:
        transport = httpx.ASGITransport(create_app(assistant, Settings()))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            yield client


def official(http: httpx.AsyncClient) -> openai.AsyncOpenAI:
    """OpenAI's own client on top of such a one."""
    given: Any = http  # its version decides which package's client its types name; it takes either
    return openai.AsyncOpenAI(base_url="http://localhost/v1", api_key="none", max_retries=0, http_client=given)
