"""What a person said of passages found before, held against a question that asks nearly the same."""

from __future__ import annotations

from typing import Final

from assistant.memory import terms
from assistant.memory.passage_judgements import JudgementStore

_NEAR: Final = 0.5
"""The part of two questions' telling words that has to be the same in both."""
_NEWEST: Final = 500
"""Judgements looked at for a question: a person's, not a crowd's."""


class Judged:
    """Called from any thread. Where nothing was judged nothing changes; what is taken back has no effect."""

    def __init__(self, store: JudgementStore) -> None:
        self._store = store
        self._words: dict[str, frozenset[str]] = {}

    def of(self, question: str) -> dict[int, float]:
        """For passages judged for this question or a near one: how near, from 0 to 1, below 0 for the wrong ones. Of
        several judgements of a passage that of the nearest question counts, of equally near ones the newest."""
        judgements = self._store.newest(_NEWEST)
        if not judgements:
            return {}
        asked = frozenset(terms.asked(question))
        known, words = self._words, dict[str, frozenset[str]]()
        found: dict[int, float] = {}
        for one in judgements:
            if one.question not in words:
                words[one.question] = known.get(one.question) or frozenset(terms.asked(one.question))
            near = _nearness(asked, words[one.question])
            if near > abs(found.get(one.chunk_id, 0.0)):
                found[one.chunk_id] = near if one.is_right else -near
        self._words = words
        return found


def _nearness(one: frozenset[str], other: frozenset[str]) -> float:
    shared = len(one & other) / max(1, len(one | other))
    return shared if shared >= _NEAR else 0.0
