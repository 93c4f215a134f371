"""The official client against the real model."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest

from assistant.config import EngineSettings, Settings
from assistant.paths import Paths
from tests.fakes.web import serving

pytestmark = pytest.mark.model


@pytest.fixture
async def client(paths: Paths, real_model: Path) -> AsyncIterator[openai.AsyncOpenAI]:
    settings = Settings(model=str(real_model), engine=EngineSettings(context=2048))
    http = openai.DefaultAsyncHttpxClient(trust_env=False)
    async with (
        serving(paths, None, settings) as running,
        openai.AsyncOpenAI(base_url=f"{running.address}/v1", api_key="none", max_retries=0, http_client=http) as client,
    ):
        yield client


async def test_chat_json_tools_and_a_broken_off_stream(client: openai.AsyncOpenAI) -> None:
    # One test for all of it, so that the model is loaded once.
    (listed,) = [found.id async for found in client.models.list()]
    system = "你是一个乐于助人的助手。" * 20
    question: Any = [{"role": "system", "content": system}, {"role": "user", "content": "用中文说一句问候语。"}]

    first = await client.chat.completions.create(model=listed, messages=question, max_tokens=16, seed=1)
    assert any("\u4e00" <= character <= "\u9fff" for character in first.choices[0].message.content or "")
    again = await client.chat.completions.create(model=listed, messages=question, max_tokens=16, seed=1)
    assert again.choices[0].message.content == first.choices[0].message.content
    free = await client.chat.completions.create(model=listed, messages=question, max_tokens=4)
    assert free.usage is not None
    assert free.usage.prompt_tokens_details is not None
    assert (free.usage.prompt_tokens_details.cached_tokens or 0) > free.usage.prompt_tokens // 2

    likely = await client.chat.completions.create(
        model=listed, messages=question, max_tokens=8, temperature=0, logprobs=True, top_logprobs=20
    )
    told = likely.choices[0].logprobs
    assert told is not None
    tokens = told.content or []
    text = b"".join(bytes(token.bytes or ()) for token in tokens).decode(errors="ignore")
    assert text == likely.choices[0].message.content
    for token in tokens:
        assert token.logprob == token.top_logprobs[0].logprob
        assert 0.5 < sum(math.exp(other.logprob) for other in token.top_logprobs) <= 1.001

    schema = {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 20}, "population": {"type": "integer"}},
        "required": ["city", "population"],
        "additionalProperties": False,
    }
    shaped = await client.chat.completions.create(
        model=listed,
        messages=[{"role": "user", "content": "Name a city and its population."}],
        response_format={"type": "json_schema", "json_schema": {"name": "city", "schema": schema, "strict": True}},
        max_tokens=80,
        temperature=0,
    )
    assert set(json.loads(shaped.choices[0].message.content or "")) == {"city", "population"}

    held = await client.chat.completions.create(
        model=listed, messages=question, temperature=0, extra_body={"grammar": 'root ::= "copper" | "tin"'}
    )
    assert held.choices[0].message.content in {"copper", "tin"}

    function = {"name": "weather", "description": "Weather of a city", "parameters": schema}
    called = await client.chat.completions.create(
        model=listed,
        messages=[{"role": "user", "content": "How is the weather in Beijing?"}],
        tools=[{"type": "function", "function": function}],  # type: ignore[list-item,typeddict-item]
        tool_choice={"type": "function", "function": {"name": "weather"}},
        max_tokens=80,
        temperature=0,
    )
    assert called.choices[0].finish_reason == "tool_calls"
    calls: Any = called.choices[0].message.tool_calls
    assert calls[0].function.name == "weather"
    assert "city" in json.loads(calls[0].function.arguments)

    stream = await client.chat.completions.create(
        model=listed,
        messages=[{"role": "user", "content": "Count from 1 to 500 in words."}],
        max_tokens=1000,
        stream=True,
    )
    await anext(aiter(stream))
    await stream.close()
    began = time.monotonic()
    async with asyncio.timeout(60):
        await client.chat.completions.create(model=listed, messages=question, max_tokens=1)
    print(f"the next request after a broken-off stream took {time.monotonic() - began:.2f} s")  # noqa: T201


async def test_a_prompt_longer_than_the_window_is_refused(client: openai.AsyncOpenAI) -> None:
    long: Any = [{"role": "user", "content": "很长 " * 4000}]
    with pytest.raises(openai.BadRequestError) as caught:
        await client.chat.completions.create(model="", messages=long)
    assert caught.value.code == "context_length_exceeded"
    assert "2048" in caught.value.message
