"""Hear what they were told they would."""

from __future__ import annotations

from pathlib import Path

from assistant.errors import SpeechRefused
from assistant.models.speech.records import Transcript


class ScriptedTranscriber:
    """`reason` makes it refuse; `heard` is what it was given."""

    def __init__(self, text: str = "", reason: str = "") -> None:
        self._text = text
        self._reason = reason
        self.heard: list[bytes] = []

    def transcribe(self, recording: Path) -> Transcript:
        self.heard.append(recording.read_bytes())
        if self._reason:
            raise SpeechRefused(self._reason)
        return Transcript(self._text, "en", 3.0)


class ReadingTranscriber:
    """Hears what is written in the recording; in an empty one, nobody."""

    def transcribe(self, recording: Path) -> Transcript:
        said = recording.read_bytes().decode()
        if not said.strip():
            raise SpeechRefused("silent")
        return Transcript(said, "en", 3.0)
