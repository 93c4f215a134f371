"""The ways of showing an answer while it is written that are compared: ours, and bots made of what others offer.

All get the same words at the same pace from the same scripted model, talk to the same server under the same limits, and
wait as Telegram asks before they try a final text again; previews that are refused are left out.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import TelegramAPIError, TelegramRetryAfter
from aiogram.types import Message, MessageEntity
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk
from pydantic import SecretStr
from telegramify_markdown.stream.draft import DraftStream
from telegramify_markdown.stream.edit import EditStream

from assistant.config import Settings, TelegramSettings
from assistant.paths import Paths
from assistant.wiring import build
from bots.telegram.app import TelegramBot
from tests.botapi import BotApiServer
from tests.fakes.chat_model import FakeModels, ScriptedChatModel

FIRST: Final = "Begin"
LAST: Final = "End."
_T = TypeVar("_T")


def words(question: str) -> list[str]:
    """The answer to "… n words", in the pieces in which it arrives."""
    count = int(question.split()[-2])
    return [
        FIRST,
        *(f" word {number} **bold**" if number % 9 == 0 else f" word{number}" for number in range(count)),
        f" {LAST}",
    ]


async def paced(question: str, prefill_s: float, rate: float) -> AsyncGenerator[str, None]:
    """The pieces, after the time it takes to read the question, each at its time however long the last one took."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    for number, piece in enumerate(words(question)):
        await asyncio.sleep(max(0.0, begun + prefill_s + number / rate - loop.time()))
        yield piece


class PacedModel(ScriptedChatModel):
    """A model of a fixed pace."""

    prefill_s: float = 1.0
    rate: float = 20.0

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        question = str(messages[-1].text)
        question = question[question.rindex("Write ") :].split("\n")[0]
        async for piece in paced(question, self.prefill_s, self.rate):
            yield ChatGenerationChunk(message=AIMessageChunk(content=piece))
        yield ChatGenerationChunk(message=AIMessageChunk(content="", response_metadata={"finish_reason": "stop"}))


@asynccontextmanager
async def patina(server: BotApiServer, folder: Path, prefill_s: float, rate: float) -> AsyncIterator[None]:
    """The real bot at its own pace, without recall and titles, which no other side has."""
    paths = Paths(folder, folder / "models")
    bare = Settings.model_validate({"memory": {"recall": False}, "conversations": {"titles": False}})
    model = PacedModel(answers=[""], prefill_s=prefill_s, rate=rate, window=100_000)
    settings = TelegramSettings(token=SecretStr(server.token), api_root=server.url)
    async with build(paths, bare, models=FakeModels(model)) as assistant:
        for user_id in list(server.chats):
            code = await assistant.people.new_code("telegram")
            await assistant.people.pair("telegram", str(user_id), "Somebody", code.code)
        running = asyncio.create_task(TelegramBot(assistant, settings, "en", paths).run())
        try:
            yield
        finally:
            running.cancel()
            await asyncio.wait({running})


Answer = Callable[[Bot, Message, AsyncGenerator[str, None]], Coroutine[Any, Any, None]]


@asynccontextmanager
async def peer(answer: Answer, server: BotApiServer, prefill_s: float, rate: float) -> AsyncIterator[None]:
    """The smallest bot around a way of answering."""
    bot = Bot(server.token, session=AiohttpSession(api=TelegramAPIServer.from_base(server.url)))
    tasks: set[asyncio.Task[None]] = set()

    async def poll() -> None:
        offset = 0
        while True:
            for update in await bot.get_updates(offset=offset, timeout=30):
                offset = update.update_id + 1
                if update.message is not None and update.message.text:
                    stream = paced(update.message.text, prefill_s, rate)
                    task = asyncio.create_task(answer(bot, update.message, stream))
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)

    polling = asyncio.create_task(poll())
    try:
        yield
    finally:
        polling.cancel()
        await asyncio.wait({polling, *tasks})
        await bot.session.close()


async def draft_stream(bot: Bot, message: Message, stream: AsyncGenerator[str, None]) -> None:
    """telegramify-markdown's DraftStream with its own settings."""
    chat_id = message.chat.id

    async def draft(payload: Any) -> None:
        with suppress(TelegramAPIError):
            await bot.send_message_draft(
                chat_id, draft_id=payload.draft_id, text=payload.text, entities=_entities(payload)
            )

    async def final(payload: Any) -> None:
        await _until_taken(lambda: bot.send_message(chat_id, payload.text, entities=_entities(payload)))

    async with DraftStream(send_draft=draft, send_final=final, mode="entity") as shown:
        await shown.consume(stream)


async def edit_stream(bot: Bot, message: Message, stream: AsyncGenerator[str, None]) -> None:
    """telegramify-markdown's EditStream with its own settings."""
    chat_id = message.chat.id

    async def send(payload: Any) -> int:
        sent = await _until_taken(lambda: bot.send_message(chat_id, payload.text, entities=_entities(payload)))
        return sent.message_id

    async def edit(message_id: int, payload: Any) -> None:
        change = partial(
            bot.edit_message_text, payload.text, chat_id=chat_id, message_id=message_id, entities=_entities(payload)
        )
        if payload.text.rstrip().endswith(LAST):
            await _until_taken(change)
        else:
            with suppress(TelegramAPIError):
                await change()

    async with EditStream(send_message=send, edit_message=edit, mode="entity") as shown:
        await shown.consume(stream)


async def naive(bot: Bot, message: Message, stream: AsyncGenerator[str, None]) -> None:
    """What many a first bot does: an edit every 300 ms."""
    chat_id, text, shown = message.chat.id, "", ""
    sent = await _until_taken(lambda: bot.send_message(chat_id, "…"))
    loop = asyncio.get_running_loop()
    last = loop.time()
    async for piece in stream:
        text += piece
        if loop.time() - last >= 0.3:
            last = loop.time()
            with suppress(TelegramAPIError):
                await bot.edit_message_text(text, chat_id=chat_id, message_id=sent.message_id)
                shown = text
    if shown != text:
        await _until_taken(lambda: bot.edit_message_text(text, chat_id=chat_id, message_id=sent.message_id))


async def _until_taken(call: Callable[[], Awaitable[_T]]) -> _T:
    while True:
        try:
            return await call()
        except TelegramRetryAfter as error:
            await asyncio.sleep(error.retry_after)


def _entities(payload: Any) -> list[MessageEntity]:
    return [MessageEntity(**entity.to_dict()) for entity in payload.entities]
