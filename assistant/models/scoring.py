"""How likely a continuation is after a prompt, by the model's probabilities. Runs in the engine's process only."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from assistant.errors import PromptTooLong
from assistant.events import Usage
from assistant.models.likelihood import logprobs_of
from assistant.models.native_model import NativeModel
from assistant.models.protocol import Advanced, EngineEvent, PromptPart, Scored, Scoring


class ScoredText:
    """A prompt and its continuation, computed like an answer whose tokens are known already.

    `tokens` are all but the last one, which nothing follows.
    """

    def __init__(self, model: NativeModel, scoring: Scoring, emit: Callable[[EngineEvent], None]) -> None:
        """Raises PromptTooLong."""
        self._model = model
        self._emit = emit
        prompt = model.tokenise(scoring.prompt) or [model.filler]
        self._continuation = model.tokens_of(PromptPart(scoring.continuation, trusted=False))
        whole = prompt + self._continuation
        if len(whole) > model.window:
            raise PromptTooLong(len(whole), model.window)
        self.tokens = whole[:-1] if self._continuation else whole
        self._prompt = len(prompt)
        self._cached = 0
        self._logprobs: dict[int, float] = {}
        self._greedy: dict[int, bool] = {}

    @property
    def seeded(self) -> bool:
        return False

    @property
    def produced(self) -> int:
        return 0

    @property
    def first_wanted(self) -> int:
        return self._prompt - 1

    def start_from(self, cached: int) -> None:
        self._cached = cached

    def read(self, done: int) -> None:
        self._emit(Advanced("prefill", min(done, len(self.tokens)), len(self.tokens)))

    def guess(self, limit: int) -> Sequence[int]:
        return ()

    def take(self, start: int, rows: range, guessed: Sequence[int]) -> tuple[int, Scored | None]:
        """Read off the tokens that follow the ones computed from place `start` on."""
        if not self._continuation:
            return 0, Scored(0.0, 0, greedy=True, usage=self._usage())
        for place, row in enumerate(rows, start):
            wanted = self._continuation[place - self._prompt + 1]
            logprobs = logprobs_of(self._model.logits(row))
            self._logprobs[place] = float(logprobs[wanted])
            self._greedy[place] = int(logprobs.argmax()) == wanted
        if len(self._logprobs) < len(self._continuation):
            return 0, None
        return 0, Scored(
            sum(self._logprobs.values()), len(self._continuation), all(self._greedy.values()), self._usage()
        )

    def close(self) -> None:
        """Nothing native is held."""

    def _usage(self) -> Usage:
        return Usage(len(self.tokens), 0, self._cached)
