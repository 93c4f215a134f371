"""The faces as people use them: the page in a real browser, and Telegram's chats at a loopback Bot API server."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final, Protocol

from playwright.async_api import Browser, Page, async_playwright

from assistant.client import AssistantClient
from tests.botapi import TOKEN, BotApiServer
from tests.botapi.people import Seat
from tests.botapi.world import Message
from tests.e2e.chromium import QUIET, installed_chromium

_PATIENCE_S: Final = 600.0
_NOBODY_WAS: Final = 1_700_000_000
"""Seconds since the epoch."""
_RATE: Final = "👍", "👎"
_TABS: Final = 2
_MEMBERS: Final = 2


class Visitor(Protocol):
    async def ask(self, question: str) -> str:
        """In a new conversation; the answer as it is shown."""
        ...

    async def rate(self, good: bool) -> None:
        """The answer that came last."""
        ...


class AtThePage:
    """The owner, in a tab of a browser."""

    def __init__(self, page: Page) -> None:
        self._page = page

    async def ask(self, question: str) -> str:
        await self._page.locator("[data-do=new]").click()
        await self._page.locator(".turn").first.wait_for(state="detached")
        await self._page.locator(".composer textarea").fill(question)
        await self._page.keyboard.press("Enter")
        await self._page.locator("[data-do=rate]").first.wait_for()
        return await self._page.locator(".answer").first.get_attribute("data-source") or ""

    async def rate(self, good: bool) -> None:
        await self._page.locator(f"[data-do=rate][data-kind=thumb_{'up' if good else 'down'}]").first.click()
        await self._page.locator("[data-do=rate][aria-pressed=true]").first.wait_for()


class LabPage:
    """The versions of prompts as the owner sees them, in a tab of its own."""

    def __init__(self, page: Page) -> None:
        self._page = page

    async def in_use(self) -> list[str]:
        """What the page calls the versions that are in use, such as chat.zh v3."""
        await self._open()
        shown = self._page.locator("#lab .version.current b")
        return [text.strip() for text in await shown.all_inner_texts()]

    async def moves(self) -> list[str]:
        """What moved the labels, the latest first, in the words of the page."""
        await self._open()
        shown = self._page.locator("#lab [data-key=moves] .row")
        return [" ".join(text.split()) for text in await shown.all_inner_texts()]

    async def _open(self) -> None:
        await self._page.reload()
        await self._page.locator(".composer textarea").wait_for()
        await self._page.locator("[data-do=panel][data-panel=lab]").first.click()
        await self._page.locator("#lab .version").first.wait_for(state="attached")


class InTelegram:
    """A member, in a private chat with the bot; a new question begins anew, for of a chat that goes on only the first
    one stands alone and can be learned from."""

    def __init__(self, seat: Seat) -> None:
        self._seat = seat
        self._last: Message | None = None

    async def enter(self, code: str) -> None:
        self._seat.send(f"/start {code}")
        await self._seat.chat.wait_for(lambda message: message.from_bot, _PATIENCE_S)

    async def ask(self, question: str) -> str:
        seen = {message.id for message in self._seat.chat.messages}
        self._seat.send("/new")
        await self._seat.chat.wait_for(lambda message: message.from_bot and message.id not in seen, _PATIENCE_S)
        asked = self._seat.send(question)

        def answers(message: Message) -> bool:
            return message.from_bot and message.id > asked.id and any(_RATE[0] in text for text in message.buttons)

        self._last = await self._seat.chat.wait_for(answers, _PATIENCE_S)
        return self._last.text

    async def rate(self, good: bool) -> None:
        if self._last is None:
            raise RuntimeError("nothing was answered yet")
        await self._seat.press(self._last, _RATE[0] if good else _RATE[1]).answered(_PATIENCE_S)


@asynccontextmanager
async def served(
    home: Path, model: Path, longest: int
) -> AsyncGenerator[tuple[AssistantClient, str, list[Visitor], LabPage]]:
    """`patina serve` with page and bot: the client that looks on, its address, those who use it and the lab. Answers
    have at most `longest` tokens."""
    async with AsyncExitStack() as opened:
        before = int(time.time()) - _NOBODY_WAS  # more than a bot ever saw of an earlier part of the week
        telegram = await opened.enter_async_context(BotApiServer(before=before))
        address = await opened.enter_async_context(_process(home, model, longest, telegram.url))
        client = await opened.enter_async_context(AssistantClient(address))
        playwright = await opened.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(executable_path=installed_chromium(), args=QUIET)
        opened.push_async_callback(browser.close)
        visitors: list[Visitor] = [AtThePage(await opened_page(browser, address)) for _ in range(_TABS)]
        lab = LabPage(await opened_page(browser, address))
        for number in range(_MEMBERS):
            member = InTelegram(telegram.user(1001 + number, f"Member {number + 1}", "zh").private)
            await member.enter((await client.people.new_code("telegram")).code)
            visitors.append(member)
        yield client, address, visitors, lab


async def opened_page(browser: Browser, address: str) -> Page:
    """A tab in which the page has been drawn."""
    page = await browser.new_page(locale="zh-CN", viewport={"width": 1440, "height": 900})
    page.set_default_timeout(_PATIENCE_S * 1000)
    await page.goto(address)
    await page.locator(".composer textarea").wait_for()
    return page


@asynccontextmanager
async def _process(home: Path, model: Path, longest: int, bot_api: str) -> AsyncGenerator[str]:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PATINA_")},
        "PATINA_HOME": str(home),
        "PATINA_SAMPLING__MAX_TOKENS": str(longest),
        "PATINA_LEARNING__DUELS": "false",
        "PATINA_LEARNING__ON_BATTERY": "true",
        "PATINA_TELEGRAM__TOKEN": TOKEN,
        "PATINA_TELEGRAM__API_ROOT": bot_api,
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "assistant", "serve", "--port", "0", "--no-browser", "--model", str(model)),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        first = await process.stdout.readline() if process.stdout else b""
        address = first.decode().strip()
        if not address.startswith("http"):
            raise RuntimeError(f"patina serve did not start: its first line was {address!r}")
        yield address
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
