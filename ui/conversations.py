"""The list at the side: by day, searched, renamed, deleted."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from typing import Any, Final

from assistant.api import Assistant
from assistant.learning.recorder import taken_back
from assistant.memory.prompt_versions import in_production
from ui.calls import Waiting
from ui.presenter import Presenter
from ui.visit import Visit

_PAGE: Final = 50
_NEWS_S: Final = 7 * 86_400.0
"""For which it is news that a prompt was taken back."""


class ConversationList:
    """The list grows by pages; how far it has grown is told by the tab (`shown`)."""

    def __init__(self, assistant: Assistant, presenter: Presenter) -> None:
        self._assistant = assistant
        self._presenter = presenter

    async def drawn(self, visit: Visit, more: int = 0) -> dict[str, Any]:
        """The sidebar view, for any event that changes what stands in it."""
        limit = max(int(visit.number("shown") or 0), _PAGE) + more
        conversations = await self._assistant.conversations(limit + 1)
        waiting = await self._waiting(visit)
        more_to_come = len(conversations) > limit
        html = self._presenter.sidebar(visit.language, conversations[:limit], more=more_to_come, waiting=waiting)
        return {"sidebar": {"html": html}}

    async def _undone(self, visit: Visit) -> tuple[tuple[str, str], ...]:
        """Prompts that were taken back by themselves lately, each with the sentence about it; a tab that was told
        leaves them out. What is known no more, or was put in use again since, is no news."""
        desk = self._assistant.desk
        found = []
        moves = taken_back(await desk.moves(), time.time() - _NEWS_S)
        labels = await desk.labels() if moves else []
        for move in moves:
            answering = in_production(labels, move.scope)
            if move.from_id is None or move.from_id == answering:
                continue
            before, now = [(await desk.version(id)).called if id else "" for id in (move.from_id, answering)]
            key = "lab.taken_back" if now else "lab.taken_back_to_seed"
            name = f"{move.scope.name}.{move.scope.language}"
            found.append((move.id, self._presenter.text(visit.language, key, name=name, before=before, now=now)))
        return tuple(found)

    async def list(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        yield await self.drawn(visit)

    async def more(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        yield await self.drawn(visit, more=_PAGE)

    async def search(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        query = visit.text("query").strip()
        if not query:
            yield await self.drawn(visit)
            return
        hits = await self._assistant.search(query)
        html = self._presenter.found(visit.language, query, hits, await self._waiting(visit))
        yield {"sidebar": {"html": html, "query": query}}

    async def rename(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        title = visit.text("title").strip()
        if title:
            await self._assistant.rename(visit.text("target"), title[:200])
        yield await self.drawn(visit)

    async def delete(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        await self._assistant.delete(visit.text("target"))
        yield await self.drawn(visit)

    async def _waiting(self, visit: Visit) -> Waiting:
        tools = self._assistant.tools
        due = tuple(one for one in await tools.due_reminders() if one.person_id is None)
        return Waiting(tuple(await tools.approvals()), due, await self._undone(visit))
