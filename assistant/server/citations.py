"""Answers from documents under /api: whether a conversation is to have them, and what a number in one leads to."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict

from assistant.api import Assistant
from assistant.codec import dump
from assistant.memory.records import DocumentMode
from assistant.server.parameters import RowId

_HEADERS = {"Cache-Control": "private, max-age=3600"}


class Choice(BaseModel):
    model_config = ConfigDict(extra="forbid")

    mode: DocumentMode
    collection: str = ""


class CitationRoutes:
    """`assistant.agent.citation_desk`, one method a route."""

    def __init__(self, assistant: Assistant) -> None:
        self._citations = assistant.citations
        self.router = APIRouter(prefix="/api", tags=["citations"])
        for method, path, endpoint in (
            ("GET", "/conversations/{conversation_id}/documents", self.choice),
            ("PUT", "/conversations/{conversation_id}/documents", self.choose),
            ("GET", "/collections", self.collections),
            ("GET", "/turns/{turn_id}/citations/{number}", self.citation),
            ("GET", "/turns/{turn_id}/citations/{number}/page.png", self.picture),
        ):
            self.router.add_api_route(path, endpoint, methods=[method], response_model=None)

    async def choice(self, conversation_id: str) -> Any:
        """Whether a conversation is answered from documents: auto, always or never. In the client
        `citations.choice`."""
        return dump(await self._citations.choice(conversation_id))

    async def choose(self, conversation_id: str, body: Choice) -> Any:
        """From the next question on; an empty collection is all of them. In the client `citations.choose`."""
        return dump(await self._citations.choose(conversation_id, body.mode, body.collection))

    async def collections(self) -> Any:
        """The names of the collections that hold documents. In the client `citations.collections`."""
        return await self._citations.collections()

    async def citation(self, turn_id: str, number: RowId) -> Any:
        """The passage an answer cites as [number], within what stands around it. In the client `citations.citation`."""
        return dump(await self._citations.citation(turn_id, number))

    async def picture(self, turn_id: str, number: RowId) -> Response:
        """The page of a PDF that a passage begins on, with the passage marked. In the client `citations.picture`."""
        picture = await self._citations.picture(turn_id, number)
        return Response(picture, media_type="image/png", headers=_HEADERS)
