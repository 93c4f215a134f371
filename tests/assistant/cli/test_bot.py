"""`patina bot` and the bot beside `patina serve`, as processes, against the loopback Bot API server."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from assistant.paths import Paths
from tests.botapi import TOKEN, BotApiServer
from tests.fakes.chat_model import FakeModels, ScriptedChatModel
from tests.fakes.web import serving


@asynccontextmanager
async def patina(*arguments: str, root: str, token: str = TOKEN) -> AsyncIterator[Process]:
    environment = {
        **os.environ,
        "PATINA_TELEGRAM__TOKEN": token,
        "PATINA_TELEGRAM__API_ROOT": root,
        "PATINA_MODEL": "none",
        "LC_ALL": "en_US.UTF-8",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "assistant", *arguments, env=environment, stdout=PIPE, stderr=PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
async def test_the_bot_runs_alone_until_it_is_told_to_end(paths: Paths, sent: signal.Signals) -> None:
    async with BotApiServer() as server, patina("bot", root=server.url) as process:
        await server.wait_for_call(lambda call: call.method == "getMe", within=60)
        process.send_signal(sent)
        assert await asyncio.wait_for(process.wait(), 30) == 0
    assert not paths.instance.exists()


async def test_a_token_that_is_refused_is_said_and_ends_the_bot() -> None:
    async with BotApiServer() as server, patina("bot", root=server.url, token="1:" + "x" * 35) as process:
        _, told = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 1
    assert "token" in told.decode()
    assert "Traceback" not in told.decode()
    assert "xxxx" not in told.decode()


async def test_the_bot_runs_beside_the_page() -> None:
    async with BotApiServer() as server, patina("serve", "--port", "0", "--no-browser", root=server.url) as process:
        await server.wait_for_call(lambda call: call.method == "getMe", within=60)
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), 30) == 0


async def test_the_bot_answers_with_a_patina_at_another_address(paths: Paths, tmp_path: Path) -> None:
    model = FakeModels(ScriptedChatModel(answers=["From over there."]))
    there = Paths(tmp_path / "there", tmp_path / "there/models")
    async with serving(there, model) as running, BotApiServer() as server:
        code = await running.assistant.people.new_code("telegram")
        async with patina("bot", "--connect", running.address, root=server.url) as process:
            ann = server.user(1001, "Ann")
            ann.private.send(f"/start {code.code}")
            await ann.private.chat.wait_for(lambda message: "You are in" in message.text, 60)
            ann.private.send("Hello?")
            await ann.private.chat.wait_for(lambda message: message.text == "From over there.", 20)
            ann.private.send("/stop")
            await ann.private.chat.wait_for(lambda message: "No answer is being written" in message.text, 20)
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 30) == 0


async def test_a_patina_that_does_not_answer_there_is_said() -> None:
    nowhere = "http://127.0.0.1:9"
    async with BotApiServer() as server, patina("bot", "--connect", nowhere, root=server.url) as process:
        _, told = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 1
    assert nowhere in told.decode()
    assert "Traceback" not in told.decode()


async def test_the_token_is_in_no_line_of_a_session_that_fails(paths: Paths) -> None:
    async with BotApiServer() as server:
        server.faults.refuse("getUpdates", 502, "Bad Gateway")
        server.faults.cut("getUpdates", times=2)
        server.faults.refuse("setMyCommands", 500, "Internal Server Error")
        server.faults.cut("sendMessage", times=1)
        async with patina("bot", root=server.url) as process:
            server.user(1001, "Ann").private.send("/start")
            await server.wait_for_call(lambda call: call.method == "sendMessage", within=60)
            process.send_signal(signal.SIGTERM)
            out, told = await asyncio.wait_for(process.communicate(), 30)
    logged = "".join(file.read_text("utf-8") for file in paths.logs.iterdir())
    assert "Telegram cannot be reached" in logged, "what failed is told of"
    secret = TOKEN.partition(":")[2]
    for text in (out.decode(), told.decode(), logged):
        assert secret not in text
