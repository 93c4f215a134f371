"""The people of a Patina that runs elsewhere, as `assistant.agent.people_desk` has them."""

from __future__ import annotations

import builtins
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from assistant.codec import dump, load
from assistant.memory.records import Allowance, Conversation, Face, Knock, PairingCode, Person, Quota, Role

Call: TypeAlias = Callable[..., Awaitable[Any]]


class PeopleClient:
    def __init__(self, call: Call) -> None:
        self._call = call

    async def new_code(self, face: Face, role: Role = "member") -> PairingCode:
        return load(PairingCode, await self._call("POST", "/pairing-codes", {"face": face, "role": role}))

    async def pair(self, face: Face, external_id: str, name: str, code: str) -> Person:
        body = {"face": face, "external_id": external_id, "name": name, "code": code}
        return load(Person, await self._call("POST", "/people", body))

    async def knock(self, face: Face, external_id: str) -> Knock:
        return load(Knock, await self._call("POST", "/knocks", {"face": face, "external_id": external_id}))

    async def knocks(self) -> builtins.list[Knock]:
        return [load(Knock, one) for one in await self._call("GET", "/knocks")]

    async def admit(self, code: str, role: Role = "member") -> Person:
        return load(Person, await self._call("POST", f"/knocks/{code}", {"role": role}))

    async def refuse(self, code: str) -> None:
        await self._call("DELETE", f"/knocks/{code}")

    async def find(self, face: Face, external_id: str) -> Person | None:
        found = await self._call("GET", f"/people/{face}/{external_id}")
        return None if found is None else load(Person, found)

    async def list(self) -> builtins.list[Person]:
        return [load(Person, one) for one in await self._call("GET", "/people")]

    async def change(
        self,
        person_id: str,
        *,
        role: Role | None = None,
        documents: bool | None = None,
        quota: Quota | None = None,
        name: str | None = None,
    ) -> Person:
        body = {"role": role, "documents": documents, "quota": None if quota is None else dump(quota), "name": name}
        return load(Person, await self._call("PATCH", f"/people/{person_id}", body))

    async def allowance(self, person_id: str) -> Allowance:
        return load(Allowance, await self._call("GET", f"/people/{person_id}/allowance"))

    async def remove(self, person_id: str, *, said: bool = False) -> None:
        await self._call("DELETE", f"/people/{person_id}", said=said)

    async def enter(self, person_id: str, conversation_id: str | None) -> None:
        await self._call("PUT", f"/people/{person_id}/conversation", {"conversation_id": conversation_id})

    async def conversations(
        self, person_id: str, limit: int = 50, before: float | None = None
    ) -> builtins.list[Conversation]:
        found = await self._call("GET", f"/people/{person_id}/conversations", limit=limit, before=before)
        return [load(Conversation, one) for one in found]

    async def forget(self, person_id: str) -> None:
        await self._call("DELETE", f"/people/{person_id}/said")

    async def export(self, person_id: str) -> str:
        return str(await self._call("GET", f"/people/{person_id}/export"))
