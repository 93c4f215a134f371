"""What is known of speech, as plain values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Transcript:
    """What somebody said. `language` is a code such as zh, as the model heard it; `seconds` how long it took to say."""

    text: str
    language: str
    seconds: float


@dataclass(frozen=True, slots=True)
class SpeechModel:
    """One that may be fetched; `size` in bytes."""

    name: str
    title: str
    size: int
    licence: str
    installed: bool
