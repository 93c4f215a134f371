"""The same door over HTTP: what `Assistant` can do, asked of a Patina that runs elsewhere.

Methods, records, events and errors are those of `assistant.api.Assistant`, so a face may hold either.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Sequence
from contextlib import aclosing
from functools import partial
from types import TracebackType
from typing import Any, Final, NoReturn, TypeVar
from urllib.parse import quote

import httpx

from assistant.archive_client import ArchiveClient
from assistant.branch_client import BranchClient
from assistant.citation_client import CitationClient
from assistant.codec import load, load_error, load_event
from assistant.config import Sampling
from assistant.desk_client import (
    DeskClient,
    DuelClient,
    IdleClient,
    JudgeClient,
    LabClient,
    PurposeClient,
    RunClient,
    TaskPromptClient,
)
from assistant.document_client import DocumentClient
from assistant.errors import RemoteModelFailed
from assistant.events import Event
from assistant.graph_client import GraphClient
from assistant.index_client import IndexClient
from assistant.memory.records import (
    Conversation,
    Face,
    NewAttachment,
    SearchHit,
    Signal,
    SignalKind,
    Turn,
)
from assistant.memory_client import MemoryClient
from assistant.models.protocol import EngineInfo
from assistant.models.records import DownloadProgress, ModelInfo
from assistant.people_client import PeopleClient
from assistant.picture_client import PictureClient
from assistant.speech_client import SpeechClient
from assistant.tool_client import ToolClient

T = TypeVar("T")
_CONNECT_S: Final = 5.0


class AssistantClient:
    """An async context manager. `address` is where that Patina answers, such as http://127.0.0.1:8080.

    A server that cannot be reached, or that is no Patina, is a RemoteModelFailed naming it.
    """

    def __init__(
        self, address: str, api_key: str | None = None, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        # No limit on reading: an answer may wait behind others, and a model may take minutes to load.
        timeout = httpx.Timeout(None, connect=_CONNECT_S)
        # Not through a proxy of the environment: the other Patina is on this machine or the person named it.
        self._http = httpx.AsyncClient(
            base_url=f"{address.rstrip('/')}/api",
            headers=headers,
            timeout=timeout,
            transport=transport,
            trust_env=False,
        )
        self._address = address
        self.desk = DeskClient(self._call)
        self.idle = IdleClient(self._call, self._stream)
        self.memory = MemoryClient(self._call)
        self.people = PeopleClient(self._call)
        self.branches = BranchClient(self._call)
        self.graph = GraphClient(self._call)
        self.documents = DocumentClient(self._call, self._stream, self._upload)
        self.archives = ArchiveClient(self._stream, self._send, self._lines, self._http)
        self.indexes = IndexClient(self._call, self._stream)
        self.citations = CitationClient(self._call, self._bytes)
        self.pictures = PictureClient(self._bytes)
        self.speech = SpeechClient(self._call, self._upload)
        self.tools = ToolClient(self._call)
        self.lab = LabClient(self._call, self._stream)
        self.runs = RunClient(self._call, self._stream)
        self.purposes = PurposeClient(self._call, self._stream)
        self.judge = JudgeClient(self._call)
        self.task_prompts = TaskPromptClient(self._call)
        self.duels = DuelClient(self._call, self._events)

    async def close(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> AssistantClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # Conversations

    async def new_conversation(
        self, title: str = "", *, temporary: bool = False, shared: bool = False, group: str = ""
    ) -> Conversation:
        body = {"title": title, "temporary": temporary, "shared": shared, "group": group}
        return load(Conversation, await self._call("POST", "/conversations", body))

    async def conversations(self, limit: int = 50, before: float | None = None) -> list[Conversation]:
        return _list(Conversation, await self._call("GET", "/conversations", limit=limit, before=before))

    async def conversation(self, conversation_id: str) -> Conversation:
        return load(Conversation, await self._call("GET", f"/conversations/{conversation_id}"))

    async def history(self, conversation_id: str) -> list[Turn]:
        return _list(Turn, await self._call("GET", f"/conversations/{conversation_id}/turns"))

    async def turn(self, turn_id: str) -> Turn:
        return load(Turn, await self._call("GET", f"/turns/{turn_id}"))

    async def rename(self, conversation_id: str, title: str) -> Conversation:
        return load(Conversation, await self._call("PATCH", f"/conversations/{conversation_id}", {"title": title}))

    async def delete(self, conversation_id: str) -> None:
        await self._call("DELETE", f"/conversations/{conversation_id}")

    async def delete_turn(self, turn_id: str) -> None:
        await self._call("DELETE", f"/turns/{turn_id}")

    async def search(self, query: str, limit: int = 30) -> list[SearchHit]:
        return _list(SearchHit, await self._call("GET", "/search", query=query, limit=limit))

    async def select_branch(self, turn_id: str) -> Conversation:
        return load(Conversation, await self._call("POST", f"/turns/{turn_id}/select"))

    async def changes(self) -> AsyncGenerator[str, None]:
        return await self._stream("GET", "/changes", None, lambda told: str(told["conversation"]))

    # Turns

    async def reply(
        self,
        conversation_id: str,
        text: str,
        *,
        face: Face,
        attachments: Sequence[NewAttachment] = (),
        person_id: str | None = None,
        model: str | None = None,
        sampling: Sampling | None = None,
        duel: bool = False,
        document_id: str | None = None,
    ) -> AsyncGenerator[Event, None]:
        files = [{"name": file.name, "data": base64.b64encode(file.data).decode()} for file in attachments]
        asked = _asked(face, person_id, model, sampling)
        body = {"text": text, "attachments": files, "duel": duel, "document_id": document_id, **asked}
        return await self._events("POST", f"/conversations/{conversation_id}/turns", body)

    async def regenerate(
        self,
        turn_id: str,
        *,
        face: Face,
        person_id: str | None = None,
        model: str | None = None,
        sampling: Sampling | None = None,
    ) -> AsyncGenerator[Event, None]:
        return await self._events("POST", f"/turns/{turn_id}/regenerate", _asked(face, person_id, model, sampling))

    async def edit(
        self,
        turn_id: str,
        text: str,
        *,
        face: Face,
        person_id: str | None = None,
        model: str | None = None,
        sampling: Sampling | None = None,
    ) -> AsyncGenerator[Event, None]:
        body = {"text": text, **_asked(face, person_id, model, sampling)}
        return await self._events("POST", f"/turns/{turn_id}/edit", body)

    async def follow(self, turn_id: str) -> AsyncGenerator[Event, None]:
        return await self._events("GET", f"/turns/{turn_id}/events")

    async def running(self, conversation_id: str) -> str | None:
        found = (await self._call("GET", f"/conversations/{conversation_id}/running"))["turn_id"]
        return None if found is None else str(found)

    async def stop(self, turn_id: str, *, face: Face | None = None, person_id: str | None = None) -> bool:
        told = await self._call("POST", f"/turns/{turn_id}/stop", {"face": face, "person_id": person_id})
        return bool(told["stopped"])

    async def signal(
        self, turn_id: str, kind: SignalKind, *, face: Face, person_id: str | None = None, reason: str = ""
    ) -> Signal:
        body = {"kind": kind, "face": face, "person_id": person_id, "reason": reason}
        return load(Signal, await self._call("POST", f"/turns/{turn_id}/signals", body))

    async def citation(
        self, turn_id: str, number: int, *, wrong: bool, face: Face, person_id: str | None = None, reason: str = ""
    ) -> Signal:
        body = {"wrong": wrong, "face": face, "person_id": person_id, "reason": reason}
        return load(Signal, await self._call("POST", f"/turns/{turn_id}/citations/{number}", body))

    async def edit_answer(self, turn_id: str, text: str, *, face: Face, person_id: str | None = None) -> Turn:
        body = {"text": text, "face": face, "person_id": person_id}
        return load(Turn, await self._call("PUT", f"/turns/{turn_id}/answer", body))

    # Models

    async def models(self) -> list[ModelInfo]:
        return _list(ModelInfo, await self._call("GET", "/models"))

    async def model(self, name: str) -> ModelInfo:
        return load(ModelInfo, await self._call("GET", f"/models/{quote(name)}"))

    async def use_model(self, name: str) -> ModelInfo:
        return load(ModelInfo, await self._call("PUT", "/models/current", {"name": name}))

    async def pull_model(self, name: str | None = None) -> AsyncGenerator[DownloadProgress, None]:
        """Closing the iterator ends the download; what has arrived is kept."""
        steps = await self._stream("POST", "/models/pull", {"name": name}, partial(load, DownloadProgress))
        async with aclosing(steps):
            async for step in steps:
                yield step

    async def remove_model(self, name: str) -> None:
        await self._call("DELETE", f"/models/{quote(name)}")

    async def prepare_model(self, name: str | None = None) -> None:
        await self._call("POST", "/models/prepare", {"name": name})

    async def engine_info(self) -> EngineInfo:
        return load(EngineInfo, await self._call("GET", "/engine"))

    # Inside

    async def _call(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        response = await self._send(self._request(method, path, body, query), stream=False)
        return self._json(response)

    async def _upload(self, path: str, data: AsyncIterable[bytes], **query: Any) -> Any:
        params = {name: value for name, value in query.items() if value is not None}
        request = self._http.build_request("POST", path, content=data, params=params)
        return self._json(await self._send(request, stream=False))

    async def _bytes(self, path: str) -> bytes:
        return (await self._send(self._request("GET", path, None, {}), stream=False)).content

    async def _events(self, method: str, path: str, body: Any = None) -> AsyncGenerator[Event, None]:
        """Returns once the server has taken the request, as the door does."""
        return await self._stream(method, path, body, load_event)

    async def _stream(
        self, method: str, path: str, body: Any, read: Callable[[dict[str, Any]], T]
    ) -> AsyncGenerator[T, None]:
        response = await self._send(self._request(method, path, body, {}), stream=True)
        return self._lines(response, read)

    async def _lines(self, response: httpx.Response, read: Callable[[dict[str, Any]], T]) -> AsyncGenerator[T, None]:
        try:
            async for line in response.aiter_lines():
                if line.startswith("data: "):
                    value = json.loads(line.removeprefix("data: "))
                    if "error" in value and "type" not in value:
                        self._fail(response.status_code, value)
                    yield read(value)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        finally:
            await response.aclose()

    def _request(self, method: str, path: str, body: Any, query: dict[str, Any]) -> httpx.Request:
        params = {name: value for name, value in query.items() if value is not None}
        return self._http.build_request(method, path, json=body, params=params)

    async def _send(self, request: httpx.Request, *, stream: bool) -> httpx.Response:
        try:
            response = await self._http.send(request, stream=stream)
            if response.is_error:
                await response.aread()
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        if response.is_error:
            self._fail(response.status_code, self._json(response))
        return response

    def _json(self, response: httpx.Response) -> Any:
        try:
            return response.json()
        except ValueError as error:
            raise RemoteModelFailed(url=self._address, status=response.status_code, reason="no Patina") from error

    def _fail(self, status: int, told: Any) -> NoReturn:
        described = told.get("error", {}) if isinstance(told, dict) else {}
        if "patina" in described:
            raise load_error(described["patina"])
        raise RemoteModelFailed(url=self._address, status=status, reason=str(described.get("message", status)))

    def _unreachable(self, error: httpx.HTTPError) -> RemoteModelFailed:
        return RemoteModelFailed(url=self._address, status=None, reason=str(error) or type(error).__name__)


def _asked(face: Face, person_id: str | None, model: str | None, sampling: Sampling | None) -> dict[str, Any]:
    chosen = None if sampling is None else sampling.model_dump()
    return {"face": face, "person_id": person_id, "model": model, "sampling": chosen}


def _list(kind: type[T], data: list[Any]) -> list[T]:
    return [load(kind, item) for item in data]
