"""/start, with which a stranger comes in for a code, and /help."""

from __future__ import annotations

from aiogram import F, Router
from aiogram.filters import Command, CommandObject, CommandStart
from aiogram.types import Message

from assistant.api import Assistant
from assistant.errors import PairingFailed
from assistant.i18n import Language, explain
from bots.telegram.answering import Answering, Reader
from bots.telegram.middlewares import Notices
from bots.telegram.presenter import Part, Presenter
from bots.telegram.streaming import Target


def router() -> Router:
    routes = Router(name="start")
    routes.message.register(start, CommandStart(), F.chat.type == "private")
    routes.message.register(help_text, Command("help"))
    return routes


async def start(
    message: Message,
    command: CommandObject,
    assistant: Assistant,
    answering: Answering,
    presenter: Presenter,
    notices: Notices,
    language: Language,
    target: Target,
    reader: Reader | None = None,
) -> None:
    """Pair for a code; else welcome who is in, and tell a stranger how to come in."""
    user, code = message.from_user, (command.args or "").strip()
    if user is None:
        return
    if reader is not None:
        await answering.say(target, Part(presenter.say(language, "start.welcome")))
        return
    if not code:
        if notices.may_tell(user.id):
            await answering.say(target, Part(presenter.say(language, "start.stranger")))
        return
    try:
        await assistant.people.pair("telegram", str(user.id), user.full_name, code)
    except PairingFailed as error:
        # Every wrong code is answered, so that a typing mistake can be mended; the limit of tries ends that.
        if error.reason != "too_many_attempts" or notices.may_tell(user.id):
            await answering.say(target, Part(explain(error, language)))
        return
    await answering.say(target, Part(presenter.say(language, "start.paired")))


async def help_text(message: Message, presenter: Presenter, answering: Answering, reader: Reader) -> None:
    await answering.tell(reader, presenter.say(reader.language, "help.text"))
