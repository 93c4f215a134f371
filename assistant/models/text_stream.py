"""Bytes of tokens to text a person may see: whole characters only, and nothing of a stop string."""

from __future__ import annotations

import codecs
from collections.abc import Sequence


class StopFilter:
    """Lets text through up to the first stop string, however the text is cut into pieces.

    A tail that may yet grow into a stop string is held back. Of several stop strings the one that is complete first
    ends the text; of those complete at the same character, the longest.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""
        self.stopped = False

    def feed(self, text: str) -> str:
        """What may be shown after `text` has arrived; nothing once `stopped`."""
        if self.stopped:
            return ""
        if not self._stops:
            return text
        self._held += text
        found = [(start + len(stop), start) for stop in self._stops if (start := self._held.find(stop)) >= 0]
        if found:
            _, start = min(found)
            shown, self._held, self.stopped = self._held[:start], "", True
            return shown
        kept = max(self._growing(stop) for stop in self._stops)
        shown, self._held = self._held[: len(self._held) - kept], self._held[len(self._held) - kept :]
        return shown

    def flush(self) -> str:
        """What was held back; the text has ended and it did not become a stop string."""
        shown, self._held = self._held, ""
        return shown

    def _growing(self, stop: str) -> int:
        """How many characters at the end are a beginning of `stop`."""
        longest = min(len(stop) - 1, len(self._held))
        return next((size for size in range(longest, 0, -1) if self._held.endswith(stop[:size])), 0)


class TextStream:
    """Joins the bytes of tokens into characters and passes them through a StopFilter.

    Bytes that are no UTF-8 become U+FFFD; a character still incomplete at the end is dropped.
    """

    def __init__(self, stops: Sequence[str] = ()) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._filter = StopFilter(stops)

    @property
    def stopped(self) -> bool:
        return self._filter.stopped

    def feed(self, piece: bytes) -> str:
        return self._filter.feed(self._decoder.decode(piece))

    def flush(self) -> str:
        return self._filter.flush()
