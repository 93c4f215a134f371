"""The indexes over HTTP: how each stands, and mended on request."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from assistant.api import Assistant
from assistant.codec import dump
from assistant.i18n import Language
from assistant.server.errors import request_language
from assistant.server.streaming import EventStream, data_line


class IndexRoutes:
    def __init__(self, assistant: Assistant, language: Language) -> None:
        self._indexes = assistant.indexes
        self._language = language
        self.router = APIRouter(prefix="/api/indexes", tags=["indexes"])
        self.router.add_api_route("", self.standings, methods=["GET"], response_model=None)
        self.router.add_api_route("/embedder", self.embedder, methods=["GET"], response_model=None)
        self.router.add_api_route("/mend", self.mend, methods=["POST"], response_model=None)

    async def standings(self) -> Any:
        """How each index stands: the vectors of what was said and of documents, and the words of everything. In the
        client `indexes.standings`."""
        return dump(await self._indexes.standings())

    async def embedder(self) -> Any:
        """How the model runs that makes the vectors, or what it is fetched as. In the client `indexes.embedder`."""
        return dump(await self._indexes.embedder())

    async def mend(self, request: Request) -> Response:
        """Make whole what is not, and tell how far each is. In the client `indexes.mend`."""

        async def lines() -> AsyncGenerator[str, None]:
            async with aclosing(self._indexes.mend()) as standings:
                async for standing in standings:
                    yield data_line(dump(standing))

        return EventStream(lines(), request_language(request.headers, self._language))
