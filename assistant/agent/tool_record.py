"""What tools have done for one answer so far."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from assistant.events import ToolStatus, Usage
from assistant.i18n import Language
from assistant.knowledge.source import tokens


@dataclass(slots=True)
class Call:
    """One that was made; `read` is what the model is shown to have asked."""

    id: str
    tool: str
    arguments: str
    status: ToolStatus = "running"
    result: str = ""
    receipt: str | None = None

    @property
    def read(self) -> dict[str, Any]:
        try:
            given = json.loads(self.arguments or "{}")
        except (ValueError, RecursionError):
            return {}
        return given if isinstance(given, dict) else {}


@dataclass(slots=True)
class Used:
    """Grows while tools are called. `outside` says that something strangers wrote has been read; `answer` is set where
    the call is all that was wanted, `remarks` are said before the answer."""

    calls: list[Call] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    language: Language = "en"
    outside: bool = False
    failed: bool = False
    """Whether a tool was begun and did not come to its end."""
    answer: str = ""
    remarks: list[str] = field(default_factory=list)
    plan: tuple[str, ...] = ()
    """The steps that were written down for the calls to come."""

    @property
    def repeats(self) -> bool:
        """Whether the last call gave what an earlier one of the same tool gave."""
        *before, last = self.calls
        return any(one.tool == last.tool and one.result == last.result for one in before)

    def has(self, tool: str, arguments: str) -> bool:
        """Whether this very call was made already."""
        wanted = Call("", tool, arguments).read
        return any(one.tool == tool and one.read == wanted for one in self.calls)

    def count(self, more: Usage) -> None:
        """Tokens that the choice of tools took."""
        self.usage = self.added_to(more)

    def added_to(self, usage: Usage) -> Usage:
        """Those of an answer, with what choosing took."""
        return Usage(
            self.usage.prompt_tokens + usage.prompt_tokens,
            self.usage.completion_tokens + usage.completion_tokens,
            self.usage.cached_tokens + usage.cached_tokens,
        )


def fitted(texts: Sequence[str], room: float) -> list[str]:
    """The texts in about so many tokens: each has its share, and what short ones leave goes to the longer ones."""
    shown, left = list(texts), room
    for place, at in enumerate(sorted(range(len(texts)), key=lambda at: tokens(texts[at]))):
        size, share = tokens(texts[at]), left / (len(texts) - place)
        if size > share:
            shown[at] = f"{texts[at][: int(len(texts[at]) * share / size)]}…"
        left -= min(size, share)
    return shown
