"""Patina as a person runs it, with a bot token: asked in Telegram, answered by the local model, ended by Ctrl-C."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from assistant.config import Settings
from assistant.paths import Paths
from assistant.wiring import build
from tests.botapi import TOKEN, BotApiServer
from tests.e2e.served import Served

pytestmark = [pytest.mark.model, pytest.mark.timeout(180)]


async def test_a_question_in_telegram_is_in_the_history_of_the_desktop(tmp_path: Path, real_model: Path) -> None:
    paths = Paths(tmp_path / "home", tmp_path / "home/models")
    async with build(paths, Settings()) as assistant:
        code = await assistant.people.new_code("telegram")
    async with BotApiServer() as server:
        ann = server.user(1001, "Ann")
        ann.private.send(f"/start {code.code}")
        environment = {
            "PATINA_TELEGRAM__TOKEN": TOKEN,
            "PATINA_TELEGRAM__API_ROOT": server.url,
            "PATINA_ENGINE__CONTEXT": "1024",
            "PATINA_SAMPLING__TEMPERATURE": "0",
        }
        patina = Served(paths.home, real_model, environment=environment)
        await asyncio.to_thread(patina.__enter__)
        try:
            await ann.private.chat.wait_for(
                lambda message: "You are in" in message.text or "配对成功" in message.text, 30
            )
            ann.private.send("What is the capital of France? Answer with one word.")
            answer = await ann.private.chat.wait_for(lambda message: "Paris" in message.text, 90)
            await ann.private.press(answer, "👍").answered()
        except BaseException:
            await asyncio.to_thread(patina.kill)
            raise
        assert await asyncio.to_thread(patina.stop) == 0
    async with build(paths, Settings()) as assistant:
        [conversation] = await assistant.conversations()
        [turn] = await assistant.history(conversation.id)
        assert "Paris" in turn.answer
        assert (turn.face, turn.status, turn.rating) == ("telegram", "done", "thumb_up")
    logged = (paths.logs / "patina.log").read_text("utf-8")
    assert "@patina_test_bot is connected" in logged
    assert TOKEN not in logged
