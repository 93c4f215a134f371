"""What a chat may still be sent, whatever method is used."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import TelegramNetworkError
from aiogram.methods import EditMessageText, SendMessage, SendMessageDraft

from bots.telegram.sending import Sender
from tests.botapi import TOKEN, BotApiServer, ManualClock


@pytest.fixture
async def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def server(clock: ManualClock) -> AsyncIterator[BotApiServer]:
    async with BotApiServer(clock=clock) as server:
        server.user(1, "Ann")
        server.user(2, "Bo")
        yield server


@pytest.fixture
async def sender(server: BotApiServer, clock: ManualClock) -> AsyncIterator[Sender]:
    bot = Bot(TOKEN, session=AiohttpSession(api=TelegramAPIServer.from_base(server.url), timeout=10))
    yield Sender(bot, clock)
    await bot.session.close()


async def test_a_wait_counts_for_every_method_of_that_chat_and_for_no_other(
    server: BotApiServer, sender: Sender, clock: ManualClock
) -> None:
    server.faults.too_many("sendMessageDraft", retry_after=9)
    assert await sender.show(SendMessageDraft(chat_id=1, draft_id=1, text="a")) is None
    assert await sender.show(SendMessageDraft(chat_id=1, draft_id=1, text="b")) is None, "not even tried"
    message = asyncio.create_task(sender.send(SendMessage(chat_id=1, text="for Ann")))
    await sender.send(SendMessage(chat_id=2, text="for Bo"))
    await clock.somebody_waits(9, 9)
    clock.advance(9)
    assert (await message).text == "for Ann"
    assert [(call.method, call.chat_id, call.at) for call in server.calls] == [
        ("sendMessageDraft", 1, 0),
        ("sendMessage", 2, 0),
        ("sendMessage", 1, 9),
    ]


async def test_a_longer_wait_after_the_first_is_kept_too(
    server: BotApiServer, sender: Sender, clock: ManualClock
) -> None:
    server.faults.too_many("sendMessage", retry_after=5)
    server.faults.too_many("sendMessage", retry_after=60)
    message = asyncio.create_task(sender.send(SendMessage(chat_id=1, text="at last")))
    await clock.somebody_waits(5, 5)
    clock.advance(5)
    await clock.somebody_waits(60, 60)
    clock.advance(60)
    await message
    assert [call.at for call in server.calls] == [0, 5, 65]


async def test_a_message_that_never_left_is_sent_again(server: BotApiServer, clock: ManualClock) -> None:
    async with BotApiServer() as gone:
        nowhere = gone.url
    session = AiohttpSession(api=TelegramAPIServer.from_base(nowhere), timeout=10)
    bot = Bot(TOKEN, session=session)
    message = asyncio.create_task(Sender(bot, clock).send(SendMessage(chat_id=1, text="through")))
    await clock.somebody_waits(1, 1)
    session.api = TelegramAPIServer.from_base(server.url)
    clock.advance(1)
    assert (await message).text == "through"
    await bot.session.close()


async def test_a_message_whose_fate_is_unknown_is_not_sent_again_but_an_edit_is(
    server: BotApiServer, sender: Sender, clock: ManualClock
) -> None:
    server.faults.lose_response("sendMessage")
    with pytest.raises(TelegramNetworkError):
        await sender.send(SendMessage(chat_id=1, text="once"))
    assert [message.text for message in server.chats[1].answers] == ["once"]
    server.faults.cut("editMessageText")
    method = EditMessageText(chat_id=1, message_id=1, text="edited")
    edit = asyncio.create_task(sender.send(method, repeatable=True))
    await clock.somebody_waits(1, 1)
    clock.advance(1)
    await edit
    assert [message.text for message in server.chats[1].answers] == ["edited"]
