"""The list at the side: by day, searched, renamed, deleted."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, Final

from assistant.api import Assistant
from ui.calls import Waiting
from ui.presenter import Presenter
from ui.visit import Visit

_PAGE: Final = 50


class ConversationList:
    """The list grows by pages; how far it has grown is told by the tab (`shown`)."""

    def __init__(self, assistant: Assistant, presenter: Presenter) -> None:
        self._assistant = assistant
        self._presenter = presenter

    async def drawn(self, visit: Visit, more: int = 0) -> dict[str, Any]:
        """The sidebar view, for any event that changes what stands in it."""
        limit = max(int(visit.number("shown") or 0), _PAGE) + more
        conversations = await self._assistant.conversations(limit + 1)
        waiting = await self._waiting()
        more_to_come = len(conversations) > limit
        html = self._presenter.sidebar(visit.language, conversations[:limit], more=more_to_come, waiting=waiting)
        return {"sidebar": {"html": html}}

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
        html = self._presenter.found(visit.language, query, hits, await self._waiting())
        yield {"sidebar": {"html": html, "query": query}}

    async def rename(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        title = visit.text("title").strip()
        if title:
            await self._assistant.rename(visit.text("target"), title[:200])
        yield await self.drawn(visit)

    async def delete(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        await self._assistant.delete(visit.text("target"))
        yield await self.drawn(visit)

    async def _waiting(self) -> Waiting:
        tools = self._assistant.tools
        due = tuple(one for one in await tools.due_reminders() if one.person_id is None)
        return Waiting(tuple(await tools.approvals()), due)
