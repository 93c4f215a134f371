"""The branches of a Patina that runs elsewhere, as `assistant.agent.branch_desk` has them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from assistant.codec import load
from assistant.memory.records import Conversation

Call: TypeAlias = Callable[..., Awaitable[Any]]


class BranchClient:
    def __init__(self, call: Call) -> None:
        self._call = call

    async def take_back(self, turn_id: str) -> Conversation:
        return load(Conversation, await self._call("POST", f"/turns/{turn_id}/take-back"))

    async def begin(self, turn_id: str, title: str = "") -> Conversation:
        return load(Conversation, await self._call("POST", f"/turns/{turn_id}/branch", {"title": title}))
