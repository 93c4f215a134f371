"""Patina's core: one assistant behind several faces. `Assistant` is the door, `assistant.wiring.build` makes one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assistant.config import Settings
from assistant.errors import AssistantError

if TYPE_CHECKING:
    from assistant.api import Assistant

__version__ = "0.1.0"
__all__ = ["Assistant", "AssistantError", "Settings", "__version__"]


def __getattr__(name: str) -> Any:
    # The door pulls in the whole house; a terminal that only asks for help should not wait for it.
    if name == "Assistant":
        from assistant.api import Assistant

        return Assistant
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
