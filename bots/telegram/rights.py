"""What a person's role allows, asked once between the update and whatever handler was found for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiogram import BaseMiddleware
from aiogram.types import CallbackQuery, Message, TelegramObject

from assistant.errors import OwnersOnly
from assistant.memory.records import REASONS
from bots.telegram.answering import Reader
from bots.telegram.buttons import Buttons, Pressed
from bots.telegram.delivery import Delivery
from bots.telegram.drawn import Drawn
from bots.telegram.intake import command_of
from bots.telegram.keyboards import put_keyboard
from bots.telegram.presenter import Presenter
from bots.telegram.receipts import Receipt
from bots.telegram.sending import Sender, toast

_GUEST_COMMANDS: Final = frozenset(
    {"", "/start", "/help", "/new", "/stop", "/forget", "/export", "/quota", "/format", "/why"}
)
_GUEST_BUTTONS: Final = frozenset(
    {"thumb_up", "thumb_down", *REASONS, "again", "earlier", "later", "show", "forget", "spare", "other_form", "format"}
)
_OWNER_BUTTONS: Final = frozenset({"admit", "admit_guest", "refuse", "approve", "disallow"})


class Rights(BaseMiddleware):
    """Stands before the handlers of every kind of update. What is refused is an error, which `Explain` tells.

    A button works below the message it was drawn below. One that may be pressed once is used up here, and 🔁 is drawn
    anew when it has done its work.
    """

    def __init__(
        self, buttons: Buttons, drawn: Drawn, delivery: Delivery, presenter: Presenter, sender: Sender
    ) -> None:
        self._buttons = buttons
        self._drawn = drawn
        self._delivery = delivery
        self._presenter = presenter
        self._sender = sender

    async def __call__(
        self, handler: Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]], event: TelegramObject,
        data: dict[str, Any],
    ) -> Any:  # fmt: skip
        reader: Reader | None = data.get("reader")
        if reader is None:
            return await handler(event, data)
        button = self._buttons.read(event.data or "", reader.person.id) if isinstance(event, CallbackQuery) else None
        if not may(event, button, reader):
            raise OwnersOnly(reason="guest" if reader.person.role == "guest" else "member")
        receipt: Receipt | None = data.get("receipt")
        if isinstance(event, CallbackQuery) and button is not None and not await self._belongs(event, reader):
            await toast(event, self._presenter.say(reader.language, "buttons.elsewhere"), alert=True)
            return None
        if isinstance(event, CallbackQuery) and button is not None and button.once and receipt is not None:
            if not await receipt.first(button.once):
                await toast(event, self._presenter.say(reader.language, "buttons.used"))
                return None
            done = await handler(event, data)
            if button.action == "again":
                await self._redraw(event, reader)
            return done
        return await handler(event, data)

    async def _belongs(self, query: CallbackQuery, reader: Reader) -> bool:
        """Whether the button was drawn below the message that it was pressed below."""
        if await self._drawn.has(query):
            return True
        # A person may be quicker than the server's answer, or see a message whose fate is being found out.
        await self._delivery.settled(reader.target.chat_id)
        return await self._drawn.has(query)

    async def _redraw(self, query: CallbackQuery, reader: Reader) -> None:
        message = query.message
        if isinstance(message, Message) and message.reply_markup is not None:
            keyboard = self._buttons.renewed(message.reply_markup, reader.person.id)
            await put_keyboard(self._sender, reader.target.chat_id, message.message_id, keyboard)


def may(event: TelegramObject, button: Pressed | None, reader: Reader) -> bool:
    """Whether this person may have it dealt with. A guest asks in words and judges the answers; everything that is not
    named here is not for guests."""
    role = reader.person.role
    if button is not None and button.action in _OWNER_BUTTONS:
        return role == "owner"
    if isinstance(event, Message):
        # A caption is a command to aiogram as well.
        command = command_of(event.model_copy(update={"text": event.text or event.caption}))
        if role == "guest":
            return bool(event.text) and command in _GUEST_COMMANDS
        return command != "/documents" or reader.person.reads_documents
    return role != "guest" or button is None or button.action in _GUEST_BUTTONS
