"""Where the answer to a question is to be found: asked once before tools are offered, in a few words.

A small model that is shown tools calls one where none is needed. What this says can only leave tools out: which there
are, who may call them and what has to be approved is decided elsewhere, and nothing learned reaches it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from assistant.agent.asking import Asker
from assistant.agent.tool_record import Used
from assistant.errors import AssistantError
from assistant.i18n import Language
from assistant.knowledge.framing import between_lines
from assistant.memory.asides import AsideStore
from assistant.memory.records import Turn

_log = logging.getLogger(__name__)
_TOOLS: Final = "tools"
_READ: Final = 600
"""Characters of the newest question, and of the one before it."""


class Routing:
    """Built once. `on` may be changed."""

    def __init__(self, asker: Asker, store: AsideStore, *, on: bool = True) -> None:
        self._asker = asker
        self._store = store
        self.on = on

    async def wants_tools(self, path: Sequence[Turn], language: Language, model: str | None, used: Used) -> bool:
        """Whether the newest message may need a tool; so where it is not asked, or what it says is no choice."""
        *earlier, newest = path
        if not self.on:
            return True
        values = {"question": between_lines(newest.question[-_READ:])}
        if earlier:
            values["conversation"] = between_lines(earlier[-1].question[:_READ])
        owner = newest.person_id or newest.face
        try:
            asked = await self._asker.ask("routing", language, values, owner=owner, priority="person", model=model)
        except AssistantError as error:
            _log.warning("turn %s is offered tools without being asked where to look: %s", newest.id, error)
            return True
        used.count(asked.usage)
        if (label := asked.label) is None:
            return True
        await asyncio.to_thread(self._store.keep, newest.id, "routing", asked.version.id, label)
        return label == _TOOLS
