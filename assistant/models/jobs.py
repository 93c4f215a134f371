"""The requests that wait for the model, and the order in which they are served. Runs in the engine's process only."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from assistant.models.decoder import RANKS, Writing
from assistant.models.protocol import ModelSpec, Priority
from assistant.models.wire import Count, Embed, Generate, Load, Request, Score

_PATIENCE_S: Final = 5.0
"""Waiting this long is worth a turn."""


class Job:
    """A request that is waiting or being served."""

    def __init__(self, request: int, command: Request) -> None:
        self.request = request
        self.command = command
        self.position = 0
        self.cancelled = False
        self.arrived = time.monotonic()
        self.began = 0.0
        self.turn = 0
        self.writing: Writing | None = None
        self.priority: Priority = "person"
        self.owner = ""
        self.outdated = False
        """Whether something was deleted since it was asked: nothing of it is kept."""
        self.deadline_s = 0.0
        self._received_at = 0.0
        match command:
            case Generate(generation=asked) | Score(scoring=asked) | Embed(embedding=asked):
                self.priority, self.owner, self.deadline_s = asked.priority, asked.owner, asked.deadline_s
                self._received_at = command.received_at
            case Load() | Count():
                pass

    @property
    def spec(self) -> ModelSpec:
        return self.command.spec

    @property
    def rank(self) -> int:
        return RANKS[self.priority]

    @property
    def late(self) -> bool:
        """Whether nobody wants its answer any more."""
        return self.deadline_s > 0 and time.perf_counter() > self._received_at + self.deadline_s


class Line:
    """Those who wait: people before tasks before background work; among equals owners take turns; else in the order
    they came. Who waits gains on those who come later, so that nobody is overtaken for ever."""

    def __init__(self) -> None:
        self._jobs: list[Job] = []
        self._turn = 0
        self._next_turns: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._jobs)

    def __iter__(self) -> Iterator[Job]:
        """The next one first."""
        now = time.monotonic()
        return iter(sorted(self._jobs, key=lambda job: _place(job, now)))

    def ahead(self, job: Job) -> int:
        """How many would not wait for this one: background work may fill its own share and never that of people."""
        return sum(other.rank <= job.rank for other in self._jobs)

    def join(self, job: Job) -> None:
        """An owner's next request has the turn after the one before it, and never one that has passed."""
        job.turn = max(self._turn, self._next_turns.get(job.owner, 0) if job.owner else 0)
        self._next_turns = {owner: turn for owner, turn in self._next_turns.items() if turn > self._turn}
        if job.owner:
            self._next_turns[job.owner] = job.turn + 1
        self._jobs.append(job)

    def serve(self, job: Job) -> None:
        """Its turn has come."""
        self._jobs.remove(job)
        self._turn = max(self._turn, job.turn)
        job.began = time.monotonic()

    def drop(self, dispensable: Callable[[Job], bool]) -> Sequence[Job]:
        """Take these out, and return them."""
        gone = [job for job in self._jobs if dispensable(job)]
        self._jobs = [job for job in self._jobs if job not in gone]
        return gone


def _place(job: Job, now: float) -> tuple[int, float, int]:
    return job.rank, job.turn - (now - job.arrived) / _PATIENCE_S, job.request
