"""Numbers an answer from documents while it is written: what stands there is checked, never what the model wrote.

A sentence gets the number of its passage as it ends. So the end of what was written is held back for a moment, as far
as it may be part of a number or of a sentence's end.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import Final

from assistant.events import CitedSentence, Grounds
from assistant.knowledge.citations import Likeness, Statement, Ties, numbered, sentences, unmarked
from assistant.knowledge.framing import as_data

_HELD: Final = re.compile(r"[\s。！？!?；.”’」』）)\"']*(?:\s*(?:\[[\d\s,，、]*|【\d*))?$")


class Citing:
    """Of one answer. `text` is what may be shown of it so far; `instead` is what takes its place where no passage bears
    any of it out, and empty where it may stand all the same. Until one does, nothing is shown then."""

    def __init__(self, grounds: Grounds, question: str, likeness: Likeness, instead: str = "") -> None:
        self._grounds = grounds
        self._instead = instead
        # Compared with what the model read: what it could not see carries nothing.
        read = [f"{as_data(one.header)}\n{as_data(one.text)}" for one in grounds.passages]
        self._ties = Ties(read, question, likeness)
        self._raw = ""
        self._tied: dict[tuple[int, int], Statement | None] = {}
        self.text = ""

    async def add(self, piece: str) -> str:
        """What of the answer can be shown beyond what was; often nothing."""
        self._raw += piece
        # Sentences may have to be compared by meaning, which takes time, and is not for the event loop to wait for.
        return self._grown(await asyncio.to_thread(self._now))

    async def end(self) -> tuple[str, str, Grounds]:
        """What is still to be shown, the whole answer, and what it rests on."""
        whole, found = await asyncio.to_thread(self._whole)
        if self._instead and found and not any(map(_is_firm, found)):
            return self._grown(self._instead), self._instead, replace(self._grounds, outcome="refused")
        more = self._grown(whole)
        self.text = whole
        cited = tuple(CitedSentence(one.start, one.end, _number(one), one.support, not _is_firm(one)) for one in found)
        return more, whole, Grounds(self._grounds.outcome, self._grounds.confidence, self._grounds.passages, cited)

    def _grown(self, now: str) -> str:
        if not now.startswith(self.text):
            return ""
        more, self.text = now[len(self.text) :], now
        return more

    def _now(self) -> str:
        said = len(self._raw.rstrip())
        broken = "\n" in self._raw[said:]
        ended = [span for span in sentences(self._raw) if span[1] < said or broken]
        shut = ended[-1][1] if ended else 0
        found = self._statements(ended)
        if self._instead and not any(map(_is_firm, found)):
            return ""
        text, _ = numbered(self._raw[:shut], found)
        return text + _HELD.sub("", unmarked(self._raw[shut:]))

    def _whole(self) -> tuple[str, list[Statement]]:
        spans = sentences(self._raw)
        if len(spans) == 1:
            self._tied.clear()
        return numbered(self._raw, self._statements(spans, alone=len(spans) == 1))

    def _statements(self, spans: list[tuple[int, int]], *, alone: bool = False) -> list[Statement]:
        for start, end in spans:
            if (start, end) not in self._tied:
                self._tied[start, end] = self._ties.tie(self._raw, start, end, alone=alone)
        return [one for span in spans if (one := self._tied[span]) is not None]


def _is_firm(one: Statement) -> bool:
    return one.passage is not None and not one.is_weak


def _number(one: Statement) -> int | None:
    return None if one.passage is None else one.passage + 1
