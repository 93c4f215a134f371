"""Who comes in through a messenger, over REST: the door, roles and quotas, and what is theirs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from assistant.api import Assistant
from assistant.codec import dump
from assistant.memory.records import Face, Quota, Role
from assistant.server.parameters import Count


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CodeRequest(_Strict):
    face: Face
    role: Role = "member"


class Pairing(_Strict):
    face: Face
    external_id: Annotated[str, Field(min_length=1)]
    name: str
    code: str


class Knocking(_Strict):
    face: Face
    external_id: Annotated[str, Field(min_length=1)]


class Admitted(_Strict):
    role: Role = "member"


class Limits(_Strict):
    """None is what the role has, 0 no limit."""

    questions_a_day: Annotated[int | None, Field(ge=0)] = None
    tokens_a_day: Annotated[int | None, Field(ge=0)] = None
    at_once: Annotated[int | None, Field(ge=0)] = None


class Changed(_Strict):
    """What is None stays as it is."""

    role: Role | None = None
    documents: bool | None = None
    quota: Limits | None = None
    name: Annotated[str | None, Field(min_length=1)] = None


class Entered(_Strict):
    conversation_id: str | None = None


class PeopleRoutes:
    """Built once; `router` is what the server mounts."""

    def __init__(self, assistant: Assistant) -> None:
        self._people = assistant.people
        self.router = APIRouter(prefix="/api")
        for method, path, endpoint in self._routes():
            self.router.add_api_route(path, endpoint, methods=[method], response_model=None)

    def _routes(self) -> list[tuple[str, str, Callable[..., Awaitable[Any]]]]:
        return [
            ("POST", "/pairing-codes", self.new_pairing_code),
            ("POST", "/knocks", self.knock),
            ("GET", "/knocks", self.knocks),
            ("POST", "/knocks/{code}", self.admit),
            ("DELETE", "/knocks/{code}", self.refuse),
            ("GET", "/people", self.people),
            ("POST", "/people", self.pair),
            ("GET", "/people/{person_id}/allowance", self.allowance),
            ("GET", "/people/{person_id}/conversations", self.conversations),
            ("GET", "/people/{person_id}/export", self.export),
            ("GET", "/people/{face}/{external_id}", self.person),
            ("PATCH", "/people/{person_id}", self.change),
            ("DELETE", "/people/{person_id}", self.unpair),
            ("DELETE", "/people/{person_id}/said", self.forget_said),
            ("PUT", "/people/{person_id}/conversation", self.enter),
        ]

    async def new_pairing_code(self, body: CodeRequest) -> Any:
        return dump(await self._people.new_code(body.face, body.role))

    async def knock(self, body: Knocking) -> Any:
        return dump(await self._people.knock(body.face, body.external_id))

    async def knocks(self) -> Any:
        return dump(await self._people.knocks())

    async def admit(self, code: str, body: Admitted) -> Any:
        return dump(await self._people.admit(code, body.role))

    async def refuse(self, code: str) -> None:
        await self._people.refuse(code)

    async def people(self) -> Any:
        return dump(await self._people.list())

    async def pair(self, body: Pairing) -> Any:
        return dump(await self._people.pair(body.face, body.external_id, body.name, body.code))

    async def person(self, face: Face, external_id: str) -> Any:
        found = await self._people.find(face, external_id)
        return None if found is None else dump(found)

    async def change(self, person_id: str, body: Changed) -> Any:
        quota = None if body.quota is None else Quota(**body.quota.model_dump())
        change = self._people.change
        return dump(await change(person_id, role=body.role, documents=body.documents, quota=quota, name=body.name))

    async def allowance(self, person_id: str) -> Any:
        return dump(await self._people.allowance(person_id))

    async def unpair(self, person_id: str, said: bool = False) -> None:
        """In the client `people.remove`."""
        await self._people.remove(person_id, said=said)

    async def enter(self, person_id: str, body: Entered) -> None:
        await self._people.enter(person_id, body.conversation_id)

    async def conversations(self, person_id: str, limit: Count = 50, before: float | None = None) -> Any:
        return dump(await self._people.conversations(person_id, limit, before))

    async def forget_said(self, person_id: str) -> None:
        """In the client `people.forget`."""
        await self._people.forget(person_id)

    async def export(self, person_id: str) -> Any:
        return await self._people.export(person_id)
