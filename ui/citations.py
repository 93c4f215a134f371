"""What lies behind the numbers in an answer, opened in place; and whether a conversation is answered from documents."""

from __future__ import annotations

import base64
import logging
from collections.abc import AsyncGenerator
from typing import Any, cast, get_args

from assistant.api import Assistant
from assistant.errors import NotFound
from assistant.memory.records import DocumentChoice, DocumentMode
from ui.presenter import Presenter
from ui.visit import Visit

_log = logging.getLogger(__name__)


class Citations:
    def __init__(self, assistant: Assistant, presenter: Presenter) -> None:
        self._assistant = assistant
        self._presenter = presenter

    async def open(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        """Show a passage within its document, then the page it stands on, and keep that somebody looked."""
        turn_id, number = visit.text("turn"), _number(visit)
        opened = await self._assistant.citations.citation(turn_id, number)
        facts = {"turn": turn_id, "number": number, "view": visit.view}
        yield {"passage": {**facts, "html": self._presenter.passage(opened, visit.language)}}
        await self._assistant.citation(turn_id, number, wrong=False, face="page")
        if not opened.page:
            return
        try:
            picture = base64.b64encode(await self._assistant.citations.picture(turn_id, number)).decode()
        except NotFound as error:
            _log.info("a page could not be drawn: %s", error)
            picture = ""
        yield {"passage": {**facts, "html": self._presenter.passage(opened, visit.language, picture=picture)}}

    async def wrong(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        """Keep that the passage does not say what the answer says it does."""
        turn_id, number = visit.text("turn"), _number(visit)
        await self._assistant.citation(turn_id, number, wrong=True, face="page")
        yield {"passage": {"turn": turn_id, "number": number, "view": visit.view, "noted": True}}

    async def choose(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        """From the next question on."""
        if visit.conversation_id is not None:
            await self.keep(visit, visit.conversation_id)
        yield {}

    async def keep(self, visit: Visit, conversation_id: str) -> None:
        """What the composer says; nothing is kept where it says nothing."""
        mode = visit.text("documents")
        if mode in get_args(DocumentMode):
            await self._assistant.citations.choose(
                conversation_id, cast("DocumentMode", mode), visit.text("collection")
            )

    async def composer(self, visit: Visit, conversation_id: str | None) -> dict[str, Any]:
        """The composer with what was chosen for a conversation; without documents there is nothing to choose."""
        collections = await self._assistant.citations.collections()
        choice = await self._assistant.citations.choice(conversation_id) if conversation_id else DocumentChoice()
        return {"html": self._presenter.composer(visit.language, choice, collections)}


def _number(visit: Visit) -> int:
    return int(visit.number("citation") or 0)
