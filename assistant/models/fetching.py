"""Fetching and removing models of every kind by name: those that answer, that listen, and the one that embeds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from assistant.errors import AssistantError
from assistant.models.chat_model import Models
from assistant.models.e5_weights import E5Weights
from assistant.models.records import DownloadProgress
from assistant.models.speech.library import SpeechLibrary

_log = logging.getLogger(__name__)


class Fetching:
    """On one event loop. `embeds` is called when the embedding model has come: what waited for it can begin."""

    def __init__(self, models: Models, speech: SpeechLibrary, weights: E5Weights, embeds: Callable[[], None]) -> None:
        self._models = models
        self._speech = speech
        self._weights = weights
        self._embeds = embeds

    async def pull(self, name: str | None = None) -> AsyncGenerator[DownloadProgress, None]:
        """Without a name the one that answers best on this machine, and after it the one that embeds where this system
        needs it; that one may fail, and can be fetched later."""
        if name == self._weights.name:
            steps = self._embedder()
        elif name is not None and name in self._speech.names:
            steps = self._speech.pull(name)
        else:
            steps = self._models.pull(name)
        async with aclosing(steps):
            async for step in steps:
                yield step
        if name is None and self._weights.are_missing:
            try:
                async with aclosing(self._embedder()) as steps:
                    async for step in steps:
                        yield step
            except AssistantError as error:
                _log.warning("the embedding model could not be fetched: %s", error)

    async def remove(self, name: str) -> None:
        """Raises ModelUnknown."""
        if name == self._weights.name:
            await asyncio.to_thread(self._weights.remove)
        elif name in self._speech.names:
            await asyncio.to_thread(self._speech.remove, name)
        else:
            await asyncio.to_thread(self._models.remove, name)

    async def _embedder(self) -> AsyncGenerator[DownloadProgress, None]:
        async with aclosing(self._weights.pull()) as steps:
            async for step in steps:
                yield step
        self._embeds()
