"""The memory page: what is known about each person and from which words, what was said, and what of it was right."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable
from typing import Any

from assistant.api import Assistant
from assistant.errors import AssistantError
from assistant.memory.records import Recalled
from ui.known import Whose, day, memories, sections
from ui.presenter import Presenter
from ui.visit import Visit

KNOWN, SAID = "known", "said"
_LONGEST = 400
"""Characters of what was said that are shown."""


class MemoryPanel:
    """`person` of a visit is empty for the owner; every drawing says whose memory it shows, and the tab follows: one
    that is gone is looked at no longer. Nothing here needs the model."""

    def __init__(self, assistant: Assistant, presenter: Presenter) -> None:
        self._assistant = assistant
        self._memory = assistant.memory
        self._presenter = presenter

    async def known(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        yield await self._known(visit)

    async def switch(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        """Noting, recall, or whether the memory of one person rests."""
        on = visit.fields.get("on") is True
        match visit.text("which"):
            case "facts":
                await self._memory.switch_facts(on=on)
            case "recall":
                await self._memory.switch_recall(on=on)
            case _:
                yield await self._done(visit, self._memory.pause(_person(visit), on=on))
                return
        yield await self._known(visit)

    async def add(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        """What is known already is said to be."""
        pinned = visit.fields.get("pinned") is True
        try:
            added = await self._memory.add(visit.text("text"), _person(visit), pinned=pinned)
        except AssistantError as error:
            yield await self._known(visit, error=self._presenter.explain(error, visit.language))
            return
        message = "" if added else self._presenter.text(visit.language, "memory.known_already")
        yield await self._known(visit, message=message, added=True)

    async def edit(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        yield await self._done(visit, self._memory.edit(visit.text("fact"), visit.text("text")))

    async def pin(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        yield await self._done(visit, self._memory.pin(visit.text("fact"), on=visit.fields.get("on") is True))

    async def forget(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        """With what it took the place of, or so that this holds again."""
        older = visit.fields.get("older") is not False
        yield await self._done(visit, self._memory.forget(visit.text("fact"), older=older))

    async def forget_all(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        yield await self._done(visit, self._memory.forget_all(_person(visit)))

    async def remove_person(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        """Shut out, with all they said."""
        await self._assistant.people.remove(visit.text("person"), said=True)
        yield await self._known(visit, person="")

    async def said(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        """Search in what was said, with what spoke for each hit."""
        yield await self._said(visit)

    async def judge(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        right = visit.fields.get("right") is True
        hit = int(visit.number("utterance") or 0)
        await self._memory.judge_hit(visit.text("query"), hit, _person(visit), right=right)
        yield await self._said(visit, judged=(hit, right))

    async def open(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        """The conversation something was said in, at that turn."""
        turn = await self._assistant.turn(visit.text("turn"))
        yield {"memory": {"open": turn.conversation_id, "turn": turn.id}}

    async def begin_temporary(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        title = self._presenter.text(visit.language, "memory.temporary_title")
        conversation = await self._assistant.new_conversation(title, temporary=True)
        yield {"memory": {"open": conversation.id, "turn": ""}}

    async def delete_turn(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        """The tabs that show the conversation hear of it as of any change."""
        await self._assistant.delete_turn(visit.text("turn"))
        yield {}

    # Inside

    async def _done(self, visit: Visit, change: Awaitable[Any]) -> dict[str, Any]:
        try:
            await change
        except AssistantError as error:
            return await self._known(visit, error=self._presenter.explain(error, visit.language))
        return await self._known(visit)

    async def _known(
        self, visit: Visit, *, error: str = "", message: str = "", added: bool = False, person: str | None = None
    ) -> dict[str, Any]:
        whose, all_of_them = await self._whose(visit, person)
        chosen = whose.id if whose else None
        html = self._presenter.memory(
            visit.language,
            KNOWN,
            standing=await self._memory.standing(chosen),
            sections=sections(await self._memory.facts(chosen, old=True)),
            memories=all_of_them,
            whose=whose,
            error=error,
            message=message,
        )
        return {"memory": {"html": html, "tab": KNOWN, "person": chosen or "", "added": added}}

    async def _whose(self, visit: Visit, person: str | None = None) -> tuple[Whose | None, list[Whose]]:
        """The memory that is looked at, None for the owner's, and all there are; `person` is chosen anew."""
        between = self._presenter.text(visit.language, "turn.between")
        found = memories(await self._assistant.people.list(), await self._memory.groups(), between)
        chosen = visit.text("person") if person is None else person
        return next((one for one in found if one.id == chosen), None), found

    async def _said(self, visit: Visit, judged: tuple[int, bool] | None = None) -> dict[str, Any]:
        query = visit.text("query").strip()
        whose, all_of_them = await self._whose(visit)
        chosen = whose.id if whose else None
        found = await self._memory.search(query, chosen) if query else []
        html = self._presenter.memory(
            visit.language,
            SAID,
            query=query,
            hits=[_shown(one) for one in found],
            facts=await self._memory.find_facts(query, chosen) if query else [],
            judged=judged,
            memories=all_of_them,
            whose=whose,
            learned_from=(await self._memory.standing(chosen)).learned_from,
        )
        return {"memory": {"html": html, "tab": SAID, "person": chosen or "", "query": query}}


def _shown(hit: Recalled) -> dict[str, Any]:
    said = hit.utterance
    text = said.text if len(said.text) <= _LONGEST else f"{said.text[:_LONGEST].rstrip()}…"
    return {"hit": hit, "said": said, "text": text, "day": day(said.said_at)}


def _person(visit: Visit) -> str | None:
    return visit.text("person") or None
