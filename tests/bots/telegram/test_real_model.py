"""The whole way with the real model: from a message in Telegram to its answer there."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pydantic import SecretStr

from assistant.config import EngineSettings, Sampling, Settings, TelegramSettings
from assistant.paths import Paths
from assistant.wiring import build
from bots.telegram.app import TelegramBot
from bots.telegram.pacing import Pace
from tests.botapi import TOKEN, BotApiServer


@pytest.mark.model
async def test_the_local_model_answers_in_telegram_and_can_be_stopped(paths: Paths, real_model: Path) -> None:
    settings = Settings(
        model=str(real_model),
        engine=EngineSettings(context=1024),
        sampling=Sampling(temperature=0, max_tokens=400),
    )
    async with BotApiServer() as server, build(paths, settings) as assistant:
        telegram = TelegramSettings(token=SecretStr(TOKEN), api_root=server.url)
        bot = TelegramBot(assistant, telegram, "en", paths, pace=Pace(draft=0.2, grace=1))
        run = asyncio.create_task(bot.run())
        ann = server.user(1001, "Ann")
        code = await assistant.people.new_code("telegram")
        ann.private.send(f"/start {code.code}")
        await ann.private.chat.wait_for(lambda message: "You are in" in message.text)
        ann.private.send("What is the capital of France? Answer with one word.")
        answer = await ann.private.chat.wait_for(lambda message: "Paris" in message.text, 90)
        assert answer.buttons == ["👍", "👎", "🔁", "✏️"]
        assert ann.private.chat.draft_history, "something was shown while the model was loading"
        ann.private.send("Count from 1 to 500, one number a line.")
        await ann.private.chat.wait_for_draft(lambda draft: "3" in draft.text, 60)
        ann.private.stop_draft()
        stopped = await ann.private.chat.wait_for(lambda message: message.text.endswith("Stopped."), 20)
        assert "3" in stopped.text
        [conversation] = await assistant.conversations()
        assert [turn.status for turn in await assistant.history(conversation.id)] == ["done", "stopped"]
        run.cancel()
        await asyncio.wait({run})
