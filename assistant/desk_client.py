"""The desk of another Patina: what `assistant.learning.prompt_desk.PromptDesk` does, asked over HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias
from urllib.parse import quote

from assistant.codec import load
from assistant.memory.prompt_versions import Labelled, LabelMove, PromptVersionRecord

Call: TypeAlias = Callable[..., Awaitable[Any]]
"""Of a method, a path, a body and the query."""


class DeskClient:
    def __init__(self, call: Call) -> None:
        self._call = call

    async def versions(self) -> list[PromptVersionRecord]:
        return [load(PromptVersionRecord, one) for one in await self._call("GET", "/prompts")]

    async def version(self, beginning: str) -> PromptVersionRecord:
        return load(PromptVersionRecord, await self._call("GET", f"/prompts/{_part(beginning)}"))

    async def labels(self) -> list[Labelled]:
        return [load(Labelled, one) for one in await self._call("GET", "/prompts/labels")]

    async def moves(self, name: str | None = None) -> list[LabelMove]:
        return [load(LabelMove, one) for one in await self._call("GET", "/prompts/moves", name=name)]

    async def promote(self, beginning: str, *, model: str = "", reason: str = "") -> PromptVersionRecord:
        body = {"model": model, "reason": reason}
        return load(PromptVersionRecord, await self._call("POST", f"/prompts/{_part(beginning)}/promote", body))

    async def rollback(self, name: str, language: str, *, model: str = "", reason: str = "") -> str | None:
        path = f"/prompts/{_part(name)}/{_part(language)}/rollback"
        found = (await self._call("POST", path, {"model": model, "reason": reason}))["version"]
        return None if found is None else str(found)

    async def diff(self, one: str, other: str) -> str:
        return str((await self._call("GET", f"/prompts/{_part(one)}/diff/{_part(other)}"))["diff"])

    async def export(self) -> list[str]:
        return [str(line) for line in await self._call("GET", "/prompts/export")]


def _part(text: str) -> str:
    """Of a path; an empty one would name another route."""
    return quote(text, safe="") or "-"
