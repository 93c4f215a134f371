"""The native API under /api: the whole door, for `assistant.client`.

Records travel as JSON objects, events as server-sent events with a `type`. A turn goes on when the caller disconnects,
as it does behind every other face; `stop` ends it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from assistant.api import Assistant
from assistant.codec import dump, dump_event
from assistant.errors import NoModelChosen
from assistant.events import Event
from assistant.i18n import Language
from assistant.models.records import DownloadProgress
from assistant.server import native_schemas as said
from assistant.server.errors import request_language
from assistant.server.parameters import Count, RowId
from assistant.server.streaming import EventStream, data_line


class NativeRoutes:
    """One method a route; the table in `_routes` is the whole of the API."""

    def __init__(self, assistant: Assistant, language: Language) -> None:
        self._assistant = assistant
        self._language = language
        self.router = APIRouter(prefix="/api", tags=["native"])
        for method, path, endpoint in self._routes():
            self.router.add_api_route(path, endpoint, methods=[method], response_model=None)

    def _routes(self) -> list[tuple[str, str, Callable[..., Awaitable[Any]]]]:
        return [
            ("GET", "/conversations", self.conversations),
            ("POST", "/conversations", self.new_conversation),
            ("GET", "/conversations/{conversation_id}", self.conversation),
            ("PATCH", "/conversations/{conversation_id}", self.rename),
            ("DELETE", "/conversations/{conversation_id}", self.delete),
            ("GET", "/conversations/{conversation_id}/turns", self.history),
            ("POST", "/conversations/{conversation_id}/turns", self.reply),
            ("GET", "/conversations/{conversation_id}/running", self.running),
            ("GET", "/changes", self.changes),
            ("GET", "/search", self.search),
            ("GET", "/turns/{turn_id}", self.turn),
            ("DELETE", "/turns/{turn_id}", self.delete_turn),
            ("GET", "/turns/{turn_id}/events", self.follow),
            ("POST", "/turns/{turn_id}/regenerate", self.regenerate),
            ("POST", "/turns/{turn_id}/edit", self.edit),
            ("PUT", "/turns/{turn_id}/answer", self.edit_answer),
            ("GET", "/turns/{turn_id}/duel", self.duel),
            ("POST", "/turns/{turn_id}/duel/rival", self.rival),
            ("POST", "/turns/{turn_id}/duel/choice", self.choose),
            ("PUT", "/duels/wanted", self.ask_for_duels),
            ("POST", "/turns/{turn_id}/stop", self.stop),
            ("POST", "/turns/{turn_id}/select", self.select_branch),
            ("POST", "/turns/{turn_id}/take-back", self.take_back),
            ("POST", "/turns/{turn_id}/branch", self.branch),
            ("POST", "/turns/{turn_id}/signals", self.signal),
            ("POST", "/turns/{turn_id}/citations/{number}", self.citation),
            ("GET", "/models", self.models),
            ("GET", "/models/{name:path}", self.model),
            ("PUT", "/models/current", self.use_model),
            ("POST", "/models/pull", self.pull_model),
            ("POST", "/models/prepare", self.prepare_model),
            ("DELETE", "/models/{name:path}", self.remove_model),
            ("GET", "/engine", self.engine_info),
        ]

    # Conversations

    async def conversations(self, limit: Count = 50, before: float | None = None) -> Any:
        return dump(await self._assistant.conversations(limit, before))

    async def new_conversation(self, body: said.NewConversation) -> Any:
        begun = self._assistant.new_conversation(
            body.title, temporary=body.temporary, shared=body.shared, group=body.group
        )
        return dump(await begun)

    async def conversation(self, conversation_id: str) -> Any:
        return dump(await self._assistant.conversation(conversation_id))

    async def rename(self, conversation_id: str, body: said.Title) -> Any:
        return dump(await self._assistant.rename(conversation_id, body.title))

    async def delete(self, conversation_id: str) -> None:
        await self._assistant.delete(conversation_id)

    async def history(self, conversation_id: str) -> Any:
        return dump(await self._assistant.history(conversation_id))

    async def running(self, conversation_id: str) -> Any:
        return {"turn_id": self._assistant.running(conversation_id)}

    async def search(self, query: str, limit: Count = 30) -> Any:
        return dump(await self._assistant.search(query, limit))

    async def changes(self, request: Request) -> Response:
        return EventStream(_changed(await self._assistant.changes()), self._client_language(request))

    # Turns

    async def reply(self, request: Request, conversation_id: str, body: said.Question) -> Response:
        events = await self._assistant.reply(
            conversation_id,
            body.text,
            face=body.face,
            attachments=[attachment.decode() for attachment in body.attachments],
            person_id=body.person_id,
            model=body.model,
            sampling=body.sampling,
            duel=body.duel,
            document_id=body.document_id,
        )
        return self._events(request, events)

    async def regenerate(self, request: Request, turn_id: str, body: said.Asked) -> Response:
        events = await self._assistant.regenerate(
            turn_id, face=body.face, person_id=body.person_id, model=body.model, sampling=body.sampling
        )
        return self._events(request, events)

    async def edit(self, request: Request, turn_id: str, body: said.Edit) -> Response:
        events = await self._assistant.edit(
            turn_id, body.text, face=body.face, person_id=body.person_id, model=body.model, sampling=body.sampling
        )
        return self._events(request, events)

    async def follow(self, request: Request, turn_id: str) -> Response:
        return self._events(request, await self._assistant.follow(turn_id))

    async def turn(self, turn_id: str) -> Any:
        return dump(await self._assistant.turn(turn_id))

    async def delete_turn(self, turn_id: str) -> None:
        await self._assistant.delete_turn(turn_id)

    async def stop(self, turn_id: str, body: said.Stop) -> Any:
        return {"stopped": await self._assistant.stop(turn_id, face=body.face, person_id=body.person_id)}

    async def select_branch(self, turn_id: str) -> Any:
        return dump(await self._assistant.select_branch(turn_id))

    async def take_back(self, turn_id: str) -> Any:
        """Show the conversation as it was before this turn. In the client `branches.take_back`."""
        return dump(await self._assistant.branches.take_back(turn_id))

    async def branch(self, turn_id: str, body: said.Title) -> Any:
        """A new conversation of the turns up to this one, by its old title where none is given. In the client
        `branches.begin`."""
        return dump(await self._assistant.branches.begin(turn_id, body.title))

    async def citation(self, turn_id: str, number: RowId, body: said.CitationSignal) -> Any:
        kept = await self._assistant.citation(
            turn_id, number, wrong=body.wrong, face=body.face, person_id=body.person_id, reason=body.reason
        )
        return dump(kept)

    async def signal(self, turn_id: str, body: said.NewSignal) -> Any:
        return dump(
            await self._assistant.signal(
                turn_id, body.kind, face=body.face, person_id=body.person_id, reason=body.reason
            )
        )

    async def edit_answer(self, turn_id: str, body: said.EditedAnswer) -> Any:
        return dump(await self._assistant.edit_answer(turn_id, body.text, face=body.face, person_id=body.person_id))

    async def duel(self, turn_id: str, pending: bool = False, person_id: str | None = None) -> Any:
        """The comparison of two answers that this one takes part in; null for none, or with `pending` for one that this
        person is not being asked about. In the client `duels.of` and `duels.pending`."""
        duels = self._assistant.duels
        found = await (duels.pending(turn_id, person_id=person_id) if pending else duels.of(turn_id))
        return None if found is None else dump(found)

    async def rival(self, request: Request, turn_id: str) -> Response:
        """Write, or follow, the second answer of a duel. In the client `duels.rival`."""
        return self._events(request, await self._assistant.duels.rival(turn_id))

    async def choose(self, turn_id: str, body: said.Choice) -> Any:
        """Which of two answers is better: it is the one that is shown from now on. In the client `duels.choose`."""
        return dump(await self._assistant.duels.choose(turn_id, body.choice, face=body.face, person_id=body.person_id))

    async def ask_for_duels(self, body: said.Wanted) -> None:
        """Whether this person is to be asked which of two answers is better. In the client `duels.ask`."""
        await self._assistant.duels.ask(body.wanted, person_id=body.person_id)

    # Models

    async def models(self) -> Any:
        return dump(await self._assistant.models())

    async def model(self, name: str) -> Any:
        return dump(await self._assistant.model(name))

    async def use_model(self, body: said.ModelName) -> Any:
        if body.name is None:
            raise NoModelChosen
        return dump(await self._assistant.use_model(body.name))

    async def pull_model(self, request: Request, body: said.ModelName) -> Response:
        return EventStream(_progress(self._assistant.pull_model(body.name)), self._client_language(request))

    async def prepare_model(self, body: said.ModelName) -> None:
        await self._assistant.prepare_model(body.name)

    async def remove_model(self, name: str) -> None:
        await self._assistant.remove_model(name)

    async def engine_info(self) -> Any:
        return dump(await self._assistant.engine_info())

    def _events(self, request: Request, events: AsyncGenerator[Event, None]) -> EventStream:
        return EventStream(_event_lines(events), self._client_language(request))

    def _client_language(self, request: Request) -> Language:
        return request_language(request.headers, self._language)


async def _event_lines(events: AsyncGenerator[Event, None]) -> AsyncGenerator[str, None]:
    async with aclosing(events):
        async for event in events:
            yield data_line(dump_event(event))


async def _changed(changes: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
    yield ": listening\n\n"  # the caller has its answer at once, and misses nothing from here on
    async with aclosing(changes):
        async for conversation in changes:
            yield data_line({"conversation": conversation})


async def _progress(steps: AsyncGenerator[DownloadProgress, None]) -> AsyncGenerator[str, None]:
    async with aclosing(steps):
        async for step in steps:
            yield data_line(dump(step))
