"""What is believed of candidates: the same as the textbook's Gaussian process says, and sensible to look at."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.prompting import posterior
from assistant.prompting.posterior import Belief, Posterior

_LEVELS: Final = [(words, examples) for words in ("seed", "brief") for examples in ("none", "four", "eight")]


def textbook(
    levels: Sequence[tuple[str, ...]], which: Sequence[int], item: Sequence[int], scores: Sequence[float]
) -> Belief:
    """Rasmussen & Williams 2006, equations 2.23 to 2.30, with a row for every answer, averaged over the scales."""
    names = sorted({name for each in levels for name in each})
    design = np.array([[float(name in each) for name in names] for each in levels])
    answers = len(which)
    same_item = np.equal.outer(item, item)
    noise = posterior._ITEM_SCALE**2 * same_item + posterior._NOISE**2 * np.eye(answers)
    found = []
    for level, own in itertools.product(posterior._LEVEL_SCALES, posterior._OWN_SCALES):
        prior = posterior._MEAN_SCALE**2 + level**2 * design @ design.T + own**2 * np.eye(len(levels))
        seen = prior[np.ix_(which, which)] + noise
        beyond = np.array(scores) - posterior._MEAN
        likelihood = -0.5 * beyond @ np.linalg.solve(seen, beyond) - 0.5 * np.linalg.slogdet(seen)[1]
        towards = prior[:, which]
        mean = posterior._MEAN + towards @ np.linalg.solve(seen, beyond)
        found.append((likelihood, mean, prior - towards @ np.linalg.solve(seen, towards.T)))
    weights = np.exp([each[0] for each in found] - max(each[0] for each in found))
    weights /= weights.sum()
    mean = sum(weight * each[1] for weight, each in zip(weights, found, strict=True))
    covariance = sum(
        weight * (each[2] + np.outer(each[1] - mean, each[1] - mean))
        for weight, each in zip(weights, found, strict=True)
    )
    return Belief(mean, covariance)


answers = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 9), st.sampled_from([0.0, 0.3, 1.0])), min_size=1, max_size=60
)


@given(answers)
def test_it_says_what_the_textbook_says(seen: list[tuple[int, int, float]]) -> None:
    which, item, scores = (list(each) for each in zip(*seen, strict=True))
    belief, expected = Posterior(_LEVELS).after(which, item, scores), textbook(_LEVELS, which, item, scores)
    np.testing.assert_allclose(belief.mean, expected.mean, atol=1e-8)
    np.testing.assert_allclose(belief.covariance, expected.covariance, atol=1e-8)


def test_before_any_answer_all_are_alike() -> None:
    belief = Posterior(_LEVELS).after([], [], [])
    assert np.ptp(belief.mean) == 0
    assert belief.deviation == pytest.approx(belief.deviation[0])


def test_an_answer_tells_of_whoever_shares_a_part() -> None:
    brief = [index for index, (words, _) in enumerate(_LEVELS) if words == "brief"]
    belief = Posterior(_LEVELS).after([brief[0]] * 12, range(12), [1.0] * 12)
    others = [index for index, (words, examples) in enumerate(_LEVELS) if words == "seed" and examples != "none"]
    assert min(belief.mean[brief[1:]]) > max(belief.mean[others])


def test_a_hard_question_is_not_held_against_whoever_was_asked_it() -> None:
    which = [*(candidate for candidate in range(2, 6) for _ in range(6)), *[0] * 6, *[1] * 6]
    item = [*range(6)] * 5 + [*range(6, 12)]
    belief = Posterior([(str(index),) for index in range(6)]).after(which, item, [0.0] * len(which))
    assert belief.mean[0] > belief.mean[1]
