"""Updates by webhook: only from Telegram, on disk before 200, and delivered again where that failed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr

from assistant.config import Settings, TelegramSettings
from assistant.errors import DiskFull
from assistant.paths import Paths
from assistant.wiring import build
from bots.telegram.app import TelegramBot
from bots.telegram.webhook import PATH, Webhook, secret_of
from tests.botapi import TOKEN, BotApiServer
from tests.bots.telegram.conftest import FAST, Play
from tests.fakes.chat_model import FakeModels, ScriptedChatModel

SECRET = secret_of(SecretStr(TOKEN))
HEADER = {"X-Telegram-Bot-Api-Secret-Token": SECRET}


class Hook:
    """A webhook and what it took."""

    def __init__(self) -> None:
        self.taken: list[Any] = []
        self.error: Exception | None = None
        self.address = ""

    async def take(self, updates: Any) -> None:
        if self.error is not None:
            raise self.error
        self.taken += updates


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    hook = Hook()
    async with Webhook(SECRET, hook.take).listening(0) as port:
        hook.address = f"http://127.0.0.1:{port}{PATH}"
        yield hook


async def post(hook: Hook, headers: dict[str, str], data: bytes) -> int:
    async with aiohttp.ClientSession() as session, session.post(hook.address, headers=headers, data=data) as response:
        return response.status


async def test_only_who_knows_the_secret_is_heard(hook: Hook) -> None:
    update = json.dumps({"update_id": 1}).encode()
    assert await post(hook, {}, update) == 401
    assert await post(hook, {"X-Telegram-Bot-Api-Secret-Token": SECRET[:-1]}, update) == 401
    assert hook.taken == []
    assert await post(hook, HEADER, update) == 200
    assert hook.taken == [{"update_id": 1}]


async def test_a_stranger_is_refused_before_the_body_is_read(hook: Hook) -> None:
    host, port = hook.address.removeprefix("http://").removesuffix(PATH).split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n".encode())
    await writer.drain()
    assert b"401" in await asyncio.wait_for(reader.readline(), 30), "though not a byte of the body was sent"
    writer.close()


async def test_what_is_too_large_or_no_update_is_refused(hook: Hook) -> None:
    assert await post(hook, HEADER, b"x" * 1_000_001) == 413
    for data in (b"no json", b"[]", b'{"update_id": "x"}', b"\xff"):
        assert await post(hook, HEADER, data) == 400
    assert hook.taken == []


async def test_what_cannot_be_kept_is_to_come_again(hook: Hook, paths: Paths) -> None:
    hook.error = DiskFull(path=paths.home, needed=0, free=0)
    assert await post(hook, HEADER, b'{"update_id": 1}') == 503


def test_the_secret_is_one_telegram_takes_and_does_not_show_the_token() -> None:
    assert len(SECRET) == 64
    assert SECRET not in TOKEN
    assert secret_of(SecretStr("other")) != SECRET


async def test_questions_by_webhook_are_answered_once_and_polling_afterwards_takes_over(
    play: Play, paths: Paths, server: BotApiServer
) -> None:
    with_port = await _free_port()
    telegram = TelegramSettings(
        token=SecretStr(TOKEN),
        api_root=server.url,
        webhook=f"http://127.0.0.1:{with_port}{PATH}",
        webhook_port=with_port,
    )
    ann = server.user(1001, "Ann")
    model = ScriptedChatModel(answers=["By webhook."])
    async with build(paths, Settings(), models=FakeModels(model)) as assistant:
        code = await assistant.people.new_code("telegram")
        await assistant.people.pair("telegram", "1001", "Ann", code.code)
        running = asyncio.create_task(TelegramBot(assistant, telegram, "en", paths, pace=FAST).run())
        ann.private.send("Hello?")
        await ann.private.chat.wait_for(lambda message: message.text == "By webhook.")
        server.updates.again(server.updates.confirmed[-1])
        ann.private.send("/stop")
        await ann.private.chat.wait_for(lambda message: "No answer is being written" in message.text)
        running.cancel()
        await asyncio.wait({running})
    assert [message.text for message in ann.private.chat.answers].count("By webhook.") == 1
    assert server.calls_of("getUpdates") == []
    async with play("By polling."):
        ann.private.send("And now?")
        await ann.private.chat.wait_for(lambda message: message.text == "By polling.")
        assert not server.webhook.active


async def test_an_address_telegram_does_not_take_is_said(paths: Paths, server: BotApiServer) -> None:
    telegram = TelegramSettings(
        token=SecretStr(TOKEN), api_root=server.url, webhook="http://example.org/hook", webhook_port=0
    )
    async with build(paths, Settings(), models=FakeModels(ScriptedChatModel(answers=["x"]))) as assistant:
        bot = TelegramBot(assistant, telegram, "zh", paths, pace=FAST)
        await asyncio.wait_for(bot.run(), 30)
        assert "telegram.webhook" in bot.status.last_error


async def _free_port() -> int:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = int(server.sockets[0].getsockname()[1])
    server.close()
    await server.wait_closed()
    return port
