"""The speech of a Patina that runs elsewhere, as `assistant.models.speech.desk` has it."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable
from typing import Any, TypeAlias

from assistant.codec import load
from assistant.models.speech.records import SpeechModel, Transcript

Call: TypeAlias = Callable[..., Awaitable[Any]]


class SpeechClient:
    """Models are fetched and removed by `pull_model` and `remove_model`, as all others are."""

    def __init__(self, call: Call, upload: Call) -> None:
        self._call = call
        self._upload = upload

    async def transcribe(self, data: AsyncIterable[bytes]) -> Transcript:
        return load(Transcript, await self._upload("/speech/transcript", data))

    async def models(self) -> list[SpeechModel]:
        return [load(SpeechModel, one) for one in await self._call("GET", "/speech/models")]
