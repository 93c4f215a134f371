"""Which tool the newest message needs: a question of its own, asked before the answer.

So the prompt of the answer stays what it is without tools, byte for byte, and what was read of it is read once. A local
model is held to the form of a call and may call `answer`, which means none: small models choose well from a list and
badly whether to call at all.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.messages.tool import tool_call

from assistant.agent.stream import Answer, stream
from assistant.agent.tool_record import Used
from assistant.config import Sampling
from assistant.errors import InvalidGrammar, PromptTooLong
from assistant.events import Event, Progress, Queued, ToolCalled
from assistant.i18n import Language
from assistant.knowledge.framing import as_data, between_lines
from assistant.memory.records import Turn
from assistant.models.chat_model import ChatModel, Models
from assistant.prompting.library import PromptLibrary
from assistant.tools.base import Tool

_log = logging.getLogger(__name__)
NONE: Final = "answer"
"""The name under which it is offered to call no tool."""
_BEFORE: Final = 2
"""Turns before the newest that the choice is made with."""
_SAID: Final = 1_500
"""Characters of a message that count for it."""
_GREEDY: Final = Sampling(temperature=0, repeat_penalty=1, max_tokens=400, seed=0)
_WAITING: Final = (Queued, Progress)


class ToolChoice:
    """Built once."""

    def __init__(self, models: Models, prompts: PromptLibrary) -> None:
        self._models = models
        self._prompts = prompts

    async def choose(
        self, path: Sequence[Turn], model: ChatModel, language: Language, offered: Mapping[str, Tool], used: Used
    ) -> AsyncGenerator[Event, None]:
        """Events of waiting, then ToolCalled for the first tool it wants, if any."""
        answer, turn = Answer(), path[-1]
        local = self._models.info(model.model_name).kind == "local"
        schemas = [one.schema for one in offered.values()]
        options: dict[str, Any] = {
            "sampling": _GREEDY,
            "owner": turn.person_id or turn.face,
            "tools": [*schemas, self._none(language)] if local else schemas,
            "tool_choice": "required" if local else "auto",
        }
        messages = self._messages(path, language, used)
        try:
            async with aclosing(stream(turn.id, model, messages, options, answer)) as events:
                async for event in events:
                    if isinstance(event, _WAITING):
                        yield event
                    elif isinstance(event, ToolCalled) and event.name in offered:
                        yield event
                        return
        except (InvalidGrammar, PromptTooLong) as error:
            # A tool from elsewhere may be described in a way no grammar can hold, or at too great length.
            _log.warning("turn %s is answered without tools: %s", turn.id, error)
        finally:
            used.count(answer.usage)

    def _messages(self, path: Sequence[Turn], language: Language, used: Used) -> list[BaseMessage]:
        messages: list[BaseMessage] = [SystemMessage(self._prompts.get("tool-choice", language).render())]
        for turn in path[-1 - _BEFORE : -1]:
            messages += [HumanMessage(turn.question[:_SAID]), AIMessage(turn.answer[:_SAID])]
        asked = path[-1].question[-_SAID:]
        if used.plan:
            steps = "\n".join(f"{number}. {step}" for number, step in enumerate(used.plan, start=1))
            asked += f"\n\n{self._prompts.get('plan', language).render(steps=between_lines(steps))}"
        messages.append(HumanMessage(asked))
        for one in used.calls:
            made = tool_call(name=one.tool, args=one.read, id=one.id)
            messages += [AIMessage("", tool_calls=[made]), ToolMessage(as_data(one.result), tool_call_id=one.id)]
        return messages

    def _none(self, language: Language) -> dict[str, Any]:
        described = self._prompts.get("no-tool", language).render()
        return {
            "type": "function",
            "function": {
                "name": NONE,
                "description": described,
                "parameters": {"type": "object", "properties": {}, "additionalProperties": False},
            },
        }
