"""Whatever a person waits for, also where no model is asked: what is computed in the background rests meanwhile."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
from langchain_core.messages import HumanMessage

from assistant.api import Assistant, CompletionRequest
from assistant.config import EngineSettings, Sampling, Settings
from assistant.events import Token
from assistant.models.speech.records import Transcript
from assistant.paths import Paths
from assistant.wiring import build

pytestmark = pytest.mark.model
_LOOKS = 100
"""Between two steps there is hardly a moment: nobody who looks so often sees none that works."""


class SlowTranscriber:
    """Listens until it is told that this was all."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.over = threading.Event()

    def transcribe(self, recording: Path) -> Transcript:
        self.begun.set()
        self.over.wait(60)
        return Transcript(recording.read_text(), "en", 3.0)


class Learning:
    """Something long that is written in the background; `told` counts what of it has come."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant
        self._begun = asyncio.Event()
        self.told = 0
        self.task = asyncio.create_task(self._write())

    async def _write(self) -> None:
        asked = (HumanMessage("Count from 1 to 1000, separated by commas."),)
        request = CompletionRequest(asked, sampling=Sampling(temperature=0, max_tokens=1500), priority="background")
        async with aclosing(await self._assistant.complete(request)) as events:
            async for event in events:
                if isinstance(event, Token):
                    self.told += 1
                    self._begun.set()

    async def goes_on(self) -> None:
        self._begun.clear()
        async with asyncio.timeout(30):
            await self._begun.wait()

    async def rests(self) -> bool:
        """Whether the engine computes nothing any more once it has heard of it."""
        async with asyncio.timeout(30):
            while await self._computes():
                pass
        before = self.told
        seen = [await self._computes() for _ in range(_LOOKS)]
        return not any(seen) and self.told == before

    async def _computes(self) -> bool:
        return (await self._assistant.engine_info()).occupancy.step_s > 0


async def test_the_background_rests_while_a_person_speaks_or_has_a_file_read_and_goes_on_afterwards(
    paths: Paths, real_model: Path
) -> None:
    settings = Settings(model=str(real_model), engine=EngineSettings(context=2048, recast=False))
    transcriber = SlowTranscriber()
    async with build(paths, settings, transcriber=transcriber) as assistant:
        learning = Learning(assistant)
        await learning.goes_on()

        async def said() -> AsyncIterator[bytes]:
            yield b"When does the train leave?"

        hearing = asyncio.create_task(assistant.speech.transcribe(said()))
        await asyncio.to_thread(transcriber.begun.wait, 30)
        assert await learning.rests()
        transcriber.over.set()
        assert (await hearing).text == "When does the train leave?"
        await learning.goes_on()

        async def file() -> AsyncIterator[bytes]:
            yield b"At nine "
            assert await learning.rests()
            yield b"in the morning."

        assert await assistant.documents.read("train.txt", file()) == "At nine in the morning."
        await learning.goes_on()
        learning.task.cancel()
        await asyncio.wait({learning.task})
