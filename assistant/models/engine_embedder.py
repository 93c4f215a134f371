"""The embedding model behind the same interface on systems where its package does not run: through the engine.

The same weights, prefixes and windows, so the same vectors: an index made in one way is searched in the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Literal, TypeVar

from langchain_core.embeddings import Embeddings

from assistant.errors import ModelLoadFailed
from assistant.models.e5_weights import E5Weights
from assistant.models.embedder import NamedEmbeddings
from assistant.models.question_vectors import QuestionVectors
from assistant.models.quick_embedder import QuickEmbedder
from assistant.models.records import EmbedderStanding

_Made = TypeVar("_Made")
_QUESTION_S: Final = 15.0
"""A person waits: after so many seconds in the engine's queue, searching goes on by words alone."""


class EngineEmbeddings(Embeddings):
    """For threads other than the event loop's own, where the engine lives: they wait for it, which it could not.

    Raises ModelNotFetched until the weights are there, DeadlinePassed for a question while the engine is taken up,
    and what the engine raises.
    """

    def __init__(self, quick: QuickEmbedder, loop: asyncio.AbstractEventLoop | None = None) -> None:
        """`loop` is the engine's; None takes the one that is running here."""
        self._quick = quick
        self._loop = loop or _running()
        self._questions = QuestionVectors(self._question)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return self._wait_for(texts, question=False)

    def embed_query(self, text: str) -> list[float]:
        return self._questions.of(text)

    def _question(self, text: str) -> list[float]:
        return self._wait_for([text], question=True)[0]

    def _wait_for(self, texts: list[str], *, question: bool) -> list[list[float]]:
        if not texts:
            return []
        if self._loop is None or _running() is self._loop:
            raise RuntimeError("the engine's own event loop cannot wait for it")
        work = self._quick.vectors(texts, question=question, deadline_s=_QUESTION_S if question else 0.0)
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


def _running() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class E5Embeddings(NamedEmbeddings):
    """The embedding model of this system: in process where that runs, else through the engine."""

    def __init__(self, in_process: NamedEmbeddings, through_engine: Embeddings, weights: E5Weights) -> None:
        self._weights = weights
        self._in_process: NamedEmbeddings | None = in_process
        self._through_engine = through_engine
        self._name = in_process.name

    @property
    def name(self) -> str:
        return self._name

    def standing(self) -> EmbedderStanding:
        """As far as has been tried; loads nothing."""
        weights = self._weights
        packaged = weights.packaged is not None and self._in_process is not None
        state: Literal["in_process", "engine", "missing"] = "in_process" if packaged else "engine"
        return EmbedderStanding("missing" if weights.are_missing else state, self.name, weights.name, weights.size)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return self._from_either(lambda model: model.embed_documents(texts))

    def embed_query(self, text: str) -> list[float]:
        return self._from_either(lambda model: model.embed_query(text))

    def _from_either(self, embed: Callable[[Embeddings], _Made]) -> _Made:
        if (model := self._in_process) is not None:
            try:
                return embed(model)
            except ModelLoadFailed:
                self._in_process = None
        return embed(self._through_engine)
