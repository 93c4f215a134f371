"""Tells a model's thinking from its answer while both stream in: `<think>…</think>` before the first word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

_OPEN: Final = "<think>"
_CLOSE: Final = "</think>"

_Stage: TypeAlias = Literal["start", "thinking", "between", "answer"]


@dataclass(frozen=True, slots=True)
class Thought:
    """A piece of the model's thinking."""

    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A piece of what the model says."""

    text: str


class ReasoningSplitter:
    """Fed with text in pieces of any size, gives the same thinking and the same answer for any splitting.

    `opened` says that the prompt itself ended with the opening tag, so that the text begins inside the thinking.
    Blank space around the tags belongs to neither side; text without thinking passes unchanged.
    """

    def __init__(self, *, opened: bool = False) -> None:
        self._opened = opened
        self._stage: _Stage = "start"
        self._held = ""
        self._begun = False

    def feed(self, text: str) -> list[Thought | Answer]:
        """What is certain now that `text` has arrived."""
        self._held += text
        return self._advance(final=False)

    def close(self) -> list[Thought | Answer]:
        """The rest, once nothing more comes; thinking that was never closed stays thinking."""
        return self._advance(final=True)

    def _advance(self, *, final: bool) -> list[Thought | Answer]:
        found: list[Thought | Answer] = []
        if self._stage == "start":
            self._start(final=final)
        if self._stage == "thinking":
            self._think(found, final=final)
        if self._stage == "between":
            self._held = self._held.lstrip()
            if self._held:
                self._stage = "answer"
        if self._stage == "answer" and self._held:
            found.append(Answer(self._held))
            self._held = ""
        return found

    def _start(self, *, final: bool) -> None:
        text = self._held.lstrip()
        if text.startswith(_OPEN):
            self._held = text[len(_OPEN) :]
            self._stage = "thinking"
        elif final or not _OPEN.startswith(text):
            self._stage = "thinking" if self._opened else "answer"

    def _think(self, found: list[Thought | Answer], *, final: bool) -> None:
        thought, closed, rest = self._held.partition(_CLOSE)
        kept = "" if closed or final else thought[len(thought) - partial_suffix(thought, _CLOSE) :]
        certain = thought[: len(thought) - len(kept)]
        if not self._begun:
            certain = certain.lstrip()
        shown = certain.rstrip()
        if shown:
            found.append(Thought(shown))
            self._begun = True
        if closed:
            self._stage, self._held = "between", rest
        else:
            self._held = certain[len(shown) :] + kept


def partial_suffix(text: str, *marks: str) -> int:
    """How many characters at the end of `text` may be the beginning of a mark that has not arrived whole."""
    longest = max(len(mark) for mark in marks) - 1
    for size in range(min(longest, len(text)), 0, -1):
        if any(mark.startswith(text[-size:]) for mark in marks):
            return size
    return 0


def split_reasoning(text: str) -> tuple[str, str]:
    """The thinking and the answer of a text that is there whole; no thinking gives an empty first part."""
    splitter = ReasoningSplitter()
    pieces = [*splitter.feed(text), *splitter.close()]
    thinking = "".join(piece.text for piece in pieces if isinstance(piece, Thought))
    return thinking, "".join(piece.text for piece in pieces if isinstance(piece, Answer))
