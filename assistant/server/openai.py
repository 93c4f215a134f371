"""The OpenAI protocol: any client of it may use this model, and the stored conversations if it names one."""

from __future__ import annotations

import base64
import struct
import time
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from pathlib import PurePath
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Request
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from assistant.api import Assistant, CompletionRequest
from assistant.errors import AssistantError, ModelUnknown, ParameterRefused
from assistant.events import (
    ApprovalRequested,
    Event,
    Progress,
    Queued,
    Reasoning,
    Token,
    TokenLogprob,
    ToolCalled,
    TurnFailed,
    TurnFinished,
    TurnStarted,
    Usage,
)
from assistant.i18n import Language
from assistant.models.records import ModelInfo
from assistant.server.errors import CLIENT_GONE, request_language
from assistant.server.openai_schemas import ChatCompletionRequest, EmbeddingRequest
from assistant.server.streaming import EventStream, data_line, while_connected

_DONE: Final = "data: [DONE]\n\n"
_STILL_WORKING: Final = ": working\n\n"
"""A comment, which clients skip: it keeps proxies from giving up while the model loads or reads."""


@dataclass(slots=True)
class _Answer:
    """Collects one answer for a client that does not stream."""

    text: list[str] = field(default_factory=list)
    logprobs: list[TokenLogprob] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    calls: list[ToolCalled] = field(default_factory=list)
    finished: TurnFinished | None = None


class OpenAIRoutes:
    """/v1. Stateless unless a request names a conversation (`metadata.conversation` or `X-Patina-Conversation`) or
    asks for one (`store`): then only its last user message is taken and the turn is kept like any other."""

    def __init__(self, assistant: Assistant, language: Language) -> None:
        self._assistant = assistant
        self._language = language
        self.router = APIRouter(prefix="/v1", tags=["openai"])
        self.router.add_api_route("/models", self.models, methods=["GET"])
        self.router.add_api_route("/models/{name:path}", self.model, methods=["GET"])
        self.router.add_api_route("/chat/completions", self.chat, methods=["POST"], response_model=None)
        self.router.add_api_route("/embeddings", self.embeddings, methods=["POST"], response_model=None)

    async def models(self) -> dict[str, Any]:
        return {"object": "list", "data": await self._usable()}

    async def model(self, name: str) -> dict[str, Any]:
        usable = await self._usable()
        for entry in usable:
            if entry["id"] == name:
                return entry
        raise ModelUnknown(name=name, known=tuple(entry["id"] for entry in usable))

    async def chat(
        self,
        request: Request,
        body: ChatCompletionRequest,
        conversation: Annotated[str | None, Header(alias="X-Patina-Conversation")] = None,
    ) -> Response:
        body.check()
        body.format()
        self._check_model(body.model)
        await self._check_pictures(body)
        conversation = conversation or (body.metadata or {}).get("conversation")
        stored = conversation is not None or bool(body.store)
        events = self._stored(body, conversation) if stored else self._stateless(body)
        model = body.model or self._assistant.current_model or ""
        if body.stream:
            lines = _chunks(events, model, bool(body.stream_options and body.stream_options.include_usage))
            return EventStream(lines, request_language(request.headers, self._language))
        try:
            answer = _whole(events, model, logprobs=body.likelihoods is not None)
            return JSONResponse(await while_connected(request.receive, answer))
        except ClientDisconnect:
            return Response(status_code=CLIENT_GONE)

    async def embeddings(self, body: EmbeddingRequest) -> dict[str, Any]:
        texts = body.texts()
        vectors = await self._assistant.embed(texts)
        if body.dimensions not in {None, len(vectors[0])}:
            raise ParameterRefused(name="dimensions", reason="fixed_dimensions")
        encode = _base64 if body.encoding_format == "base64" else list
        data = [{"object": "embedding", "index": i, "embedding": encode(v)} for i, v in enumerate(vectors)]
        # The embedder counts no tokens; the protocol wants the field.
        usage = {"prompt_tokens": 0, "total_tokens": 0}
        return {"object": "list", "data": data, "model": self._assistant.embedding_model, "usage": usage}

    async def _usable(self) -> list[dict[str, Any]]:
        known = await self._assistant.models()
        return [_model(info) for info in known if info.installed or info.kind == "remote"]

    def _check_model(self, name: str | None) -> None:
        # The terminal may name any file; a request over the network may not make us open one.
        if not name:
            return
        path = PurePath(name)
        if path.suffix == ".gguf" or path.is_absolute() or ".." in path.parts:
            raise ParameterRefused(name="model", reason="no_paths")

    async def _check_pictures(self, body: ChatCompletionRequest) -> None:
        name = body.model or self._assistant.current_model
        if (where := body.first_picture()) and name and not (await self._assistant.model(name)).sees:
            raise ParameterRefused(name=where, reason="no_sight")

    async def _stateless(self, body: ChatCompletionRequest) -> AsyncGenerator[Event, None]:
        events = await self._assistant.complete(
            CompletionRequest(
                messages=body.chat(),
                model=body.model,
                sampling=body.sampling(self._assistant.sampling) or self._assistant.sampling,
                stop=body.stops(),
                tools=body.offered_tools(),
                tool_choice=body.tool_choice,
                response_format=body.format(),
                grammar=body.grammar or "",
                likelihoods=body.likelihoods,
                priority=body.priority or "person",
                owner=body.user or "",
                deadline_s=body.deadline or 0.0,
            )
        )
        async with aclosing(events):
            async for event in events:
                yield event

    async def _stored(self, body: ChatCompletionRequest, conversation: str | None) -> AsyncGenerator[Event, None]:
        unknown_here = {
            "tools": body.tools,
            "stop": body.stops(),
            "response_format": body.format(),
            "grammar": body.grammar,
            "logprobs": body.logprobs,
            "priority": body.priority not in {None, "person"},
            "deadline": body.deadline,
        }
        for name, given in unknown_here.items():
            if given:
                raise ParameterRefused(name=name, reason="not_stored")
        question, pictures = body.question()
        if not question.strip() and not pictures:
            raise ParameterRefused(name="messages", reason="empty")
        created = None if conversation else (await self._assistant.new_conversation()).id
        try:
            events = await self._assistant.reply(
                conversation or created or "",
                question,
                face="rest",
                attachments=pictures,
                model=body.model,
                sampling=body.sampling(self._assistant.sampling),
            )
        except AssistantError:
            if created:
                await self._assistant.delete(created)
            raise
        turn_id = None
        try:
            async with aclosing(events):
                async for event in events:
                    turn_id = event.turn_id
                    if isinstance(event, TurnFailed):
                        raise event.error
                    if not isinstance(event, ToolCalled):  # called here, and nothing that the client is to call
                        yield event
        finally:
            if turn_id is not None:
                await self._assistant.stop(turn_id)


async def _chunks(events: AsyncGenerator[Event, None], model: str, include_usage: bool) -> AsyncGenerator[str, None]:
    completion_id, created = f"chatcmpl-{uuid.uuid4().hex}", int(time.time())
    conversation, calls = None, 0

    def chunk(
        delta: dict[str, Any] | None,
        finish: str | None = None,
        logprobs: Sequence[TokenLogprob] = (),
        **more: Any,
    ) -> str:
        told = _logprobs(logprobs) if logprobs else None
        choices = [] if delta is None else [{"index": 0, "delta": delta, "logprobs": told, "finish_reason": finish}]
        head = {"id": completion_id, "object": "chat.completion.chunk", "created": created, "model": model}
        nothing_yet = {"usage": None} if include_usage else {}
        return data_line({**head, "choices": choices, **nothing_yet, **more})

    begun = False
    async with aclosing(events):
        async for event in events:
            match event:
                case TurnStarted():
                    conversation = event.conversation_id
                case Token() | Reasoning() | ToolCalled() if not begun:
                    begun = True
                    yield chunk({"role": "assistant", "content": ""})
                case _:
                    pass
            match event:
                case Token():
                    yield chunk({"content": event.text}, logprobs=event.logprobs)
                case Reasoning():
                    yield chunk({"reasoning_content": event.text})
                case ToolCalled():
                    yield chunk({"tool_calls": [{"index": calls, **_tool_call(event)}]})
                    calls += 1
                case TurnFinished():
                    model = event.model or model  # where no model was needed, that which was asked for
                    if not begun:
                        yield chunk({"role": "assistant", "content": ""})
                    yield chunk({}, _reason(event, calls), patina=_patina(event, conversation))
                    if include_usage:
                        yield chunk(None, usage=_usage(event.usage))
                case Queued() | Progress() | ApprovalRequested():
                    yield _STILL_WORKING
                case _:
                    pass  # the status is not sent before the model has taken the request: it may refuse it
    yield _DONE


async def _whole(events: AsyncGenerator[Event, None], model: str, *, logprobs: bool) -> dict[str, Any]:
    answer, conversation = _Answer(), None
    async with aclosing(events):
        async for event in events:
            match event:
                case TurnStarted():
                    conversation = event.conversation_id
                case Token():
                    answer.text.append(event.text)
                    answer.logprobs += event.logprobs
                case Reasoning():
                    answer.thoughts.append(event.text)
                case ToolCalled():
                    answer.calls.append(event)
                case TurnFinished():
                    answer.finished = event
                case _:
                    pass
    finished = answer.finished
    if finished is None:
        raise RuntimeError("the turn ended without its last event")
    text = "".join(answer.text)
    message: dict[str, Any] = {"role": "assistant", "content": text if text or not answer.calls else None}
    if answer.thoughts:
        message["reasoning_content"] = "".join(answer.thoughts)
    if answer.calls:
        message["tool_calls"] = [_tool_call(call) for call in answer.calls]
    reason = _reason(finished, len(answer.calls))
    told = _logprobs(answer.logprobs) if logprobs else None
    return {
        "id": f"chatcmpl-{finished.turn_id}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": finished.model or model,
        "choices": [{"index": 0, "message": message, "logprobs": told, "finish_reason": reason}],
        "usage": _usage(finished.usage),
        "patina": _patina(finished, conversation),
    }


def _model(info: ModelInfo) -> dict[str, Any]:
    created = int(info.path.stat().st_mtime) if info.path is not None and info.path.exists() else 0
    return {
        "id": info.name,
        "object": "model",
        "created": created,
        "owned_by": "patina" if info.kind != "remote" else "remote",
        "patina": {
            "title": info.title,
            "context": info.context,
            "size": info.size,
            "current": info.current,
            "sees": info.sees,
        },
    }


def _tool_call(event: ToolCalled) -> dict[str, Any]:
    function = {"name": event.name, "arguments": event.arguments}
    return {"id": event.call_id, "type": "function", "function": function}


def _logprobs(tokens: Sequence[TokenLogprob]) -> dict[str, Any]:
    return {"content": [asdict(token) for token in tokens], "refusal": None}


def _reason(event: TurnFinished, calls: int) -> str:
    if calls and event.finish_reason != "length":
        return "tool_calls"
    return "stop" if event.finish_reason == "stopped" else event.finish_reason


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }


def _patina(event: TurnFinished, conversation: str | None) -> dict[str, Any]:
    """What this protocol has no field for; without a conversation nothing was stored."""
    return {
        "conversation": conversation,
        "turn": event.turn_id if conversation else None,
        "prompt_version": event.prompt_version or None,
        "timings": asdict(event.timings),
    }


def _base64(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
