"""The model chooser, and downloads that go on when the tab that began them is closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final

from assistant.api import Assistant
from assistant.errors import AssistantError
from assistant.i18n import Language
from assistant.models.records import DownloadProgress
from ui.presenter import Presenter
from ui.visit import Visit

_DRAW_EVERY_S: Final = 0.25


class ModelChooser:
    """Draws the top bar, the panel and the first-run card from one list of models."""

    def __init__(self, assistant: Assistant, presenter: Presenter) -> None:
        self._assistant = assistant
        self._presenter = presenter
        self._downloads: dict[str, asyncio.Task[None]] = {}
        self._progress: dict[str, DownloadProgress] = {}
        self._error: AssistantError | None = None

    async def topbar(self, language: Language, title: str) -> str:
        current = self._assistant.current_model
        models = await self._assistant.models()
        name = next((model.title for model in models if model.current), current)
        return self._presenter.topbar(language, title, name)

    async def start(self, language: Language) -> str:
        models = await self._assistant.models()
        error = self._presenter.explain(self._error, language) if self._error else ""
        return self._presenter.start(language, models, next(iter(self._progress.values()), None), error)

    async def panel(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        """The list; while something is being downloaded it goes on being drawn."""
        async with aclosing(self._watched(visit)) as watching:
            async for views in watching:
                yield views

    async def use(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        self._error = None
        try:
            await self._assistant.use_model(visit.text("model"))
        except AssistantError as error:
            self._error = error
        yield await self._drawn(visit)

    async def remove(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        self._error = None
        try:
            await self._assistant.remove_model(visit.text("model"))
        except AssistantError as error:
            self._error = error
        yield await self._drawn(visit)

    async def pull(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        """Fetch a model; without a name, the one chosen for this machine."""
        name = visit.text("model")
        self._error = None
        if name not in self._downloads:
            self._downloads[name] = asyncio.create_task(self._pull(name))
        async with aclosing(self._watched(visit)) as watching:
            async for views in watching:
                yield views

    async def pause(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        """What has arrived is kept; the next download goes on from there."""
        name = visit.text("model")
        for asked, task in list(self._downloads.items()):
            progress = self._progress.get(asked)
            if asked == name or (progress is not None and progress.model == name):
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        yield await self._drawn(visit)

    async def _pull(self, name: str) -> None:
        try:
            async with aclosing(self._assistant.pull_model(name or None)) as steps:
                async for progress in steps:
                    self._progress[name] = progress
        except AssistantError as error:
            self._error = error
        finally:
            self._progress.pop(name, None)
            self._downloads.pop(name, None)

    async def _watched(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        yield await self._drawn(visit)
        while self._downloads:
            await asyncio.wait(set(self._downloads.values()), timeout=_DRAW_EVERY_S)
            yield await self._drawn(visit)

    async def _drawn(self, visit: Visit) -> dict[str, Any]:
        models = await self._assistant.models()
        progress = {each.model: each for each in self._progress.values()}
        views = {
            "models": {"html": self._presenter.models(visit.language, models, progress, self._error)},
            "topbar": {"html": await self.topbar(visit.language, visit.text("heading"))},
        }
        if visit.conversation_id is None:
            views["start"] = {"html": await self.start(visit.language)}
        return views
