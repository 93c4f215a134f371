"""What can go wrong between a bot and the server, asked for by a test and used up one call at a time."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Fault:
    """cut: the connection breaks before anything happens; lost: after it happened, so the bot cannot know."""

    kind: Literal["refuse", "too_many", "cut", "lost"]
    status: int = 0
    description: str = ""
    retry_after: int = 0


class Faults:
    """Per method name, first in first out; "download" stands for fetching a file."""

    def __init__(self) -> None:
        self._planned: defaultdict[str, deque[Fault]] = defaultdict(deque)

    def refuse(self, method: str, status: int, description: str, times: int = 1) -> None:
        self._plan(method, Fault("refuse", status, description), times)

    def too_many(self, method: str, retry_after: int) -> None:
        """429, and the whole chat is shut for that many seconds."""
        self._plan(method, Fault("too_many", retry_after=retry_after), 1)

    def cut(self, method: str, times: int = 1) -> None:
        self._plan(method, Fault("cut"), times)

    def lose_response(self, method: str, times: int = 1) -> None:
        self._plan(method, Fault("lost"), times)

    def next(self, method: str) -> Fault | None:
        planned = self._planned.get(method.lower())
        return planned.popleft() if planned else None

    def _plan(self, method: str, fault: Fault, times: int) -> None:
        self._planned[method.lower()].extend([fault] * times)
