"""The people of a Patina that runs elsewhere, as `assistant.agent.people_desk` has them."""

from __future__ import annotations

import builtins
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from assistant.codec import load
from assistant.memory.records import Face, PairingCode, Person

Call: TypeAlias = Callable[..., Awaitable[Any]]


class PeopleClient:
    def __init__(self, call: Call) -> None:
        self._call = call

    async def new_code(self, face: Face) -> PairingCode:
        return load(PairingCode, await self._call("POST", "/pairing-codes", {"face": face}))

    async def pair(self, face: Face, external_id: str, name: str, code: str) -> Person:
        body = {"face": face, "external_id": external_id, "name": name, "code": code}
        return load(Person, await self._call("POST", "/people", body))

    async def find(self, face: Face, external_id: str) -> Person | None:
        found = await self._call("GET", f"/people/{face}/{external_id}")
        return None if found is None else load(Person, found)

    async def list(self) -> builtins.list[Person]:
        return [load(Person, one) for one in await self._call("GET", "/people")]

    async def remove(self, person_id: str, *, said: bool = False) -> None:
        await self._call("DELETE", f"/people/{person_id}", said=said)

    async def enter(self, person_id: str, conversation_id: str | None) -> None:
        await self._call("PUT", f"/people/{person_id}/conversation", {"conversation_id": conversation_id})
