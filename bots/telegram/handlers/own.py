"""What is somebody's own: /export gives it to them, /forget deletes it, /quota says how much of today is left."""

from __future__ import annotations

from typing import Final

from aiogram import F, Router
from aiogram.exceptions import TelegramAPIError
from aiogram.filters import Command
from aiogram.methods import SendDocument
from aiogram.types import BufferedInputFile, CallbackQuery, Message

from assistant.api import Assistant
from bots.telegram.answering import Answering, Reader
from bots.telegram.buttons import Buttons, Pressed
from bots.telegram.forms import Forms
from bots.telegram.keyboards import put_keyboard
from bots.telegram.presenter import Part, Presenter
from bots.telegram.receipts import Receipt
from bots.telegram.reminding import Reminding
from bots.telegram.sending import Sender, toast

_CONFIRMED_WITHIN_S: Final = 600
_LIMIT: Final = 50_000_000
"""Bytes that a bot may send, https://core.telegram.org/bots/api#senddocument."""


def router() -> Router:
    routes = Router(name="own")
    private = F.chat.type == "private"
    routes.message.register(export, Command("export"), private)
    routes.message.register(forget, Command("forget"), private)
    routes.message.register(only_in_private, Command("export", "forget"))
    routes.message.register(quota, Command("quota"))
    routes.callback_query.register(confirmed, of_forgetting)
    return routes


async def export(
    message: Message,
    assistant: Assistant,
    answering: Answering,
    presenter: Presenter,
    sender: Sender,
    reader: Reader,
    receipt: Receipt,
) -> None:
    """A file with what they said, what they were answered and what is known about them. Sent at the first attempt
    only: a second file would be worse than a word that one may be missing."""
    if receipt.attempt > 1:
        await answering.tell(reader, presenter.say(reader.language, "own.export_again"))
        return
    data = (await assistant.people.export(reader.person.id)).encode()
    if len(data) > _LIMIT:
        await answering.tell(reader, presenter.say(reader.language, "own.export_too_large"))
        return
    file = BufferedInputFile(data, "patina.jsonl")
    caption = presenter.say(reader.language, "own.export")
    try:
        await sender.send(SendDocument(chat_id=reader.target.chat_id, document=file, caption=caption))
    except TelegramAPIError:
        await answering.tell(reader, presenter.say(reader.language, "own.export_again"))


async def forget(
    message: Message, answering: Answering, presenter: Presenter, reminding: Reminding, reader: Reader
) -> None:
    """Ask whether it is meant; nothing is deleted before that."""
    key = "own.forget_owner" if reader.person.role == "owner" else "own.forget"
    text = Part(presenter.say(reader.language, key))
    keyboard = presenter.forget_keyboard(str(int(reminding.now().timestamp())), reader.person, reader.language)
    await answering.say(reader.target, text, keyboard)


async def only_in_private(message: Message, answering: Answering, presenter: Presenter, reader: Reader) -> None:
    await answering.tell(reader, presenter.say(reader.language, "own.private"))


async def quota(
    message: Message, assistant: Assistant, answering: Answering, presenter: Presenter, reader: Reader
) -> None:
    """What of today is used and what is left."""
    used = await assistant.people.allowance(reader.person.id)
    text = presenter.say(
        reader.language,
        "own.quota",
        questions=used.questions,
        most_questions=used.limits.questions_a_day or "∞",
        tokens=used.tokens,
        most_tokens=used.limits.tokens_a_day or "∞",
        hours=max(1, round(used.renews_in / 3600)),
    )
    await answering.tell(reader, text)


async def of_forgetting(query: CallbackQuery, buttons: Buttons, reader: Reader) -> dict[str, Pressed] | bool:
    button = buttons.read(query.data or "", reader.person.id)
    return {"button": button} if button is not None and button.action in {"forget", "spare"} else False


async def confirmed(
    query: CallbackQuery,
    button: Pressed,
    assistant: Assistant,
    answering: Answering,
    presenter: Presenter,
    reminding: Reminding,
    forms_of: Forms,
    sender: Sender,
    reader: Reader,
) -> None:
    """Delete it, or leave it; what was asked long ago is asked again first."""
    if query.message is not None:
        await put_keyboard(sender, reader.target.chat_id, query.message.message_id, None)
    if button.action == "spare" or not reader.target.private:
        await toast(query, presenter.say(reader.language, "own.spared"))
    elif reminding.now().timestamp() - int(button.id) > _CONFIRMED_WITHIN_S:
        await toast(query, presenter.say(reader.language, "own.too_late"), alert=True)
    else:
        await toast(query)
        await assistant.people.forget(reader.person.id)
        await reminding.forget(query.from_user.id)
        await forms_of.forget(query.from_user.id)
        await answering.tell(reader, presenter.say(reader.language, "own.forgotten"))
