"""A second look at an answer that has just been written: what in it is most in need of mending, if anything is.

What it says is shown behind the answer, as a remark: nothing that was written is taken back, for a model that looks
twice is not right because it looked last.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from assistant.agent.asking import Asker
from assistant.agent.tool_record import Used
from assistant.errors import AssistantError
from assistant.i18n import Language, language_of_text
from assistant.knowledge.framing import as_data, between_lines
from assistant.memory.asides import AsideStore
from assistant.memory.records import Turn
from assistant.prompting.library import PromptLibrary
from assistant.prompting.metric import normal

_log = logging.getLogger(__name__)
_READ: Final = 2_000
"""Characters of the question, and of the answer."""
_NOTHING: Final = frozenset({"nothing", "none", "没有", "无"})


class Reflecting:
    """Built once. `on` may be changed."""

    def __init__(
        self, asker: Asker, store: AsideStore, prompts: PromptLibrary, *, default: Language, on: bool = False
    ) -> None:
        self._asker = asker
        self._store = store
        self._prompts = prompts
        self._default: Language = default
        self.on = on

    async def remark(self, turn: Turn, answer: str, model: str | None, used: Used) -> str:
        """What is to be said behind an answer; empty where nothing is to be mended, or nothing of use was said."""
        if not self.on or not answer.strip():
            return ""
        language = language_of_text(turn.question, self._default)
        values = {"question": between_lines(turn.question[:_READ]), "answer": between_lines(answer[:_READ])}
        owner = turn.person_id or turn.face
        try:
            asked = await self._asker.ask("reflection", language, values, owner=owner, priority="person", model=model)
        except AssistantError as error:
            _log.warning("the answer of turn %s is not looked at again: %s", turn.id, error)
            return ""
        used.count(asked.usage)
        await asyncio.to_thread(self._store.keep, turn.id, "reflection", asked.version.id, asked.text)
        said = " ".join(as_data(asked.text).split())
        if not said or normal(said) in _NOTHING or language_of_text(said, language) != language:
            return ""
        return self._prompts.get("second-look", language).render(remark=said)
