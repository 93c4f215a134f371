"""The graph of names under /api/graph: which there are, what stands around one, and where it is spoken of."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from assistant.api import Assistant
from assistant.codec import dump
from assistant.server.parameters import RowId

Limit = Annotated[int, Query(ge=1, le=200)]


class GraphRoutes:
    """`assistant.knowledge.graph_desk`, one method a route."""

    def __init__(self, assistant: Assistant) -> None:
        self._graph = assistant.graph
        self.router = APIRouter(prefix="/api/graph", tags=["graph"])
        for path, endpoint in (
            ("", self.standing),
            ("/entities", self.entities),
            ("/entities/{entity_id}", self.around),
            ("/entities/{entity_id}/passages", self.passages),
        ):
            self.router.add_api_route(path, endpoint, methods=["GET"], response_model=None)

    async def standing(self) -> Any:
        return dump(await self._graph.standing())

    async def entities(self, query: str = "", limit: Limit = 50) -> Any:
        return dump(await self._graph.entities(query, limit))

    async def around(self, entity_id: RowId, limit: Annotated[int, Query(ge=1, le=60)] = 18) -> Any:
        return dump(await self._graph.around(entity_id, limit))

    async def passages(self, entity_id: RowId, limit: Limit = 40) -> Any:
        return dump(await self._graph.passages(entity_id, limit))
