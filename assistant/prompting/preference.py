"""What people like about answers, learned from their ratings: a judge that can be read, and that says when to trust it.

A small model that is asked which of two answers is better says the one that stands first about as often as the better
one. People's own ratings say more: a logistic regression with a ridge (Hoerl & Kennard 1970) over how an answer is
built, never over what it says. How well it agrees with ratings it has not seen is measured by leaving conversations
out, and it is used only where that is shown (area under the curve, standard error of Hanley & McNeil 1982). A rating
counts by its weight, in what is learned and in how sure that is.

Whoever takes the best of many by guesses takes the one that is guessed most wrongly. Where all long answers were
disliked, with lists and without, and no short one had a list, nothing says how a short list is liked. So weights are
known only as far as ratings say (Laplace's approximation: MacKay 1992), and an answer is worth what it is at least
(pessimism: Jin, Yang, Wang 2021, "Is pessimism provably efficient for offline RL?").
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from assistant.i18n import language_of_text

_WORD: Final = re.compile(r"[\u3400-\u9fff]|[^\W_]+")
_SENTENCE: Final = re.compile(r"[.!?](?=\s|$)|[。！？]")
_DASHED: Final = re.compile(r"(?m)^\s*[-*•]\s")
_NUMBERED: Final = re.compile(r"(?m)^\s*\d+[.)、]\s*")
_MARKED: Final = re.compile(r"(?m)^#{1,6}\s|\*\*\S|^\|")
_GREETING: Final = re.compile(r"(?i)\s*(sure|certainly|of course|hello|hi\b|great question|好的|当然|您好|你好|很高兴)")
_EXAMPLE: Final = re.compile(r"(?i)for example|for instance|e\.g\.|such as|例如|比如|举个例子|譬如")
_SUMMARY: Final = re.compile(r"(?i)in short|in summary|to sum up|overall|in conclusion|总之|综上|总的来说|总结")
_RIDGE: Final = 1.0
_STEPS: Final = 30
_FOLDS: Final = 5
_FAR: Final = 2.5
"""Standard deviations beyond which an answer is unlike all that was rated and more says nothing."""
_ONE_SIDED: Final = 1.645
_SURE: Final = 0.95
"""Of the weights that are possible, those with which something is better."""
_DRAWS: Final = 400
"""Weights that stand for all that are possible."""
LEAST: Final = 24
LEAST_OF_EACH: Final = 6
LEAST_AREA: Final = 0.6
"""Where half is guessing."""


@dataclass(frozen=True, slots=True)
class Rating:
    """`label` from 0 (of no use) to 1 (just right); `group` is the conversation; `weight` in thumbs."""

    question: str
    answer: str
    label: float
    group: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Agreement:
    """With ratings it had not seen: the `area` under the curve, whose true value is at least `low` 19 times of 20.
    About `missing` more ratings would show it, None where nothing says that there is anything to show."""

    ratings: int
    liked: int
    area: float = 0.5
    low: float = 0.0
    missing: int | None = None

    @property
    def is_shown(self) -> bool:
        return self.low > 0.5 and self.area >= LEAST_AREA


@dataclass(frozen=True, slots=True)
class Preference:
    """How probable it is that the person likes an answer. `doubt` is the covariance of the weights."""

    centre: np.ndarray
    spread: np.ndarray
    weights: np.ndarray
    doubt: np.ndarray

    def score(self, question: str, answer: str) -> float:
        """The best guess."""
        return float(_sigmoid(self._row(question, answer) @ self.weights))

    def at_least(self, question: str, answer: str) -> float:
        """What it is at least, 19 times of 20: far less than the guess where the answer is unlike those rated."""
        row = self._row(question, answer)
        return float(_sigmoid(row @ self.weights - _ONE_SIDED * math.sqrt(row @ self.doubt @ row)))

    def is_sure(self, pairs: Sequence[tuple[str, str, str]]) -> bool:
        """Of questions with an answer before and one after: whether those after are liked more on the whole, with
        nearly all weights that the ratings leave possible."""
        if not pairs:
            return False
        before = np.array([self._row(question, answer) for question, answer, _ in pairs])
        after = np.array([self._row(question, answer) for question, _, answer in pairs])
        drawn = np.random.default_rng(0).standard_normal((_DRAWS, len(self.weights)))
        possible = self.weights + drawn @ np.linalg.cholesky(self.doubt).T
        gained = (_sigmoid(after @ possible.T) - _sigmoid(before @ possible.T)).mean(axis=0)
        return bool((gained > 0).mean() >= _SURE)

    @property
    def id(self) -> str:
        """Names it by content: what was judged by one judge is not compared with what another says. The doubt is made
        of the same ratings."""
        parts = [np.round(part, 6).tobytes() for part in (self.centre, self.spread, self.weights)]
        return hashlib.sha256(b"".join(parts)).hexdigest()[:12]

    def _row(self, question: str, answer: str) -> np.ndarray:
        row: np.ndarray = _design(_features(question, answer)[None, :], self.centre, self.spread)[0]
        return row


def learned(ratings: Sequence[Rating]) -> tuple[Preference | None, Agreement]:
    """The judge that these ratings make, and how far it may be trusted; None while there are too few."""
    liked = sum(one.label > 0.5 for one in ratings)
    worths = [_worth(np.array([one.weight for one in ratings if (one.label > 0.5) == good])) for good in (True, False)]
    missing = max(LEAST - sum(worths), LEAST_OF_EACH - min(worths))
    if missing > 0:
        return None, Agreement(len(ratings), liked, missing=math.ceil(missing))
    rows = np.array([_features(one.question, one.answer) for one in ratings])
    labels = np.array([one.label for one in ratings])
    weights = np.array([one.weight for one in ratings])
    folds = np.array([_fold(one.group) for one in ratings])
    guesses = np.full(len(ratings), np.nan)
    for fold in range(_FOLDS):
        left_out = folds == fold
        if left_out.any() and len(set(labels[~left_out] > 0.5)) == 2:
            judge = _fitted(rows[~left_out], labels[~left_out], weights[~left_out])
            guesses[left_out] = _design(rows[left_out], judge.centre, judge.spread) @ judge.weights
    return _fitted(rows, labels, weights), _agreement(guesses, labels > 0.5, weights)


def _worth(weights: np.ndarray) -> float:
    """How many ratings these are, as far as a weak one is one; a strong one is one rating all the same."""
    return float(np.minimum(weights, 1).sum())


def _agreement(guesses: np.ndarray, good: np.ndarray, weights: np.ndarray) -> Agreement:
    ratings, liked = len(good), int(good.sum())
    known = ~np.isnan(guesses)
    ours, theirs = guesses[known & good], guesses[known & ~good]
    if not len(ours) or not len(theirs):
        return Agreement(ratings, liked)
    counts = weights[known & good][:, None] * weights[known & ~good][None, :]
    above = (ours[:, None] > theirs[None, :]) + (ours[:, None] == theirs[None, :]) / 2
    area = float((above * counts).sum() / counts.sum())
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    good_ones, bad_ones = max(1.0, _worth(weights[known & good])), max(1.0, _worth(weights[known & ~good]))
    variance = area * (1 - area) + (good_ones - 1) * (q1 - area**2) + (bad_ones - 1) * (q2 - area**2)
    error = math.sqrt(max(variance, 1e-4) / (good_ones * bad_ones))
    low = area - _ONE_SIDED * error
    missing = None
    if area >= LEAST_AREA and low <= 0.5:
        missing = max(1, math.ceil(ratings * ((_ONE_SIDED * error / (area - 0.5)) ** 2 - 1)))
    return Agreement(ratings, liked, area, low, missing)


def _features(question: str, answer: str) -> np.ndarray:
    """How the answer is built."""
    words = _WORD.findall(answer.casefold())
    asked = set(_WORD.findall(question.casefold()))
    first = _WORD.findall(_SENTENCE.split(answer, maxsplit=1)[0].casefold())
    return np.array(
        [
            math.log1p(len(words)),
            math.log1p(len(_SENTENCE.findall(answer))),
            math.log1p(len(_DASHED.findall(answer))),
            math.log1p(len(_NUMBERED.findall(answer))),
            math.log1p(len(_MARKED.findall(answer))),
            math.log1p(answer.count("```")),
            math.log1p(answer.strip().count("\n\n")),
            float(answer.strip().endswith(("?", "？"))),
            sum(word in asked for word in first) / max(1, len(first)),
            float(bool(_GREETING.match(answer))),
            float(bool(_EXAMPLE.search(answer))),
            float(bool(_SUMMARY.search(answer))),
            math.log1p(answer.count("!") + answer.count("！")),
            float(language_of_text(answer) == language_of_text(question)),
        ]
    )


def _design(rows: np.ndarray, centre: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Standardised, and a constant."""
    scaled = np.clip((rows - centre) / spread, -_FAR, _FAR)
    return np.column_stack([scaled, np.ones(len(rows))])


def _fitted(rows: np.ndarray, labels: np.ndarray, counts: np.ndarray) -> Preference:
    """By Newton's method; the constant is not drawn to zero."""
    centre, spread = rows.mean(axis=0), np.maximum(rows.std(axis=0), 0.1)
    design = _design(rows, centre, spread)
    ridge = np.full(design.shape[1], _RIDGE)
    ridge[-1] = 1e-6
    weights = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        slope = design.T @ (counts * (labels - _sigmoid(design @ weights))) - ridge * weights
        step = np.linalg.solve(_curve(design, weights, counts, ridge), slope)
        weights = weights + step
        if np.abs(step).max() < 1e-8:
            break
    return Preference(centre, spread, weights, np.linalg.inv(_curve(design, weights, counts, ridge)))


def _curve(design: np.ndarray, weights: np.ndarray, counts: np.ndarray, ridge: np.ndarray) -> np.ndarray:
    """How sharply the ratings, and the ridge, speak against other weights."""
    chance = _sigmoid(design @ weights)
    known = counts * np.maximum(chance * (1 - chance), 1e-6)
    curve: np.ndarray = (design * known[:, None]).T @ design + np.diag(ridge)
    return curve


def _sigmoid(values: np.ndarray) -> np.ndarray:
    found: np.ndarray = 1 / (1 + np.exp(-np.clip(values, -30, 30)))
    return found


def _fold(group: str) -> int:
    return int.from_bytes(hashlib.sha256(f"fold {group}".encode()).digest()[:4]) % _FOLDS
