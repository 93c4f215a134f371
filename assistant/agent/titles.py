"""Gives a conversation a title once its first question has been answered, where nobody has named it.

It is asked for in the background, one at a time, after a moment in which nobody asked anything: an answer never waits
for a title. What the person wrote is material to be named and no order; what comes back is one short line in the
language of the conversation, or else the first words of the question stay.
"""

from __future__ import annotations

import asyncio
import logging
import unicodedata
from collections.abc import Callable
from typing import Final

from assistant.agent.afterwards import Afterwards
from assistant.agent.asking import Asker
from assistant.agent.presence import Presence
from assistant.errors import NotFound
from assistant.i18n import Language, language_of_text
from assistant.memory.conversations import TITLE_LENGTH, ConversationStore
from assistant.memory.records import Turn

_log = logging.getLogger(__name__)
_OWNER: Final = "titles"
_QUIET_S: Final = 2.0
_SHORT: Final = 32
"""Columns of a question on one line that is a title already; a Han character takes two."""
_READ: Final = 1_500
"""Characters of the question, and of the answer where the question alone says little."""
_EDGES: Final = " \t\"'`*#.,;:!?-–—。，；：！？、“”‘’《》「」"


class Titles:
    """On one event loop; `changed` is told a conversation that has a new title. `on` and `quiet_s` may be changed."""

    def __init__(
        self,
        conversations: ConversationStore,
        asker: Asker,
        presence: Presence,
        changed: Callable[[str], None],
        *,
        default: Language,
        on: bool = True,
        quiet_s: float = _QUIET_S,
    ) -> None:
        self._conversations = conversations
        self._asker = asker
        self._presence = presence
        self._changed = changed
        self._default: Language = default
        self.on = on
        self.quiet_s = quiet_s
        self._afterwards = Afterwards(self._name, "the conversation of %s keeps its first words")

    def look(self, turn_id: str) -> None:
        """An answer has ended: give its conversation a title if it is to have one."""
        if self.on:
            self._afterwards.want(turn_id)

    async def stop(self) -> None:
        """What has no title by now keeps its first words."""
        await self._afterwards.stop()

    async def done(self) -> None:
        """Wait until nothing is left to be named."""
        await self._afterwards.done()

    async def _name(self, turn_id: str) -> None:
        if (turn := await asyncio.to_thread(self._nameless, turn_id)) is not None:
            await self._presence.quiet(self.quiet_s)
            await self._title(turn)

    async def _title(self, turn: Turn) -> None:
        question = turn.question.strip()
        language = language_of_text(question, self._default)
        values = {"question": question[:_READ]}
        if turn.attachments:
            values["answer"] = turn.answer[:_READ]
        asked = await self._asker.ask(
            "title", language, values, owner=_OWNER, model=turn.model or None, intent=turn.intent
        )
        title = title_in(asked.text, language)
        # Switched off or named by somebody meanwhile, it stays as it is.
        if title and self.on:
            entitle = self._conversations.entitle
            if await asyncio.to_thread(entitle, turn.conversation_id, title, asked.version.id):
                self._changed(turn.conversation_id)

    def _nameless(self, turn_id: str) -> Turn | None:
        """The turn, if it is the first of its conversation, was answered to its end, and nobody has named that."""
        try:
            turn = self._conversations.turn(turn_id)
            first = self._conversations.path(turn.conversation_id)[0]
            named = self._conversations.get(turn.conversation_id).titled_by != "question"
        except NotFound:
            return None  # deleted meanwhile, or one of two answers that was not chosen
        if first.id != turn_id or turn.status != "done" or not turn.answer.strip() or named:
            return None
        return None if is_title(turn.question) else turn


def is_title(question: str) -> bool:
    """Whether a question is short enough to be shown as it is; one without words has the name of its file."""
    lines = question.strip().splitlines()
    return not lines or (len(lines) == 1 and _columns(lines[0]) <= _SHORT)


def title_in(text: str, language: Language) -> str:
    """One line of at most `TITLE_LENGTH` characters without marks around it; empty where it is none or in another
    language than the conversation."""
    line = next((line for line in text.splitlines() if line.strip(_EDGES)), "")
    printable = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in line)
    title = " ".join(printable.split()).strip(_EDGES)
    if len(title) > TITLE_LENGTH:
        kept = title[: TITLE_LENGTH + 1]
        title = (kept.rsplit(" ", 1)[0] if " " in kept else kept[:TITLE_LENGTH]).rstrip(_EDGES)
    return title if len(title) > 1 and language_of_text(title, language) == language else ""


def _columns(text: str) -> int:
    return sum(1 + (unicodedata.east_asian_width(c) in "WF") for c in text)
