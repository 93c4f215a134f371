"""What happens when a button of ours is pressed: 👍 👎 🔁, a conversation in /history, an answer to be shown again, the
better one of two answers."""

from __future__ import annotations

import logging
from functools import partial
from typing import Final, Literal

from aiogram import Bot, Router
from aiogram.exceptions import TelegramBadRequest
from aiogram.methods import EditMessageReplyMarkup
from aiogram.types import CallbackQuery

from assistant.api import Assistant
from assistant.memory.records import DuelChoice, SignalKind
from bots.telegram.answering import Answering, Reader
from bots.telegram.buttons import Buttons
from bots.telegram.comparing import choose, refuse
from bots.telegram.handlers.conversations import enter
from bots.telegram.lanes import Lanes
from bots.telegram.presenter import Presenter
from bots.telegram.sending import Sender, toast
from bots.telegram.streaming import edited

_log = logging.getLogger(__name__)
_CHOICES: Final[dict[str, DuelChoice]] = {"first": "first", "second": "second", "both": "both", "neither": "neither"}


def router() -> Router:
    routes = Router(name="buttons")
    routes.callback_query.register(pressed)
    return routes


async def pressed(
    query: CallbackQuery,
    bot: Bot,
    assistant: Assistant,
    answering: Answering,
    buttons: Buttons,
    lanes: Lanes,
    presenter: Presenter,
    sender: Sender,
    reader: Reader,
) -> None:
    """Only the person it was made for can use a button."""
    button = buttons.read(query.data or "", reader.person.id)
    if button is None:
        await toast(query, presenter.say(reader.language, "buttons.not_yours"))
    elif button.action == "enter":
        await enter(query, button.id, assistant, presenter, sender, reader)
    elif button.action == "again":
        await assistant.turn(button.id)
        await toast(query, presenter.say(reader.language, "buttons.again"))
        begin = partial(assistant.regenerate, button.id, face="telegram", person_id=reader.person.id)
        lanes.put(reader.target.place, partial(answering.answer, reader, begin))
    elif button.action == "show":
        await toast(query)
        await answering.show_again(reader, button.id)
    elif button.action == "never":
        await refuse(query, assistant, presenter, sender, reader)
    elif (choice := _CHOICES.get(button.action)) is not None:
        await choose(query, button.id, choice, assistant, presenter, sender, reader)
    elif button.action == "thumb_up":
        await _rate(query, button.id, "thumb_up", assistant, presenter, sender, reader)
    else:
        await _rate(query, button.id, "thumb_down", assistant, presenter, sender, reader)


async def _rate(
    query: CallbackQuery,
    turn_id: str,
    thumb: Literal["thumb_up", "thumb_down"],
    assistant: Assistant,
    presenter: Presenter,
    sender: Sender,
    reader: Reader,
) -> None:
    """The same thumb a second time takes it back."""
    before = (await assistant.turn(turn_id)).rating
    kind: SignalKind = "thumb_cleared" if before == thumb else thumb
    await assistant.signal(turn_id, kind, face="telegram", person_id=reader.person.id)
    await toast(query, presenter.say(reader.language, f"buttons.{kind}"))
    if query.message is None:
        return
    keyboard = presenter.answer_keyboard(turn_id, reader.person, None if before == thumb else thumb)
    method = EditMessageReplyMarkup(
        chat_id=reader.target.chat_id, message_id=query.message.message_id, reply_markup=keyboard
    )
    try:
        await edited(sender.send(method, repeatable=True))
    except TelegramBadRequest as error:
        _log.info("telegram: the mark at the thumb is not shown: %s", error)
