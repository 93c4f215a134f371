"""Letting strangers in: /start with the owner's code, or a code to show the owner, who presses a button here."""

from __future__ import annotations

from typing import Final

from aiogram import F, Router
from aiogram.filters import CommandObject, CommandStart
from aiogram.types import CallbackQuery, Message

from assistant.api import Assistant
from assistant.errors import PairingFailed
from assistant.i18n import Language, explain
from assistant.memory.records import Role
from bots.telegram.answering import Answering, Reader
from bots.telegram.buttons import Buttons, Pressed
from bots.telegram.keyboards import put_keyboard
from bots.telegram.middlewares import Notices
from bots.telegram.presenter import Part, Presenter
from bots.telegram.sending import Sender, toast
from bots.telegram.streaming import Target

_ROLES: Final[dict[str, Role]] = {"admit": "member", "admit_guest": "guest"}


def router() -> Router:
    routes = Router(name="door")
    routes.message.register(start, CommandStart(), F.chat.type == "private")
    routes.callback_query.register(decide, of_the_door)
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
    """Pair for a code; else welcome who is in, and give a stranger a code to be let in with."""
    user, code = message.from_user, (command.args or "").strip()
    if user is None:
        return
    if reader is not None:
        await answering.say(target, Part(presenter.say(language, "start.welcome")))
    elif not code:
        if notices.may_tell(user.id):
            await _knock(user.id, assistant, answering, presenter, language, target)
    else:
        try:
            await assistant.people.pair("telegram", str(user.id), user.full_name, code)
        except PairingFailed as error:
            # Every wrong code is answered, so that a typing mistake can be mended; the limit of tries ends that.
            if error.reason != "too_many_attempts" or notices.may_tell(user.id):
                await answering.say(target, Part(explain(error, language)))
            return
        await answering.say(target, Part(presenter.say(language, "start.paired")))


async def of_the_door(query: CallbackQuery, buttons: Buttons, reader: Reader) -> dict[str, Pressed] | bool:
    button = buttons.read(query.data or "", reader.person.id)
    return {"button": button} if button is not None and button.action in {*_ROLES, "refuse"} else False


async def decide(
    query: CallbackQuery,
    button: Pressed,
    assistant: Assistant,
    answering: Answering,
    presenter: Presenter,
    sender: Sender,
    reader: Reader,
) -> None:
    """The owner lets a stranger in or leaves them outside. Only who is let in is told."""
    if button.action == "refuse":
        await assistant.people.refuse(button.id)
    else:
        person = await assistant.people.admit(button.id, _ROLES[button.action])
        there = Target(chat_id=int(person.external_id), private=True)
        await answering.post(f"admitted.{button.id}", there, Part(presenter.say(reader.language, "start.paired")))
    await toast(query, presenter.say(reader.language, f"door.done_{button.action}"))
    if query.message is not None:
        await put_keyboard(sender, reader.target.chat_id, query.message.message_id, None)


async def _knock(
    user_id: int, assistant: Assistant, answering: Answering, presenter: Presenter, language: Language, target: Target
) -> None:
    """Everybody hears the same, let in before or refused; the owner is asked in their own private chat, once."""
    try:
        knock = await assistant.people.knock("telegram", str(user_id))
    except PairingFailed as error:
        await answering.say(target, Part(explain(error, language)))
        return
    await answering.say(target, Part(presenter.say(language, "start.stranger", code=knock.code)))
    if knock.code not in {one.code for one in await assistant.people.knocks()}:
        return  # refused before
    for owner in await assistant.people.list():
        if owner.role == "owner" and owner.face == "telegram" and owner.external_id.isdecimal():
            there = Target(chat_id=int(owner.external_id), private=True)
            text = Part(presenter.say(language, "door.asked", code=knock.code))
            keyboard = presenter.door_keyboard(knock.code, owner, language)
            await answering.post(f"knock.{knock.code}.{owner.id}", there, text, keyboard)
