"""What /metrics shows. One registry, built in wiring and handed in."""

from __future__ import annotations

from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from assistant.events import Timings, Usage

_SECONDS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 180)


class Occupied(Protocol):
    """What is shown of the models room's `Occupancy`; metrics stand below that room."""

    @property
    def writing(self) -> int: ...

    @property
    def waiting(self) -> int: ...

    @property
    def cells(self) -> int: ...

    @property
    def cells_used(self) -> int: ...

    @property
    def memory(self) -> int: ...

    @property
    def memory_limit(self) -> int: ...

    @property
    def parked(self) -> int: ...

    @property
    def parked_limit(self) -> int: ...

    @property
    def shelf(self) -> int: ...

    @property
    def shelf_limit(self) -> int: ...

    @property
    def guessed(self) -> int: ...

    @property
    def guessed_right(self) -> int: ...


class Metrics:
    """Counts turns, tokens and waiting; the names follow the Prometheus conventions."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._turns = Counter(
            "patina_turns", "Turns ended, by face and outcome", ["face", "outcome"], registry=self.registry
        )
        self._tokens = Counter("patina_tokens", "Tokens processed", ["kind"], registry=self.registry)
        self._first_token = Histogram(
            "patina_first_token_seconds", "Time to first token", buckets=_SECONDS, registry=self.registry
        )
        self._duration = Histogram(
            "patina_turn_seconds", "Time of a whole turn", buckets=_SECONDS, registry=self.registry
        )
        self._waiting = Gauge("patina_requests_waiting", "Requests waiting for the model", registry=self.registry)
        self._writing = Gauge("patina_answers_writing", "Answers being written by it", registry=self.registry)
        self._cells = Gauge("patina_context_cells", "Tokens its context holds, by use", ["use"], registry=self.registry)
        self._memory = self._bytes("patina_models_memory_bytes", "Memory that loaded models take")
        self._memory_limit = self._bytes("patina_models_memory_limit_bytes", "Memory that they may take together")
        self._kept = self._bytes("patina_kept_bytes", "What is kept of conversations that rest, by place", "place")
        self._kept_limit = self._bytes("patina_kept_limit_bytes", "How much of that may be kept, by place", "place")
        self._guessed = Gauge(
            "patina_guessed_tokens",
            "Tokens guessed from the text since the model was loaded, by outcome",
            ["outcome"],
            registry=self.registry,
        )
        self.engine_starts = Counter("patina_engine_starts", "Starts of the engine process", registry=self.registry)

    def turn_ended(self, face: str, outcome: str, usage: Usage, timings: Timings) -> None:
        self._turns.labels(face, outcome).inc()
        self._tokens.labels("prompt").inc(usage.prompt_tokens)
        self._tokens.labels("cached").inc(usage.cached_tokens)
        self._tokens.labels("completion").inc(usage.completion_tokens)
        if timings.first_token_ms:
            self._first_token.observe(timings.first_token_ms / 1000)
        self._duration.observe(timings.total_ms / 1000)

    def engine_is(self, busy: Occupied) -> None:
        """How busy the local models are now, and what they and what is kept for them take."""
        self._waiting.set(busy.waiting)
        self._writing.set(busy.writing)
        self._cells.labels("used").set(busy.cells_used)
        self._cells.labels("free").set(busy.cells - busy.cells_used)
        self._memory.set(busy.memory)
        self._memory_limit.set(busy.memory_limit)
        for place, kept, limit in (
            ("memory", busy.parked, busy.parked_limit),
            ("disk", busy.shelf, busy.shelf_limit),
        ):
            self._kept.labels(place).set(kept)
            self._kept_limit.labels(place).set(limit)
        self._guessed.labels("right").set(busy.guessed_right)
        self._guessed.labels("wrong").set(busy.guessed - busy.guessed_right)

    def render(self) -> bytes:
        """The Prometheus text format."""
        return generate_latest(self.registry)

    def _bytes(self, name: str, meaning: str, *labels: str) -> Gauge:
        return Gauge(name, meaning, labels, registry=self.registry)
