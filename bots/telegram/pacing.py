"""How often a chat may be called: one allowance for everything that is shown in it, learned from what Telegram says."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from bots.telegram.clock import Clock

_SLOWEST: Final = 8.0
_SLOWER: Final = 2.0
_QUICKER: Final = 0.1
"""Additive increase, multiplicative decrease: a refusal doubles the gap, each call taken gives a little back."""
_BURST: Final = 2
"""Calls that may follow each other at once after a pause: what is happening, and the first words."""
_OVERALL_GAP_S: Final = 1 / 25
"""Telegram takes about thirty calls a second from one bot; the rest is for what has to arrive."""
_REMEMBERED: Final = 1000


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds. Telegram allows about one call a second in a private chat and twenty a minute in a group."""

    first: float = 1.5
    """How long a model may take for its first word before something is shown."""
    draft: float = 1.75
    edit: float = 4.0
    slower: float = 0.2
    """Of the time an answer has taken so far: the longer it gets, the less each preview adds to it."""
    slowest: float = 3.0
    """No preview waits longer than this for being one of many, though it may for a refusal."""
    keep_alive: float = 20.0
    """A draft disappears after 30 seconds unless it is shown again."""
    file: float = 1.0
    """How often it is looked how far a file is that is being read."""
    join: float = 1.0
    """How long the next piece of a long text, of an album or of a run of forwards may take."""
    grace: float = 10.0
    """How long a bot that is told to end waits for answers being written."""
    call: int = 30
    """How long Telegram may take to answer a call before its fate counts as unknown."""
    poll: int = 30
    """How long Telegram is asked to hold a poll; half as long again without a word, and the connection is dead."""


class Budget:
    """Of one chat: every call is spent here, previews wait for it, and nothing is sent while the chat is shut.

    The generic cell rate algorithm (ITU-T I.371): `_due` is when the chat would have been called had the calls come
    evenly; a call is in order while that lies at most a burst ahead.
    """

    def __init__(self, clock: Clock, opens_at: float = 0.0) -> None:
        self._clock = clock
        self._opens_at = opens_at
        self._due = 0.0
        self.slowness = 1.0
        """By how much the gap is longer than the usual one."""

    def shut_for(self) -> float:
        return max(0.0, self._opens_at - self._clock.now())

    def wait(self, gap: float, burst: int = _BURST) -> float:
        """Seconds until a preview is in order."""
        early = (burst - 1) * gap * self.slowness
        return max(0.0, self.shut_for(), self._due - early - self._clock.now())

    def patience(self, gap: float) -> float:
        """Seconds that even an answer waits: while the chat is shut, and a little where it was refused lately."""
        return self.shut_for() if self.slowness <= 1.0 else max(self.shut_for(), min(self.wait(gap), gap))

    def spend(self, gap: float) -> None:
        self._due = max(self._due, self._clock.now()) + gap * self.slowness

    def taken(self) -> None:
        self.slowness = max(1.0, self.slowness - _QUICKER)

    def refused(self, retry_after: float) -> None:
        self._opens_at = max(self._opens_at, self._clock.now() + retry_after)
        self.slowness = min(_SLOWEST, self.slowness * _SLOWER)


class Budgets:
    """`shut` is told of every refusal, with the chat and the time since the epoch it lasts until, so that a restart
    does not shorten it; `waits` is what was told before."""

    def __init__(
        self,
        clock: Clock,
        shut: Callable[[int, float], None] = lambda chat_id, until: None,
        waits: Mapping[int, float] | None = None,
    ) -> None:
        self._clock = clock
        self._shut = shut
        self._overall = Budget(clock)
        self._chats: OrderedDict[int, Budget] = OrderedDict()
        for chat_id, until in (waits or {}).items():
            self._chats[chat_id] = Budget(clock, clock.now() + round(until - clock.time(), 3))

    def of(self, chat_id: int) -> Budget:
        budget = self._chats.get(chat_id)
        if budget is None:
            budget = self._chats[chat_id] = Budget(self._clock)
            while len(self._chats) > _REMEMBERED and next(iter(self._chats.values())).shut_for() <= 0:
                self._chats.popitem(last=False)
        self._chats.move_to_end(chat_id)
        return budget

    def wait(self, chat_id: int, gap: float) -> float:
        """Seconds until a preview in this chat is in order, and with it one more call of the bot."""
        return max(self.of(chat_id).wait(gap), self._overall.wait(_OVERALL_GAP_S, burst=25))

    def spend(self, chat_id: int, gap: float) -> None:
        self.of(chat_id).spend(gap)
        self._overall.spend(_OVERALL_GAP_S)

    def refused(self, chat_id: int, retry_after: float) -> None:
        self.of(chat_id).refused(retry_after)
        self._shut(chat_id, self._clock.time() + retry_after)
