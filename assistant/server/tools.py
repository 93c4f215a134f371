"""Tools over REST: which there are, what waits for the owner, taking back what was done, and reminders."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from assistant.api import Assistant
from assistant.codec import dump
from assistant.memory.records import Face


class Acting(BaseModel):
    """Who does it; None is the owner, whose key the request carries."""

    model_config = ConfigDict(extra="forbid")

    person_id: str | None = None


class Taking(BaseModel):
    model_config = ConfigDict(extra="forbid")

    face: Face


class ToolRoutes:
    """Built once; `router` is what the server mounts."""

    def __init__(self, assistant: Assistant) -> None:
        self._tools = assistant.tools
        self.router = APIRouter(prefix="/api")
        for method, path, endpoint in self._routes():
            self.router.add_api_route(path, endpoint, methods=[method], response_model=None)

    def _routes(self) -> list[tuple[str, str, Callable[..., Awaitable[Any]]]]:
        return [
            ("GET", "/tools", self.tools),
            ("POST", "/tools/calls/{call_id}/undo", self.undo),
            ("GET", "/approvals", self.approvals),
            ("POST", "/approvals/{approval_id}/approve", self.approve),
            ("POST", "/approvals/{approval_id}/refuse", self.refuse),
            ("GET", "/reminders", self.reminders),
            ("GET", "/reminders/due", self.due_reminders),
            ("GET", "/reminders/coming", self.coming_reminders),
            ("POST", "/reminders/{reminder_id}/take", self.take_reminder),
            ("DELETE", "/reminders/{reminder_id}", self.remove_reminder),
        ]

    async def tools(self) -> Any:
        """In the client `tools.list`."""
        return dump(await self._tools.list())

    async def undo(self, call_id: str, body: Acting) -> None:
        await self._tools.undo(call_id, person_id=body.person_id)

    async def approvals(self, waiting: bool = True) -> Any:
        return dump(await self._tools.approvals(waiting=waiting))

    async def approve(self, approval_id: str, body: Acting) -> Any:
        return dump(await self._tools.approve(approval_id, person_id=body.person_id))

    async def refuse(self, approval_id: str, body: Acting) -> Any:
        return dump(await self._tools.refuse(approval_id, person_id=body.person_id))

    async def reminders(self, person_id: str | None = None) -> Any:
        return dump(await self._tools.reminders(person_id))

    async def due_reminders(self) -> Any:
        return dump(await self._tools.due_reminders())

    async def coming_reminders(self) -> Any:
        return dump(await self._tools.coming_reminders())

    async def take_reminder(self, reminder_id: str, body: Taking) -> Any:
        return await self._tools.take_reminder(reminder_id, body.face)

    async def remove_reminder(self, reminder_id: str, person_id: str | None = None) -> Any:
        return await self._tools.remove_reminder(reminder_id, person_id)
