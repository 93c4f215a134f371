"""Guesses what comes next in an answer from where the same tokens stood before: answers quote what they were given.

A guess costs some places in a batch and never changes what is drawn: every token is still drawn from the model's own
probabilities, and what was guessed wrongly is forgotten. (The idea: Saxena, "Prompt Lookup Decoding", 2023.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_SAME: Final = 3
"""Tokens that have to be the same: with two, most guesses were wrong."""
_SHORTEST: Final = 2
_LONGEST: Final = 15
_LONGEST_REST: Final = 64


class Lookup:
    """Of one answer. `tokens` is its list of tokens so far, which grows outside; `guess` reads what is new in it."""

    def __init__(self, tokens: Sequence[int]) -> None:
        self._tokens = tokens
        self._next: dict[tuple[int, ...], int] = {}
        self._read = 0
        self._length = _SHORTEST
        self._rest = 0
        self._resting = 1

    def guess(self, limit: int) -> Sequence[int]:
        """Up to `limit` tokens that may follow; none where nothing like it was seen or guessing has not paid."""
        tokens = self._tokens
        # The newest run of tokens is not entered: it would find itself.
        for end in range(max(self._read, _SAME), len(tokens)):
            self._next[tuple(tokens[end - _SAME : end])] = end
        self._read = len(tokens)
        if self._rest:
            self._rest -= 1
            return ()
        start = self._next.get(tuple(tokens[-_SAME:]))
        return () if start is None else tokens[start : start + min(self._length, limit)]

    def judge(self, guessed: int, right: int) -> None:
        """Longer guesses after one that was all right; a rest, longer each time, after one that was all wrong."""
        if right == guessed:
            self._length = min(2 * self._length, _LONGEST)
            self._resting = 1
        elif 2 * right < guessed:
            self._length = max(self._length // 2, _SHORTEST)
            if not right:
                self._rest = self._resting
                self._resting = min(2 * self._resting, _LONGEST_REST)
