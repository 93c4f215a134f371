"""/compare: whether one is asked now and then which of two answers is better."""

from __future__ import annotations

from typing import Final

from aiogram import Router
from aiogram.filters import Command, CommandObject
from aiogram.types import Message

from assistant.api import Assistant
from bots.telegram.answering import Answering, Reader
from bots.telegram.presenter import Presenter

_ON: Final = frozenset({"on", "yes", "开", "打开"})
_OFF: Final = frozenset({"off", "no", "关", "关闭"})


def router() -> Router:
    routes = Router(name="duels")
    routes.message.register(compare, Command("compare"))
    return routes


async def compare(
    message: Message,
    command: CommandObject,
    assistant: Assistant,
    answering: Answering,
    presenter: Presenter,
    reader: Reader,
) -> None:
    """Allow it or forbid it as the word says, without a word the other way round."""
    said = (command.args or "").strip().casefold()
    person = reader.person.id
    wanted = said in _ON or (said not in _OFF and not await assistant.duels.wanted(person))
    await assistant.duels.ask(wanted, person_id=person)
    if wanted and not await assistant.duels.wanted(person):
        key = "compare.off_for_all"
    else:
        key = "compare.on" if wanted else "compare.off"
    await answering.tell(reader, presenter.say(reader.language, key))
