"""Learning in idle time under /api/learning: how it stands, what it did, and its switch."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from assistant.api import Assistant
from assistant.codec import dump
from assistant.i18n import Language
from assistant.learning.idle_standing import IdleStanding
from assistant.server.errors import request_language
from assistant.server.parameters import Count
from assistant.server.streaming import EventStream, data_line


class Switch(BaseModel):
    model_config = ConfigDict(extra="forbid")

    on: bool


class LearningRoutes:
    """`assistant.learning.idle`, one method a route."""

    def __init__(self, assistant: Assistant, language: Language) -> None:
        self._idle = assistant.idle
        self._language = language
        self._judge = assistant.judge
        self.router = APIRouter(prefix="/api/learning", tags=["learning"])
        for method, path, endpoint in (
            ("GET", "", self.standing),
            ("GET", "/log", self.log),
            ("POST", "/switch", self.switch),
            ("POST", "/look", self.look),
            ("POST", "/cancel", self.cancel),
            ("GET", "/events", self.follow),
            ("GET", "/judge", self.judge),
            ("POST", "/judge", self.ask_judge),
        ):
            self.router.add_api_route(path, endpoint, methods=[method], response_model=None)

    async def standing(self) -> Any:
        return dump(await self._idle.standing())

    async def log(self, count: Count = 50) -> Any:
        return dump(await self._idle.entries(count))

    async def switch(self, body: Switch) -> Any:
        await self._idle.switch(body.on)
        return dump(await self._idle.standing())

    async def judge(self) -> Any:
        """How far the model as a judge agrees with the owner, in each language, as far as it was asked."""
        return dump(await self._judge.standings())

    async def ask_judge(self) -> Any:
        """The same, once it has been asked about the latest pairs the owner decided, which takes minutes."""
        return dump(await self._judge.look())

    async def look(self) -> Any:
        """Answers when everything has been tried, which takes minutes."""
        return dump(await self._idle.look())

    async def cancel(self) -> Any:
        """End the look that is under way; what was answered is kept."""
        await self._idle.cancel()
        return dump(await self._idle.standing())

    async def follow(self, request: Request) -> Response:
        """How it stands, as events, until nothing is being learned."""
        return EventStream(_stood(self._idle.follow()), request_language(request.headers, self._language))


async def _stood(standings: AsyncGenerator[IdleStanding, None]) -> AsyncGenerator[str, None]:
    async with aclosing(standings):
        async for standing in standings:
            yield data_line(dump(standing))
