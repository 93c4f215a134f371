"""Vectors of short sentences made comparable: what all of them share is taken out of them.

Short turns of a chat lie close together in the embedding space, along a few directions that say "this is chat". With
the mean subtracted and the strong directions scaled down, what is left is what they are about (Huang et al. 2021,
WhiteningBERT, arXiv 2104.01767).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

_FEWEST: Final = 64
"""Vectors below which their covariance says nothing."""
_FLOOR: Final = 0.01
"""Of the strongest direction; weaker ones are not blown up beyond this."""


@dataclass(frozen=True, slots=True)
class Whitening:
    mean: np.ndarray
    matrix: np.ndarray
    made_of: int
    """How many vectors there were when it was made."""

    @classmethod
    def of(cls, vectors: np.ndarray, made_of: int) -> Whitening | None:
        """`vectors` as rows; None where they are too few."""
        if len(vectors) < _FEWEST:
            return None
        mean = vectors.mean(axis=0)
        centred = vectors - mean
        strengths, directions = np.linalg.eigh(centred.T @ centred / len(vectors))
        scales = (np.maximum(strengths, 0) + _FLOOR * strengths.max()) ** -0.5
        return cls(mean, directions * scales, made_of)

    def apply(self, vectors: np.ndarray) -> np.ndarray:
        """Rows of length 1."""
        white = (vectors - self.mean) @ self.matrix
        return np.asarray(white / np.maximum(np.linalg.norm(white, axis=1, keepdims=True), 1e-9))

    def towards(self, question: np.ndarray) -> np.ndarray:
        """The direction in which raw vectors have the greatest whitened product with the question's."""
        direction = self.matrix @ ((question - self.mean) @ self.matrix)
        return np.asarray(direction / max(float(np.linalg.norm(direction)), 1e-9))
