"""The real assistant with a scripted model, the real bot, and the loopback Bot API server between it and people."""

from __future__ import annotations

import asyncio
import functools
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from assistant.api import Assistant
from assistant.config import Settings, TelegramSettings
from assistant.i18n import Language
from assistant.memory.records import Person, Role
from assistant.models.chat_model import ChatModel
from assistant.models.speech.transcriber import Transcriber
from assistant.paths import Paths
from assistant.wiring import build
from bots.telegram.app import TelegramBot
from bots.telegram.clock import Clock
from bots.telegram.pacing import Pace
from tests.botapi import TOKEN, BotApiServer, User
from tests.fakes.chat_model import FakeModels, ScriptedChatModel

FAST = Pace(first=0, draft=0.01, edit=0.01, file=0.01, join=0.05, keep_alive=20, grace=0.2)


@dataclass
class Scene:
    """A bot at work and everything around it."""

    server: BotApiServer
    assistant: Assistant
    model: ScriptedChatModel
    bot: TelegramBot
    task: asyncio.Task[None]

    async def paired(
        self, user_id: int = 1001, name: str = "Ann", language_code: str | None = "en", role: Role = "member"
    ) -> User:
        """A person who came in before."""
        user = self.server.user(user_id, name, language_code)
        code = await self.assistant.people.new_code("telegram")
        person = await self.assistant.people.pair("telegram", str(user_id), name, code.code)
        await self.assistant.people.change(person.id, role=role)
        return user

    async def person(self, user: User) -> Person:
        person = await self.assistant.people.find("telegram", str(user.id))
        assert person is not None
        return person


Play = Callable[..., AbstractAsyncContextManager[Scene]]


@pytest.fixture(scope="session", autouse=True)
def _certificates_read_once() -> Iterator[None]:
    """Every bot reads those of all authorities, which takes longer than most of what is tested and serves none of it:
    loopback is asked without."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", functools.cache(ssl.create_default_context))
        yield


@pytest.fixture
async def server() -> AsyncIterator[BotApiServer]:
    async with BotApiServer() as server:
        yield server


@pytest.fixture
def play(paths: Paths, server: BotApiServer) -> Play:
    """`async with play("an answer", …) as scene:` runs a bot."""

    @asynccontextmanager
    async def playing(
        *answers: str,
        gate: asyncio.Event | None = None,
        clock: Clock | None = None,
        pace: Pace = FAST,
        language: Language = "en",
        model: ChatModel | None = None,
        token: str = TOKEN,
        prepare: Callable[[Assistant], Awaitable[object]] | None = None,
        settings: Settings | None = None,
        transcriber: Transcriber | None = None,
        group_words: tuple[str, ...] = (),
        telegram: Mapping[str, Any] | None = None,
    ) -> AsyncIterator[Scene]:
        scripted = model or ScriptedChatModel(answers=list(answers) or ["Hello."], gate=gate)
        server.clock = clock or server.clock
        given = {"token": token, "api_root": server.url, "group_words": group_words, **(telegram or {})}
        ways = TelegramSettings.model_validate(given)
        async with build(
            paths, settings or Settings(), models=FakeModels(scripted), transcriber=transcriber
        ) as assistant:
            if prepare is not None:
                await prepare(assistant)
            bot = TelegramBot(assistant, ways, language, paths, clock=clock, pace=pace)
            task = asyncio.create_task(bot.run())
            try:
                yield Scene(server, assistant, scripted, bot, task)
            finally:
                task.cancel()
                await asyncio.wait({task})
                if not task.cancelled() and task.exception() is not None:
                    raise task.exception()

    return playing
