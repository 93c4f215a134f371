"""The titles of documents inside the text of others: one step from what was found to what it speaks of."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from assistant.memory import terms

_ADDED: Final = re.compile(r"\s*[(（\[【][^()（）]*[)）\]】]\s*$")
_SHORTEST: Final = 4
_SHORTEST_PAIRED: Final = 2
"""Letters, or Chinese characters, of a title that is looked for: a shorter one is found everywhere."""
_LONGEST: Final = 12
_MOST_SHARED: Final = 3
"""Documents that may have the same title: more of them are a form, not a name."""


class Names:
    """Made from (document, title) pairs. Latin titles are found as whole words, Chinese ones anywhere."""

    def __init__(self, titles: Iterable[tuple[str, str]]) -> None:
        documents: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for document_id, title in titles:
            words = _name(title)
            if words:
                documents[words].append(document_id)
        self._by_first: dict[str, list[tuple[tuple[str, ...], list[str]]]] = defaultdict(list)
        for words, ids in documents.items():
            if len(ids) <= _MOST_SHARED:
                self._by_first[words[0]].append((words, ids))

    def within(self, body: str) -> set[str]:
        """The documents whose titles a text holds; `body` is its words as they are kept."""
        if not self._by_first:
            return set()
        words = body.split()
        found: set[str] = set()
        for at, word in enumerate(words):
            for name, ids in self._by_first.get(word, ()):
                if tuple(words[at : at + len(name)]) == name:
                    found.update(ids)
        return found


def _name(title: str) -> tuple[str, ...]:
    """The words of a title as they stand in a text, without what is added in brackets to tell it from others."""
    bare = _ADDED.sub("", title).strip()
    words = terms.body(bare).split()
    if words and len(words[-1]) == 1 and not words[-1].isascii():
        words.pop()  # the end of a run of Chinese, which within a text goes on
    letters = sum(map(len, words))
    least = _SHORTEST if bare.isascii() else _SHORTEST_PAIRED
    return tuple(words) if letters >= least and len(words) <= _LONGEST * 2 else ()
