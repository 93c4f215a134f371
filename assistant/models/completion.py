"""One answer, from prompt to last token. Runs in the engine's process only."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from typing import Literal

from assistant.errors import PromptTooLong
from assistant.events import Timings, Usage
from assistant.models.grammar import gbnf
from assistant.models.likelihood import drawn_token, logprobs_of
from assistant.models.lookup import Lookup
from assistant.models.native_model import NativeModel
from assistant.models.protocol import Advanced, Completed, DrawnToken, EngineEvent, Generation, Piece
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
        self._likelihoods = generation.likelihoods
        self._untold: list[DrawnToken] = []
        self._lookup = None if model.whole_only else Lookup(self.tokens)
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

    @property
    def first_wanted(self) -> int:
        """The place of the first token whose logits are needed: the last one that is known."""
        return len(self.tokens) - 1

    def start_from(self, cached: int) -> None:
        """That many tokens of the prompt need not be computed."""
        self._cached = cached
        self.read(cached)

    def read(self, done: int) -> None:
        """Tell how much of the prompt has been computed; nothing to tell when it is the same or the text has begun."""
        if not self.begun and done > self._told:
            self._told = done
            self._emit(Advanced("prefill", min(done, self._prompt), self._prompt))

    def guess(self, limit: int) -> Sequence[int]:
        """Tokens that may come next, to be computed together with the last one; never beyond where the answer ends."""
        if self._lookup is None or not self.begun:
            return ()
        ends = min(self._sampling.max_tokens - self.produced, self._model.window - len(self.tokens)) - 1
        return self._lookup.guess(min(limit, ends)) if ends > 0 else ()

    def take(self, start: int, rows: range, guessed: Sequence[int]) -> tuple[int, Completed | None]:
        """Draw what follows all of `tokens`, and after each guess that was right what follows it.

        `rows` are those of the last batch's logits. Returns how many guesses were right, and the end if it has come.
        InvalidGrammar when nothing can follow.
        """
        for right, row in enumerate(rows):
            done = self._draw(row)
            if done is not None or right == len(guessed) or self.tokens[-1] != guessed[right]:
                break
        if guessed and self._lookup is not None:
            self._lookup.judge(len(guessed), right)
        return right, done

    def _draw(self, row: int) -> Completed | None:
        logprobs = None if self._likelihoods is None else logprobs_of(self._model.logits(row))
        token = self._sampler.draw(row)
        self._last = time.perf_counter()
        self._first = self._first or self._last
        if self._model.ends(token):
            return self._completed("stop", self.produced)
        if logprobs is not None:
            self._untold.append(drawn_token(self._model, logprobs, token, self._likelihoods or 0))
        produced = self.produced + 1
        self._tell(self._stream.feed(self._model.bytes_of(token)))
        if self._stream.stopped:
            return self._completed("stop", produced)
        if produced == self._sampling.max_tokens or len(self.tokens) >= self._model.window:
            return self._completed("length", produced)
        self.tokens.append(token)
        return None

    def _tell(self, text: str, *, last: bool = False) -> None:
        if text or (last and self._untold):
            tokens, self._untold = tuple(self._untold), []
            self._emit(Piece(text, tokens))

    def close(self) -> None:
        """Give the native parts back."""
        self._parts.close()

    def _completed(self, reason: Literal["stop", "length"], produced: int) -> Completed:
        if not self._stream.stopped:
            self._tell(self._stream.flush(), last=True)
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
