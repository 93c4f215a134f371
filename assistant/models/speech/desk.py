"""What a face may ask of speech: what was said in a recording, and which models can hear it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterable, Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from tempfile import mkstemp
from typing import Final

from assistant.errors import SpeechRefused
from assistant.models.speech.library import SpeechLibrary
from assistant.models.speech.records import SpeechModel, Transcript
from assistant.models.speech.transcriber import Transcriber

LARGEST: Final = 50_000_000
"""Bytes of one recording."""


class SpeechDesk:
    """On one event loop. A recording lies in `drafts` while it is listened to, under a name of our own. `asking` is
    entered meanwhile: a person waits."""

    def __init__(
        self,
        library: SpeechLibrary,
        transcriber: Transcriber,
        drafts: Path,
        asking: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._library = library
        self._transcriber = transcriber
        self._drafts = drafts
        self._asking = asking

    async def transcribe(self, data: AsyncIterable[bytes]) -> Transcript:
        """What is said in a recording, which is not kept. Raises SpeechRefused."""
        with self._asking():
            return await self._heard(data)

    async def models(self) -> list[SpeechModel]:
        return await asyncio.to_thread(self._library.list)

    async def _heard(self, data: AsyncIterable[bytes]) -> Transcript:
        self._drafts.mkdir(parents=True, exist_ok=True)
        handle, name = mkstemp(prefix="speech-", dir=self._drafts)
        recording, size = Path(name), 0
        try:
            with os.fdopen(handle, "wb") as file:
                async for piece in data:
                    size += len(piece)
                    if size > LARGEST:
                        raise SpeechRefused("too_large")
                    await asyncio.to_thread(file.write, piece)
            return await asyncio.to_thread(self._transcriber.transcribe, recording)
        finally:
            await asyncio.to_thread(recording.unlink, missing_ok=True)
