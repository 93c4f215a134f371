"""What people like about answers, learned from their ratings: a judge that says when to trust it.

A small model that is asked which of two answers is better says the one that stands first about as often as the better
one. People's own ratings say more. The judge sees how an answer is built, never what it says, and is a Gaussian process
(Rasmussen & Williams 2006, chapter 3): what is liked is a trend over each feature, and beside it whatever the answers
rated nearby say, so that "short and without a list" is not the sum of "short" and "without a list". How well it agrees
with ratings it has not seen is measured by leaving conversations out, and it is used only where that is shown (area
under the curve, standard error of Hanley & McNeil 1982). A rating counts by its weight, in what is learned and in how
sure that is.

Whoever takes the best of many by guesses takes the one that is guessed most wrongly. Where all long answers were
disliked, with lists and without, and no short one had a list, nothing says how a short list is liked. So what is liked
is known only as far as ratings say (Laplace's approximation), and an answer is worth what it is at least (pessimism:
Jin, Yang, Wang 2021, "Is pessimism provably efficient for offline RL?").
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
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
_LEVEL: Final = 100.0
_TREND: Final = 1.0
_NEAR: Final = 4.0
"""Variances, in log odds, of what is thought before any rating: how much is liked on the whole, what a deviation of a
feature brings everywhere, and what answers of one kind have to themselves. Measured, as `_REACH` is; decision 48
has what others would bring."""
_REACH: Final = 2.0
"""Standard deviations of features over which answers are of one kind."""
_STEPS: Final = 50
_STILL: Final = 1e-8
_HEARD: Final = 400
"""Ratings that a judge is made of: its cost grows with the cube."""
_FOLDS: Final = 5
_FAR: Final = 2.5
"""Standard deviations beyond which an answer is unlike all that was rated and more says nothing."""
_ONE_SIDED: Final = 1.645
_SURE: Final = 0.95
"""Of all that may be liked by what the ratings say, the share with which something is better."""
_JITTER: Final = 1e-6
"""Added to variances, for answers built alike make a covariance singular."""
_DRAWS: Final = 400
"""That stand for all that may be liked."""
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
    """How probable it is that the person likes an answer. `rated` are n answers, a row each; `pull` (n) is what each
    says of answers like it, and `known` (n × n) how much is known for it."""

    centre: np.ndarray
    spread: np.ndarray
    rated: np.ndarray
    pull: np.ndarray
    known: np.ndarray

    def score(self, question: str, answer: str) -> float:
        """The best guess."""
        return float(_sigmoid(_alike(self._rows([(question, answer)]), self.rated) @ self.pull)[0])

    def at_least(self, question: str, answer: str) -> float:
        """What it is at least, 19 times of 20: far less than the guess where the answer is unlike those rated."""
        guess, doubt = self._seen(self._rows([(question, answer)]))
        return float(_sigmoid(guess - _ONE_SIDED * np.sqrt(np.maximum(np.diag(doubt), 0)))[0])

    def is_sure(self, pairs: Sequence[tuple[str, str, str]]) -> bool:
        """Of questions with an answer before and one after: whether those after are liked more on the whole, in nearly
        all that may be liked by what the ratings say."""
        if not pairs:
            return False
        before = [(question, answer) for question, answer, _ in pairs]
        after = [(question, answer) for question, _, answer in pairs]
        guess, doubt = self._seen(self._rows([*before, *after]))
        drawn = np.random.default_rng(0).standard_normal((_DRAWS, len(guess)))
        possible = _sigmoid(guess + drawn @ np.linalg.cholesky(doubt + _JITTER * np.eye(len(guess))).T)
        gained = (possible[:, len(pairs) :] - possible[:, : len(pairs)]).mean(axis=1)
        return bool((gained > 0).mean() >= _SURE)

    @property
    def id(self) -> str:
        """Names it by content: what was judged by one judge is not compared with what another says. What is known is
        made of the same ratings."""
        parts = [np.round(part, 6).tobytes() for part in (self.centre, self.spread, self.rated, self.pull)]
        return hashlib.sha256(b"".join(parts)).hexdigest()[:12]

    def _rows(self, answers: Sequence[tuple[str, str]]) -> np.ndarray:
        return _scaled(np.array([_features(*one) for one in answers]), self.centre, self.spread)

    def _seen(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The guesses of log odds, and their covariance."""
        like = _alike(rows, self.rated)
        return like @ self.pull, _alike(rows, rows) - like @ self.known @ like.T


def learned(ratings: Sequence[Rating]) -> tuple[Preference | None, Agreement]:
    """The judge that these ratings make, and how far it may be trusted; None while there are too few. Of very many the
    strongest are heard, and of those the last."""
    if len(ratings) > _HEARD:
        strongest = sorted(range(len(ratings)), key=lambda number: (-ratings[number].weight, -number))[:_HEARD]
        ratings = [ratings[number] for number in sorted(strongest)]
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
            beside = _scaled(rows[left_out], judge.centre, judge.spread)
            guesses[left_out] = _alike(beside, judge.rated) @ judge.pull
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


@lru_cache(maxsize=1_024)
def _features(question: str, answer: str) -> np.ndarray:
    """How the answer is built. The judges of a panel look at the same answers."""
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


def _scaled(rows: np.ndarray, centre: np.ndarray, spread: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = np.clip((rows - centre) / spread, -_FAR, _FAR)
    return scaled


def _alike(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The covariance, before any rating, of how answers are liked."""
    products = some @ others.T
    apart = (some**2).sum(axis=1)[:, None] + (others**2).sum(axis=1)[None, :] - 2 * products
    found: np.ndarray = _LEVEL + _TREND * products + _NEAR * np.exp(-np.maximum(apart, 0) / (2 * _REACH**2))
    return found


def _fitted(rows: np.ndarray, labels: np.ndarray, counts: np.ndarray) -> Preference:
    """By Newton's method with shorter steps where a whole one goes too far (algorithm 3.1 of the book)."""
    centre, spread = rows.mean(axis=0), np.maximum(rows.std(axis=0), 0.1)
    rated = _scaled(rows, centre, spread)
    alike = _alike(rated, rated)
    pull, best = np.zeros(len(rows)), -math.inf
    step = pull
    for _ in range(_STEPS):
        while (reached := _plausible(pull + step, alike, labels, counts)) < best and np.abs(step).max() > _STILL:
            step = step / 2
        pull, best = pull + step, max(best, reached)
        odds = alike @ pull
        root = _sharp(odds, counts)
        asked = root**2 * odds + counts * (labels - _sigmoid(odds))
        step = asked - root * np.linalg.solve(_scales(alike, root), root * (alike @ asked)) - pull
        if np.abs(step).max() < _STILL:
            break
    root = _sharp(alike @ pull, counts)
    return Preference(centre, spread, rated, pull, root[:, None] * np.linalg.inv(_scales(alike, root)) * root)


def _plausible(pull: np.ndarray, alike: np.ndarray, labels: np.ndarray, counts: np.ndarray) -> float:
    """The logarithm of how probable the ratings are together with what was thought before, up to a constant."""
    odds = alike @ pull
    return float((counts * (labels * odds - np.logaddexp(0, odds))).sum() - pull @ odds / 2)


def _sharp(odds: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """How sharply each rating speaks (n), the root of the book's W."""
    chance = _sigmoid(odds)
    root: np.ndarray = np.sqrt(counts * np.maximum(chance * (1 - chance), 1e-6))
    return root


def _scales(alike: np.ndarray, root: np.ndarray) -> np.ndarray:
    """What is known beside what was thought before (n × n), the book's B: safe to invert."""
    found: np.ndarray = np.eye(len(root)) + root[:, None] * alike * root
    return found


def _sigmoid(values: np.ndarray) -> np.ndarray:
    found: np.ndarray = 1 / (1 + np.exp(-np.clip(values, -30, 30)))
    return found


def _fold(group: str) -> int:
    return int.from_bytes(hashlib.sha256(f"fold {group}".encode()).digest()[:4]) % _FOLDS
