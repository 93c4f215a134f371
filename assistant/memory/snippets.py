"""The piece of a message shown for a search hit, and the parts of it to mark."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_BEFORE: Final = 40
_LENGTH: Final = 160
"""Characters of a snippet, and of them before the first match."""


def snippet(text: str, terms: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """A line of `text` around the first of `terms`, and what of it matches, as written there.

    Without a literal match (an accent, a hit by meaning) it is the beginning of the text, and nothing is marked.
    """
    pattern = _pattern(terms)
    first = pattern.search(text) if pattern else None
    start = max(0, first.start() - _BEFORE) if first else 0
    end = min(len(text), start + _LENGTH)
    shown = " ".join(text[start:end].split())
    matched = _matched(shown, pattern) if pattern else ()
    return f"{'…' if start else ''}{shown}{'…' if end < len(text) else ''}", matched


def _pattern(terms: Sequence[str]) -> re.Pattern[str] | None:
    """Tries every place, the longest term first; a Latin word counts only where a word begins."""
    ordered = sorted(terms, key=len, reverse=True)
    parts = [rf"(?<![^\W_]){re.escape(term)}" if term.isascii() else re.escape(term) for term in ordered]
    return re.compile(f"(?=({'|'.join(parts)}))", re.IGNORECASE) if parts else None


def _matched(shown: str, pattern: re.Pattern[str]) -> tuple[str, ...]:
    """Overlapping matches become one."""
    spans: list[tuple[int, int]] = []
    for start, end in (match.span(1) for match in pattern.finditer(shown)):
        if spans and start < spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    return tuple(dict.fromkeys(shown[start:end] for start, end in spans))
