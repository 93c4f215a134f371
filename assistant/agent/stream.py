"""One model answer as events, and what it came to."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, cast

from langchain_core.messages import AIMessageChunk, BaseMessage

from assistant.agent.citing import Citing
from assistant.events import (
    Event,
    FinishReason,
    Logprob,
    Progress,
    Queued,
    Reasoning,
    Timings,
    Token,
    TokenLogprob,
    ToolCalled,
    Usage,
)
from assistant.models.chat_model import ChatModel


@dataclass(slots=True)
class Answer:
    """Grows while the model streams, so that whoever interrupts it has what there is."""

    pieces: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    finish_reason: FinishReason = "stop"
    model: str = ""
    usage: Usage = field(default_factory=Usage)
    timings: Timings = field(default_factory=Timings)
    prompt_version: str = ""
    intent: str = ""
    dropped_turns: int = 0
    citing: Citing | None = None
    """Numbers an answer from documents."""

    @property
    def shown(self) -> str:
        """What of it may be read by now."""
        return self.text if self.citing is None else self.citing.text

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def reasoning(self) -> str:
        return "".join(self.thoughts)


async def stream(
    turn_id: str, model: ChatModel, messages: Sequence[BaseMessage], options: dict[str, Any], answer: Answer
) -> AsyncGenerator[Event, None]:
    """Ask the model; `options` are its keyword arguments, `answer` is filled on the way.

    Tool calls are told as they stand at the end: half a call is of no use to anybody.
    """
    answer.model = model.model_name
    calls: dict[int, dict[str, str]] = {}
    chunks = cast("AsyncGenerator[AIMessageChunk, None]", model.astream(list(messages), **options))
    async with aclosing(chunks):
        async for chunk in chunks:
            for step in chunk.additional_kwargs.get("progress", ()):
                if step["kind"] == "queued":
                    yield Queued(turn_id, step["position"])
                else:
                    yield Progress(turn_id, step["kind"], step["done"], step["total"])
            if thought := chunk.additional_kwargs.get("reasoning_content"):
                answer.thoughts.append(thought)
                yield Reasoning(turn_id, thought)
            text, logprobs = chunk.text, _logprobs(chunk)
            if text or logprobs:
                answer.pieces.append(text)
                yield Token(turn_id, text, logprobs)
            for part in chunk.tool_call_chunks:
                call = calls.setdefault(part.get("index") or 0, {"id": "", "name": "", "arguments": ""})
                call["id"] = part.get("id") or call["id"]
                call["name"] += part.get("name") or ""
                call["arguments"] += part.get("args") or ""
            _take_totals(chunk, answer)
    for index in sorted(calls):
        yield ToolCalled(turn_id, calls[index]["id"], calls[index]["name"], calls[index]["arguments"])


def _logprobs(chunk: AIMessageChunk) -> tuple[TokenLogprob, ...]:
    told = chunk.response_metadata.get("logprobs") or {}
    return tuple(
        TokenLogprob(*_figures(token), tuple(Logprob(*_figures(other)) for other in token["top_logprobs"]))
        for token in told.get("content") or ()
    )


def _figures(token: dict[str, Any]) -> tuple[str, float, tuple[int, ...]]:
    return token["token"], token["logprob"], tuple(token["bytes"])


def _take_totals(chunk: AIMessageChunk, answer: Answer) -> None:
    if counts := chunk.usage_metadata:
        answer.usage = Usage(
            prompt_tokens=counts["input_tokens"],
            completion_tokens=counts["output_tokens"],
            cached_tokens=counts.get("input_token_details", {}).get("cache_read", 0),
        )
    facts = chunk.response_metadata
    if reason := facts.get("finish_reason"):
        answer.finish_reason = reason
    if name := facts.get("model_name"):
        answer.model = name
    if timings := facts.get("timings"):
        answer.timings = Timings(**timings)
