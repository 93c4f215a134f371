"""Every tool there is, by name, and one call of one of them: held to its time, its failure made an error of ours."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Any, Final

from assistant.errors import AssistantError, NotFound, ToolFailed, ToolTimedOut
from assistant.i18n import explain
from assistant.memory.records import Role
from assistant.tools.base import Caller, Outcome, Permission, Tool

_log = logging.getLogger(__name__)
_LONGEST_RESULT: Final = 12_000
"""Characters; what is longer is cut, since a model reads it."""
_MAY: Final[dict[Role, frozenset[Permission]]] = {
    "owner": frozenset({"free", "person", "owner"}),
    "member": frozenset({"free", "person", "owner"}),
    "guest": frozenset({"free"}),
}
"""What may be called for people of a role; that a tool of the owner's is approved first is another matter."""


class Workbench:
    """Built once; ValueError for two tools of one name."""

    def __init__(self, tools: Iterable[Tool]) -> None:
        self._tools: dict[str, Tool] = {}
        for one in tools:
            if one.name in self._tools:
                raise ValueError(f"two tools are called {one.name}")
            self._tools[one.name] = one

    def tools(self) -> tuple[Tool, ...]:
        """In the order they were put, which is that of the prompt."""
        return tuple(self._tools.values())

    def get(self, name: str) -> Tool:
        """NotFound for none."""
        if name not in self._tools:
            raise NotFound(kind="tool", id=name)
        return self._tools[name]

    def reads_outside(self, name: str) -> bool:
        """Of a tool that is gone, it cannot be told: yes."""
        return name not in self._tools or self._tools[name].reads_outside

    def of(self, role: Role) -> dict[str, Tool]:
        """What may be called for somebody of this role, by name."""
        return {name: one for name, one in self._tools.items() if one.permission in _MAY[role]}

    async def run(self, tool: Tool, arguments: dict[str, Any], caller: Caller) -> Outcome:
        """ToolFailed or ToolTimedOut. What it gives is cut to what can be read."""
        try:
            async with asyncio.timeout(tool.seconds) as limit:
                outcome = await tool.call(arguments, caller)
        except TimeoutError as error:
            if not limit.expired():
                raise ToolFailed(tool.name, "timed out") from error
            raise ToolTimedOut(tool.name, tool.seconds) from error
        except ToolFailed:
            raise
        except AssistantError as error:
            raise ToolFailed(tool.name, explain(error, caller.language).rstrip(".。")) from error
        except Exception as error:
            _log.exception("the tool %s failed", tool.name)
            raise ToolFailed(tool.name, str(error) or type(error).__name__) from error
        text = outcome.text
        if len(text) > _LONGEST_RESULT:
            text = f"{text[:_LONGEST_RESULT]}…"
        return Outcome(text, outcome.receipt if tool.undo else None)

    async def undo(self, name: str, receipt: str) -> None:
        """Take back what a call did; ToolFailed where that is not possible any more."""
        tool = self.get(name)
        if tool.undo is None:
            return
        try:
            async with asyncio.timeout(tool.seconds):
                await tool.undo(receipt)
        except Exception as error:
            _log.exception("what the tool %s did is not taken back", name)
            raise ToolFailed(name, str(error) or type(error).__name__) from error
