"""Where nothing embeds, texts are compared by their words: the same is alike, another thing is not."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from assistant.prompting.word_vectors import word_vectors


def test_what_shares_words_is_nearer_in_both_languages() -> None:
    one, near, far = word_vectors(["Where do bees live?", "where do the bees live", "The tower is 330 metres high"])
    assert one @ near > 0.8 > 0.3 > one @ far
    one, near, far = word_vectors(["蜜蜂住在哪里？", "蜜蜂住在什么地方？", "铁塔有三百米高"])
    assert one @ near > one @ far


@given(st.lists(st.text(), max_size=4))
def test_every_text_has_a_vector_of_length_one(texts: list[str]) -> None:
    vectors = word_vectors(texts)
    assert vectors.shape == (len(texts), 512)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1)
