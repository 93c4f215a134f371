"""Whether the best passage is likely to hold an answer at all, from 0 to 1; 0.5 is where it is said to.

Logistic functions of a few signals, fitted on questions over halves of CMRC 2018, XQuAD and HotpotQA whose answer was
in the half or in the other one. Over a collection that took no part in the fit they refuse 8 to 9 of 100 questions that
have an answer, 92 or 93 of 100 whose answer was taken away from among texts on the same subjects, and all that are
about other things. Where question and library speak different languages no words are shared, and only 39 to 56 of 100
are refused that should be.

In a small library, as everybody begins with, that would refuse 20 to 68 of 100 that have an answer. So for 2 to 40
passages it was fitted once more, on 765 questions over a few documents of CMRC 2018 and XQuAD in either language or
both; it refuses 1 to 3 of 100 that have an answer there and 97 to 99 of 100 that are about something else.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

_BOTH: Final = (-7.0, 1.05, 6.7)
"""Constant, standard deviations the best cosine lies above those of the library, part of the question in one sentence
of the best passage."""
_FEW: Final = (-47.1, 51.4, 9.6, 7.1)
"""Of a library too small to say what is usual: constant, the best cosine itself, part of the question in one sentence
of the best passage, how much of the question the best chunk holds."""
_WORDS: Final = (-3.4, 6.9)
"""Before anything is embedded: constant, and how much of the question the best chunk holds."""
_ACROSS: Final = (-8.4, 3.0)
"""Across languages: constant, and standard deviations without what the question's language has in common."""


def by_both(best: float, sample: np.ndarray, sentence: float) -> float:
    """`sample` are cosines of chunks from all over the library, `best` the highest there is."""
    constant, near, said = _BOTH
    return _logistic(constant + near * _stands_out(best, sample) + said * sentence)


def by_few(best: float, sentence: float, coverage: float) -> float:
    """Where the library is small: among a dozen passages the best one does not stand out, for it is most of them."""
    constant, near, said, held = _FEW
    return _logistic(constant + near * best + said * sentence + held * coverage)


def across_languages(best: float, sample: np.ndarray) -> float:
    constant, near = _ACROSS
    return _logistic(constant + near * _stands_out(best, sample))


def by_words(coverage: float) -> float:
    constant, said = _WORDS
    return _logistic(constant + said * coverage)


def _stands_out(best: float, sample: np.ndarray) -> float:
    spread = float(sample.std()) if len(sample) else 0.0
    return (best - float(sample.mean())) / spread if spread else 0.0


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, value))))
