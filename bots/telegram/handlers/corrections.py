"""/edit and ✏️: an answer as its reader would have wanted it, which is then the answer."""

from __future__ import annotations

from aiogram import Router
from aiogram.filters import Command, CommandObject
from aiogram.types import CallbackQuery, Message

from assistant.api import Assistant
from bots.telegram.answering import Answering, Reader
from bots.telegram.keyboards import put_keyboard
from bots.telegram.leftovers import Leftovers
from bots.telegram.presenter import Part, Presenter
from bots.telegram.sending import Sender, toast
from bots.telegram.shown import Shown
from bots.telegram.written import as_markdown


def router() -> Router:
    routes = Router(name="corrections")
    routes.message.register(edit, Command("edit"))
    routes.message.register(correct, corrects)
    return routes


async def corrects(message: Message, correction: str | None = None) -> bool:
    return correction is not None


async def edit(
    message: Message,
    command: CommandObject,
    assistant: Assistant,
    answering: Answering,
    leftovers: Leftovers,
    presenter: Presenter,
    sender: Sender,
    shown: Shown,
    reader: Reader,
) -> None:
    """The answer that is replied to, else the latest; with a text it is corrected at once."""
    turn_id = await _meant(message, shown, reader)
    if turn_id is None:
        await answering.tell(reader, presenter.say(reader.language, "edit.nothing"))
    elif command.args:
        text = _written(message).split(maxsplit=1)[1]
        await correct(message, assistant, answering, presenter, reader, turn_id, text)
    else:
        await ask(turn_id, answering, leftovers, presenter, sender, reader)


async def ask(
    turn_id: str, answering: Answering, leftovers: Leftovers, presenter: Presenter, sender: Sender, reader: Reader
) -> None:
    """For the corrected text, which is the next message or a reply to this one."""
    text = presenter.say(reader.language, "edit.ask" if reader.target.private else "edit.ask_group")
    keyboard = presenter.one_button(turn_id, reader.person, "leave", reader.language)
    request, before = leftovers.await_correction(reader, turn_id)
    asked = await answering.say(reader.target, Part(text), keyboard)
    waits = leftovers.asked(reader, request, asked)
    for over in (before.message_id if before is not None else None, None if waits else asked):
        if over is not None:
            await put_keyboard(sender, reader.target.chat_id, over, None)


async def correct(
    message: Message,
    assistant: Assistant,
    answering: Answering,
    presenter: Presenter,
    reader: Reader,
    correction: str,
    text: str = "",
) -> None:
    """Show the person's words in place of the answer from now on; what the model wrote is kept."""
    turn = await assistant.edit_answer(
        correction, text or _written(message), face="telegram", person_id=reader.person.id
    )
    if turn.original is None:
        await answering.tell(reader, presenter.say(reader.language, "edit.same"))
        return
    keyboard = presenter.one_button(turn.id, reader.person, "restore", reader.language)
    await answering.say(reader.target, Part(presenter.say(reader.language, "edit.done")), keyboard)


def _written(message: Message) -> str:
    return as_markdown(message.text or message.caption or "", message.entities or message.caption_entities)


async def leave(
    query: CallbackQuery, turn_id: str, leftovers: Leftovers, presenter: Presenter, sender: Sender, reader: Reader
) -> None:
    """The answer is not corrected after all."""
    leftovers.drop_correction(reader, turn_id)
    await toast(query, presenter.say(reader.language, "edit.left"))
    if query.message is not None:
        await put_keyboard(sender, reader.target.chat_id, query.message.message_id, None)


async def restore(
    query: CallbackQuery, turn_id: str, assistant: Assistant, presenter: Presenter, sender: Sender, reader: Reader
) -> None:
    """The model's own words are the answer again."""
    turn = await assistant.turn(turn_id)
    if turn.original is not None:
        await assistant.edit_answer(turn_id, turn.original, face="telegram", person_id=reader.person.id)
    await toast(query, presenter.say(reader.language, "edit.restored"))
    if query.message is not None:
        await put_keyboard(sender, reader.target.chat_id, query.message.message_id, None)


async def _meant(message: Message, shown: Shown, reader: Reader) -> str | None:
    if message.reply_to_message is not None and (turn := await shown.meant(message, reader)) is not None:
        return turn.id
    turns = await shown.path(reader)
    return next((turn.id for turn in reversed(turns) if turn.answer.strip() and turn.status != "streaming"), None)
