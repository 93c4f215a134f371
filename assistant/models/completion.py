"""One answer, from prompt to last token, a token at a time. Runs in the engine's process only."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from typing import Literal

from assistant.errors import PromptTooLong
from assistant.events import Timings, Usage
from assistant.models.grammar import gbnf
from assistant.models.native_model import NativeModel
from assistant.models.protocol import Advanced, Completed, EngineEvent, Generation, Piece
from assistant.models.samplers import Grammar, Sampler
from assistant.models.text_stream import TextStream


class Completion:
    """Knows the tokens so far, draws the next, and emits what may be shown; somebody else computes.

    `tokens` is the prompt and what was drawn after it. Whoever has computed all of them hands in the row of logits.
    """

    def __init__(
        self, model: NativeModel, generation: Generation, received_at: float, emit: Callable[[EngineEvent], None]
    ) -> None:
        """Raises PromptTooLong or InvalidGrammar. `received_at` is `time.perf_counter()` at which the timings begin."""
        self._model = model
        self._emit = emit
        self._received_at = received_at
        self._started = time.perf_counter()
        self._sampling = generation.sampling
        self.tokens = model.tokenise(generation.prompt) or [model.filler]
        self._prompt = len(self.tokens)
        if self._prompt >= model.window:
            raise PromptTooLong(self._prompt, model.window)
        text = gbnf(generation)
        seed = self._sampling.seed
        with ExitStack() as parts:
            grammar = parts.enter_context(closing(Grammar(model, text))) if text is not None else None
            drawn = secrets.randbits(32) if seed is None else seed
            self._sampler = parts.enter_context(closing(Sampler(model, self._sampling, drawn, grammar)))
            self._parts = parts.pop_all()
        self._stream = TextStream(generation.stop)
        self._cached = 0
        self._told = -1
        self._first = self._last = 0.0

    @property
    def seeded(self) -> bool:
        """Whether the same request should give the same text."""
        return self._sampling.seed is not None

    @property
    def begun(self) -> bool:
        """Whether its first token has been drawn."""
        return self._first > 0

    @property
    def produced(self) -> int:
        return len(self.tokens) - self._prompt

    def start_from(self, cached: int) -> None:
        """That many tokens of the prompt need not be computed."""
        self._cached = cached
        self.read(cached)

    def read(self, done: int) -> None:
        """Tell how much of the prompt has been computed; nothing to tell when it is the same or the text has begun."""
        if not self.begun and done > self._told:
            self._told = done
            self._emit(Advanced("prefill", min(done, self._prompt), self._prompt))

    def draw(self, row: int) -> Completed | None:
        """Draw the token that follows all of `tokens` from a row of the last batch's logits; the end, if it is one.

        InvalidGrammar when nothing can follow.
        """
        token = self._sampler.draw(row)
        self._last = time.perf_counter()
        self._first = self._first or self._last
        if self._model.ends(token):
            return self._completed("stop", self.produced)
        produced = self.produced + 1
        if shown := self._stream.feed(self._model.bytes_of(token)):
            self._emit(Piece(shown))
        if self._stream.stopped:
            return self._completed("stop", produced)
        if produced == self._sampling.max_tokens or len(self.tokens) >= self._model.window:
            return self._completed("length", produced)
        self.tokens.append(token)
        return None

    def close(self) -> None:
        """Give the native parts back."""
        self._parts.close()

    def _completed(self, reason: Literal["stop", "length"], produced: int) -> Completed:
        if shown := self._stream.flush():
            self._emit(Piece(shown))
        first, last, received = self._first, self._last, self._received_at
        return Completed(
            finish_reason=reason,
            usage=Usage(self._prompt, produced, self._cached),
            timings=Timings(
                queue_ms=(self._started - received) * 1000,
                first_token_ms=(first - received) * 1000,
                total_ms=(time.perf_counter() - received) * 1000,
                tokens_per_second=(produced - 1) / (last - first) if produced > 1 and last > first else 0.0,
            ),
        )
