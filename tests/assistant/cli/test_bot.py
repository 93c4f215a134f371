"""`patina bot` and the bot beside `patina serve`, as processes, against the loopback Bot API server."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from assistant.paths import Paths
from tests.botapi import TOKEN, BotApiServer


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
