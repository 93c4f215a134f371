"""Learning in idle time under /api/learning: how it stands, what it did, and its switch."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from assistant.api import Assistant
from assistant.codec import dump


class Switch(BaseModel):
    model_config = ConfigDict(extra="forbid")

    on: bool


class LearningRoutes:
    """`assistant.learning.idle`, one method a route."""

    def __init__(self, assistant: Assistant) -> None:
        self._idle = assistant.idle
        self._judge = assistant.judge
        self.router = APIRouter(prefix="/api/learning", tags=["learning"])
        for method, path, endpoint in (
            ("GET", "", self.standing),
            ("GET", "/log", self.log),
            ("POST", "/switch", self.switch),
            ("POST", "/look", self.look),
            ("GET", "/judge", self.judge),
            ("POST", "/judge", self.ask_judge),
        ):
            self.router.add_api_route(path, endpoint, methods=[method], response_model=None)

    async def standing(self) -> Any:
        return dump(await self._idle.standing())

    async def log(self, count: int = 50) -> Any:
        return dump(await self._idle.entries(count))

    async def switch(self, body: Switch) -> Any:
        await self._idle.switch(body.on)
        return dump(await self._idle.standing())

    async def judge(self) -> Any:
        """How far the model as a judge agrees with the owner, in each language, as far as it was asked."""
        return dump(await self._judge.standings())

    async def ask_judge(self) -> Any:
        """The same, once it has been asked about every pair of answers that the owner decided, which takes minutes."""
        return dump(await self._judge.look())

    async def look(self) -> Any:
        """Answers when everything has been tried, which takes minutes."""
        return dump(await self._idle.look())
