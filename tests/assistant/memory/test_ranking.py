from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from assistant.memory.ranking import COLD, SIGNALS, Example, learn


def _examples(seed: int, number: int, telling: str) -> list[Example]:
    """Questions whose right candidate is the one with the greatest of one signal."""
    draw = np.random.default_rng(seed)
    examples = []
    for _ in range(number):
        signals = draw.random((20, len(SIGNALS)))
        right = np.zeros(20)
        right[int(signals[:, SIGNALS.index(telling)].argmax())] = 1
        examples.append(Example(signals, right))
    return examples


def test_without_anything_clicked_the_weights_stay() -> None:
    assert learn([]) is COLD
    nothing_right = Example(np.ones((3, len(SIGNALS))), np.zeros(3))
    assert learn([nothing_right]) is COLD


def test_a_few_clicks_move_the_weights_a_little_and_many_as_far_as_they_like() -> None:
    found = [learn(_examples(1, number, "length")).as_dict() for number in (3, 300)]
    start = COLD.values[SIGNALS.index("length")] * 3
    assert start < found[0]["length"] < found[1]["length"]
    asked = _examples(2, 50, "length")
    learned = learn(_examples(1, 300, "length"))
    hits = [int(learned.score(one.signals).argmax()) for one in asked]
    before = [int(COLD.score(one.signals).argmax()) for one in asked]
    right, by_hand = (sum(one.right[hit] for one, hit in zip(asked, tried, strict=True)) for tried in (hits, before))
    assert right > 3 * by_hand


@given(st.integers(0, 1000))
def test_weights_are_always_numbers(seed: int) -> None:
    assert np.isfinite(learn(_examples(seed, 2, "words")).values).all()
