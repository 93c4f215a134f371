"""The tools of a Patina that runs elsewhere, as `assistant.agent.tool_desk` has them."""

from __future__ import annotations

import builtins
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from assistant.agent.tool_desk import ToolInfo
from assistant.codec import load
from assistant.events import Approval
from assistant.memory.records import Face, PersonReminder

Call: TypeAlias = Callable[..., Awaitable[Any]]


class ToolClient:
    def __init__(self, call: Call) -> None:
        self._call = call

    async def list(self) -> builtins.list[ToolInfo]:
        return [load(ToolInfo, one) for one in await self._call("GET", "/tools")]

    async def undo(self, call_id: str, *, person_id: str | None = None) -> None:
        await self._call("POST", f"/tools/calls/{call_id}/undo", {"person_id": person_id})

    async def approvals(self, *, waiting: bool = True) -> builtins.list[Approval]:
        return [load(Approval, one) for one in await self._call("GET", "/approvals", waiting=waiting)]

    async def approve(self, approval_id: str, *, person_id: str | None = None) -> Approval:
        return load(Approval, await self._call("POST", f"/approvals/{approval_id}/approve", {"person_id": person_id}))

    async def refuse(self, approval_id: str, *, person_id: str | None = None) -> Approval:
        return load(Approval, await self._call("POST", f"/approvals/{approval_id}/refuse", {"person_id": person_id}))

    async def reminders(self, person_id: str | None = None) -> builtins.list[PersonReminder]:
        return [load(PersonReminder, one) for one in await self._call("GET", "/reminders", person_id=person_id)]

    async def due_reminders(self) -> builtins.list[PersonReminder]:
        return [load(PersonReminder, one) for one in await self._call("GET", "/reminders/due")]

    async def coming_reminders(self) -> builtins.list[PersonReminder]:
        return [load(PersonReminder, one) for one in await self._call("GET", "/reminders/coming")]

    async def take_reminder(self, reminder_id: str, face: Face) -> bool:
        return bool(await self._call("POST", f"/reminders/{reminder_id}/take", {"face": face}))

    async def remove_reminder(self, reminder_id: str, person_id: str | None = None) -> bool:
        return bool(await self._call("DELETE", f"/reminders/{reminder_id}", person_id=person_id))
