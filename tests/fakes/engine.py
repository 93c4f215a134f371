"""An engine that says what it was told to and remembers what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import Literal

from assistant.errors import AssistantError
from assistant.events import Timings, Usage
from assistant.models.protocol import (
    Advanced,
    Completed,
    DrawnToken,
    EngineEvent,
    Generation,
    Likelihood,
    LoadedModel,
    ModelSpec,
    Piece,
    PromptPart,
)

SPEC = ModelSpec(name="fake", path=Path("fake.gguf"))


class FakeEngine:
    """Streams `script`: strings as pieces, events as they are, errors raised; then completes with `finish_reason`.

    After the script it waits for `gate` when one is given. `running` tells how many generations have not been closed.
    """

    def __init__(
        self,
        *script: str | EngineEvent | AssistantError,
        template: str | None = None,
        finish_reason: Literal["stop", "length"] = "stop",
        gate: asyncio.Event | None = None,
        load_steps: Sequence[int] = (),
        load_gate: asyncio.Event | None = None,
    ) -> None:
        self._script = script
        self._template = template
        self._finish_reason = finish_reason
        self._gate = gate
        self._load_steps = load_steps
        self._load_gate = load_gate
        self.loads: list[ModelSpec] = []
        self.loading = 0
        self.running = 0
        self.started = asyncio.Event()
        self.generations: list[Generation] = []

    async def load(self, spec: ModelSpec, progress: Callable[[Advanced], None] | None = None) -> LoadedModel:
        self.loads.append(spec)
        self.loading += 1
        try:
            for done in self._load_steps:
                if progress is not None:
                    progress(Advanced("loading", done, 100))
            if self._load_gate is not None:
                await self._load_gate.wait()
        finally:
            self.loading -= 1
        return LoadedModel(
            context=2048, trained_context=4096, architecture="fake", title="Fake", parameters=1, size=1,
            chat_template=self._template, bos_token="", eos_token="<|im_end|>",
            special_tokens=("<|im_start|>", "<|im_end|>"),
        )  # fmt: skip

    async def generate(self, spec: ModelSpec, generation: Generation) -> AsyncGenerator[EngineEvent, None]:
        self.generations.append(generation)
        self.running += 1
        self.started.set()
        try:
            for step in self._script:
                await asyncio.sleep(0)
                if isinstance(step, AssistantError):
                    raise step
                yield Piece(step) if isinstance(step, str) else step
            if self._gate is not None:
                await self._gate.wait()
            yield Completed(
                self._finish_reason,
                Usage(prompt_tokens=7, completion_tokens=3, cached_tokens=2),
                Timings(queue_ms=1, first_token_ms=2, total_ms=3, tokens_per_second=4),
            )
        finally:
            self.running -= 1

    async def count_tokens(self, spec: ModelSpec, prompt: Sequence[PromptPart]) -> int:
        return sum(len(part.text) for part in prompt)


def drawn(token: str | bytes, logprob: float = -0.5, **others: float) -> DrawnToken:
    """A token as it may stand in a Piece; `others` are the likeliest ones with their logarithms."""
    return DrawnToken(_likely(token, logprob), tuple(_likely(other, figure) for other, figure in others.items()))


def _likely(token: str | bytes, logprob: float) -> Likelihood:
    return Likelihood(tuple(token.encode() if isinstance(token, str) else token), logprob)
