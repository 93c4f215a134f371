"""What is known of every candidate, also of those that were never tried, from all answers seen so far.

A Gaussian process over (candidate, item): a score is the sum of what its instruction, its examples and its form add,
of something of the candidate's own, of how hard the item is, and of noise. Because the parts are shared, an answer
tells of every candidate that shares one, and because the item is, candidates are compared on the same questions. How
much each part may matter is chosen among a few scales by the likelihood of what was seen (Rasmussen & Williams 2006,
chapter 5).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_LEVEL_SCALES: Final = (0.06, 0.12, 0.24)
_OWN_SCALES: Final = (0.03, 0.08)
_ITEM_SCALE: Final = 0.25
_NOISE: Final = 0.35
_MEAN: Final = 0.5
_MEAN_SCALE: Final = 0.3
_DRAWS: Final = 500


@dataclass(frozen=True, slots=True)
class Belief:
    """Of the mean score of each candidate over all items like these."""

    mean: Array
    covariance: Array

    @property
    def deviation(self) -> Array:
        return np.sqrt(np.maximum(np.diag(self.covariance), 0))

    def draws(self, rng: np.random.Generator, count: int = _DRAWS) -> Array:
        """`count` rows, each a possible truth."""
        size = len(self.mean)
        lower = np.linalg.cholesky(self.covariance + 1e-9 * np.eye(size))
        return self.mean + rng.standard_normal((count, size)) @ lower.T

    def loss(self, rng: np.random.Generator) -> float:
        """What is lost on average by taking the one that looks best now instead of the best."""
        draws = self.draws(rng)
        return float(np.mean(draws.max(axis=1) - draws[:, int(np.argmax(self.mean))]))

    def best(self, rng: np.random.Generator) -> Array:
        """How probable it is that each is the best."""
        winners = np.argmax(self.draws(rng), axis=1)
        return np.bincount(winners, minlength=len(self.mean)) / _DRAWS


class Posterior:
    """`levels` are, for each candidate, the names of its parts; `expected` what they are thought to add beforehand."""

    def __init__(self, levels: Sequence[Sequence[str]], expected: Sequence[float] | None = None) -> None:
        names = sorted({name for each in levels for name in each})
        column = {name: index for index, name in enumerate(names)}
        self._design = np.zeros((len(levels), len(names)))
        for row, each in enumerate(levels):
            for name in each:
                self._design[row, column[name]] = 1
        self._shared = self._design @ self._design.T
        self._expected = np.zeros(len(levels)) if expected is None else np.asarray(expected, dtype=float)

    def after(self, candidates: Sequence[int], items: Sequence[int], scores: Sequence[float]) -> Belief:
        """What to believe once candidate `candidates[n]` got `scores[n]` on item `items[n]`, for every n."""
        which, item = np.asarray(candidates, dtype=int), np.asarray(items, dtype=int)
        if not len(which):
            return Belief(_MEAN + self._expected, self._prior(_LEVEL_SCALES[1], _OWN_SCALES[1]))
        beyond = np.asarray(scores, dtype=float) - _MEAN - self._expected[which]
        same_item = item[:, None] == item[None, :]
        ground = _ITEM_SCALE**2 * same_item + _NOISE**2 * np.eye(len(which))
        found: tuple[float, Belief] | None = None
        for level, own in itertools.product(_LEVEL_SCALES, _OWN_SCALES):
            prior = self._prior(level, own)
            factor = np.linalg.cholesky(prior[np.ix_(which, which)] + ground)
            white = np.linalg.solve(factor, beyond)
            likelihood = float(-0.5 * white @ white - np.log(np.diag(factor)).sum())
            if found is not None and likelihood <= found[0]:
                continue
            known = np.linalg.solve(factor, prior[which])
            found = likelihood, Belief(_MEAN + self._expected + known.T @ white, prior - known.T @ known)
        if found is None:
            raise ValueError("no scale was tried")
        return found[1]

    def _prior(self, level: float, own: float) -> Array:
        size = len(self._expected)
        return _MEAN_SCALE**2 * np.ones((size, size)) + level**2 * self._shared + own**2 * np.eye(size)
