"""One conversation through every face: begun on the page, gone on with in Telegram and by an OpenAI client."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from openai import AsyncOpenAI
from playwright.async_api import async_playwright, expect

from assistant.client import AssistantClient
from assistant.events import TurnFinished
from tests.botapi import TOKEN, BotApiServer
from tests.e2e.chromium import QUIET, installed_chromium
from tests.e2e.served import Served

pytestmark = [pytest.mark.model, pytest.mark.browser, pytest.mark.timeout(240)]


async def test_a_conversation_begun_on_the_page_goes_on_in_telegram_in_a_client_and_in_the_terminal(
    tmp_path: Path, real_model: Path
) -> None:
    async with BotApiServer() as telegram:
        environment = {
            "PATINA_TELEGRAM__TOKEN": TOKEN,
            "PATINA_TELEGRAM__API_ROOT": telegram.url,
            "PATINA_SAMPLING__TEMPERATURE": "0",
            "PATINA_SAMPLING__MAX_TOKENS": "60",
        }
        patina = Served(tmp_path / "home", real_model, environment=environment)
        await asyncio.to_thread(patina.__enter__)
        try:
            await _journey(patina, telegram)
        except BaseException:
            await asyncio.to_thread(patina.kill)
            raise
        assert await asyncio.to_thread(patina.stop) == 0


async def _journey(patina: Served, telegram: BotApiServer) -> None:
    async with async_playwright() as playwright, AssistantClient(patina.address) as client:
        browser = await playwright.chromium.launch(executable_path=installed_chromium(), args=QUIET)
        page = await browser.new_page(locale="zh-CN")
        await page.goto(patina.address)
        await page.locator(".composer textarea").fill("我家的猫叫墨墨。请只回答：好的。")
        await page.keyboard.press("Enter")
        await expect(page.locator(".under-answer")).to_have_count(1, timeout=60_000)
        [conversation] = await client.conversations()

        ann = telegram.user(1001, "Ann", language_code="zh-hans").private
        ann.send(f"/start {(await client.people.new_code('telegram', 'owner')).code}")
        await ann.chat.wait_for(lambda message: "配对成功" in message.text, 30)
        ann.send("/history")
        choice = await ann.chat.wait_for(lambda message: bool(message.buttons), 30)
        await ann.press(choice, "墨墨").answered()
        await ann.chat.wait_for(lambda message: "墨墨" in message.text and message is not choice, 30)
        ann.send("我家的猫叫什么名字？")
        answer = await ann.chat.wait_for(lambda message: any("👍" in label for label in message.buttons), 60)
        assert "墨墨" in answer.text

        async with AsyncOpenAI(base_url=f"{patina.address}/v1", api_key="unused") as openai:
            completion = await openai.chat.completions.create(
                model="default",
                messages=[{"role": "user", "content": "再说一遍猫的名字。"}],
                metadata={"conversation": conversation.id},
            )
        assert "墨墨" in (completion.choices[0].message.content or "")

        last = None
        async for event in await client.reply(conversation.id, "谢谢", face="terminal"):
            last = event
        assert isinstance(last, TurnFinished)

        await page.reload()
        await expect(page.locator(".bubble")).to_have_text(
            ["我家的猫叫墨墨。请只回答：好的。", "我家的猫叫什么名字？", "再说一遍猫的名字。", "谢谢"]
        )
        turns = await client.history(conversation.id)
        assert [turn.face for turn in turns] == ["page", "telegram", "rest", "terminal"]
        assert len(await client.conversations()) == 1
        await browser.close()
