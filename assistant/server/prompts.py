"""Prompt versions under /api/prompts: listed, read, compared, put in use and taken back."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from assistant.api import Assistant
from assistant.codec import dump


class Move(BaseModel):
    """`model` is empty for all models that have no version of their own."""

    model_config = ConfigDict(extra="forbid")

    model: str = ""
    reason: str = ""


class PromptRoutes:
    """The desk of `assistant.learning.prompt_desk`, one method a route."""

    def __init__(self, assistant: Assistant) -> None:
        self._desk = assistant.desk
        self.router = APIRouter(prefix="/api/prompts", tags=["prompts"])
        for method, path, endpoint in (
            ("GET", "", self.versions),
            ("GET", "/labels", self.labels),
            ("GET", "/moves", self.moves),
            ("GET", "/export", self.export),
            ("GET", "/{version}", self.version),
            ("GET", "/{version}/diff/{other}", self.diff),
            ("POST", "/{version}/promote", self.promote),
            ("POST", "/{name}/{language}/rollback", self.rollback),
        ):
            self.router.add_api_route(path, endpoint, methods=[method], response_model=None)

    async def versions(self) -> Any:
        return dump(await self._desk.versions())

    async def labels(self) -> Any:
        return dump(await self._desk.labels())

    async def moves(self, name: str | None = None) -> Any:
        return dump(await self._desk.moves(name))

    async def export(self) -> Any:
        return await self._desk.export()

    async def version(self, version: str) -> Any:
        return dump(await self._desk.version(version))

    async def diff(self, version: str, other: str) -> Any:
        return {"diff": await self._desk.diff(version, other)}

    async def promote(self, version: str, body: Move) -> Any:
        return dump(await self._desk.promote(version, model=body.model, reason=body.reason))

    async def rollback(self, name: str, language: str, body: Move) -> Any:
        return {"version": await self._desk.rollback(name, language, model=body.model, reason=body.reason)}
