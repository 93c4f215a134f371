"""What /metrics shows. One registry, built in wiring and handed in."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from assistant.events import Timings, Usage

_SECONDS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 180)


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
        self.engine_starts = Counter("patina_engine_starts", "Starts of the engine process", registry=self.registry)

    def turn_ended(self, face: str, outcome: str, usage: Usage, timings: Timings) -> None:
        self._turns.labels(face, outcome).inc()
        self._tokens.labels("prompt").inc(usage.prompt_tokens)
        self._tokens.labels("cached").inc(usage.cached_tokens)
        self._tokens.labels("completion").inc(usage.completion_tokens)
        if timings.first_token_ms:
            self._first_token.observe(timings.first_token_ms / 1000)
        self._duration.observe(timings.total_ms / 1000)

    def engine_is(self, waiting: int, writing: int, cells: int, cells_used: int) -> None:
        """How busy the local model is now."""
        self._waiting.set(waiting)
        self._writing.set(writing)
        self._cells.labels("used").set(cells_used)
        self._cells.labels("free").set(cells - cells_used)

    def render(self) -> bytes:
        """The Prometheus text format."""
        return generate_latest(self.registry)
