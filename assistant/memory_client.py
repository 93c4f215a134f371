"""The memory of a Patina that runs elsewhere, as `assistant.agent.memory_desk` has it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from assistant.agent.memory_desk import MemoryStanding, jsonl
from assistant.codec import load
from assistant.memory.records import Fact, Group, Recalled

Call: TypeAlias = Callable[..., Awaitable[Any]]


class MemoryClient:
    def __init__(self, call: Call) -> None:
        self._call = call

    async def standing(self, person_id: str | None = None) -> MemoryStanding:
        return load(MemoryStanding, await self._call("GET", "/memory", person_id=person_id))

    async def groups(self) -> list[Group]:
        return [load(Group, one) for one in await self._call("GET", "/memory/groups")]

    async def facts(self, person_id: str | None = None, *, old: bool = False) -> list[Fact]:
        told = await self._call("GET", "/memory/facts", person_id=person_id, old=old)
        return [load(Fact, one) for one in told]

    async def fact(self, fact_id: str) -> Fact:
        return load(Fact, await self._call("PATCH", f"/memory/facts/{fact_id}", {}))

    async def find_facts(self, query: str, person_id: str | None = None) -> list[Fact]:
        told = await self._call("GET", "/memory/facts", person_id=person_id, query=query)
        return [load(Fact, one) for one in told]

    async def search(self, query: str, person_id: str | None = None, limit: int = 10) -> list[Recalled]:
        told = await self._call("GET", "/memory/search", query=query, person_id=person_id, limit=limit)
        return [load(Recalled, one) for one in told]

    async def add(self, text: str, person_id: str | None = None, *, pinned: bool = True) -> Fact | None:
        body = {"text": text, "person_id": person_id, "pinned": pinned}
        told = await self._call("POST", "/memory/facts", body)
        return None if told is None else load(Fact, told)

    async def edit(self, fact_id: str, text: str) -> Fact:
        return load(Fact, await self._call("PATCH", f"/memory/facts/{fact_id}", {"text": text}))

    async def pin(self, fact_id: str, *, on: bool = True) -> Fact:
        return load(Fact, await self._call("PATCH", f"/memory/facts/{fact_id}", {"pinned": on}))

    async def forget(self, fact_id: str, *, older: bool = True) -> None:
        await self._call("DELETE", f"/memory/facts/{fact_id}", older=older)

    async def forget_all(self, person_id: str | None = None) -> int:
        return int((await self._call("DELETE", "/memory/facts", person_id=person_id))["forgotten"])

    async def export(self, person_id: str | None = None) -> str:
        return jsonl(await self.facts(person_id, old=True))

    async def pause(self, person_id: str | None = None, *, on: bool = True) -> None:
        await self._call("POST", "/memory/pause", {"on": on, "person_id": person_id})

    async def judge(self, turn_id: str, utterance_id: int, *, right: bool) -> None:
        await self._call("POST", "/memory/judge", {"turn_id": turn_id, "utterance_id": utterance_id, "right": right})

    async def judge_hit(self, query: str, utterance_id: int, person_id: str | None = None, *, right: bool) -> None:
        body = {"query": query, "utterance_id": utterance_id, "person_id": person_id, "right": right}
        await self._call("POST", "/memory/judge", body)

    async def switch_recall(self, *, on: bool) -> None:
        await self._call("PATCH", "/memory", {"recall": on})

    async def switch_facts(self, *, on: bool) -> None:
        await self._call("PATCH", "/memory", {"facts": on})
