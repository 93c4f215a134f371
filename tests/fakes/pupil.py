"""A chat model that is better the better it is asked: a world in which it is known which prompt is the best."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from langchain_core.messages import BaseMessage

from tests.fakes.chat_model import ScriptedChatModel


class PupilChatModel(ScriptedChatModel):
    """Right on a question with the probability that `skill` gives for the instruction, the number of examples and
    whether a grammar holds the answer; the same messages always get the same answer. `right` knows the answers."""

    answers: list[str] = []  # noqa: RUF012 - a field of pydantic's, copied for each
    skill: Callable[[str, int, bool], float]
    right: Callable[[str], str]
    wrong: str = "I am not sure what you mean."

    def _next(self, messages: list[BaseMessage], options: dict[str, Any]) -> str:
        super_calls = self.calls
        super_calls.append(messages)
        self.options.append(options)
        text = messages[-1].text
        if len(messages) == 1:
            examples, question = text.count("Output:") - 1, text.rsplit("Input: ", 1)[-1].removesuffix("\nOutput:")
        else:
            examples, question = (len(messages) - 2) // 2, text
        chance = self.skill(messages[0].text, examples, "grammar" in options)
        drawn = hashlib.sha256(f"{messages[0].text[:40]} {examples} {question}".encode()).digest()
        luck = int.from_bytes(drawn[:4]) / 2**32
        return self.right(question) if luck < chance else self.wrong
