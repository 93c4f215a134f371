"""What keeps a tool from doing what it was called for."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.errors.base import AssistantError


class ToolError(AssistantError):
    """Around a call of a tool."""


@dataclass(eq=False)
class ArgumentsRefused(ToolError):
    """What a tool was called with is not what it takes; nothing was done."""

    tool: str
    reason: str


@dataclass(eq=False)
class ToolFailed(ToolError):
    """It was begun and did not come to its end; what it says of why is for the model and the person."""

    tool: str
    reason: str


@dataclass(eq=False)
class ToolTimedOut(ToolError):
    """It took longer than `seconds`."""

    tool: str
    seconds: float


@dataclass(eq=False)
class ApprovalClosed(ToolError):
    """It cannot be decided any more: `reason` is approved, refused or expired."""

    id: str
    reason: str


@dataclass(eq=False)
class NotUndoable(ToolError):
    """A call of a tool that changed nothing, or that has been taken back already."""

    id: str
