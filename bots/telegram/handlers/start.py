"""/help."""

from __future__ import annotations

from aiogram import Router
from aiogram.filters import Command
from aiogram.types import Message

from bots.telegram.answering import Answering, Reader
from bots.telegram.presenter import Presenter


def router() -> Router:
    routes = Router(name="start")
    routes.message.register(help_text, Command("help"))
    return routes


async def help_text(message: Message, presenter: Presenter, answering: Answering, reader: Reader) -> None:
    await answering.tell(reader, presenter.say(reader.language, "help.text"))
