"""What the model reads for one turn: a front part that stays byte-identical from turn to turn, then the conversation.

The KV cache is reused as far as the prompt's front part is the same. So the system prompt follows the conversation's
first language and names only the day, and when turns have to leave, several leave at once: the next turns then find
the same front part again, with what was summed up of those that left in their place.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from assistant.agent.grounding import Material
from assistant.agent.recollection import Recollection, Reminder
from assistant.agent.showing import Showing, Shown, asked_with, most_tokens, put_before
from assistant.agent.sitting import sitting
from assistant.agent.summaries import Earlier, reaching
from assistant.agent.summaries import shown as summed_up
from assistant.errors import PromptTooLong
from assistant.i18n import Language, language_of_text
from assistant.knowledge.citations import unmarked
from assistant.knowledge.framing import as_name, between_lines
from assistant.memory.records import Arm, Attachment, Turn
from assistant.memory.summaries import SummaryStore
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
_RESULTS_SHARE: Final = 0.5
"""Of the budget, for what tools gave."""
_SUMMARY_SHARE: Final = 0.4
"""Bytes for a token of the budget that summaries of what was left out may take: about a tenth of it."""


_NO_REMINDER: Final = Reminder()
_NOTHING_EARLIER: Final = Earlier()


@dataclass(frozen=True, slots=True)
class Context:
    messages: tuple[BaseMessage, ...]
    version: PromptVersion
    dropped_turns: int
    reminder: Reminder = _NO_REMINDER
    earlier: Earlier = _NOTHING_EARLIER
    """What the model reads in the place of the turns that were left out."""


class ContextBuilder:
    """`today` is handed in so that a test can fix it; without `recollection` nothing is remembered, without
    `showing` no picture shown, without `summaries` what has to leave is gone."""

    def __init__(
        self,
        prompts: PromptLibrary,
        selector: Selector,
        default: Language,
        today: Callable[[], dt.date] = dt.date.today,
        recollection: Recollection | None = None,
        showing: Showing | None = None,
        summaries: SummaryStore | None = None,
    ) -> None:
        self._summaries = summaries
        self._recollection = recollection
        self._showing = showing
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
        results: Callable[[float], str] = lambda room: "",
    ) -> Context:
        """`path` is the branch, the turn to answer last; `arm` asks for either version of a trial. What is to be read
        from documents stands with the question, and what is said of it too; so do the `results` of tools,
        which are asked for as they read in so many tokens.

        Raises PromptTooLong when that turn alone does not fit."""
        language = language_of_text(path[0].question, self._default)
        version = self._version("chat", language, model, path, arm)
        system = [SystemMessage(version.render(date=self._today().isoformat())), *examples_of(version)]
        if material is not None:
            version = self._version("knowledge-answer", material.language, model, path)
        *earlier, newest = path
        answered = [turn for turn in earlier if turn.answer.strip()]
        start = min(earlier[-1].dropped_turns if earlier else 0, len(answered))
        budget = model.context_window - min(max_tokens, model.context_window // _ANSWER_SHARE)
        shown = await self._showing.of([*answered[start:], newest], model, budget) if self._showing else {}
        asked_behind = partial(self._asked, newest, language, version, material, shown)
        reminder = await self._reminder(newest, answered[start:], language, model, material)
        given = results(room := budget * _RESULTS_SHARE)
        asked = asked_behind("\n\n".join(filter(None, [given, reminder.text])))
        summaries = await asyncio.to_thread(self._summaries.of, [one.id for one in answered]) if self._summaries else []
        # Only what was there when they left: what is summed up later would change the front part.
        left_at = next((one.created_at for one in earlier if one.dropped_turns == start), math.inf) if start else 0.0

        def left(dropped: int) -> Earlier:
            before = left_at if dropped == start else math.inf
            return summed_up(summaries, answered[:dropped], int(budget * _SUMMARY_SHARE), before)

        def with_history(dropped: int, behind: bool = True) -> list[BaseMessage]:
            history = self._history(answered[dropped:], language, shown)
            return [*system, *self._behind(left(dropped).text if behind else "", history, asked, language)]

        # What the turn before left out stays out: taking it back in would change the front part.
        if await self._fits(model, with_history(start), budget):
            return Context(tuple(with_history(start)), version, start, reminder, left(start))
        alone = await model.count_tokens([*system, *asked])
        if alone > budget and reminder.text:
            asked, reminder = asked_behind(given), await self._without_reminder(newest)
            alone = await model.count_tokens([*system, *asked])
        while alone > budget and given:
            # The model counts otherwise than was estimated, or the question itself is long.
            asked = asked_behind(given := results(room := room // 2))
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
        if await self._fits(model, with_history(further := reaching(summaries, answered, low)), budget):
            low = further
        has_room = await self._fits(model, with_history(low), budget)
        earlier_read = left(low) if has_room else _NOTHING_EARLIER
        return Context(tuple(with_history(low, has_room)), version, low, reminder, earlier_read)

    def _version(
        self, name: Purpose, language: Language, model: ChatModel, path: Sequence[Turn], arm: Arm | None = None
    ) -> PromptVersion:
        """A sitting goes on with the version it began with, but what won a duel was chosen for itself, and what a
        greeting was answered with says nothing of trials for what is wanted then."""
        now, from_documents = sitting(path), name == "knowledge-answer"
        intent = now.intent
        used = [
            one
            for one in reversed(now.turns[:-1])
            if one.prompt_version and one.intent == intent and not one.compared
            if (one.grounds is not None) == from_documents
        ]
        current = self._selector.latest(name, (one.prompt_version for one in used))
        return self._selector.select(
            name,
            language,
            model=model.model_name,
            intent=intent,
            turn=path[-1],
            current=current,
            answered_at=next((one.created_at for one in used if one.prompt_version == current), 0.0),
            arm=arm,
        )

    async def _reminder(
        self, newest: Turn, before: Sequence[Turn], language: Language, model: ChatModel, material: Material | None
    ) -> Reminder:
        """What the model is reminded of with the newest question: only of what holds always, where it is to be answered
        from documents."""
        if self._recollection is None:
            return Reminder()
        window = model.context_window
        return await self._recollection.remind(newest, before, language, window, facts_only=material is not None)

    async def _without_reminder(self, newest: Turn) -> Reminder:
        """There is no room for it, and nobody is told that it was read."""
        if self._recollection is not None:
            await self._recollection.take_back(newest.id)
        return Reminder()

    def _asked(
        self,
        newest: Turn,
        language: Language,
        version: PromptVersion,
        material: Material | None,
        shown: Shown,
        before: str,
    ) -> list[BaseMessage]:
        """The question as it is, or in the frame of an answer from documents, whose examples stand before it; behind
        what else is to be read with it."""
        examples: list[BaseMessage] = []
        text = self._words(newest, language, shown)
        if material is not None:
            examples = framed_examples(version)
            said = {"question": newest.question, "passages": material.passages}
            text = "\n\n".join([*self._files(newest, language, shown), version.render(), version.framed(said)])
        return [*examples, asked_with(f"{before}\n\n{text}" if before else text, newest, shown)]

    def _behind(
        self, summary: str, history: Sequence[BaseMessage], asked: Sequence[BaseMessage], language: Language
    ) -> list[BaseMessage]:
        """What is to be read, with the summary before the oldest question that is left, or the one that is asked."""
        if not summary:
            return [*history, *asked]
        text = f"{self._prompts.get('earlier', language).render(lines=between_lines(summary))}\n\n"
        if history:
            return [put_before(text, history[0]), *history[1:], *asked]
        return [*asked[:-1], put_before(text, asked[-1])]

    async def _fits(self, model: ChatModel, messages: Sequence[BaseMessage], budget: int) -> bool:
        # A small text fits without asking the tokenizer.
        if sum(map(most_tokens, messages)) <= budget:
            return True
        return await model.count_tokens(messages) <= budget

    def _history(self, turns: Sequence[Turn], language: Language, shown: Shown) -> list[BaseMessage]:
        messages: list[BaseMessage] = []
        for turn in turns:
            # The passages that the numbers were of are not there any more.
            answer = turn.answer if turn.grounds is None else unmarked(turn.answer)
            messages += [asked_with(self._words(turn, language, shown), turn, shown), AIMessage(answer)]
        return messages

    def _words(self, turn: Turn, language: Language, shown: Shown) -> str:
        if not turn.attachments:
            return turn.question
        return "\n\n".join([*self._files(turn, language, shown), turn.question]).strip()

    def _files(self, turn: Turn, language: Language, shown: Shown) -> list[str]:
        return [text for file in turn.attachments for text in self._framed(file, language, is_shown=file.id in shown)]

    def _framed(self, file: Attachment, language: Language, *, is_shown: bool) -> Iterator[str]:
        """What is to be read of a file. Of a picture it is what is written in it, which may be nothing."""
        name = as_name(file.name)
        if is_shown:
            yield self._prompts.get("picture", language).render(name=name)
        elif file.media and not file.text:
            yield self._prompts.get("picture-unseen", language).render(name=name)
        if file.text or not file.media:
            yield self._prompts.get("attachment", language).render(name=name, text=between_lines(file.text))


def examples_of(version: PromptVersion) -> list[BaseMessage]:
    """What was learned to be shown, as turns before the conversation."""
    messages: list[BaseMessage] = []
    for demo in version.learned.demos if version.learned else ():
        messages += [HumanMessage(demo.input), AIMessage(demo.output)]
    return messages
