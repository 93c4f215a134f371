"""Makes text of a recording with a model of this machine, in a process of its own that ends with it."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from assistant.errors import SpeechRefused
from assistant.models.speech.library import SpeechLibrary
from assistant.models.speech.records import Transcript

LONGEST_S: Final = 900.0
"""Seconds of one recording."""
_PATIENCE_S: Final = 1800.0
"""For listening to it, on a slow machine."""


class Transcriber(Protocol):
    """Whatever makes text of speech."""

    def transcribe(self, recording: Path) -> Transcript:
        """Blocks. Raises SpeechRefused with the reason."""
        ...


class WhisperTranscriber:
    """One recording at a time; callers wait for one another.

    `chosen` is the name of a model or the path of a folder with one; empty takes the first of the catalogue that is
    here. `command` is for tests.
    """

    def __init__(self, library: SpeechLibrary, chosen: str = "", command: Sequence[str] = ()) -> None:
        self._library = library
        self._chosen = chosen
        self._command = list(command)
        self._lock = threading.Lock()

    def transcribe(self, recording: Path) -> Transcript:
        if not self._command and importlib.util.find_spec("faster_whisper") is None:
            raise SpeechRefused("no_extra")
        model = self._model()
        if model is None:
            raise SpeechRefused("no_model")
        command = self._command or [sys.executable, "-m", "assistant.models.speech.process"]
        with self._lock:
            answer = _answer([*command, str(model), str(recording), str(LONGEST_S)])
        if "reason" in answer:
            raise SpeechRefused(str(answer["reason"]))
        text = str(answer["text"]).strip()
        if not text:
            raise SpeechRefused("silent")
        return Transcript(text, str(answer["language"]), float(str(answer["seconds"])))

    def _model(self) -> Path | None:
        if self._chosen:
            named = self._library.path(self._chosen)
            folder = Path(self._chosen).expanduser()
            return named or (folder if (folder / "model.bin").is_file() else None)
        found = [self._library.path(one.name) for one in self._library.list() if one.installed]
        return found[0] if found else None


def _answer(command: Sequence[str]) -> dict[str, object]:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            timeout=_PATIENCE_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return {"reason": "timed_out"}
    try:
        answer = json.loads(done.stdout.decode().strip().splitlines()[-1])
    except (ValueError, IndexError):
        return {"reason": "damaged"}
    return answer if isinstance(answer, dict) else {"reason": "damaged"}
