"""Embeddings without a model: texts that share words get similar vectors, the same text always the same one."""

from __future__ import annotations

import hashlib
import math

from langchain_core.embeddings import Embeddings

from assistant.memory.text import segment


class HashingEmbeddings(Embeddings):
    """Every word adds one to a place chosen by its hash; `calls` counts the texts embedded as documents."""

    def __init__(self, size: int = 64) -> None:
        self._size = size
        self.calls = 0

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.calls += len(texts)
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        vector = [0.0] * self._size
        for word in segment(text).split() or [text]:
            vector[int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big") % self._size] += 1.0
        norm = math.sqrt(sum(value * value for value in vector))
        return [value / norm for value in vector]


class NamedEmbeddings(HashingEmbeddings):
    """In place of the model that comes with Patina."""

    name = "hashing"
