"""Answers from documents of a Patina that runs elsewhere, as `assistant.agent.citation_desk` has them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from assistant.agent.citation_desk import OpenedCitation
from assistant.codec import load
from assistant.memory.records import DocumentChoice, DocumentMode

Call: TypeAlias = Callable[..., Awaitable[Any]]
Fetch: TypeAlias = Callable[[str], Awaitable[bytes]]
"""Of a path: what lies there as it is."""


class CitationClient:
    def __init__(self, call: Call, fetch: Fetch) -> None:
        self._call = call
        self._fetch = fetch

    async def choice(self, conversation_id: str) -> DocumentChoice:
        return load(DocumentChoice, await self._call("GET", f"/conversations/{conversation_id}/documents"))

    async def choose(self, conversation_id: str, mode: DocumentMode, collection: str = "") -> DocumentChoice:
        body = {"mode": mode, "collection": collection}
        return load(DocumentChoice, await self._call("PUT", f"/conversations/{conversation_id}/documents", body))

    async def collections(self) -> list[str]:
        return [str(name) for name in await self._call("GET", "/collections")]

    async def citation(self, turn_id: str, number: int) -> OpenedCitation:
        return load(OpenedCitation, await self._call("GET", f"/turns/{turn_id}/citations/{number}"))

    async def picture(self, turn_id: str, number: int) -> bytes:
        return await self._fetch(f"/turns/{turn_id}/citations/{number}/page.png")
