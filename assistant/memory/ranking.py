"""How likely an utterance is what a question needs: signals of every candidate, weighed.

Weights begin by hand (`COLD`) and move with what the person clicks and rates. Learning is a conditional logit, of all
candidates of a question which one was right, held to the weights by hand by a Gaussian prior: a few clicks move them a
little, many as far as they like.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

SIGNALS: Final = (
    "words", "words_best", "window", "window_best", "rare", "before", "after", "meaning", "meaning_best",
    "meaning_before", "meaning_after", "conversation_words", "conversation_window", "conversation_meaning", "speaker",
    "length", "asks", "answers", "when", "dated", "counts", "time", "own", "thanks", "both",
)  # fmt: skip
"""In the order of a candidate's signals.

words, window: share of what is asked that the utterance, or it with its neighbours, contains (BM25 over the sum of
idf); _best: of the best candidate's; rare: contains the rarest word asked for; before, after: the neighbours' words;
meaning: cosine; conversation_*: the best in the same conversation; speaker: said by whom the question names; asks: is a
question; answers: follows one whose words fit; when: speaks of a time, and time is asked for; counts: the same for
numbers; time: lies in or speaks of the time asked about; own: about the speaker; thanks: a mere reaction; both: window
and meaning together."""
_STEPS: Final = 40
_CLOSE_ENOUGH: Final = 1e-5


@dataclass(frozen=True, slots=True)
class Weights:
    values: np.ndarray
    """One a signal, as in SIGNALS."""

    @classmethod
    def of(cls, weights: Mapping[str, float]) -> Weights:
        return cls(np.array([weights.get(name, 0.0) for name in SIGNALS]))

    def as_dict(self) -> dict[str, float]:
        return {name: round(float(value), 5) for name, value in zip(SIGNALS, self.values, strict=True)}

    def score(self, signals: np.ndarray) -> np.ndarray:
        return np.asarray(signals @ self.values)


COLD: Final = Weights.of(
    {
        "words_best": 1.0,
        "window_best": 1.0,
        "meaning_best": 1.0,
        "before": 0.25,
        "after": 0.25,
        "meaning_before": 0.25,
        "meaning_after": 0.25,
        "conversation_words": 0.5,
        "conversation_meaning": 2.0,
        "speaker": 0.5,
        "length": 0.1,
        "asks": -0.25,
        "answers": 0.5,
        "time": 1.0,
        "when": 0.5,
    }
)
"""Words, window and meaning count the same; a time that was asked for as much as one of them; the rest breaks ties."""


@dataclass(frozen=True, slots=True)
class Example:
    """The candidates of one question as rows of signals, and which of them were right."""

    signals: np.ndarray
    right: np.ndarray
    weight: float = 1.0


def learn(examples: Sequence[Example], start: Weights = COLD, trust: float = 30.0, scale: float = 3.0) -> Weights:
    """The weights most probable after these; `trust` is how strongly they are held to the start, which is first
    multiplied by `scale`, since by hand only their proportions mean something."""
    usable = [one for one in examples if 0 < one.right.sum() < len(one.right)]
    if not usable:
        return start
    spread = np.concatenate([one.signals for one in usable]).std(axis=0) + 1e-6
    prior = start.values * scale * spread
    rows = [(one.signals / spread, one.right / one.right.sum(), one.weight) for one in usable]
    weights = prior.copy()

    def loss(at: np.ndarray) -> float:
        total = trust / 2 * float((at - prior) @ (at - prior))
        for signals, wanted, weight in rows:
            score = signals @ at
            top = score.max()
            total -= weight * float(wanted @ score - top - np.log(np.exp(score - top).sum()))
        return total

    current = loss(weights)
    for _ in range(_STEPS):
        slope = trust * (weights - prior)
        curve = trust * np.eye(len(weights))
        for signals, wanted, weight in rows:
            score = signals @ weights
            chance = np.exp(score - score.max())
            chance /= chance.sum()
            slope += weight * (signals.T @ (chance - wanted))
            mean = signals.T @ chance
            curve += weight * (signals.T @ (signals * chance[:, None]) - np.outer(mean, mean))
        step = np.linalg.solve(curve, slope)
        size = 1.0
        while (now := loss(weights - size * step)) > current and size > 1e-4:
            size /= 2
        weights = weights - size * step
        if current - now < _CLOSE_ENOUGH:
            break
        current = now
    return Weights(weights / spread)
