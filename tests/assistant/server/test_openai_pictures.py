"""Pictures that OpenAI clients send: passed on to a model on another server that sees, refused by name otherwise."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import openai
import pytest

from assistant.api import Assistant
from assistant.config import RemoteModel, Settings, ToolSettings
from assistant.paths import Paths
from assistant.server.app import create_app
from assistant.wiring import build
from tests.assistant.server.conftest import official
from tests.fakes.openai_server import FakeOpenAIServer, delta
from tests.fakes.pictures import as_url, opened, photo, picture, zipped

SMALL = picture(size=(20, 10))


@asynccontextmanager
async def _asking(paths: Paths) -> AsyncIterator[tuple[FakeOpenAIServer, Assistant, openai.AsyncOpenAI]]:
    """A model called seer, which sees, and one called blind, which does not, on the same server."""
    async with FakeOpenAIServer(delta(content="A wall."), delta("stop"), "[DONE]") as server:
        remote = {
            name: RemoteModel(url=server.url, model=name, context=16_384, sees=name == "seer")
            for name in ("seer", "blind")
        }
        settings = Settings(model="seer", remote=remote, tools=ToolSettings(offered=False))
        async with build(paths, settings) as assistant:
            transport = httpx.ASGITransport(create_app(assistant, settings))
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
                yield server, assistant, official(http)


def _said(*urls: str, **more: str) -> Any:
    pictures = [{"type": "image_url", "image_url": {"url": url, **more}} for url in urls]
    return [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, *pictures]}]


async def test_a_picture_reaches_the_model_that_sees_as_it_came(paths: Paths) -> None:
    async with _asking(paths) as (server, assistant, client):
        sent = _said(as_url(SMALL, "image/jpeg"), detail="low")
        answer = await client.chat.completions.create(model="seer", messages=sent)
        assert answer.choices[0].message.content == "A wall."
        [message] = server.bodies[-1]["messages"]
        text, shown = message["content"]
        assert text == {"type": "text", "text": "What is it?"}
        assert shown == {"type": "image_url", "image_url": {"url": as_url(SMALL, "image/png"), "detail": "low"}}
        assert await assistant.conversations() == []
        sees = {one.id: (one.model_extra or {})["patina"]["sees"] async for one in client.models.list()}
        assert sees == {"seer": True, "blind": False}


@pytest.mark.parametrize(
    ("model", "url", "why"),
    [
        ("blind", as_url(SMALL), "cannot see pictures"),
        ("seer", "http://127.0.0.1:9/a.png", "no address is fetched"),
        ("seer", "https://example.org/a.png", "no address is fetched"),
        ("seer", "file:///etc/passwd", "no address is fetched"),
        ("seer", "data:image/png,abc", "no address is fetched"),
        ("seer", "data:image/png;base64,@@@", "not base64"),
        ("seer", as_url(zipped()), "not a picture"),
        ("seer", "data:image/png;base64,", "not a picture"),
    ],
)
async def test_what_cannot_be_shown_is_refused_by_name(paths: Paths, model: str, url: str, why: str) -> None:
    async with _asking(paths) as (server, _, client):
        for store in (False, True):
            with pytest.raises(openai.BadRequestError) as refused:
                await client.chat.completions.create(model=model, messages=_said(url), store=store)
            assert refused.value.param == "messages.0.content.1.image_url"
            assert why in refused.value.message
        assert server.bodies == []


async def test_only_a_person_shows_pictures(paths: Paths) -> None:
    async with _asking(paths) as (_, _, client):
        said: Any = [{**_said(as_url(SMALL))[0], "role": "system"}]
        with pytest.raises(openai.BadRequestError) as refused:
            await client.chat.completions.create(model="seer", messages=said)
        assert "only text is read here" in refused.value.message


async def test_in_a_stored_conversation_it_is_an_attachment(paths: Paths) -> None:
    async with _asking(paths) as (server, assistant, client):
        await client.chat.completions.create(model="seer", messages=_said(as_url(photo(60, 30))), store=True)
        [conversation] = await assistant.conversations()
        [turn] = await assistant.history(conversation.id)
        assert (turn.question, [one.name for one in turn.attachments]) == ("What is it?", ["picture-1.jpg"])
        [kept] = paths.attachments.iterdir()
        assert opened(kept.read_bytes()).size == (30, 60)
        assert server.bodies[-1]["messages"][-1]["content"][1]["type"] == "image_url"
