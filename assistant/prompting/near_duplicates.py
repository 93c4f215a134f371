"""Which items say the same in nearly the same words: with one of them learned from and the other asked, a prompt that
only repeats what it was shown would look good."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Final

from assistant.prompting.task import Item

_SAME: Final = 0.9
"""Share of the words that two such texts have in common, in the same order."""
_FEW: Final = 4
_LEAST_SHARED: Final = _SAME / (2 - _SAME)
"""Share of its words that a text has in common with one of which it may be a near-duplicate, however long that is."""
_COMPARED: Final = 64
"""With each item: those that share most of its rarest words. Formulas of few words share them with hundreds."""
_WORD: Final = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+")
_BETWEEN: Final = re.compile(r"[\W_]+")


def written(text: str) -> str:
    """Without case and with spaces that count as one; every sign is kept."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def said(text: str) -> str:
    """The words alone; texts that differ in case, spaces and marks give the same. What has no words is told apart."""
    return _BETWEEN.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip() or text


def same_words(one: str, other: str) -> bool:
    """An embedding hardly sees what tells formulas, numbers and lone words apart; the order of the words does."""
    return _same(_words(one), _words(other))


def with_twins(items: Sequence[Item], others: Sequence[Item]) -> set[int]:
    """The numbers of the items of which one of the others is a near-duplicate with the same right answers.

    Two lists with so many words in common share one of the rarest words of either, of which only the first few have to
    be looked at (prefix filtering: Chaudhuri, Ganti and Kaushik, 2006).
    """
    words = [[_words(one.input) for one in side] for side in (items, others)]
    frequent = Counter(word for side in words for text in side for word in set(text))
    holding: dict[tuple[tuple[str, ...], str], list[int]] = defaultdict(list)
    for number, text in enumerate(words[1]):
        for word in _rarest(text, frequent):
            holding[others[number].accepted, word].append(number)
    found = set()
    for number, text in enumerate(words[0]):
        shared = Counter(one for word in _rarest(text, frequent) for one in holding[items[number].accepted, word])
        if any(_same(text, words[1][other]) for other, _ in shared.most_common(_COMPARED)):
            found.add(number)
    return found


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _same(one: list[str], other: list[str]) -> bool:
    return min(len(one), len(other)) > _FEW and SequenceMatcher(None, one, other, autojunk=False).ratio() >= _SAME


def _rarest(words: list[str], frequent: Counter[str]) -> list[str]:
    """So many that one of them is shared by whatever is a near-duplicate."""
    ordered = sorted(words, key=lambda word: (frequent[word], word))
    return list(dict.fromkeys(ordered[: len(words) - int(_LEAST_SHARED * len(words)) + 1]))
