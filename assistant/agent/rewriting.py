"""What to look for where a question leans on what was said before: the model writes it out, so that it stands alone.

It may only put words in from the question and from what it leans on. Small models answer questions that they are to
rewrite: what says something new is dropped, and the questions are looked for as they are.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from assistant.agent.asking import Asker
from assistant.agent.following import leans
from assistant.errors import AssistantError
from assistant.i18n import Language, language_of_text
from assistant.knowledge.citations import unmarked
from assistant.knowledge.framing import between_lines
from assistant.memory.asides import AsideStore
from assistant.memory.records import Turn
from assistant.memory.stems import stems

_log = logging.getLogger(__name__)
_BEFORE: Final = 2
"""Turns that a question may lean on."""
_READ: Final = 300
"""Characters of each message."""
_WORDS: Final[dict[Language, tuple[str, str]]] = {"en": ("Person", "Answer"), "zh": ("用户", "回答")}


class Rewriting:
    """Built once. `on` may be changed."""

    def __init__(self, asker: Asker, store: AsideStore, *, default: Language, on: bool = False) -> None:
        self._asker = asker
        self._store = store
        self._default: Language = default
        self.on = on

    async def rewritten(self, path: Sequence[Turn], model: str | None) -> str:
        """The question of the last turn of a branch as one that can be looked for alone; empty where it stands alone as
        it is, or where nothing useful was written. No answer is lost by it: what fails is logged."""
        *earlier, newest = path
        before = earlier[-_BEFORE:]
        if not self.on or not before or not leans(newest.question):
            return ""
        language = language_of_text(newest.question, self._default)
        conversation = "\n".join(_said(turn, language) for turn in before)
        values = {"question": newest.question[:_READ], "conversation": conversation}
        owner = newest.person_id or newest.face
        try:
            asked = await self._asker.ask(
                "query-rewrite", language, values, owner=owner, priority="person", model=model
            )
            query = " ".join(asked.text.split())
            if not borne_out(query, newest.question, conversation):
                return ""
            sources = [turn.id for turn in before]
            await asyncio.to_thread(self._store.keep, newest.id, "query-rewrite", asked.version.id, query, sources)
        except AssistantError as error:
            _log.warning("turn %s is looked for as it was asked: %s", newest.id, error)
            return ""
        return query


def borne_out(query: str, question: str, conversation: str) -> bool:
    """Whether a rewritten question says more than the question did, and nothing that was not said."""
    written, asked = set(stems(query)), set(stems(question))
    return bool(written - asked) and written <= asked | set(stems(conversation))


def _said(turn: Turn, language: Language) -> str:
    person, assistant = _WORDS[language]
    answer = turn.answer if turn.grounds is None else unmarked(turn.answer)
    return between_lines(f"{person}: {turn.question[:_READ]}\n{assistant}: {answer[:_READ]}")
