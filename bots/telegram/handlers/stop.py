"""Ending an answer: /stop, and the button Telegram shows below a draft."""

from __future__ import annotations

from inspect import isawaitable
from typing import Any

from aiogram import Router
from aiogram.filters import Command
from aiogram.types import Message, MessageGenerationStopped

from assistant.api import Assistant
from bots.telegram.answering import Answering, Reader
from bots.telegram.places import Places
from bots.telegram.presenter import Presenter


def router() -> Router:
    routes = Router(name="stop")
    routes.message.register(stop, Command("stop"))
    routes.stopped_message_generation.register(stop_button)
    return routes


async def stop(
    message: Message,
    assistant: Assistant,
    answering: Answering,
    places: Places,
    presenter: Presenter,
    reader: Reader,
) -> None:
    """What is written in this chat, else in the conversation the person is in, wherever it was begun."""
    turn_id = answering.turn_in(reader.target)
    conversation_id = places.known(reader.target, reader.person.conversation_id)
    if turn_id is None and conversation_id is not None:
        running: Any = assistant.running(conversation_id)
        # Where the assistant is on another machine, that has to be asked.
        turn_id = await running if isawaitable(running) else running
    if turn_id is None or not await assistant.stop(turn_id, face="telegram", person_id=reader.person.id):
        await answering.tell(reader, presenter.say(reader.language, "stop.nothing"))


async def stop_button(
    stopped: MessageGenerationStopped, assistant: Assistant, answering: Answering, reader: Reader
) -> None:
    turn_id = answering.turn_of_draft(stopped.chat.id, stopped.draft_id)
    if turn_id is not None:
        await assistant.stop(turn_id, face="telegram", person_id=reader.person.id)
