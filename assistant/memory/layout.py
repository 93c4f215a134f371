"""Where every utterance stands, as arrays by its id: what recall needs of all of them and no question changes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

NO_TIME: Final = 0
"""As a day: an utterance that speaks of no time."""
ASKS: Final = 1
COUNTS: Final = 2
OWN: Final = 4
THANKS: Final = 8
DATED: Final = 16
"""Traits of an utterance: a question; has a number; about the speaker; a mere reaction; speaks of a time."""
_ROLES: Final = {"user": 0, "assistant": 1}
_GROWTH: Final = 1.5


def _empty() -> np.ndarray:
    return np.zeros(1, np.int64)


@dataclass(frozen=True, slots=True)
class Layout:
    """Row n tells of the utterance with id n; `scope` is 0 and `length` 0 where there is none. Days are ordinals."""

    newest: int = 0
    scopes: dict[str, int] = field(default_factory=dict)
    conversations: dict[str, int] = field(default_factory=dict)
    speakers: dict[str, int] = field(default_factory=dict)
    scope: np.ndarray = field(default_factory=_empty)
    conversation: np.ndarray = field(default_factory=_empty)
    speaker: np.ndarray = field(default_factory=_empty)
    assistant: np.ndarray = field(default_factory=_empty)
    previous: np.ndarray = field(default_factory=_empty)
    following: np.ndarray = field(default_factory=_empty)
    """0 where nothing follows; the newest of several branches."""
    length: np.ndarray = field(default_factory=_empty)
    traits: np.ndarray = field(default_factory=_empty)
    said_on: np.ndarray = field(default_factory=_empty)
    about_from: np.ndarray = field(default_factory=_empty)
    about_to: np.ndarray = field(default_factory=_empty)

    def grown(self, rows: Sequence[dict[str, Any]]) -> Layout:
        """With these rows, which come after all that are here."""
        newest = int(rows[-1]["id"])
        ids = np.array([row["id"] for row in rows], np.int64)
        names = (dict(self.scopes), dict(self.conversations), dict(self.speakers))
        columns = {
            "scope": [_number(names[0], row["scope"]) for row in rows],
            "conversation": [_number(names[1], row["conversation_id"]) for row in rows],
            "speaker": [_number(names[2], row["speaker"]) for row in rows],
            "assistant": [_ROLES[row["role"]] for row in rows],
            "previous": [row["previous_id"] for row in rows],
            "length": [max(1, row["length"]) for row in rows],
            "traits": [row["traits"] for row in rows],
            "said_on": [_day(row["said_at"]) for row in rows],
            "about_from": [row["about_from"] for row in rows],
            "about_to": [row["about_to"] for row in rows],
        }
        arrays: dict[str, np.ndarray] = {}
        for name, values in columns.items():
            array = _room(getattr(self, name), newest + 1)
            array[ids] = values
            arrays[name] = array
        following = _room(self.following, newest + 1)
        previous = arrays["previous"][ids]
        following[previous[previous > 0]] = ids[previous > 0]
        return replace(
            self,
            newest=newest,
            scopes=names[0],
            conversations=names[1],
            speakers=names[2],
            following=following,
            **arrays,
        )


def _day(said_at: float) -> int:
    """By the clock of this machine, as the person who speaks of yesterday has it."""
    return dt.datetime.fromtimestamp(said_at).toordinal()


def _number(known: dict[str, int], name: str) -> int:
    return known.setdefault(name, len(known) + 1)


def _room(array: np.ndarray, size: int) -> np.ndarray:
    """The array itself where it has room, else a larger copy; rows are only added, so readers of either are right."""
    if len(array) >= size:
        return array
    larger = np.zeros(max(size, int(len(array) * _GROWTH)), np.int64)
    larger[: len(array)] = array
    return larger
