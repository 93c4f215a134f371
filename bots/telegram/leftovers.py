"""What the next message settles: a choice of reasons that nobody wants any more, and an answer that waits for its
correction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar

from aiogram import BaseMiddleware
from aiogram.types import Message, TelegramObject

from assistant.api import Assistant
from assistant.errors import NotFound
from bots.telegram.answering import Reader
from bots.telegram.below import below
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
_Came: TypeAlias = tuple[float, int]
"""When an update did, which may be long before it is dealt with."""
_Kept = TypeVar("_Kept")


@dataclass(frozen=True, slots=True)
class Reasons:
    """The message below which a choice of reasons is open, and the turn whose answer that is."""

    message_id: int
    turn_id: str


@dataclass(slots=True)
class Request:
    """For the corrected text of a turn's answer, which is what came from `since` on and before `until`, however long it
    waited then; `message_id` is where the request stands in the chat, once that is known."""

    turn_id: str
    since: _Came
    until: _Came
    message_id: int | None = None


class Leftovers:
    """One of a kind for each person in each place; forgotten when the bot ends, and then the buttons still work."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._reasons: dict[_Who, Reasons] = {}
        self._corrections: dict[_Who, Request] = {}
        self._offers: dict[tuple[int, int], str | None] = {}

    def offer_reasons(self, reader: Reader, message_id: int, turn_id: str) -> Reasons | None:
        """The choice that was open before, which is to be taken away."""
        return _put(self._reasons, reader, Reasons(message_id, turn_id))

    def take_reasons(self, reader: Reader) -> Reasons | None:
        return self._reasons.pop(_who(reader), None)

    def drop_reasons(self, reader: Reader, message_id: int) -> None:
        """One was chosen below this message; a choice that is open below another one stays."""
        reasons = self._reasons.get(_who(reader))
        if reasons is not None and reasons.message_id == message_id:
            del self._reasons[_who(reader)]

    def await_correction(self, reader: Reader, turn_id: str) -> tuple[Request, Request | None]:
        """Before the request is in the chat, where its reader may be quicker than Telegram's word that it is; and the
        one that was open before, which is to be taken away."""
        request = Request(turn_id, self._came(reader), (self._clock.time() + _WAITS_S, 0))
        return request, _put(self._corrections, reader, request)

    def asked(self, reader: Reader, request: Request, message_id: int | None) -> bool:
        """Whether the correction is still waited for, now that the request is in the chat; None: it never will be."""
        request.message_id = message_id
        is_kept = self._corrections.get(_who(reader)) is request
        if is_kept and message_id is None:
            del self._corrections[_who(reader)]
        return is_kept and message_id is not None and self._clock.time() < request.until[0]

    def take_correction(self, reader: Reader) -> Request | None:
        """What their message corrects; None, and it stays open, for one that came before it was asked for."""
        request, came = self._corrections.get(_who(reader)), self._came(reader)
        if request is None or came < request.since:
            return None
        del self._corrections[_who(reader)]
        return request if came < request.until else None

    def end_correction(self, reader: Reader) -> Request | None:
        """By their command, which may overtake a message that came before it and is the correction all the same."""
        request, came = self._corrections.get(_who(reader)), self._came(reader)
        if request is None or not request.since <= came < request.until:
            return None
        request.until = came
        return request

    def drop_correction(self, reader: Reader, turn_id: str) -> None:
        """This answer is left as it is; what is asked for another one stays open."""
        request = self._corrections.get(_who(reader))
        if request is not None and request.turn_id == turn_id:
            del self._corrections[_who(reader)]

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

    def take_offer(self, message: Message, text: str) -> bool:
        """The question is answered as it is now; False where just this was answered."""
        place = message.chat.id, message.message_id
        is_new = self._offers.get(place) != text
        self._offers[place] = text
        return is_new

    def _came(self, reader: Reader) -> _Came:
        """When the update did with which they act."""
        receipt = reader.target.receipt
        return receipt.came if receipt is not None else (self._clock.time(), 0)


class Settle(BaseMiddleware):
    """Before every message: reasons go away, beside everything else; `correction` is the turn that it corrects."""

    def __init__(
        self,
        assistant: Assistant,
        leftovers: Leftovers,
        buttons: Buttons,
        presenter: Presenter,
        sender: Sender,
        lanes: Lanes,
    ) -> None:
        self._assistant = assistant
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
            chat_id, is_command = reader.target.chat_id, (event.text or "").startswith("/")
            reasons = self._leftovers.take_reasons(reader)
            if reasons is not None:
                close = partial(close_reasons, reasons, self._assistant, self._presenter, self._sender, reader)
                self._lanes.put(("leftovers", chat_id), close)
            end = self._leftovers.end_correction if is_command else self._leftovers.take_correction
            # In a group people say other things meanwhile, and not to the bot: there only a reply ends the wait.
            is_meant = is_command or reader.target.private or self._replied(event, reader) is not None
            asked = end(reader) if is_meant else None
            data["correction"] = None if is_command else self._correction(event, reader, asked)
            if asked is not None and asked.message_id is not None:
                over = partial(put_keyboard, self._sender, chat_id, asked.message_id, None)
                self._lanes.put(("leftovers", chat_id), over)
        return await handler(event, data)

    def _correction(self, message: Message, reader: Reader, asked: Request | None) -> str | None:
        if not message.text:
            return None
        if message.reply_to_message is not None:
            return self._replied(message, reader)
        return asked.turn_id if asked is not None and reader.target.private else None

    def _replied(self, message: Message, reader: Reader) -> str | None:
        """The turn whose correction was asked for in what is replied to."""
        if message.reply_to_message is None:
            return None
        button = button_below(message.reply_to_message, self._buttons, reader)
        return button.id if button is not None and button.action == "leave" else None


async def close_reasons(
    reasons: Reasons, assistant: Assistant, presenter: Presenter, sender: Sender, reader: Reader
) -> None:
    """Take the choice away. A reaction or the page may have changed the thumb since it was opened."""
    try:
        turn = await assistant.turn(reasons.turn_id)
    except NotFound:
        return
    here, rating = await below(assistant, turn), turn.rating_of(reader.person)
    keyboard = presenter.answer_keyboard(here, reader.person, reader.language, rating)
    await put_keyboard(sender, reader.target.chat_id, reasons.message_id, keyboard)


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
