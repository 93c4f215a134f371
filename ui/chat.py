"""The conversation on the page: opening, asking, answering again, branches, ratings. Knows nothing of Gradio."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Final, TypeAlias

from assistant.api import Assistant
from assistant.errors import AssistantError, NotFound
from assistant.events import (
    ApprovalRequested,
    ContextTrimmed,
    Event,
    Grounded,
    Grounds,
    Progress,
    Queued,
    Reasoning,
    Reminded,
    Token,
    ToolCalled,
    ToolFinished,
    TurnFailed,
    TurnFinished,
    TurnStarted,
)
from assistant.i18n import Language
from assistant.memory.records import Conversation, SignalKind, Turn
from ui.approvals import watched
from ui.calls import Calls
from ui.citations import Citations
from ui.conversations import ConversationList
from ui.duels import Duels
from ui.models import ModelChooser
from ui.presenter import Draft, Presenter
from ui.visit import Visit, language_tag

Views: TypeAlias = dict[str, Any]
"""New contents by view name; a view that is not named stays as it is."""

_DRAW_EVERY_S: Final = 1 / 15
_SHOWN_TURNS: Final = 40
_DUEL_BEGINS_S: Final = 120.0
"""How long after an answer a conversation that is opened has a second one written beside it."""
_RATINGS: Final[dict[str, SignalKind]] = {
    "thumb_up": "thumb_up",
    "thumb_down": "thumb_down",
    "thumb_cleared": "thumb_cleared",
}


class Chat:
    """Every method is one thing a person does; what it yields is drawn in that person's tab."""

    def __init__(
        self,
        assistant: Assistant,
        presenter: Presenter,
        conversations: ConversationList,
        models: ModelChooser,
        duels: Duels,
        citations: Citations,
    ) -> None:
        self._assistant = assistant
        self._presenter = presenter
        self._conversations = conversations
        self._models = models
        self._duels = duels
        self._citations = citations

    async def open(self, visit: Visit) -> AsyncGenerator[Views, None]:
        """Show a conversation, or the start; an answer being written there goes on streaming."""
        conversation = await self._find(visit.conversation_id)
        target = visit.text("turn")
        if conversation is not None and target:
            path = await self._assistant.history(conversation.id)
            if target not in {turn.id for turn in path}:
                conversation = await self._assistant.select_branch(target)
        yield {
            "composer": await self._citations.composer(visit, conversation.id if conversation else None),
            **await self._conversations.drawn(visit),
            **await self._thread(visit, conversation),
        }
        running = self._assistant.running(conversation.id) if conversation else None
        if running is not None:
            try:
                events = await self._assistant.follow(running)
            except NotFound:  # it ended between the two questions, so what was drawn may lack its last words
                yield await self._thread(visit, conversation)
                return
            async with aclosing(self._written(visit, events)) as writing:
                async for views in writing:
                    yield views
        if conversation is not None and (path := await self._assistant.history(conversation.id)):
            last = path[-1]
            if last.finished_at is not None and time.time() - last.finished_at < _DUEL_BEGINS_S:
                async with aclosing(self._duels.written(visit, last.id)) as writing:
                    async for views in writing:
                        yield views

    async def send(self, visit: Visit) -> AsyncGenerator[Views, None]:
        attachments = visit.attachments()
        conversation_id = visit.conversation_id or (await self._assistant.new_conversation()).id
        try:
            if visit.conversation_id is None:
                await self._citations.keep(visit, conversation_id)
            events = await self._assistant.reply(
                conversation_id,
                visit.text("text"),
                face="page",
                attachments=attachments,
                duel=True,
            )
        except AssistantError:
            if visit.conversation_id is None:  # nothing was asked, so no empty conversation stays behind
                await self._assistant.delete(conversation_id)
            raise
        async with aclosing(self._written(visit, events)) as writing:
            async for views in writing:
                yield views
        if (turn_id := views["live"]["turn"]) is not None:
            async with aclosing(self._duels.written(visit, turn_id)) as writing:
                async for views in writing:
                    yield views

    async def regenerate(self, visit: Visit) -> AsyncGenerator[Views, None]:
        events = await self._assistant.regenerate(visit.text("turn"), face="page")
        async with aclosing(self._written(visit, events)) as writing:
            async for views in writing:
                yield views

    async def edit(self, visit: Visit) -> AsyncGenerator[Views, None]:
        events = await self._assistant.edit(visit.text("turn"), visit.text("text"), face="page")
        async with aclosing(self._written(visit, events)) as writing:
            async for views in writing:
                yield views

    async def fix(self, visit: Visit) -> AsyncGenerator[Views, None]:
        """Put what the person made of an answer in its place."""
        turn = await self._assistant.edit_answer(visit.text("turn"), visit.text("text"), face="page")
        yield await self._thread(visit, await self._assistant.conversation(turn.conversation_id))

    async def choose(self, visit: Visit) -> AsyncGenerator[Views, None]:
        """Go on with the better one of two answers."""
        await self._duels.choose(visit)
        yield await self._thread(visit, await self._find(visit.conversation_id))

    async def refuse_duels(self, visit: Visit) -> AsyncGenerator[Views, None]:
        await self._duels.refuse()
        yield await self._thread(visit, await self._find(visit.conversation_id))

    async def branch(self, visit: Visit) -> AsyncGenerator[Views, None]:
        """Show the sibling branch a turn is on."""
        yield await self._thread(visit, await self._assistant.select_branch(visit.text("turn")))

    async def stop(self, visit: Visit) -> AsyncGenerator[Views, None]:
        turn_id = visit.text("turn") or self._assistant.running(visit.conversation_id or "")
        if turn_id:
            await self._assistant.stop(turn_id, face="page")
        yield {}

    async def rate(self, visit: Visit) -> AsyncGenerator[Views, None]:
        kind = _RATINGS.get(visit.text("kind"))
        if kind is not None:
            await self._assistant.signal(visit.text("turn"), kind, face="page", reason=visit.text("reason")[:500])
        yield {}

    async def copied(self, visit: Visit) -> AsyncGenerator[Views, None]:
        await self._assistant.signal(visit.text("turn"), "copied", face="page")
        yield {}

    async def watch(self, visit: Visit) -> AsyncGenerator[Views, None]:
        """Tell the tab, for as long as it is open, of every conversation that changes through whichever face."""
        async with (
            aclosing(await self._assistant.changes()) as changes,
            aclosing(watched(self._assistant, changes)) as watching,
        ):
            number = 0
            async for conversation in watching:
                number += 1
                yield {"changed": {"conversation": conversation, "number": number}}

    # Inside

    async def _find(self, conversation_id: str | None) -> Conversation | None:
        if conversation_id is None:
            return None
        try:
            return await self._assistant.conversation(conversation_id)
        except NotFound:  # deleted since, perhaps in another tab: the start is the honest page to show
            return None

    async def _thread(self, visit: Visit, conversation: Conversation | None) -> Views:
        history = await self._assistant.history(conversation.id) if conversation else []
        shown = history if visit.fields.get("all") else history[-_SHOWN_TURNS:]
        running = self._assistant.running(conversation.id) if conversation else None
        language = visit.language
        if history:
            drawn = [
                self._presenter.turn(turn, language, _draft_of(turn) if turn.id == running else None) for turn in shown
            ]
            html = "".join([*drawn[:-1], await self._duels.drawn(shown[-1], language) or drawn[-1]])
        else:
            html = await self._models.start(language)
        title = self._title(conversation, language)
        return {
            "topbar": {"html": await self._models.topbar(language, title if conversation else "")},
            "thread": {
                "view": visit.view,
                "conversation": conversation.id if conversation else None,
                "title": title,
                "html": html,
                "earlier": self._presenter.text(language, "turn.earlier") if len(shown) < len(history) else "",
                "language": language_tag(language),
                "running": running,
                "target": visit.text("turn"),
            },
        }

    def _title(self, conversation: Conversation | None, language: Language) -> str:
        return (conversation.title if conversation else "") or self._presenter.text(language, "list.untitled")

    async def _written(self, visit: Visit, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Views, None]:
        """Draw a turn while it is being written, as often as the eye can follow and the machine can spare."""
        writing = _Writing(self._presenter, visit.language)
        changed = asyncio.Event()

        async def read() -> None:
            try:
                async with aclosing(events):
                    async for event in events:
                        writing.take(event)
                        changed.set()
            finally:
                changed.set()

        reading = asyncio.create_task(read())
        turn: Turn | None = None
        try:
            while not reading.done():
                await changed.wait()
                changed.clear()
                if turn is None and writing.turn_id:
                    turn = await self._assistant.turn(writing.turn_id)
                    yield {
                        "live": self._live(visit, turn, writing.draft),
                        **await self._conversations.drawn(visit),
                        **await self._titled(visit, turn.conversation_id),
                    }
                began = time.perf_counter()
                if turn is not None:
                    yield {"live": self._live(visit, turn, writing.draft)}
                # A long answer takes longer to draw: drawing may have a tenth of the time, not more.
                spent = time.perf_counter() - began
                await asyncio.wait({reading}, timeout=max(_DRAW_EVERY_S, 9 * spent))
            reading.result()
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        if turn is None:
            turn = await self._assistant.turn(writing.turn_id)
        stored = await self._assistant.turn(turn.id)
        final = Draft(
            stored.answer,
            stored.reasoning,
            writing=False,
            dropped_turns=stored.dropped_turns,
            remembered=stored.recalled,
            known=stored.known,
            grounds=stored.grounds,
            error=writing.draft.error,
        )
        yield {"live": self._live(visit, stored, final, done=True)}

    async def _titled(self, visit: Visit, conversation_id: str) -> Views:
        title = self._title(await self._assistant.conversation(conversation_id), visit.language)
        return {"topbar": {"html": await self._models.topbar(visit.language, title)}}

    def _live(self, visit: Visit, turn: Turn, draft: Draft, *, done: bool = False) -> Views:
        return {
            "view": visit.view,
            "conversation": turn.conversation_id,
            "turn": turn.id,
            "parent": turn.parent_id,
            "html": self._presenter.turn(turn, visit.language, draft),
            "done": done,
        }


class _Writing:
    """Gathers the events of one turn into what there is to draw."""

    def __init__(self, presenter: Presenter, language: Language) -> None:
        self._presenter = presenter
        self._language = language
        self.turn_id = ""
        self.draft = Draft()

    def take(self, event: Event) -> None:
        draft = self.draft
        match event:
            case TurnStarted():
                self.turn_id = event.turn_id
            case Queued():
                self.draft = replace(draft, status=self._queued(event.position))
            case Progress():
                percent = round(100 * event.done / event.total) if event.total else 0
                self.draft = replace(draft, status=self._text(f"status.{event.stage}", percent=percent))
            case ContextTrimmed():
                self.draft = replace(draft, dropped_turns=event.dropped_turns, earlier=event.summary)
            case Reminded():
                self.draft = replace(draft, remembered=event.remembered, known=event.facts)
            case Grounded():
                status = self._text("status.documents", count=len(event.passages))
                self.draft = replace(draft, status=status, grounds=Grounds("answered", 0.0, event.passages))
            case Reasoning():
                self.draft = replace(draft, reasoning=draft.reasoning + event.text, status="")
            case Token():
                self.draft = replace(draft, answer=draft.answer + event.text, status="")
            case ToolCalled() | ApprovalRequested() | ToolFinished():
                self.draft = replace(draft, calls=(draft.calls or Calls()).after(event), status="")
            case TurnFailed():
                self.draft = replace(draft, error=event.error)
            case TurnFinished():
                self.draft = replace(draft, status="")

    def _queued(self, position: int) -> str:
        return self._text("status.queued", count=position) if position else ""

    def _text(self, key: str, **facts: object) -> str:
        return self._presenter.text(self._language, key, **facts)


def _draft_of(turn: Turn) -> Draft:
    return Draft(turn.answer, turn.reasoning, dropped_turns=turn.dropped_turns)
