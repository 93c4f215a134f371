"""What can go wrong between a bot and the server: asked for by a test one call at a time, or drawn from a seed."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

CONFLICT = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"


@dataclass(frozen=True)
class Fault:
    """cut: the connection breaks before anything happens; lost: after it happened, so the bot cannot know; stall: it
    happens, and the answer never comes though the connection stays; hold: it happens, and the answer comes `after`."""

    kind: Literal["refuse", "too_many", "cut", "lost", "stall", "hold"]
    status: int = 0
    description: str = ""
    retry_after: int = 0
    after: asyncio.Event | None = None


@dataclass(frozen=True)
class Weather:
    """How likely each fault is for every call, between 0 and 1; `again` and `shuffled` for every batch of updates.

    `retry_after` is drawn up to so many seconds. `spared` are methods that nothing happens to.
    """

    cut: float = 0.0
    lost: float = 0.0
    too_many: float = 0.0
    bad_gateway: float = 0.0
    conflict: float = 0.0
    again: float = 0.0
    shuffled: float = 0.0
    retry_after: int = 2
    spared: tuple[str, ...] = ("getme",)


class Faults:
    """Per method name, first in first out; "download" stands for fetching a file. `met` counts what happened."""

    def __init__(self) -> None:
        self._planned: defaultdict[str, deque[Fault | None]] = defaultdict(deque)
        self._weather = Weather()
        self._draw = random.Random(0)  # noqa: S311 - a plan, no secret
        self.met: Counter[str] = Counter()

    def refuse(self, method: str, status: int, description: str, times: int = 1) -> None:
        self._plan(method, Fault("refuse", status, description), times)

    def too_many(self, method: str, retry_after: int) -> None:
        """429, and the whole chat is shut for that many seconds."""
        self._plan(method, Fault("too_many", retry_after=retry_after), 1)

    def cut(self, method: str, times: int = 1) -> None:
        self._plan(method, Fault("cut"), times)

    def lose_response(self, method: str, times: int = 1) -> None:
        self._plan(method, Fault("lost"), times)

    def stall(self, method: str, times: int = 1) -> None:
        self._plan(method, Fault("stall"), times)

    def hold(self, method: str) -> asyncio.Event:
        """The answer comes once this is set."""
        after = asyncio.Event()
        self._plan(method, Fault("hold", after=after), 1)
        return after

    def spare(self, method: str, times: int = 1) -> None:
        """Nothing happens to so many calls before what is planned next."""
        self._plan(method, None, times)

    def brew(self, weather: Weather, seed: int) -> None:
        """From now on things go wrong by themselves, the same ones for the same seed and the same calls."""
        self._weather, self._draw = weather, random.Random(seed)  # noqa: S311

    def next(self, method: str) -> Fault | None:
        name = method.lower()
        planned = self._planned.get(name)
        fault = planned.popleft() if planned else self._drawn(name)
        if fault is not None:
            self.met[fault.kind if fault.status == 0 else str(fault.status)] += 1
        return fault

    def mixed(self, updates: Sequence[dict[str, Any]], earlier: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """A batch as it arrives: out of order, or with updates that came before."""
        found = list(updates)
        if found and earlier and self._draw.random() < self._weather.again:
            found.append(self._draw.choice(earlier))
            self.met["again"] += 1
        if len(found) > 1 and self._draw.random() < self._weather.shuffled:
            self._draw.shuffle(found)
            self.met["shuffled"] += 1
        return found

    def _drawn(self, name: str) -> Fault | None:
        weather = self._weather
        if name in weather.spared:
            return None
        drawn = self._draw.random()
        polling = name == "getupdates"
        for chance, fault in (
            (weather.cut, Fault("cut")),
            (weather.lost, Fault("lost")),
            (
                0.0 if polling else weather.too_many,
                Fault("too_many", retry_after=self._draw.randint(1, max(1, weather.retry_after))),
            ),
            (weather.bad_gateway, Fault("refuse", 502, "Bad Gateway")),
            (
                weather.conflict if polling else 0.0,
                Fault("refuse", 409, CONFLICT),
            ),
        ):
            if drawn < chance:
                return fault
            drawn -= chance
        return None

    def _plan(self, method: str, fault: Fault | None, times: int) -> None:
        self._planned[method.lower()].extend([fault] * times)
