"""Messages that were one when they were sent: a long text that the client cut, an album, a run of forwards.

They come as updates of their own within a moment, and are dealt with as one question: under the first one's receipt,
and done all at once, so that a restart finds all of them or none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from aiogram.types import Message, Update

from assistant.memory.inbox import Waiting
from bots.telegram.clock import Clock, wait_for_event

_CUT_AT: Final = 4096
"""Clients cut a text there, in UTF-16 code units, or at a space not far before."""
_NEARLY: Final = 3800
_APART_S: Final = 3
"""Between one piece and the next, by Telegram's clock, at most."""
_MOST: Final = 30
_LONGEST: Final = 200_000
"""Characters of all pieces together."""
_PATIENCE: Final = 6
"""Pauses that all pieces may take together."""


@dataclass
class Joined:
    """Updates in the order in which they were sent; most often one."""

    updates: list[Update]
    waiting: list[Waiting]
    begun_at: float
    newest_at: float
    full: bool = False
    news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def following(self) -> list[Message]:
        return [update.message for update in self.updates[1:] if update.message is not None]

    def update(self) -> Update:
        """The first one, with the words of all."""
        first = self.updates[0]
        message = first.message
        if message is None or len(self.updates) == 1 or message.forward_origin is not None:
            return first
        if message.media_group_id is not None:
            captions = [one.caption for one in (message, *self.following) if one.caption]
            told = next((one for one in (message, *self.following) if one.caption), message)
            changed = {"caption": "\n\n".join(captions) or None, "caption_entities": told.caption_entities}
        else:
            changed = {"text": _whole([one.text or "" for one in (message, *self.following)])}
        return first.model_copy(update={"message": message.model_copy(update=changed)})


class Joining:
    """One per bot; `pause` in seconds is how long the next piece is waited for."""

    def __init__(self, clock: Clock, pause: float) -> None:
        self._clock = clock
        self._pause = pause
        self._open: dict[Hashable, Joined] = {}

    def take(self, lane: Hashable, update: Update, waiting: Waiting) -> Joined | None:
        """What is to be dealt with in the lane; None for a piece of what is there already."""
        now = self._clock.now()
        before = self._open.get(lane)
        if before is not None:
            if self._belongs(before, update, waiting, now):
                before.updates.append(update)
                before.waiting.append(waiting)
                before.newest_at = now
                before.full = len(before.updates) >= _MOST
                before.news.set()
                return None
            self._close(lane, before)
        joined = Joined([update], [waiting], now, now)
        if goes_on(update.message):
            self._open[lane] = joined
        else:
            joined.full = True
        return joined

    async def gathered(self, joined: Joined) -> None:
        """Return once no more is to come."""
        until = joined.begun_at + _PATIENCE * self._pause
        while not joined.full:
            left = min(joined.newest_at + self._pause, until) - self._clock.now()
            if left <= 0:
                break
            joined.news.clear()
            await wait_for_event(self._clock, joined.news, left)
        joined.full = True
        for lane, one in list(self._open.items()):
            if one is joined:
                self._close(lane, one)

    def _close(self, lane: Hashable, joined: Joined) -> None:
        joined.full = True
        joined.news.set()
        del self._open[lane]

    def _belongs(self, joined: Joined, update: Update, waiting: Waiting, now: float) -> bool:
        last, message = joined.updates[-1].message, update.message
        # What a dead process had begun alone is not begun anew together with something else.
        same_try = (joined.waiting[0].attempts > 0) == (waiting.attempts > 0)
        if joined.full or not same_try or last is None or message is None or now - joined.newest_at > self._pause:
            return False
        length = sum(len(one.message.text or "") for one in joined.updates if one.message is not None)
        return length < _LONGEST and follows(last, message)


def goes_on(message: Message | None) -> bool:
    """Whether more may come that belongs to it."""
    if message is None:
        return False
    if message.media_group_id is not None or message.forward_origin is not None:
        return True
    text = message.text or ""
    return not text.startswith("/") and _units(text) >= _NEARLY


def follows(last: Message, message: Message) -> bool:
    """Whether the second one goes on where the first one ended."""
    sender, other = last.from_user, message.from_user
    if sender is None or other is None or sender.id != other.id or message.message_id <= last.message_id:
        return False
    if (message.date - last.date).total_seconds() > _APART_S:
        return False
    if last.media_group_id is not None:
        return message.media_group_id == last.media_group_id
    if last.forward_origin is not None:
        return message.forward_origin is not None
    plain = message.forward_origin is None and message.media_group_id is None and message.reply_to_message is None
    return plain and bool(message.text) and not (message.text or "").startswith("/") and goes_on(last)


def _whole(pieces: list[str]) -> str:
    """As it was before the client cut it: at a space or line end that it swallowed, else in the middle of a word."""
    whole = pieces[0]
    for before, piece in pairwise(pieces):
        whole += ("" if _units(before) >= _CUT_AT else "\n") + piece
    return whole


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
