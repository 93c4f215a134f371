"""What the model was asked beside an answer, as the page tells it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from assistant.memory.records import Aside

_SUMMARY: Final = "summary"


@dataclass(frozen=True, slots=True)
class Told:
    """What it was for and what came of it, in words; `version` is the prompt it was asked with."""

    title: str
    text: str
    version: str


def earlier(asides: Sequence[Aside]) -> str:
    """What was read in the place of turns that had left; it is told where those are missing."""
    return "\n".join(one.text for one in asides if one.purpose == _SUMMARY)


def told(asides: Sequence[Aside], text: Callable[[str], str]) -> list[Told]:
    """All the others; `text` gives the words of the page."""
    return [
        Told(text(f"asides.{one.purpose}"), _in_words(one, text), one.prompt_version)
        for one in asides
        if one.purpose != _SUMMARY
    ]


def _in_words(aside: Aside, text: Callable[[str], str]) -> str:
    if aside.purpose == "planning":
        return " → ".join(map(str, json.loads(aside.text)))
    return text(f"asides.to_{aside.text}") if aside.purpose == "routing" else aside.text
