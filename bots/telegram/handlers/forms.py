"""/format: how answers are drawn for somebody, and a button that draws one answer the other way."""

from __future__ import annotations

from typing import Final

from aiogram import Router
from aiogram.exceptions import TelegramBadRequest, TelegramNotFound
from aiogram.filters import Command, CommandObject
from aiogram.types import CallbackQuery, InlineKeyboardMarkup, Message

from assistant.api import Assistant
from assistant.memory.formats import Format
from bots.telegram.answering import Answering, Reader
from bots.telegram.forms import Forms
from bots.telegram.keyboards import put_keyboard
from bots.telegram.presenter import Part, Presenter
from bots.telegram.sending import Sender, toast
from bots.telegram.streaming import edited

_FORMATS: Final[dict[str, Format]] = {"text": "text", "文字": "text", "rich": "rich", "排版": "rich"}


def router() -> Router:
    routes = Router(name="forms")
    routes.message.register(choose, Command("format"))
    return routes


async def choose(
    message: Message,
    command: CommandObject,
    answering: Answering,
    forms_of: Forms,
    presenter: Presenter,
    reader: Reader,
) -> None:
    """Said in a word, or with a button."""
    user_id = int(reader.person.external_id)
    wanted = _FORMATS.get((command.args or "").strip().casefold())
    if wanted is not None:
        await forms_of.choose(user_id, wanted)
        await answering.tell(reader, presenter.say(reader.language, f"format.chosen_{wanted}"))
        return
    text = Part(presenter.say(reader.language, "format.choose"))
    await answering.say(reader.target, text, _keyboard(await forms_of.of(user_id), presenter, reader))


async def chosen(
    query: CallbackQuery, format: str, forms: Forms, presenter: Presenter, sender: Sender, reader: Reader
) -> None:
    """From the next answer on."""
    wanted = _FORMATS.get(format, "text")
    await forms.choose(int(reader.person.external_id), wanted)
    await toast(query, presenter.say(reader.language, f"format.chosen_{wanted}"))
    if query.message is not None:
        keyboard = _keyboard(wanted, presenter, reader)
        await put_keyboard(sender, reader.target.chat_id, query.message.message_id, keyboard)


async def redraw(
    query: CallbackQuery,
    turn_id: str,
    assistant: Assistant,
    answering: Answering,
    presenter: Presenter,
    sender: Sender,
    reader: Reader,
) -> None:
    """In the same message where it fits into one both ways, else in new ones."""
    turn = await assistant.turn(turn_id)
    message = query.message if isinstance(query.message, Message) else None
    # Of an old message Telegram says no more than that it is there: neither how it is drawn nor its buttons.
    rich = message.rich_message is None if message is not None else not reader.rich
    shown, wanted = answering.parts_of(turn, reader, rich=not rich), answering.parts_of(turn, reader, rich=rich)
    if message is None or len(shown) > 1 or len(wanted) != 1:
        await toast(query)
        await answering.show_again(reader, turn_id, rich=rich)
        return
    edit = reader.target.edit(message.message_id, wanted[0], message.reply_markup)
    try:
        await edited(sender.send(edit, repeatable=True))
    except (TelegramBadRequest, TelegramNotFound):
        await toast(query, presenter.say(reader.language, "format.refused"))
    else:
        await toast(query)


def _keyboard(now: Format, presenter: Presenter, reader: Reader) -> InlineKeyboardMarkup:
    labelled = [
        (("✓ " if one == now else "") + presenter.say(reader.language, f"format.{one}"), "format", one)
        for one in ("text", "rich")
    ]
    return presenter.column(reader.person, labelled)
