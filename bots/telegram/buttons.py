"""What a button carries: an action, an id, and a seal that only this bot can make and only for this person."""

from __future__ import annotations

import base64
import hmac
import secrets
from dataclasses import dataclass, field
from typing import Final

from aiogram.types import InlineKeyboardMarkup
from pydantic import SecretStr

_LETTERS: Final = {
    "thumb_up": "u",
    "thumb_down": "d",
    "again": "r",
    "enter": "e",
    "show": "s",
    "first": "1",
    "second": "2",
    "both": "b",
    "neither": "n",
    "never": "x",
    "edit": "c",
    "leave": "k",
    "restore": "o",
    "wrong": "w",
    "missed": "m",
    "too_long": "+",
    "too_short": "-",
    "language": "g",
    "cite": "p",
    "miscited": "q",
    "admit": "a",
    "admit_guest": "h",
    "refuse": "f",
    "forget": "z",
    "spare": "l",
    "unremind": "t",
    "undo": "D",
    "unlist": "L",
    "go_on": ">",
    "redo": "Z",
    "earlier": "E",
    "later": "T",
    "reask": "A",
    "approve": "Y",
    "disallow": "N",
    "other_form": "F",
    "format": "R",
}
_ACTIONS: Final = {letter: action for action, letter in _LETTERS.items()}
_SEAL_LENGTH: Final = 16
_NONCE_LENGTH: Final = 4
_ONCE: Final = frozenset(
    {
        "thumb_up",
        "thumb_down",
        "again",
        "restore",
        "wrong",
        "missed",
        "too_long",
        "too_short",
        "language",
        "miscited",
        "admit",
        "admit_guest",
        "refuse",
        "forget",
        "unremind",
        "approve",
        "disallow",
    }
)
"""What changes something works once each time it is drawn: a press that is repeated or kept for later does nothing."""


@dataclass(frozen=True, slots=True)
class Pressed:
    """`id` is a turn's or a conversation's, as the action has it; of a citation the turn's, a colon and the number;
    of a file in the library the document's."""

    action: str
    id: str
    once: str = field(default="", compare=False)
    """What tells this drawing of the button from all others, where it works once; empty where it works again and
    again."""


class Buttons:
    """Nothing is kept of what is drawn: the seal outlives a restart, and nobody can press what was made for another.
    What was pressed and works once is kept (`Receipt.first`)."""

    def __init__(self, token: SecretStr) -> None:
        self._key = hmac.digest(token.get_secret_value().encode(), b"patina buttons", "sha256")

    def data(self, action: str, id: str, person_id: str) -> str:
        """At most 64 bytes, as Telegram asks."""
        nonce = secrets.token_urlsafe(_NONCE_LENGTH)[:_NONCE_LENGTH] if action in _ONCE else ""
        return _LETTERS[action] + nonce + self._seal(action, id, person_id, nonce) + id

    def read(self, data: str, person_id: str) -> Pressed | None:
        """None for a button that is not ours or not this person's."""
        action = _ACTIONS.get(data[:1], "")
        begin = 1 + (_NONCE_LENGTH if action in _ONCE else 0)
        nonce, seal, id = data[1:begin], data[begin : begin + _SEAL_LENGTH], data[begin + _SEAL_LENGTH :]
        if not action or not hmac.compare_digest(seal.encode(), self._seal(action, id, person_id, nonce).encode()):
            return None
        return Pressed(action, id, nonce + seal if nonce else "")

    def renewed(self, markup: InlineKeyboardMarkup, person_id: str) -> InlineKeyboardMarkup:
        """The same keyboard drawn anew, so that what was pressed can be pressed again."""
        rows = []
        for row in markup.inline_keyboard:
            read = [(button, self.read(button.callback_data or "", person_id)) for button in row]
            rows.append(
                [
                    button
                    if pressed is None
                    else button.model_copy(update={"callback_data": self.data(pressed.action, pressed.id, person_id)})
                    for button, pressed in read
                ]
            )
        return InlineKeyboardMarkup(inline_keyboard=rows)

    def _seal(self, action: str, id: str, person_id: str, nonce: str) -> str:
        said = "\n".join((action, id, person_id, nonce)) if nonce else f"{action}\n{id}\n{person_id}"
        digest = hmac.digest(self._key, said.encode(), "sha256")
        return base64.urlsafe_b64encode(digest)[:_SEAL_LENGTH].decode()
