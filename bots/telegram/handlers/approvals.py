"""The owner's two buttons below a call that waits: let it be made, once, or not."""

from __future__ import annotations

from typing import Final

from aiogram import Router
from aiogram.types import CallbackQuery

from assistant.api import Assistant
from bots.telegram.answering import Reader
from bots.telegram.buttons import Buttons, Pressed
from bots.telegram.keyboards import put_keyboard
from bots.telegram.presenter import Presenter
from bots.telegram.sending import Sender, toast

_ACTIONS: Final = frozenset({"approve", "disallow"})


def router() -> Router:
    routes = Router(name="approvals")
    routes.callback_query.register(decide, of_approvals)
    return routes


async def of_approvals(query: CallbackQuery, buttons: Buttons, reader: Reader) -> dict[str, Pressed] | bool:
    button = buttons.read(query.data or "", reader.person.id)
    return {"button": button} if button is not None and button.action in _ACTIONS else False


async def decide(
    query: CallbackQuery, button: Pressed, assistant: Assistant, presenter: Presenter, sender: Sender, reader: Reader
) -> None:
    """The buttons go, whether this decided it or it had been decided before."""
    decide = assistant.tools.approve if button.action == "approve" else assistant.tools.refuse
    try:
        await decide(button.id, person_id=reader.person.id)
        await toast(query, presenter.say(reader.language, f"approval.done_{button.action}"))
    finally:
        if query.message is not None:
            await put_keyboard(sender, reader.target.chat_id, query.message.message_id, None)
