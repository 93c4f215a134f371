"""One question to the model for one purpose: the version in use, the inputs in its frame, the answer held to its form.

    asked = await asker.ask("query-rewrite", "en", {"question": text, "conversation": before}, owner="knowledge")
    query = asked.text or text

Nothing is stored but the version. What is asked in the background waits for everybody who waits for an answer.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from langchain_core.messages import BaseMessage

from assistant.config import Sampling
from assistant.events import Usage
from assistant.i18n import Language
from assistant.memory.prompt_versions import PromptVersionStore
from assistant.models.chat_model import ChatModel, Models
from assistant.models.protocol import Priority
from assistant.prompting.asking import question
from assistant.prompting.metric import normal
from assistant.prompting.purpose import Purpose
from assistant.prompting.selector import Selector
from assistant.prompting.template import AnswerRule, PromptVersion, labels_grammar

_OPEN: Final = AnswerRule()
_AROUND: Final = 32
"""Tokens that a chat template may put around each message."""
_CUT: Final = 0.75
_SHORTEST: Final = 64
"""Characters that are left of an input, however small the window is."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An answer, and what it was made with. `labels` are all answers there can be, where that is settled."""

    text: str
    version: PromptVersion
    model: str
    labels: tuple[str, ...] = ()
    usage: Usage = field(default_factory=Usage)

    @property
    def label(self) -> str | None:
        """Which of the labels it is; None for something else, which only a model that no grammar holds can say."""
        return next((one for one in self.labels if normal(one) == normal(self.text)), None)

    @property
    def texts(self) -> tuple[str, ...] | None:
        """The texts of a JSON list; None where it is none."""
        try:
            found = json.loads(self.text)
        except (ValueError, RecursionError):
            return None
        if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
            return None
        return tuple(one for one in found if one.strip())


class Asker:
    """Built once."""

    def __init__(self, selector: Selector, models: Models, versions: PromptVersionStore) -> None:
        self._selector = selector
        self._models = models
        self._versions = versions

    async def ask(
        self,
        purpose: Purpose,
        language: Language,
        values: Mapping[str, str],
        *,
        owner: str,
        priority: Priority = "background",
        model: str | None = None,
        intent: str = "",
        labels: Sequence[str] = (),
        deadline_s: float = 0.0,
    ) -> Asked:
        """`values` are the inputs of the purpose's prompt, cut where they do not fit into the window; `labels` take the
        place of those of the prompt. Raises what the model raises; PromptVariables for an input that is none."""
        chat = self._models.chat_model(model)
        await chat.prepare()
        version = await asyncio.to_thread(self._version, purpose, language, chat.model_name, intent)
        rule = version.answer or _OPEN
        allowed = tuple(labels) or rule.labels
        grammar = labels_grammar(allowed) if allowed else rule.gbnf
        # Greedy: what is asked for a purpose has one best answer.
        greedy = Sampling(temperature=0, repeat_penalty=1, max_tokens=rule.tokens, seed=0)
        options: dict[str, Any] = {
            "sampling": version.learned.drawn(greedy) if version.learned else greedy,
            "priority": priority,
            "owner": owner,
            "deadline_s": deadline_s,
        }
        if grammar and self._models.info(chat.model_name).kind == "local":
            options["grammar"] = grammar
        answer = await chat.ainvoke(await _fitting(version, values, chat, rule.tokens), **options)
        counts = getattr(answer, "usage_metadata", None) or {}
        usage = Usage(counts.get("input_tokens", 0), counts.get("output_tokens", 0))
        return Asked(str(answer.text).strip(), version, chat.model_name, allowed, usage)

    def _version(self, purpose: Purpose, language: Language, model: str, intent: str) -> PromptVersion:
        version = self._selector.select(purpose, language, model=model, intent=intent)
        self._versions.remember(
            version.id,
            name=version.name,
            language=version.language,
            purpose=version.purpose,
            text=version.shown,
            author=version.author,
        )
        return version


async def _fitting(
    version: PromptVersion, values: Mapping[str, str], chat: ChatModel, answer: int
) -> list[BaseMessage]:
    """The messages, with the longest input cut at its end until there is room for the answer."""
    given = dict(values)
    room = chat.context_window - answer - _AROUND
    while True:
        messages = question(version, given)
        # No token is shorter than one byte, so a small text fits without asking the tokenizer.
        size = sum(len(message.text.encode()) + _AROUND for message in messages)
        if size <= room or await chat.count_tokens(messages) <= room:
            return messages
        longest = max(given, key=lambda name: len(given[name]))
        if len(given[longest]) <= _SHORTEST:
            return messages
        given[longest] = given[longest][: max(_SHORTEST, int(len(given[longest]) * _CUT))]
