"""The chat model that runs on this machine: messages to a prompt, the engine's text to an answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress
from typing import Any, Final, Protocol
from uuid import uuid4

from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.utils.json_schema import dereference_refs
from pydantic import ConfigDict, PrivateAttr, SkipValidation

from assistant.models.answer_tokens import AnswerTokens, told
from assistant.models.protocol import (
    Advanced,
    Completed,
    EngineEvent,
    Generation,
    LoadedModel,
    ModelSpec,
    Piece,
    PromptPart,
    TellLoading,
    Waiting,
)
from assistant.models.reasoning import Answer, ReasoningSplitter, Thought
from assistant.models.streamed import (
    ChatOptions,
    StreamedChatModel,
    call_chunk,
    last_chunk,
    progress_chunk,
    reasoning_chunk,
    text_chunk,
)
from assistant.models.templates import ChatTemplate
from assistant.models.tool_calls import Call, Text, ToolCallParser

_LAST_CHARACTERS: Final = 32


class TextEngine(Protocol):
    """What is needed of `assistant.models.engine.Engine`."""

    async def load(self, spec: ModelSpec, progress: Callable[[Advanced], None] | None = None) -> LoadedModel: ...

    def generate(self, spec: ModelSpec, generation: Generation) -> AsyncGenerator[EngineEvent, None]: ...

    async def count_tokens(self, spec: ModelSpec, prompt: Sequence[PromptPart]) -> int: ...


class LocalChatModel(StreamedChatModel):
    """A GGUF file, answered by the engine. `thinking` lets models think first whose template leaves the choice."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    engine: SkipValidation[TextEngine]
    spec: ModelSpec
    thinking: bool = False
    _loaded: LoadedModel | None = PrivateAttr(default=None)
    _template: ChatTemplate | None = PrivateAttr(default=None)

    def __init__(self, engine: TextEngine, spec: ModelSpec, **fields: Any) -> None:
        super().__init__(engine=engine, spec=spec, **{"model_name": spec.name, **fields})

    @property
    def context_window(self) -> int:
        """0 before the model is loaded, unless the spec says it."""
        return self._loaded.context if self._loaded else self.spec.context

    @property
    def _llm_type(self) -> str:
        return "patina-local"

    async def prepare(self, tell: TellLoading | None = None) -> None:
        """Load the file the first time, or raise ModelLoadFailed, CpuUnsupported or EngineDied.

        Later on the engine loads it again by itself where it has to, and the answer's own events tell of it.
        """

        def told(step: Advanced) -> None:
            if tell is not None and step.stage != "prefill":
                tell(step.stage, step.done)

        if self._template is None:
            self._take(await self.engine.load(self.spec, told))

    async def count_tokens(self, messages: Sequence[BaseMessage], tools: Sequence[dict[str, Any]] = ()) -> int:
        """Exact: the model's own template and tokenizer; loads the model when it is not."""
        template = self._template or self._take(await self.engine.load(self.spec))
        return await self.engine.count_tokens(self.spec, template.render(messages, tools, thinking=self.thinking))

    async def _chunks(
        self, messages: Sequence[BaseMessage], options: ChatOptions
    ) -> AsyncGenerator[AIMessageChunk, None]:
        if self._template is None:
            async with aclosing(self._load()) as steps:
                async for step in steps:
                    yield _progress(step)
        template = self._template or self._take(await self.engine.load(self.spec))
        prompt = template.render(messages, options.tools, thinking=self.thinking)
        schema = _call_schema(options) if options.forced else options.json_schema
        generation = Generation(
            prompt=prompt,
            sampling=options.sampling,
            stop=options.stop,
            grammar=options.grammar,
            json_schema=None if options.grammar else schema,
            priority=options.priority,
            owner=options.owner,
            keep=options.keep,
            since=options.since,
            likelihoods=options.likelihoods,
            deadline_s=options.deadline_s,
        )
        constrained = options.grammar is not None or schema is not None
        answer = _AnswerReader(
            offered=() if constrained and not options.forced else options.tool_names,
            opened=not constrained and _opens_thought(prompt),
        )
        async with aclosing(self.engine.generate(self.spec, generation)) as events:
            async for event in events:
                match event:
                    case Piece():
                        for chunk in answer.feed(event):
                            yield chunk
                    case Completed(finish_reason, usage, timings):
                        for chunk in answer.close(cut=finish_reason == "length"):
                            yield chunk
                        reason = "tool_calls" if answer.calls and finish_reason == "stop" else finish_reason
                        yield last_chunk(self.model_name, reason, usage, timings)
                    case _:
                        yield _progress(event)

    async def _load(self) -> AsyncGenerator[Advanced, None]:
        """Load the model, telling how far it is."""
        steps: asyncio.Queue[Advanced | None] = asyncio.Queue()
        loading = asyncio.ensure_future(self.engine.load(self.spec, steps.put_nowait))
        loading.add_done_callback(lambda _: steps.put_nowait(None))
        try:
            while (step := await steps.get()) is not None:
                yield step
            self._take(await loading)
        finally:
            if not loading.done():
                loading.cancel()
                with suppress(asyncio.CancelledError):
                    await loading

    def _take(self, loaded: LoadedModel) -> ChatTemplate:
        if self._loaded != loaded or self._template is None:
            self._loaded, self._template = loaded, ChatTemplate(loaded)
        return self._template


class _AnswerReader:
    """Engine text on one side, chunks on the other."""

    def __init__(self, *, offered: Sequence[str], opened: bool) -> None:
        self._reasoning = ReasoningSplitter(opened=opened)
        self._parser = ToolCallParser(offered)
        self._tokens = AnswerTokens(opened=opened)
        self.calls = 0

    def feed(self, piece: Piece) -> list[AIMessageChunk]:
        self._tokens.arrive(piece.text, map(told, piece.tokens))
        return self._read(self._reasoning.feed(piece.text))

    def close(self, *, cut: bool) -> list[AIMessageChunk]:
        """The rest; what was `cut` off by the limit may end in half a character."""
        found = [*self._read(self._reasoning.close()), *self._shown(self._parser.close())]
        rest = self._tokens.rest() if cut and not self.calls else []
        return [*found, text_chunk("", rest)] if rest else found

    def _read(self, pieces: Sequence[Thought | Answer]) -> list[AIMessageChunk]:
        found: list[AIMessageChunk] = []
        for piece in pieces:
            if isinstance(piece, Thought):
                found.append(reasoning_chunk(piece.text))
            else:
                self._tokens.begin(piece.text)
                found += self._shown(self._parser.feed(piece.text))
        return found

    def _shown(self, pieces: Sequence[Text | Call]) -> list[AIMessageChunk]:
        found: list[AIMessageChunk] = []
        for piece in pieces:
            if isinstance(piece, Text):
                # Behind a call it is not known how much blank space the parser has dropped.
                found.append(text_chunk(piece.text, () if self.calls else self._tokens.said(piece.text)))
            else:
                found.append(call_chunk(self.calls, f"call_{uuid4().hex}", piece.name, piece.arguments))
                self.calls += 1
        return found


def _progress(event: Advanced | Waiting) -> AIMessageChunk:
    if isinstance(event, Waiting):
        return progress_chunk(kind="queued", position=event.position)
    return progress_chunk(kind=event.stage, done=event.done, total=event.total)


def _opens_thought(prompt: Sequence[PromptPart]) -> bool:
    """Whether the template has already begun the thinking, so that the answer starts inside it."""
    return bool(prompt) and prompt[-1].trusted and prompt[-1].text[-_LAST_CHARACTERS:].rstrip().endswith("<think>")


def _call_schema(options: ChatOptions) -> dict[str, Any]:
    """The JSON of one call to one of the forced tools; references are resolved, for each schema brings its own."""
    calls = [
        {
            "type": "object",
            "properties": {
                "name": {"const": function["name"]},
                "arguments": _arguments_schema(function.get("parameters") or {}),
            },
            "required": ["name", "arguments"],
            "additionalProperties": False,
        }
        for function in (tool["function"] for tool in options.tools)
        if function["name"] in options.forced
    ]
    return calls[0] if len(calls) == 1 else {"anyOf": calls}


def _arguments_schema(parameters: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", **dereference_refs(parameters)}
    schema.pop("$defs", None)
    return schema
