"""What a local and a remote chat model share: one stream of chunks from which every other way of asking is made."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from typing import Any, Final, cast

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import LanguageModelInput
from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from assistant.config import Sampling
from assistant.errors import DeadlinePassed, InvalidGrammar, NotFound
from assistant.events import Timings, Usage
from assistant.models.answer_tokens import ToldToken
from assistant.models.chat_model import ChatModel
from assistant.models.protocol import Priority

_opened: Final[ContextVar[list[AsyncGenerator[ChatGenerationChunk, None]] | None]] = ContextVar("opened", default=None)


@dataclass(frozen=True, slots=True)
class ChatOptions:
    """How one answer is asked for. `forced` names the tools of which one must be called; empty leaves it open."""

    sampling: Sampling
    stop: tuple[str, ...]
    tools: tuple[dict[str, Any], ...]
    forced: tuple[str, ...]
    json_schema: dict[str, Any] | None
    """The answer's shape; `{"type": "object"}` for any JSON object."""
    grammar: str | None
    priority: Priority = "person"
    owner: str = ""
    keep: str = ""
    since: int = 0
    likelihoods: int | None = None
    """Tell how likely each token of the answer was, and that many others; None tells nothing."""
    deadline_s: float = 0.0
    """0 has no end."""

    @property
    def tool_names(self) -> tuple[str, ...]:
        return tuple(tool["function"]["name"] for tool in self.tools)


def chat_options(default: Sampling, stop: Sequence[str] | None, given: Mapping[str, Any]) -> ChatOptions:
    """Read the keyword arguments `ChatModel` takes; InvalidGrammar or NotFound for what cannot be asked."""
    choice = given.get("tool_choice") or "auto"
    offered = given.get("tools") or ()
    tools = () if choice == "none" else tuple(convert_to_openai_tool(tool) for tool in offered)
    return ChatOptions(
        sampling=given.get("sampling") or default,
        stop=tuple(stop or ()),
        tools=tools,
        forced=_forced(choice, tuple(tool["function"]["name"] for tool in tools)),
        json_schema=_json_schema(given.get("response_format")),
        grammar=given.get("grammar"),
        priority=given.get("priority") or "person",
        owner=given.get("owner") or "",
        keep=given.get("keep") or "",
        since=given.get("since") or 0,
        likelihoods=int(given.get("top_logprobs") or 0) if given.get("logprobs") else None,
        deadline_s=given.get("deadline_s") or 0.0,
    )


class StreamedChatModel(ChatModel):
    """A chat model that only says how it streams; it is asked asynchronously."""

    sampling: Sampling = Sampling()

    @abstractmethod
    def _chunks(self, messages: Sequence[BaseMessage], options: ChatOptions) -> AsyncGenerator[AIMessageChunk, None]:
        """One answer; closing the generator frees whatever produces it before `aclose` returns."""

    async def astream(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[AIMessageChunk]:
        """LangChain's, except that closing it closes the stream inside now and not when it is garbage."""
        opened: list[AsyncGenerator[ChatGenerationChunk, None]] = []
        outer = cast("AsyncGenerator[AIMessageChunk, None]", super().astream(input, config, stop=stop, **kwargs))
        try:
            token = _opened.set(opened)
            try:
                chunk = await anext(outer, None)
            finally:
                _opened.reset(token)
            while chunk is not None:
                yield chunk
                chunk = await anext(outer, None)
        finally:
            await outer.aclose()
            for inner in opened:
                await inner.aclose()

    def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        stream = self._generation_chunks(messages, stop, kwargs)
        if (opened := _opened.get()) is not None:
            opened.append(stream)
        return stream

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        async with aclosing(self._generation_chunks(messages, stop, kwargs)) as stream:
            chunks = [chunk async for chunk in stream if "progress" not in chunk.message.additional_kwargs]
        return generate_from_stream(iter(chunks))

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        raise NotImplementedError(f"{type(self).__name__} answers on an event loop only: use ainvoke or astream")

    async def _generation_chunks(
        self, messages: Sequence[BaseMessage], stop: Sequence[str] | None, given: Mapping[str, Any]
    ) -> AsyncGenerator[ChatGenerationChunk, None]:
        options = chat_options(self.sampling, stop, given)
        end = asyncio.get_running_loop().time() + options.deadline_s if options.deadline_s else None
        async with aclosing(self._chunks(messages, options)) as chunks:
            while (chunk := await _next(chunks, end, options.deadline_s)) is not None:
                yield ChatGenerationChunk(message=chunk)

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | bool | dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """`tool_choice`: auto, none, required (or any), or a tool's name."""
        schemas = [convert_to_openai_tool(tool) for tool in tools]
        return self.bind(tools=schemas, tool_choice=tool_choice, **kwargs)


def text_chunk(text: str, tokens: Sequence[ToldToken] = ()) -> AIMessageChunk:
    return AIMessageChunk(content=text, response_metadata={"logprobs": {"content": list(tokens)}} if tokens else {})


def reasoning_chunk(text: str) -> AIMessageChunk:
    return AIMessageChunk(content="", additional_kwargs={"reasoning_content": text})


def progress_chunk(**step: str | int) -> AIMessageChunk:
    return AIMessageChunk(content="", additional_kwargs={"progress": [step]})


def call_chunk(index: int, call_id: str | None, name: str | None, arguments: str | None) -> AIMessageChunk:
    chunk = tool_call_chunk(name=name, args=arguments, id=call_id, index=index)
    return AIMessageChunk(content="", tool_call_chunks=[chunk])


def last_chunk(model_name: str, finish_reason: str, usage: Usage, timings: Timings) -> AIMessageChunk:
    return AIMessageChunk(
        content="",
        usage_metadata=UsageMetadata(
            input_tokens=usage.prompt_tokens,
            output_tokens=usage.completion_tokens,
            total_tokens=usage.prompt_tokens + usage.completion_tokens,
            input_token_details={"cache_read": usage.cached_tokens},
        ),
        response_metadata={
            "finish_reason": finish_reason,
            "model_name": model_name,
            "timings": asdict(timings),
        },
        chunk_position="last",
    )


async def _next(
    chunks: AsyncGenerator[AIMessageChunk, None], end: float | None, seconds: float
) -> AIMessageChunk | None:
    """The next one, None behind the last; DeadlinePassed once the loop's clock is at `end`, whoever finds out first."""
    try:
        async with asyncio.timeout_at(end) as limit:
            return await anext(chunks, None)
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise DeadlinePassed(seconds) from error
    except DeadlinePassed as error:
        raise DeadlinePassed(seconds) from error


def _forced(choice: Any, names: tuple[str, ...]) -> tuple[str, ...]:
    if choice in ("auto", "none") or not names:
        return ()
    if choice in ("required", "any", True):
        return names
    name = choice.get("function", {}).get("name") if isinstance(choice, dict) else choice
    if name not in names:
        raise NotFound(kind="tool", id=str(name))
    return (str(name),)


def _json_schema(wanted: Any) -> dict[str, Any] | None:
    kind = wanted.get("type") if isinstance(wanted, dict) else wanted
    if kind in (None, "text"):
        return None
    if kind == "json_object":
        return {"type": "object"}
    described = wanted.get("json_schema") if kind == "json_schema" and isinstance(wanted, dict) else None
    schema = described.get("schema") if isinstance(described, dict) else None
    if not isinstance(schema, dict):
        raise InvalidGrammar(reason=f"response_format {kind}")
    return schema
