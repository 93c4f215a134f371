"""The root of the tree, and what belongs to no branch."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Any


@dataclass(eq=False)
class AssistantError(Exception):
    """Root of the tree."""

    @property
    def code(self) -> str:
        return re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()

    @property
    def facts(self) -> dict[str, Any]:
        """The attributes by name, for sentences and for logs."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def __str__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.facts.items())
        return f"{self.code}({shown})"


@dataclass(eq=False)
class SettingsError(AssistantError):
    key: str
    reason: str


@dataclass(eq=False)
class InternalFault(AssistantError):
    reason: str
