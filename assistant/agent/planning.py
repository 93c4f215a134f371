"""The steps of a message that wants several things, written down before its tools are chosen, one after the other.

A plan is a text that the choice of tools reads as material. It calls nothing and allows nothing: each step is offered
the tools it would be offered without it, and what needs leave is asked for when its step comes.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterable
from typing import Final

from assistant.agent.asking import Asker
from assistant.agent.tool_record import Used
from assistant.errors import AssistantError
from assistant.i18n import Language, tool_name
from assistant.knowledge.framing import between_lines
from assistant.memory.asides import AsideStore
from assistant.memory.records import Turn

_log = logging.getLogger(__name__)
_READ: Final = 1_000
"""Characters of the message."""


class Planning:
    """Built once. `on` may be changed."""

    def __init__(self, asker: Asker, store: AsideStore, *, on: bool = False) -> None:
        self._asker = asker
        self._store = store
        self.on = on

    async def plan(
        self, turn: Turn, language: Language, model: str | None, offered: Iterable[str], used: Used
    ) -> tuple[str, ...]:
        """The steps of a message, with the tools of these names; none where one will do, or where nothing of use was
        written."""
        if not self.on:
            return ()
        names = ("、" if language == "zh" else ", ").join(tool_name(name, language) for name in offered)
        values = {"goal": between_lines(turn.question[:_READ]), "tools": names}
        owner = turn.person_id or turn.face
        try:
            asked = await self._asker.ask("planning", language, values, owner=owner, priority="person", model=model)
        except AssistantError as error:
            _log.warning("turn %s is done without a plan: %s", turn.id, error)
            return ()
        used.count(asked.usage)
        steps = tuple(dict.fromkeys(asked.texts or ()))
        if len(steps) < 2:
            return ()
        text = json.dumps(steps, ensure_ascii=False)
        await asyncio.to_thread(self._store.keep, turn.id, "planning", asked.version.id, text)
        return steps
