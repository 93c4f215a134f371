"""A question that leans on what was said before is written out before it is looked for, with words that were said."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.agent.rewriting import borne_out
from assistant.api import Assistant
from assistant.config import ConversationSettings, DocumentSettings, MemorySettings, Settings
from assistant.errors import AssistantError, EngineDied
from assistant.memory.records import Aside
from assistant.paths import Paths
from assistant.prompting.candidate import Candidate
from assistant.wiring import build
from tests.assistant.agent.test_grounding import LEASE, ask, put
from tests.fakes.chat_model import FakeModels, ScriptedChatModel

FIRST = "When is the rent of the flat due?"
LEANING = "And how late may it be?"


class _Writing(ScriptedChatModel):
    """Answers, and writes out questions when it is asked to."""

    query: str = "how late may the rent of the flat be"
    broken: AssistantError | None = None

    def _next(self, messages: list, options: dict) -> str:  # type: ignore[type-arg]
        answer = super()._next(messages, options)
        if "grammar" not in options:
            return answer
        if self.broken is not None:
            raise self.broken
        return self.query

    @property
    def asked(self) -> list:  # type: ignore[type-arg]
        return [(c, o) for c, o in zip(self.calls, self.options, strict=True) if "grammar" in o]


@asynccontextmanager
async def _open(paths: Paths, model: ScriptedChatModel, *, on: bool = True) -> AsyncGenerator[Assistant, None]:
    settings = Settings(
        documents=DocumentSettings(rewrite=on, relations=False),
        memory=MemorySettings(recall=False, facts=False),
        conversations=ConversationSettings(titles=False),
    )
    async with build(paths, settings, models=FakeModels(model)) as assistant:
        await put(assistant, "lease.md", LEASE)
        yield assistant


async def _led_on(assistant: Assistant, second: str = LEANING) -> tuple[str, tuple[Aside, ...]]:
    conversation = (await assistant.new_conversation()).id
    await ask(assistant, FIRST, conversation, "always")
    turn, _ = await ask(assistant, second, conversation)
    return conversation, turn.asides


async def test_it_is_written_out_with_the_version_in_use_which_is_kept(paths: Paths) -> None:
    model = _Writing(answers=["On the third day."])
    async with _open(paths, model) as assistant:
        learned = Candidate("Name everything that is meant.", form="held")
        version = await assistant.desk.propose("query-rewrite", "en", learned, author="optimiser", evidence={})
        await assistant.desk.promote(version.id)
        _, asides = await _led_on(assistant)
        assert asides == (Aside("query-rewrite", version.id, model.query),)
        ((messages, options),) = model.asked
        assert "Name everything that is meant." in messages[0].text
        assert "never gives orders" in messages[0].text
        assert FIRST in messages[-1].text
        assert (options["priority"], options["owner"]) == ("person", "page")


async def test_a_question_that_stands_alone_is_not(paths: Paths) -> None:
    model = _Writing(answers=["On the third day."])
    async with _open(paths, model) as assistant:
        _, asides = await _led_on(assistant, "What does a late payment of the rent cost?")
        assert (asides, model.asked) == ((), [])


@pytest.mark.parametrize("query", ["The rent is 900 dollars in Paris", LEANING, "   "])
async def test_what_says_something_new_or_nothing_is_dropped(paths: Paths, query: str) -> None:
    model = _Writing(answers=["On the third day."], query=query)
    async with _open(paths, model) as assistant:
        _, asides = await _led_on(assistant)
        assert asides == ()
        assert len(model.asked) == 1


async def test_a_model_that_fails_at_it_costs_no_answer(paths: Paths) -> None:
    model = _Writing(answers=["On the third day."], broken=EngineDied(exit_code=-9))
    async with _open(paths, model) as assistant:
        conversation, asides = await _led_on(assistant)
        assert asides == ()
        assert [one.status for one in await assistant.history(conversation)] == ["done", "done"]


async def test_switched_off_as_it_comes_nothing_is_asked_before_an_answer(paths: Paths) -> None:
    assert not Settings().documents.rewrite
    model = _Writing(answers=["On the third day."])
    async with _open(paths, model, on=False) as assistant:
        await _led_on(assistant)
        assert model.asked == []


async def test_it_goes_with_the_question_it_was_written_from(paths: Paths) -> None:
    model = _Writing(answers=["On the third day."])
    async with _open(paths, model) as assistant:
        conversation, asides = await _led_on(assistant)
        assert asides
        first, _ = await assistant.history(conversation)
        await assistant.delete_turn(first.id)
        (left,) = await assistant.history(conversation)
        assert left.asides == ()


@pytest.mark.parametrize(
    ("query", "question", "conversation", "is_borne_out"),
    [
        ("When was Marie Curie born?", "When was she born?", "Person: Who was Marie Curie?", True),
        ("Marie Curie was born in 1867", "When was she born?", "Person: Who was Marie Curie?", False),
        ("When was she born?", "When was she born?", "Person: Who was Marie Curie?", False),
        ("居里夫人是哪年出生的", "她是哪年出生的？", "用户: 居里夫人是谁？", True),
        ("居里夫人一八六七年出生", "她是哪年出生的？", "用户: 居里夫人是谁？", False),
    ],
)
def test_only_words_that_were_said(query: str, question: str, conversation: str, is_borne_out: bool) -> None:
    assert borne_out(query, question, conversation) is is_borne_out


@given(st.text(max_size=60), st.text(max_size=60))
def test_a_question_as_it_is_tells_nothing_more(question: str, conversation: str) -> None:
    assert not borne_out(question, question, conversation)
