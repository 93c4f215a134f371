"""What a button carries: an action, an id, and a seal that only this bot can make and only for this person."""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass
from typing import Final

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
    "go_on": ">",
    "redo": "z",
    "reask": "a",
}
_ACTIONS: Final = {letter: action for action, letter in _LETTERS.items()}
_SEAL_LENGTH: Final = 16


@dataclass(frozen=True, slots=True)
class Pressed:
    """`id` is a turn's or a conversation's, as the action has it; of a citation the turn's, a colon and the number."""

    action: str
    id: str


class Buttons:
    """Nothing is kept: the seal outlives a restart, and a person cannot press what was made for another."""

    def __init__(self, token: SecretStr) -> None:
        self._key = hmac.digest(token.get_secret_value().encode(), b"patina buttons", "sha256")

    def data(self, action: str, id: str, person_id: str) -> str:
        """At most 64 bytes, as Telegram asks."""
        return _LETTERS[action] + self._seal(action, id, person_id) + id

    def read(self, data: str, person_id: str) -> Pressed | None:
        """None for a button that is not ours or not this person's."""
        action, seal, id = _ACTIONS.get(data[:1], ""), data[1 : 1 + _SEAL_LENGTH], data[1 + _SEAL_LENGTH :]
        if not action or not hmac.compare_digest(seal.encode(), self._seal(action, id, person_id).encode()):
            return None
        return Pressed(action, id)

    def _seal(self, action: str, id: str, person_id: str) -> str:
        digest = hmac.digest(self._key, f"{action}\n{id}\n{person_id}".encode(), "sha256")
        return base64.urlsafe_b64encode(digest)[:_SEAL_LENGTH].decode()
