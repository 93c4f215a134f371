"""What people see of tools: which there are, what waits for the owner, what can be taken back, and reminders."""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import Callable
from dataclasses import dataclass

from assistant.agent.admission import Admission
from assistant.agent.approvals import Approvals
from assistant.agent.tool_use import ToolUse
from assistant.events import Approval
from assistant.memory.person_reminders import PersonReminders
from assistant.memory.records import Face, PersonReminder
from assistant.memory.tool_calls import ToolCallStore
from assistant.tools.base import Permission
from assistant.tools.workbench import Workbench


@dataclass(frozen=True, slots=True)
class ToolInfo:
    """`description` is what the model reads of it."""

    name: str
    description: str
    permission: Permission
    undoable: bool


class ToolDesk:
    """Where no `person_id` is given it is the owner at the page, in the terminal or over REST."""

    def __init__(
        self,
        workbench: Workbench,
        use: ToolUse,
        approvals: Approvals,
        calls: ToolCallStore,
        reminders: PersonReminders,
        admission: Admission,
        changed: Callable[[str], None],
    ) -> None:
        """`changed` is told the conversation in which something was taken back."""
        self._changed = changed
        self._workbench = workbench
        self._use = use
        self._approvals = approvals
        self._calls = calls
        self._reminders = reminders
        self._admission = admission

    async def begin(self) -> None:
        """At start: what a dead process was doing is told as such, and none of it is done now."""
        await self._approvals.begin()
        await asyncio.to_thread(self._calls.recover)

    async def list(self) -> builtins.list[ToolInfo]:
        """Every tool of this home, whether or not the model is offered any."""
        tools = self._workbench.tools()
        return [ToolInfo(one.name, one.description, one.permission, one.undo is not None) for one in tools]

    async def undo(self, call_id: str, *, person_id: str | None = None) -> None:
        """Take back what a call did. NotFound where it was for somebody else, NotUndoable, or ToolFailed."""

        def admitted() -> None:
            self._admission.doing(person_id, self._calls.turn_of(call_id))

        await asyncio.to_thread(admitted)
        await self._use.undo(call_id)
        self._changed(await asyncio.to_thread(self._calls.conversation_of, call_id))

    # What waits for the owner

    async def approvals(self, *, waiting: bool = True) -> builtins.list[Approval]:
        """Those that wait, the oldest first; else all there were, the newest first."""
        return await self._approvals.list(waiting=waiting)

    async def approve(self, approval_id: str, *, person_id: str | None = None) -> Approval:
        """Let that one call be made. OwnersOnly, NotFound, or ApprovalClosed once nobody waits for it."""
        return await self._approvals.decide(approval_id, "approved", person_id)

    async def refuse(self, approval_id: str, *, person_id: str | None = None) -> Approval:
        """The answer goes on without it; raises what `approve` does."""
        return await self._approvals.decide(approval_id, "refused", person_id)

    # Reminders

    async def reminders(self, person_id: str | None = None) -> builtins.list[PersonReminder]:
        """What is still to be said to somebody, the next one first."""
        return await asyncio.to_thread(self._reminders.list, person_id)

    async def due_reminders(self) -> builtins.list[PersonReminder]:
        """For a face: whose time has come, whoever they are for."""
        return await asyncio.to_thread(self._reminders.due)

    async def coming_reminders(self) -> builtins.list[PersonReminder]:
        """For a face: what is still to be said, whoever it is for."""
        return await asyncio.to_thread(self._reminders.coming)

    async def take_reminder(self, reminder_id: str, face: Face) -> bool:
        """For the face that says it; False where another one has, or where it is not to be said any more."""
        return await asyncio.to_thread(self._reminders.take, reminder_id, face)

    async def remove_reminder(self, reminder_id: str, person_id: str | None = None) -> bool:
        """Whether it was there and theirs."""
        return await asyncio.to_thread(self._reminders.remove, reminder_id, person_id)
