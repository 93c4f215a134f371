"""What the next message settles: a choice of reasons that nobody wants any more, and an answer that waits for its
correction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar

from aiogram import BaseMiddleware
from aiogram.types import InlineKeyboardMarkup, Message, TelegramObject

from bots.telegram.answering import Reader
from bots.telegram.below import Below
from bots.telegram.buttons import Buttons, Pressed
from bots.telegram.clock import Clock
from bots.telegram.keyboards import put_keyboard
from bots.telegram.lanes import Lanes
from bots.telegram.presenter import Presenter
from bots.telegram.sending import Sender

_WAITS_S: Final = 600.0
"""For a correction that is no reply; later the next message is a question like any other."""
_MOST: Final = 1000
_Who: TypeAlias = tuple[tuple[int, int | None], str]
_Kept = TypeVar("_Kept")


@dataclass(frozen=True, slots=True)
class Reasons:
    """The answer below which a choice of reasons is open, and what else can be pressed there."""

    message_id: int
    below: Below


@dataclass(slots=True)
class Request:
    """For the corrected text of a turn's answer; `message_id` is where it stands in the chat, once that is known."""

    turn_id: str
    at: float
    message_id: int | None = None


class Leftovers:
    """One of a kind for each person in each place; forgotten when the bot ends, and then the buttons still work."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._reasons: dict[_Who, Reasons] = {}
        self._corrections: dict[_Who, Request] = {}
        self._offers: dict[tuple[int, int], str | None] = {}

    def offer_reasons(self, reader: Reader, message_id: int, below: Below) -> Reasons | None:
        """The choice that was open before, which is to be taken away."""
        return _put(self._reasons, reader, Reasons(message_id, below))

    def take_reasons(self, reader: Reader) -> Reasons | None:
        return self._reasons.pop(_who(reader), None)

    def await_correction(self, reader: Reader, turn_id: str) -> tuple[Request, Request | None]:
        """Before the request is in the chat, where its reader may be quicker than Telegram's word that it is; and the
        one that was open before, which is to be taken away."""
        request = Request(turn_id, self._clock.now())
        return request, _put(self._corrections, reader, request)

    def asked(self, reader: Reader, request: Request, message_id: int | None) -> bool:
        """Whether the correction is still waited for, now that the request is in the chat; None: it never will be."""
        request.message_id = message_id
        waits = self._corrections.get(_who(reader)) is request
        if waits and message_id is None:
            del self._corrections[_who(reader)]
        return waits and message_id is not None

    def take_correction(self, reader: Reader) -> Request | None:
        """None for one that was asked for too long ago."""
        left = self._corrections.pop(_who(reader), None)
        return left if left is not None and self._clock.now() - left.at < _WAITS_S else None

    def offer_again(self, message: Message, text: str) -> bool:
        """Whether a button that answers this edited question once more is to be shown: not where one is open, or where
        just this was answered."""
        place = message.chat.id, message.message_id
        if self._offers.get(place, text + "?") in (None, text):
            return False
        self._offers[place] = None
        if len(self._offers) > _MOST:
            del self._offers[next(iter(self._offers))]
        return True

    def take_offer(self, message: Message, text: str) -> None:
        """The question is answered as it is now."""
        self._offers[message.chat.id, message.message_id] = text


class Settle(BaseMiddleware):
    """Before every message: reasons go away, beside everything else; `correction` is the turn that it corrects."""

    def __init__(
        self, leftovers: Leftovers, buttons: Buttons, presenter: Presenter, sender: Sender, lanes: Lanes
    ) -> None:
        self._leftovers = leftovers
        self._buttons = buttons
        self._presenter = presenter
        self._sender = sender
        self._lanes = lanes

    async def __call__(
        self, handler: Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]], event: TelegramObject,
        data: dict[str, Any],
    ) -> Any:  # fmt: skip
        reader: Reader | None = data.get("reader")
        if reader is not None and isinstance(event, Message):
            reasons, asked = self._leftovers.take_reasons(reader), self._leftovers.take_correction(reader)
            if reasons is not None:
                settled = self._presenter.answer_keyboard(reasons.below, reader.person, reader.language, "thumb_down")
                self._put_later(reader, reasons.message_id, settled)
            data["correction"] = self._correction(event, reader, asked)
            if asked is not None and asked.message_id is not None:
                self._put_later(reader, asked.message_id, None)
        return await handler(event, data)

    def _correction(self, message: Message, reader: Reader, asked: Request | None) -> str | None:
        if not message.text or message.text.startswith("/"):
            return None
        if message.reply_to_message is not None:
            button = button_below(message.reply_to_message, self._buttons, reader)
            return button.id if button is not None and button.action == "leave" else None
        return asked.turn_id if asked is not None and reader.target.private else None

    def _put_later(self, reader: Reader, message_id: int, keyboard: InlineKeyboardMarkup | None) -> None:
        chat_id = reader.target.chat_id
        self._lanes.put(("leftovers", chat_id), partial(put_keyboard, self._sender, chat_id, message_id, keyboard))


def button_below(message: Message, buttons: Buttons, reader: Reader) -> Pressed | None:
    """The first button of this person's below a message of the bot's: what the message is about."""
    rows = message.reply_markup.inline_keyboard if message.reply_markup is not None else []
    read = (buttons.read(button.callback_data or "", reader.person.id) for row in rows for button in row)
    return next((button for button in read if button is not None), None)


def _put(kept: dict[_Who, _Kept], reader: Reader, one: _Kept) -> _Kept | None:
    before = kept.pop(_who(reader), None)
    kept[_who(reader)] = one
    if len(kept) > _MOST:
        del kept[next(iter(kept))]
    return before


def _who(reader: Reader) -> _Who:
    return reader.target.place, reader.person.id
