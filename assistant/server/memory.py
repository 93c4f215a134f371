"""The memory under /api/memory: what is known about a person, from which turn, and to change or forget it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from assistant.api import Assistant
from assistant.codec import dump
from assistant.memory.facts import LONGEST
from assistant.server.parameters import Count, RowId


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewFact(_Body):
    text: Annotated[str, Field(max_length=LONGEST)]
    person_id: str | None = None
    pinned: bool = True


class FactChange(_Body):
    """What is None stays as it is."""

    text: Annotated[str | None, Field(max_length=LONGEST)] = None
    pinned: bool | None = None


class Pause(_Body):
    on: bool
    person_id: str | None = None


class Switches(_Body):
    recall: bool | None = None
    facts: bool | None = None


class Judgement(_Body):
    """Of what an answer was reminded of, by `turn_id`, or of a hit, by the `query` it was found for."""

    turn_id: str = ""
    query: str = ""
    person_id: str | None = None
    utterance_id: RowId
    right: bool


class MemoryRoutes:
    """`assistant.agent.memory_desk`, one method a route; without `person_id` it is about the owner. A group has its
    id in its place."""

    def __init__(self, assistant: Assistant) -> None:
        self._memory = assistant.memory
        self.router = APIRouter(prefix="/api/memory", tags=["memory"])
        for method, path, endpoint in (
            ("GET", "", self.standing),
            ("PATCH", "", self.switch),
            ("GET", "/groups", self.groups),
            ("GET", "/facts", self.facts),
            ("POST", "/facts", self.add),
            ("PATCH", "/facts/{fact_id}", self.change),
            ("DELETE", "/facts/{fact_id}", self.forget),
            ("DELETE", "/facts", self.forget_all),
            ("GET", "/search", self.search),
            ("GET", "/export", self.export),
            ("POST", "/pause", self.pause),
            ("POST", "/judge", self.judge),
        ):
            self.router.add_api_route(path, endpoint, methods=[method], response_model=None)

    async def standing(self, person_id: str | None = None) -> Any:
        return dump(await self._memory.standing(person_id))

    async def switch(self, body: Switches) -> Any:
        if body.recall is not None:
            await self._memory.switch_recall(on=body.recall)
        if body.facts is not None:
            await self._memory.switch_facts(on=body.facts)
        return dump(await self._memory.standing())

    async def groups(self) -> Any:
        return dump(await self._memory.groups())

    async def facts(self, person_id: str | None = None, query: str = "", *, old: bool = False) -> Any:
        if query:
            return dump(await self._memory.find_facts(query, person_id))
        return dump(await self._memory.facts(person_id, old=old))

    async def add(self, body: NewFact) -> Any:
        """Null where it is known already."""
        added = await self._memory.add(body.text, body.person_id, pinned=body.pinned)
        return None if added is None else dump(added)

    async def change(self, fact_id: str, body: FactChange) -> Any:
        changed = fact_id
        if body.text is not None:
            changed = (await self._memory.edit(fact_id, body.text)).id
        if body.pinned is not None:
            return dump(await self._memory.pin(changed, on=body.pinned))
        return dump(await self._memory.fact(changed))

    async def forget(self, fact_id: str, older: bool = True) -> Any:
        await self._memory.forget(fact_id, older=older)
        return {}

    async def forget_all(self, person_id: str | None = None) -> Any:
        return {"forgotten": await self._memory.forget_all(person_id)}

    async def search(self, query: str, person_id: str | None = None, limit: Count = 10) -> Any:
        return dump(await self._memory.search(query, person_id, limit))

    async def export(self, person_id: str | None = None) -> Response:
        return Response(await self._memory.export(person_id), media_type="application/x-ndjson")

    async def pause(self, body: Pause) -> Any:
        await self._memory.pause(body.person_id, on=body.on)
        return dump(await self._memory.standing(body.person_id))

    async def judge(self, body: Judgement) -> Any:
        if body.turn_id:
            await self._memory.judge(body.turn_id, body.utterance_id, right=body.right)
        else:
            await self._memory.judge_hit(body.query, body.utterance_id, body.person_id, right=body.right)
        return {}
