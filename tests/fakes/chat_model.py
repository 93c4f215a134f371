"""A chat model that says what it was told to, word by word, and a registry that holds it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import PrivateAttr

from assistant.errors import AssistantError, ModelUnknown, PromptTooLong
from assistant.models.chat_model import PICTURE_TOKENS, ChatModel
from assistant.models.protocol import Loading, TellLoading
from assistant.models.records import DownloadProgress, ModelInfo


class ScriptedChatModel(ChatModel):
    """Answers with `answers` in turn, then with the last one again.

    `gate`, when given, is waited for before every piece but the first, so that a test can act in the middle of an
    answer; `loads` is told while it is made ready, which lasts until `load_gate`; `error` is raised after the first
    piece; `chunks` sends prepared chunks before the answer's own. Every call's messages are kept in `calls`. A token is
    four characters here, all equally likely where that is asked.
    """

    model_name: str = "scripted"
    answers: list[str]
    window: int = 4096
    vision: bool = False
    gate: Any = None
    error: AssistantError | None = None
    chunks: tuple[AIMessageChunk, ...] = ()
    loads: tuple[tuple[Loading, int], ...] = ()
    load_gate: Any = None
    _calls: list[list[BaseMessage]] = PrivateAttr(default_factory=list)
    _options: list[dict[str, Any]] = PrivateAttr(default_factory=list)
    _cancelled: int = PrivateAttr(default=0)

    @property
    def calls(self) -> list[list[BaseMessage]]:
        return self._calls

    @property
    def options(self) -> list[dict[str, Any]]:
        return self._options

    @property
    def cancelled(self) -> int:
        """How many answers were broken off."""
        return self._cancelled

    @property
    def context_window(self) -> int:
        return self.window

    @property
    def sees(self) -> bool:
        return self.vision

    @property
    def _llm_type(self) -> str:
        return "scripted"

    async def prepare(self, tell: TellLoading | None = None) -> None:
        for stage, percent in self.loads:
            if tell is not None:
                tell(stage, percent)
            await asyncio.sleep(0)
        if self.load_gate is not None:
            await self.load_gate.wait()
        await asyncio.sleep(0)

    async def count_tokens(self, messages: Sequence[BaseMessage], tools: Sequence[dict[str, Any]] = ()) -> int:
        pictures = [part for one in messages if isinstance(one.content, list) for part in one.content[1:]]
        return sum(len(message.text) // 4 + 4 for message in messages) + PICTURE_TOKENS * len(pictures)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        text = self._next(messages, kwargs)
        read, written = sum(len(message.text) // 4 + 4 for message in messages), len(text) // 4 + 1
        usage = UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text, usage_metadata=usage))])

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        text = self._next(messages, kwargs)
        size = await self.count_tokens(messages)
        if size >= self.window:
            raise PromptTooLong(tokens=size, window=self.window)
        try:
            for chunk in self.chunks:
                yield ChatGenerationChunk(message=chunk)
            pieces = [text[start : start + 4] for start in range(0, len(text), 4)]
            for number, piece in enumerate(pieces):
                if number and self.gate is not None:
                    await self.gate.wait()
                yield ChatGenerationChunk(message=AIMessageChunk(piece, response_metadata=_likelihoods(piece, kwargs)))
                await asyncio.sleep(0)
                if self.error is not None:
                    raise self.error
        except (asyncio.CancelledError, GeneratorExit):
            self._cancelled += 1
            raise
        yield ChatGenerationChunk(
            message=AIMessageChunk(
                "",
                usage_metadata={
                    "input_tokens": size,
                    "output_tokens": len(pieces),
                    "total_tokens": size + len(pieces),
                    "input_token_details": {"cache_read": 0},
                },
                response_metadata={
                    "finish_reason": "stop",
                    "model_name": self.model_name,
                    "timings": {
                        "queue_ms": 0.0,
                        "first_token_ms": 12.0,
                        "total_ms": 40.0,
                        "tokens_per_second": 50.0,
                    },
                },
            )
        )

    def _next(self, messages: list[BaseMessage], options: dict[str, Any]) -> str:
        self._calls.append(messages)
        self._options.append(options)
        return self.answers[min(len(self._calls), len(self.answers)) - 1]


def _likelihoods(piece: str, options: dict[str, Any]) -> dict[str, Any]:
    if not options.get("logprobs"):
        return {}
    token = {"token": piece, "logprob": -0.5, "bytes": list(piece.encode())}
    others = [token][: options["top_logprobs"]]
    return {"logprobs": {"content": [{**token, "top_logprobs": others}]}}


class FakeModels:
    """A registry of one model; `progress` is what a pull reports."""

    def __init__(self, model: ChatModel, progress: Sequence[DownloadProgress] = ()) -> None:
        self._model = model
        self._progress = progress
        self.used: list[str] = []

    @property
    def current(self) -> str | None:
        return self._model.model_name

    def answers_elsewhere(self) -> bool:
        return False

    def list(self) -> list[ModelInfo]:
        return [self.info(self._model.model_name)]

    def info(self, name: str) -> ModelInfo:
        if name != self._model.model_name:
            raise ModelUnknown(name=name, known=(self._model.model_name,))
        return ModelInfo(
            name=name,
            title="Scripted",
            kind="local",
            installed=True,
            current=True,
            size=1,
            parameters=0.1,
            quantisation="none",
            context=self._model.context_window,
            licence="MIT",
            languages=("en", "zh"),
            fit=None,
            sees=self._model.sees,
        )

    def chat_model(self, name: str | None = None) -> ChatModel:
        if name is not None:
            self.info(name)
        return self._model

    def use(self, name: str) -> None:
        self.info(name)
        self.used.append(name)

    async def pull(self, name: str | None = None) -> AsyncGenerator[DownloadProgress, None]:
        for step in self._progress:
            yield step

    def remove(self, name: str) -> None:
        self.info(name)
