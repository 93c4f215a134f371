"""One answer, from prompt to last token. Runs in the engine's process only."""

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
from assistant.models.sequence import Aborted, TokenSequence
from assistant.models.text_stream import TextStream


def complete(
    model: NativeModel,
    sequence: TokenSequence,
    generation: Generation,
    received_at: float,
    emit: Callable[[EngineEvent], None],
    cancelled: Callable[[], bool],
) -> Completed:
    """Emit the answer's events as they come and return the last. Raises PromptTooLong, InvalidGrammar, Aborted.

    `received_at` is `time.perf_counter()` at which the timings begin.
    """
    started = time.perf_counter()
    sampling = generation.sampling
    prompt = model.tokenise(generation.prompt) or [model.filler]
    if len(prompt) >= model.window:
        raise PromptTooLong(len(prompt), model.window)
    text = gbnf(generation)
    with ExitStack() as stack:
        grammar = stack.enter_context(closing(Grammar(model, text))) if text is not None else None
        seed = secrets.randbits(32) if sampling.seed is None else sampling.seed
        sampler = stack.enter_context(closing(Sampler(model, sampling, seed, prompt, grammar)))

        cached = sequence.rewind(prompt, exact=sampling.seed is not None)
        emit(Advanced("prefill", cached, len(prompt)))
        for done in sequence.prefill(prompt):
            emit(Advanced("prefill", done, len(prompt)))

        stream = TextStream(generation.stop)
        finish: Literal["stop", "length"] = "length"
        produced = 0
        first = last = 0.0
        while not cancelled():
            token = sampler.draw()
            last = time.perf_counter()
            first = first or last
            if model.ends(token):
                finish = "stop"
                break
            produced += 1
            if shown := stream.feed(model.bytes_of(token)):
                emit(Piece(shown))
            if stream.stopped:
                finish = "stop"
                break
            if produced == sampling.max_tokens or sequence.full:
                break
            sequence.push(token)
        else:
            raise Aborted
    if shown := stream.flush():
        emit(Piece(shown))
    return Completed(
        finish_reason=finish,
        usage=Usage(len(prompt), produced, cached),
        timings=Timings(
            queue_ms=(started - received_at) * 1000,
            first_token_ms=(first - received_at) * 1000,
            total_ms=(time.perf_counter() - received_at) * 1000,
            tokens_per_second=(produced - 1) / (last - first) if produced > 1 and last > first else 0.0,
        ),
    )
