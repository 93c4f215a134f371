"""The graph of names of a Patina that runs elsewhere, as `assistant.knowledge.graph_desk` has it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from assistant.codec import load
from assistant.knowledge.graph_desk import GraphStanding, Neighbourhood, Spoken
from assistant.memory.graph import Entity

Call: TypeAlias = Callable[..., Awaitable[Any]]


class GraphClient:
    def __init__(self, call: Call) -> None:
        self._call = call

    async def standing(self) -> GraphStanding:
        return load(GraphStanding, await self._call("GET", "/graph"))

    async def entities(self, query: str = "", limit: int = 50) -> list[Entity]:
        told = await self._call("GET", "/graph/entities", query=query, limit=limit)
        return [load(Entity, one) for one in told]

    async def around(self, entity_id: int, limit: int = 18) -> Neighbourhood:
        return load(Neighbourhood, await self._call("GET", f"/graph/entities/{entity_id}", limit=limit))

    async def passages(self, entity_id: int, limit: int = 40) -> list[Spoken]:
        told = await self._call("GET", f"/graph/entities/{entity_id}/passages", limit=limit)
        return [load(Spoken, one) for one in told]
