"""The model that finds by meaning, where this system has to fetch it: told of in the knowledge panel, and fetched."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from typing import Any, Final

from assistant.api import Assistant
from assistant.errors import AssistantError, InternalFault
from assistant.i18n import Language
from assistant.models.records import DownloadProgress
from ui.presenter import Presenter

_log = logging.getLogger(__name__)

_LOOK_EVERY_S: Final = 0.25


class EmbedderNotice:
    """One download for all tabs, which goes on when the one that began it is closed."""

    def __init__(self, assistant: Assistant, presenter: Presenter) -> None:
        self._assistant = assistant
        self._presenter = presenter
        self._fetching: asyncio.Task[None] | None = None
        self._progress: DownloadProgress | None = None
        self._error: AssistantError | None = None

    @property
    def is_fetching(self) -> bool:
        return self._fetching is not None and not self._fetching.done()

    async def begin(self) -> None:
        if not self.is_fetching:
            self._error = None
            self._fetching = asyncio.create_task(self._fetch())

    @property
    def progress(self) -> DownloadProgress | None:
        return self._progress

    async def wait(self) -> None:
        """Until it is worth looking again."""
        if self._fetching is not None:
            await asyncio.wait({self._fetching}, timeout=_LOOK_EVERY_S)

    async def facts(self, language: Language) -> dict[str, Any]:
        """For the panel; `embedder` is None where there is nothing to say."""
        standing = await self._assistant.indexes.embedder()
        if standing.state != "missing" and not self.is_fetching:
            return {"embedder": None}
        error = self._presenter.explain(self._error, language) if self._error else ""
        download = self._presenter.download(self._progress, language) if self.is_fetching else None
        return {"embedder": {"fetching": self.is_fetching, "download": download, "error": error}}

    async def _fetch(self) -> None:
        try:
            name = (await self._assistant.indexes.embedder()).fetched_as
            async with aclosing(self._assistant.pull_model(name)) as steps:
                async for self._progress in steps:
                    pass
        except AssistantError as error:
            self._error = error
        except Exception as error:
            _log.exception("the embedding model could not be fetched")
            self._error = InternalFault(reason=str(error))
        finally:
            self._progress = None
