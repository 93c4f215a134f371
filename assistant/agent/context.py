"""What the model reads for one turn: a front part that stays byte-identical from turn to turn, then the conversation.

The KV cache is reused as far as the prompt's front part is the same. So the system prompt follows the conversation's
first language and names only the day, and when turns have to leave, several leave at once: the next turns then find
the same front part again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from assistant.agent.grounding import Material
from assistant.agent.recollection import Recollection, Reminder
from assistant.errors import PromptTooLong
from assistant.i18n import Language, language_of_text
from assistant.knowledge.citations import unmarked
from assistant.knowledge.framing import as_name, between_lines
from assistant.memory.records import Arm, Turn
from assistant.models.chat_model import ChatModel
from assistant.prompting.asking import framed_examples
from assistant.prompting.library import PromptLibrary
from assistant.prompting.purpose import Purpose
from assistant.prompting.selector import Selector
from assistant.prompting.template import PromptVersion

_ANSWER_SHARE: Final = 4
"""At least a quarter of the window is kept for the answer, unless fewer tokens were asked for."""
_AFTER_TRIM: Final = 0.6
"""Share of the budget the history may fill once turns had to leave."""


_NO_REMINDER: Final = Reminder()


@dataclass(frozen=True, slots=True)
class Context:
    messages: tuple[BaseMessage, ...]
    version: PromptVersion
    dropped_turns: int
    reminder: Reminder = _NO_REMINDER


class ContextBuilder:
    """`today` is handed in so that a test can fix it; without `recollection` nothing is remembered."""

    def __init__(
        self,
        prompts: PromptLibrary,
        selector: Selector,
        default: Language,
        today: Callable[[], dt.date] = dt.date.today,
        recollection: Recollection | None = None,
    ) -> None:
        self._recollection = recollection
        self._prompts = prompts
        self._selector = selector
        self._default = default
        self._today = today

    async def build(
        self,
        path: Sequence[Turn],
        model: ChatModel,
        max_tokens: int,
        arm: Arm | None = None,
        material: Material | None = None,
        results: str = "",
    ) -> Context:
        """`path` is the branch, the turn to answer last; `arm` asks for either version of a trial. What is to be read
        from documents stands with the question, and what is said of it too; so do the `results` of tools.

        Raises PromptTooLong when that turn alone does not fit."""
        language = language_of_text(path[0].question, self._default)
        version = self._version("chat", language, model, path, arm)
        system = [SystemMessage(version.render(date=self._today().isoformat())), *examples_of(version)]
        if material is not None:
            version = self._version("knowledge-answer", material.language, model, path)
        *earlier, newest = path
        answered = [turn for turn in earlier if turn.answer.strip()]
        start = min(earlier[-1].dropped_turns if earlier else 0, len(answered))
        asked, reminder = await self._reminded(newest, answered[start:], language, model, version, material)
        if results:
            asked[-1] = HumanMessage(f"{results}\n\n{asked[-1].text}")
        budget = model.context_window - min(max_tokens, model.context_window // _ANSWER_SHARE)

        def with_history(dropped: int) -> list[BaseMessage]:
            return [*system, *self._history(answered[dropped:], language), *asked]

        # What the turn before left out stays out: taking it back in would change the front part.
        if await self._fits(model, with_history(start), budget):
            return Context(tuple(with_history(start)), version, start, reminder)
        alone = await model.count_tokens([*system, *asked])
        if alone > budget and reminder.text:
            asked, reminder = self._asked(newest, language, version, material), Reminder()
            if results:
                asked[-1] = HumanMessage(f"{results}\n\n{asked[-1].text}")
            alone = await model.count_tokens([*system, *asked])
        if alone > budget:
            raise PromptTooLong(tokens=alone, window=model.context_window)
        goal = max(int(budget * _AFTER_TRIM), alone)
        low, high = start + 1, len(answered)
        while low < high:
            middle = (low + high) // 2
            if await model.count_tokens(with_history(middle)) <= goal:
                high = middle
            else:
                low = middle + 1
        return Context(tuple(with_history(low)), version, low, reminder)

    def _version(
        self, name: Purpose, language: Language, model: ChatModel, path: Sequence[Turn], arm: Arm | None = None
    ) -> PromptVersion:
        """A conversation goes on with the version it began with, but what won a duel was chosen for itself."""
        from_documents = name == "knowledge-answer"
        used = (
            one.prompt_version
            for one in reversed(path[:-1])
            if one.prompt_version and not one.compared and (one.grounds is not None) == from_documents
        )
        return self._selector.select(
            name,
            language,
            model=model.model_name,
            conversation_id=path[0].conversation_id,
            current=next(used, ""),
            arm=arm,
        )

    async def _reminded(
        self,
        newest: Turn,
        shown: Sequence[Turn],
        language: Language,
        model: ChatModel,
        version: PromptVersion,
        material: Material | None,
    ) -> tuple[list[BaseMessage], Reminder]:
        """The newest question behind what the model is reminded of with it: only of what holds always, where it is to
        be answered from documents."""
        asked, reminder = self._asked(newest, language, version, material), Reminder()
        if self._recollection is not None:
            reminder = await self._recollection.remind(
                newest, shown, language, model.context_window, facts_only=material is not None
            )
        if reminder.text:
            asked[-1] = HumanMessage(f"{reminder.text}\n\n{asked[-1].text}")
        return asked, reminder

    def _asked(
        self, newest: Turn, language: Language, version: PromptVersion, material: Material | None
    ) -> list[BaseMessage]:
        """The question as it is, or in the frame of an answer from documents, whose examples stand before it."""
        if material is None:
            return [self._question(newest, language)]
        said = {"question": newest.question, "passages": material.passages}
        files = self._files(newest, language)
        return [
            *framed_examples(version),
            HumanMessage("\n\n".join([*files, version.render(), version.framed(said)])),
        ]

    async def _fits(self, model: ChatModel, messages: Sequence[BaseMessage], budget: int) -> bool:
        # No token is shorter than one byte, so a small text fits without asking the tokenizer.
        if sum(len(message.text.encode()) + 32 for message in messages) <= budget:
            return True
        return await model.count_tokens(messages) <= budget

    def _history(self, turns: Sequence[Turn], language: Language) -> list[BaseMessage]:
        messages: list[BaseMessage] = []
        for turn in turns:
            # The passages that the numbers were of are not there any more.
            answer = turn.answer if turn.grounds is None else unmarked(turn.answer)
            messages += [self._question(turn, language), AIMessage(answer)]
        return messages

    def _question(self, turn: Turn, language: Language) -> HumanMessage:
        if not turn.attachments:
            return HumanMessage(turn.question)
        return HumanMessage("\n\n".join([*self._files(turn, language), turn.question]).strip())

    def _files(self, turn: Turn, language: Language) -> list[str]:
        if not turn.attachments:
            return []
        frame = self._prompts.get("attachment", language)
        return [frame.render(name=as_name(file.name), text=between_lines(file.text)) for file in turn.attachments]


def examples_of(version: PromptVersion) -> list[BaseMessage]:
    """What was learned to be shown, as turns before the conversation."""
    messages: list[BaseMessage] = []
    for demo in version.learned.demos if version.learned else ():
        messages += [HumanMessage(demo.input), AIMessage(demo.output)]
    return messages
