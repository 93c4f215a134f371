"""A chat model on any OpenAI-compatible server: vLLM, llama-server, Ollama, LM Studio, a cluster."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final
from uuid import uuid4

from langchain_core.messages import AIMessageChunk, BaseMessage, convert_to_openai_messages
from pydantic import PrivateAttr

from assistant.config import RemoteModel
from assistant.errors import InvalidGrammar, ParameterRefused, RemoteModelFailed
from assistant.events import FinishReason, Timings, Usage
from assistant.models.answer_tokens import AnswerTokens, ToldToken, told_by_server
from assistant.models.chat_model import PICTURE_TOKENS
from assistant.models.openai_server import DONE, OpenAIServer
from assistant.models.protocol import TellLoading
from assistant.models.reasoning import Answer, ReasoningSplitter, Thought
from assistant.models.streamed import (
    ChatOptions,
    StreamedChatModel,
    call_chunk,
    last_chunk,
    reasoning_chunk,
    text_chunk,
)

_EXTRA_FIELDS: Final = ("top_k", "min_p", "repeat_penalty", "repetition_penalty", "stream_options")
"""What not every server knows; a strict one that names them in its refusal is asked again without."""
_NOT_UNDERSTOOD: Final = (400, 422)
"""With which servers refuse a field."""
_PATIENCE_S: Final = 600.0
"""A long prompt may take a small machine minutes to read, and it says nothing meanwhile."""
_TOKENS_A_MESSAGE: Final = 4
_CHARACTERS_A_TOKEN: Final = 4
_CJK_CHARACTERS_A_TOKEN: Final = 1.5
_FIRST_CJK: Final = "\u2e80"


class RemoteChatModel(StreamedChatModel):
    """`name` is what the model is called here; what its server calls it stands in the settings."""

    settings: RemoteModel
    patience: float = _PATIENCE_S
    _server: OpenAIServer = PrivateAttr()
    _ready: bool = PrivateAttr(default=False)
    _strict: bool = PrivateAttr(default=False)

    def __init__(self, name: str, settings: RemoteModel, **fields: Any) -> None:
        super().__init__(model_name=name, settings=settings, **fields)
        self._server = OpenAIServer(settings.url, settings.api_key, self.patience)

    @property
    def context_window(self) -> int:
        """As the settings say: servers have no common way to tell."""
        return self.settings.context

    @property
    def sees(self) -> bool:
        """As the settings say, for the same reason."""
        return self.settings.sees

    @property
    def _llm_type(self) -> str:
        return "patina-remote"

    async def prepare(self, tell: TellLoading | None = None) -> None:
        """See whether the server answers; RemoteModelFailed when it does not, or refuses the key."""
        if not self._ready:
            await self._server.check()
            self._ready = True

    async def count_tokens(self, messages: Sequence[BaseMessage], tools: Sequence[dict[str, Any]] = ()) -> int:
        """An estimate, for the tokenizer is the server's: a token for 1.5 Chinese characters, or for 4 others, and
        PICTURE_TOKENS for each picture."""
        written = [json.dumps(tool, ensure_ascii=False) for tool in tools]
        pictures = 0
        for message in _openai_messages(messages):
            content = message.get("content") or ""
            parts = [content] if isinstance(content, str) else content
            seen = [part for part in parts if isinstance(part, dict) and part.get("type") == "image_url"]
            pictures += len(seen)
            written += [_written(part) for part in parts if part not in seen]
            if calls := message.get("tool_calls"):
                written.append(json.dumps(calls, ensure_ascii=False))
        return sum(_estimate(text) for text in written) + PICTURE_TOKENS * pictures + _TOKENS_A_MESSAGE * len(messages)

    async def _chunks(
        self, messages: Sequence[BaseMessage], options: ChatOptions
    ) -> AsyncGenerator[AIMessageChunk, None]:
        if options.grammar is not None:
            raise InvalidGrammar(reason="local_only")
        answer = _AnswerReader(options.likelihoods)
        async with aclosing(self._events(messages, options)) as events:
            async for event in events:
                for chunk in answer.read(event):
                    yield chunk
        if answer.finish_reason is None:
            raise self._server.failed(None, "cut_off")
        for chunk in answer.close():
            yield chunk
        yield last_chunk(self.model_name, answer.finish_reason, answer.usage, answer.timings())

    async def _events(
        self, messages: Sequence[BaseMessage], options: ChatOptions
    ) -> AsyncGenerator[dict[str, Any], None]:
        """The server's events, asked again without the extra fields after a refusal that names one of them."""
        body = self._body(messages, options)
        try:
            async with aclosing(self._server.completion(body)) as events:
                async for event in events:
                    yield event
            return
        except RemoteModelFailed as error:
            if error.status in _NOT_UNDERSTOOD and "logprobs" in body and "logprobs" in error.reason:
                raise ParameterRefused(name="logprobs", reason=error.reason) from error
            named = any(name in error.reason for name in _EXTRA_FIELDS if name in body)
            if error.status not in _NOT_UNDERSTOOD or not named:
                raise
        self._strict = True
        async with aclosing(self._server.completion(self._body(messages, options))) as events:
            async for event in events:
                yield event

    def _body(self, messages: Sequence[BaseMessage], options: ChatOptions) -> dict[str, Any]:
        sampling = options.sampling
        body: dict[str, Any] = {
            "model": self.settings.model,
            "messages": _openai_messages(messages),
            "stream": True,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_tokens,
        }
        if not self._strict:
            body |= {
                "stream_options": {"include_usage": True},
                "top_k": sampling.top_k or -1,  # llama-server and vLLM both read -1 as off
                "min_p": sampling.min_p,
                "repeat_penalty": sampling.repeat_penalty,
                "repetition_penalty": sampling.repeat_penalty,  # vLLM's word for it
            }
        if sampling.seed is not None:
            body["seed"] = sampling.seed
        if options.likelihoods is not None:
            body["logprobs"] = True
            if options.likelihoods:  # to llama-server a 0 means: no probabilities at all
                body["top_logprobs"] = options.likelihoods
        if options.stop:
            body["stop"] = list(options.stop)
        if options.tools:
            body |= {"tools": list(options.tools), "tool_choice": _tool_choice(options)}
        if options.json_schema == {"type": "object"}:
            body["response_format"] = {"type": "json_object"}
        elif options.json_schema is not None:
            described = {"name": "answer", "schema": options.json_schema, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": described}
        return body


class _AnswerReader:
    """Server events on one side, chunks on the other."""

    def __init__(self, likelihoods: int | None) -> None:
        self._likelihoods = likelihoods
        self._likelihoods_came = False
        self._tokens = AnswerTokens()
        self._asked = time.perf_counter()
        self._first: float | None = None
        self._reasoning = ReasoningSplitter()
        self._call_ids: list[str] = []
        self._places: dict[int, int] = {}
        self.finish_reason: FinishReason | None = None
        self.usage = Usage()

    def read(self, event: Mapping[str, Any]) -> list[AIMessageChunk]:
        if counts := event.get("usage"):
            cached = (counts.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
            self.usage = Usage(counts.get("prompt_tokens") or 0, counts.get("completion_tokens") or 0, cached)
        if event.get(DONE):
            self.finish_reason = self.finish_reason or "stop"
        found: list[AIMessageChunk] = []
        for choice in (event.get("choices") or ())[:1]:
            delta = choice.get("delta") or choice.get("message") or {}
            if thought := delta.get("reasoning_content") or delta.get("reasoning"):
                found.append(reasoning_chunk(thought))
            text = delta.get("content") or ""
            if text or not (thought or delta.get("tool_calls")):
                self._tokens.arrive(text, self._told(choice, text))
            if text:
                found += self._shown(self._reasoning.feed(text))
            found += [self._call(place, call) for place, call in enumerate(delta.get("tool_calls") or ())]
            if reason := choice.get("finish_reason"):
                self.finish_reason = _finish_reason(reason, called=bool(self._call_ids))
        if found and self._first is None:
            self._first = time.perf_counter()
        return found

    def close(self) -> list[AIMessageChunk]:
        found = self._shown(self._reasoning.close())
        rest = [] if self._call_ids else self._tokens.rest()
        return [*found, text_chunk("", rest)] if rest else found

    def timings(self) -> Timings:
        """As seen from here: waiting at the server counts towards the first token."""
        now = time.perf_counter()
        first = self._first or now
        speed = self.usage.completion_tokens / (now - first) if now > first else 0.0
        return Timings(0.0, (first - self._asked) * 1000, (now - self._asked) * 1000, speed)

    def _told(self, choice: Mapping[str, Any], text: str) -> Sequence[ToldToken]:
        """The tokens of a piece of text; ParameterRefused if they are wanted and the server gives none."""
        if self._likelihoods is None:
            return ()
        tokens = told_by_server(choice.get("logprobs"), self._likelihoods)
        self._likelihoods_came = self._likelihoods_came or bool(tokens)
        if text and not self._likelihoods_came:
            raise ParameterRefused(name="logprobs", reason="not_by_server")
        return tokens

    def _shown(self, pieces: Sequence[Thought | Answer]) -> list[AIMessageChunk]:
        found: list[AIMessageChunk] = []
        for piece in pieces:
            if isinstance(piece, Thought):
                found.append(reasoning_chunk(piece.text))
            else:
                self._tokens.begin(piece.text)
                found.append(text_chunk(piece.text, self._tokens.said(piece.text)))
        return found

    def _call(self, place: int, call: Mapping[str, Any]) -> AIMessageChunk:
        at, call_id = call.get("index", place), call.get("id") or ""
        known = self._places.get(at)
        # Some servers number every call 0: another id is another call.
        if known is None or (call_id and call_id != self._call_ids[known]):
            known = self._places[at] = len(self._call_ids)
            self._call_ids.append(call_id or f"call_{uuid4().hex}")
            call_id = self._call_ids[known]
        else:
            call_id = ""
        function = call.get("function") or {}
        arguments = function.get("arguments")
        if isinstance(arguments, dict):
            arguments = json.dumps(arguments, ensure_ascii=False)
        return call_chunk(known, call_id or None, function.get("name"), arguments)


def _finish_reason(said: str, *, called: bool) -> FinishReason:
    if said == "length":
        return "length"
    return "tool_calls" if called else "stop"


def _tool_choice(options: ChatOptions) -> str | dict[str, Any]:
    if not options.forced:
        return "auto"
    if options.forced == options.tool_names:
        return "required"
    return {"type": "function", "function": {"name": options.forced[0]}}


def _openai_messages(messages: Sequence[BaseMessage]) -> list[dict[str, Any]]:
    found = convert_to_openai_messages(list(messages))
    return found if isinstance(found, list) else [found]


def _written(part: str | dict[str, Any]) -> str:
    if isinstance(part, str):
        return part
    return str(part["text"]) if part.get("type") == "text" else json.dumps(part, ensure_ascii=False)


def _estimate(text: str) -> int:
    cjk = sum(character >= _FIRST_CJK for character in text)
    return round(cjk / _CJK_CHARACTERS_A_TOKEN + (len(text) - cjk) / _CHARACTERS_A_TOKEN + 0.5)
