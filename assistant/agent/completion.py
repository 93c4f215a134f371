"""Answering messages that a client brought along, without conversation, prompt of ours or trace."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing, nullcontext
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import BaseMessage

from assistant.agent.presence import Presence
from assistant.agent.stream import Answer, stream
from assistant.config import Sampling
from assistant.events import Event, TurnFinished
from assistant.metrics import Metrics
from assistant.models.chat_model import ChatModel
from assistant.models.protocol import Priority


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """What an OpenAI client asks; `tools` and `response_format` as that API words them, the last five as
    assistant.models.protocol.Generation does."""

    messages: tuple[BaseMessage, ...]
    model: str | None = None
    sampling: Sampling = field(default_factory=Sampling)
    stop: tuple[str, ...] = ()
    tools: tuple[dict[str, Any], ...] = ()
    tool_choice: str | dict[str, Any] | None = None
    response_format: dict[str, Any] | None = None
    grammar: str = ""
    likelihoods: int | None = None
    priority: Priority = "person"
    owner: str = ""
    deadline_s: float = 0.0


async def complete(
    model: ChatModel, request: CompletionRequest, metrics: Metrics, presence: Presence
) -> AsyncGenerator[Event, None]:
    """Events of one answer; errors are raised, since there is no turn to keep them.

    A prompt longer than the window is the model's to refuse: nothing may leave messages that are not ours.
    """
    options: dict[str, Any] = {
        "sampling": request.sampling,
        "stop": list(request.stop) or None,
        "priority": request.priority,
        "owner": request.owner,
        "deadline_s": request.deadline_s,
    }
    if request.tools:
        options |= {"tools": list(request.tools), "tool_choice": request.tool_choice}
    if request.response_format:
        options["response_format"] = request.response_format
    if request.grammar:
        options["grammar"] = request.grammar
    if request.likelihoods is not None:
        options |= {"logprobs": True, "top_logprobs": request.likelihoods}
    request_id, answer = uuid.uuid4().hex, Answer()
    outcome = "stopped"
    waits = presence.asking() if request.priority == "person" else nullcontext()
    try:
        with waits:
            async with aclosing(stream(request_id, model, request.messages, options, answer)) as events:
                async for event in events:
                    yield event
        outcome = "done"
    finally:
        metrics.turn_ended("rest", outcome, answer.usage, answer.timings)
    yield TurnFinished(request_id, answer.finish_reason, answer.model, "", answer.usage, answer.timings)
