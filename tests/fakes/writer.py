"""A chat model that writes at length unless it is told to be brief."""

from __future__ import annotations

import hashlib
from typing import Any

from langchain_core.messages import BaseMessage

from tests.fakes.chat_model import ScriptedChatModel

BRIEF = "one or two short sentences"
_COLD = 0.5


class WriterChatModel(ScriptedChatModel):
    """`heeds` is how often it does as it is told, `heeds_cold` where answers are drawn at a low temperature; the same
    messages always get the same answer."""

    answers: list[str] = []  # noqa: RUF012 - a field of pydantic's, copied for each
    heeds: float = 0.9
    heeds_cold: float = 0.9

    def _next(self, messages: list[BaseMessage], options: dict[str, Any]) -> str:
        self.calls.append(messages)
        self.options.append(options)
        system, question = messages[0].text, messages[-1].text
        drawn = hashlib.sha256(f"{system} {question}".encode()).digest()
        heeds = self.heeds_cold if options["sampling"].temperature < _COLD else self.heeds
        return answer(question, brief=BRIEF in system and drawn[0] / 256 < heeds)


def answer(question: str, *, brief: bool) -> str:
    if brief:
        return f"{question.removesuffix('?')} is easily told. That is all."
    return "\n".join(f"{n}. There is a point number {n} to make of it, and it takes a while." for n in range(1, 12))
