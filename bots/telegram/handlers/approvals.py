"""The owner's two buttons below a call that waits: let it be made, once, or not."""

from __future__ import annotations

from typing import Final

from aiogram import Router
from aiogram.types import CallbackQuery, Message

from assistant.api import Assistant
from assistant.errors import ApprovalClosed, AssistantError, NotFound, OwnersOnly
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
    query: CallbackQuery,
    button: Pressed,
    assistant: Assistant,
    buttons: Buttons,
    presenter: Presenter,
    sender: Sender,
    reader: Reader,
) -> None:
    """The buttons go, whether this decided it or it had been decided before. While that cannot be known they are drawn
    anew, since the press has used them up."""
    decide = assistant.tools.approve if button.action == "approve" else assistant.tools.refuse
    message, left = query.message, None
    try:
        await decide(button.id, person_id=reader.person.id)
        await toast(query, presenter.say(reader.language, f"approval.done_{button.action}"))
    except (ApprovalClosed, NotFound, OwnersOnly):
        raise
    except AssistantError:
        if isinstance(message, Message) and message.reply_markup is not None:
            left = buttons.renewed(message.reply_markup, reader.person.id)
        raise
    finally:
        if message is not None:
            await put_keyboard(sender, reader.target.chat_id, message.message_id, left)
