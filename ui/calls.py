"""Calls of tools as the page shows them, while an answer is written and beside the conversations."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from assistant.events import Approval, ApprovalRequested, Event, ToolCalled, ToolFinished
from assistant.memory.records import PersonReminder, ToolCall


@dataclass(frozen=True, slots=True)
class Waiting:
    """What the side of the page shows above the conversations; `undone` are ids and sentences."""

    approvals: tuple[Approval, ...] = ()
    due: tuple[PersonReminder, ...] = ()
    undone: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Calls:
    """The calls of an answer that is being written, and what it waits for."""

    made: tuple[ToolCall, ...] = ()
    approval: Approval | None = None

    def after(self, event: Event) -> Calls:
        """What there is once this event has come."""
        match event:
            case ToolCalled():
                call = ToolCall(event.call_id, event.name, event.arguments, "running", "", undoable=False)
                return replace(self, made=(*self.made, call))
            case ApprovalRequested():
                return replace(self, approval=event.approval)
            case ToolFinished():
                made = tuple(
                    replace(one, status=event.status, result=event.result) if one.id == event.call_id else one
                    for one in self.made
                )
                return Calls(made)
            case _:
                return self


def spelled(arguments: str) -> list[tuple[str, str]]:
    """Each argument with its value, whole: it is what is approved."""
    try:
        given = json.loads(arguments or "{}")
    except (ValueError, RecursionError):
        return [("", arguments)]
    if not isinstance(given, dict):
        return [("", arguments)]
    return [(name, one if isinstance(one, str) else json.dumps(one, ensure_ascii=False)) for name, one in given.items()]
