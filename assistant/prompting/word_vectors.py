"""Vectors of texts by their words alone, for examples to be compared by where no embedding model is to be had."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import numpy as np

from assistant.memory.text import segment
from assistant.prompting.pools import Vectors

_PLACES: Final = 512


def word_vectors(texts: Sequence[str]) -> Vectors:
    """One row of length 1 for each text: every word, or pair of Chinese characters, counts at a place chosen by its
    hash (Weinberger et al. 2009, without the signs: alike is then never below 0)."""
    rows = np.zeros((len(texts), _PLACES))
    for row, text in zip(rows, texts, strict=True):
        for word in segment(text).casefold().split() or [text]:
            row[int.from_bytes(hashlib.sha256(word.encode("utf-8", "replace")).digest()[:4], "big") % _PLACES] += 1.0
    vectors: Vectors = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return vectors
