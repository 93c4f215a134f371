"""A chat model that calls tools where some are offered, and else says what it was told to."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk
from pydantic import PrivateAttr

from assistant.errors import AssistantError
from tests.fakes.chat_model import ScriptedChatModel


class CallingChatModel(ScriptedChatModel):
    """`wants` are the calls in turn, as (name, arguments); when they are used up, it calls none. `offers` are the names
    of what was offered each time. It `refuses` to choose with this error."""

    refuses: AssistantError | None = None
    wants: tuple[tuple[str, dict[str, Any]], ...] = ()
    choosing: int = 0
    """Tokens that each choice takes."""
    _wanted: int = PrivateAttr(default=0)
    _offers: list[list[str]] = PrivateAttr(default_factory=list)
    _choices: list[list[BaseMessage]] = PrivateAttr(default_factory=list)

    @property
    def offers(self) -> list[list[str]]:
        return self._offers

    @property
    def choices(self) -> list[list[BaseMessage]]:
        """What it read when it chose."""
        return self._choices

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        if not kwargs.get("tools"):
            async for chunk in super()._astream(messages, stop, run_manager, **kwargs):
                yield chunk
            return
        if self.refuses is not None:
            raise self.refuses
        self._offers.append([one["function"]["name"] for one in kwargs["tools"]])
        self._choices.append(messages)
        wanted = self.wants[self._wanted] if self._wanted < len(self.wants) else ("answer", {})
        self._wanted += 1
        call = tool_call_chunk(name=wanted[0], args=json.dumps(wanted[1], ensure_ascii=False), id="c", index=0)
        usage = UsageMetadata(input_tokens=self.choosing, output_tokens=0, total_tokens=self.choosing)
        yield ChatGenerationChunk(message=AIMessageChunk("", tool_call_chunks=[call], usage_metadata=usage))
