"""Two answers side by side on the page: drawn while the second is written, and gone once one is chosen."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Final

from assistant.api import Assistant
from assistant.errors import NotFound
from assistant.events import Event, Token
from assistant.i18n import Language
from assistant.memory.records import DuelChoice, Turn
from ui.presenter import Draft, Presenter
from ui.visit import Visit

_CHOICES: Final[dict[str, DuelChoice]] = {"first": "first", "second": "second", "both": "both", "neither": "neither"}
_DRAWN_PIECES: Final = 6
"""Pieces of the second answer that are drawn at once: nobody waits for it word by word."""


class Duels:
    """What is being asked of the person at this machine."""

    def __init__(self, assistant: Assistant, presenter: Presenter) -> None:
        self._assistant = assistant
        self._presenter = presenter

    async def drawn(self, turn: Turn, language: Language) -> str | None:
        """Both answers, where this one takes part in a duel that can be decided; None for any other turn."""
        duel = await self._assistant.duels.pending(turn.id) if turn.compared else None
        if duel is None or duel.second_turn_id is None:
            return None
        second = await self._assistant.turn(duel.second_turn_id)
        draft = Draft(second.answer, writing=second.status == "streaming")
        return self._presenter.duel(await self._assistant.turn(duel.first_turn_id), second.id, language, draft)

    async def written(self, visit: Visit, turn_id: str) -> AsyncGenerator[dict[str, Any], None]:
        """Draw the second answer beside this one while it is being written; nothing where there is none to come."""
        first = await self._assistant.turn(turn_id)
        if not first.compared or await self._assistant.duels.pending(turn_id) is None:
            return
        try:
            events = await self._assistant.duels.rival(turn_id)
        except NotFound:
            return
        draft, pieces = Draft(), 0
        async with aclosing(events):
            async for event in events:
                draft, pieces = _taken(draft, event), pieces + 1
                if pieces % _DRAWN_PIECES == 1:
                    yield self._live(visit, first, self._presenter.duel(first, event.turn_id, visit.language, draft))
        drawn = await self.drawn(await self._assistant.turn(turn_id), visit.language)
        yield self._live(visit, first, drawn or self._presenter.turn(first, visit.language))

    def _live(self, visit: Visit, first: Turn, html: str) -> dict[str, Any]:
        # Drawn as done, for the person may ask on meanwhile.
        return {
            "live": {
                "view": visit.view,
                "conversation": first.conversation_id,
                "turn": first.id,
                "parent": first.parent_id,
                "html": html,
                "done": True,
            }
        }

    async def choose(self, visit: Visit) -> None:
        choice = _CHOICES.get(visit.text("choice"))
        if choice is not None:
            await self._assistant.duels.choose(visit.text("turn"), choice, face="page")

    async def refuse(self) -> None:
        """Do not ask again."""
        await self._assistant.duels.ask(False)


def _taken(draft: Draft, event: Event) -> Draft:
    return replace(draft, answer=draft.answer + event.text) if isinstance(event, Token) else draft
