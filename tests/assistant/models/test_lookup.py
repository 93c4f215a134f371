"""Guesses of what comes next, taken from the text so far."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from assistant.models.lookup import Lookup

QUOTED = [7, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11]


def test_what_followed_the_same_three_tokens_is_guessed() -> None:
    tokens = [*QUOTED, 99, 1, 2]
    lookup = Lookup(tokens)
    assert list(lookup.guess(8)) == [], "99, 1, 2 never stood there before"
    tokens.append(3)
    assert list(lookup.guess(8)) == [4, 5]
    lookup.judge(2, 2)
    tokens += [4, 5, 6]
    assert list(lookup.guess(8)) == [8, 9, 10, 11], "a guess that was right makes the next one longer"
    assert list(lookup.guess(1)) == [8]


def test_guesses_that_are_wrong_pause_longer_and_longer_and_one_that_is_right_ends_that() -> None:
    tokens = [1, 2, 3, 4, 1, 2, 3]
    lookup = Lookup(tokens)
    pauses = []
    for _ in range(3):
        silent = 0
        while not lookup.guess(8):
            silent += 1
        lookup.judge(2, 0)
        pauses.append(silent)
    assert pauses == [0, 1, 2]
    while not lookup.guess(8):
        pass
    lookup.judge(2, 2)
    assert list(lookup.guess(8)) == [4, 1, 2, 3]


@given(st.lists(st.integers(0, 3), max_size=80), st.integers(1, 20))
def test_a_guess_is_always_a_piece_of_the_text_that_follows_its_last_three_tokens(text: list[int], limit: int) -> None:
    tokens: list[int] = []
    lookup = Lookup(tokens)
    for token in text:
        tokens.append(token)
        guess = list(lookup.guess(limit))
        assert len(guess) <= limit
        if guess:
            wanted = tokens[-3:] + guess
            starts = range(len(tokens) - 3)
            assert any(tokens[start : start + len(wanted)] == wanted for start in starts)
