"""What is known of every candidate, also of those that were never tried, from all answers seen so far.

A Gaussian process over (candidate, item): a score is the sum of what its instruction, its examples and its form add,
of something of the candidate's own, of how hard the item is, and of noise. Because the parts are shared, an answer
tells of every candidate that shares one, and because the item is, candidates are compared on the same questions. How
much the parts matter and how much is a candidate's own is not known: a few scales of both are believed as far as what
was seen is likely under them (Rasmussen & Williams 2006, chapter 5), none alone, for with few answers the likeliest is
often the one that denies that any candidate stands out.
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
_OWN_SCALES: Final = (0.03, 0.08, 0.2)
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
        if not len(candidates):
            return Belief(_MEAN + self._expected, self._prior(_LEVEL_SCALES[1], _OWN_SCALES[1]))
        which = np.asarray(candidates, dtype=int)
        heard = _Heard.of(which, np.asarray(items, dtype=int), np.asarray(scores) - _MEAN - self._expected[which])
        priors = [self._prior(level, own) for level, own in itertools.product(_LEVEL_SCALES, _OWN_SCALES)]
        likelihoods = np.array([heard.likelihood(prior) for prior in priors])
        weights = np.exp(likelihoods - likelihoods.max())
        return _mixed(weights / weights.sum(), [self._one(prior, heard) for prior in priors])

    def _one(self, prior: Array, heard: _Heard) -> Belief:
        weights, taken = heard.weights(prior)
        towards = prior[:, heard.tried]
        return Belief(_MEAN + self._expected + towards @ weights, prior - towards @ taken @ towards.T)

    def _prior(self, level: float, own: float) -> Array:
        size = len(self._expected)
        return _MEAN_SCALE**2 * np.ones((size, size)) + level**2 * self._shared + own**2 * np.eye(size)


def _mixed(weights: Array, beliefs: Sequence[Belief]) -> Belief:
    """Mean and covariance of several beliefs, each held as far as its weight goes."""
    mean = np.average([one.mean for one in beliefs], axis=0, weights=weights)
    apart = [one.covariance + np.outer(one.mean - mean, one.mean - mean) for one in beliefs]
    return Belief(mean, np.average(apart, axis=0, weights=weights))


@dataclass(frozen=True, slots=True)
class _Heard:
    """All answers, as what they say of the candidates that were tried, once the items' own difficulty is taken out.

    With `e` for item and noise together, scores are `Z u + e`, where `u` are the means of the candidates tried. Answers
    to one item share its difficulty, so the inverse of the covariance D of `e` is known in closed form (Sherman &
    Morrison 1950), and everything below needs only `Z'D^-1 Z` and `Z'D^-1 y`: the work grows with the candidates tried,
    not with the answers.
    """

    tried: npt.NDArray[np.intp]
    precision: Array
    """`Z'D^-1 Z`, a row and a column for each candidate tried."""
    pull: Array
    """`Z'D^-1 y`."""

    @classmethod
    def of(cls, which: npt.NDArray[np.int_], item: npt.NDArray[np.int_], beyond: Array) -> _Heard:
        """`beyond` is how far each score is from what was expected."""
        tried, row = np.unique(which, return_inverse=True)
        items, column = np.unique(item, return_inverse=True)
        asked = np.zeros((len(tried), len(items)))
        np.add.at(asked, (row, column), 1)
        shared = _ITEM_SCALE**2 / (_NOISE**2 + asked.sum(axis=0) * _ITEM_SCALE**2)
        precision = (np.diag(asked.sum(axis=1)) - (asked * shared) @ asked.T) / _NOISE**2
        of_items = np.bincount(column, beyond)
        pull = (np.bincount(row, beyond) - asked @ (shared * of_items)) / _NOISE**2
        return cls(tried, precision, pull)

    def likelihood(self, prior: Array) -> float:
        """Logarithm, but for what is the same for every prior."""
        _, factor, drawn = self._solved(prior)
        return float(0.5 * drawn @ drawn - np.log(np.diag(factor)).sum())

    def weights(self, prior: Array) -> tuple[Array, Array]:
        """What the prior's columns of those tried are weighted with for the mean, and for what is taken from the
        variance."""
        lower, factor, drawn = self._solved(prior)
        seen = np.linalg.solve(factor, lower.T @ self.precision)
        return self.pull - seen.T @ drawn, self.precision - seen.T @ seen

    def _solved(self, prior: Array) -> tuple[Array, Array, Array]:
        """The factor L of the prior of those tried, that of `I + L'AL`, and `L'b` before it."""
        lower = _factor(prior[np.ix_(self.tried, self.tried)])
        factor = _factor(np.eye(len(self.tried)) + lower.T @ self.precision @ lower)
        return lower, factor, np.asarray(np.linalg.solve(factor, lower.T @ self.pull), dtype=np.float64)


def _factor(matrix: Array) -> Array:
    """The lower triangle whose square it is."""
    return np.asarray(np.linalg.cholesky(matrix), dtype=np.float64)
