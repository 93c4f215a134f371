"""What answers are reminded of, and what is noted of people, through the assistant itself."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatResult

from assistant.agent.allowance import Allowance
from assistant.agent.noting import Proposed, key_of, proposals, quoted
from assistant.api import Assistant
from assistant.config import MemorySettings, Settings
from assistant.errors import AssistantError, EngineDied, NotFound, PromptTooLong
from assistant.events import Reminded
from assistant.memory.records import Face
from assistant.paths import Paths
from assistant.prompting.candidate import Candidate
from assistant.wiring import build
from tests.fakes.chat_model import FakeModels, ScriptedChatModel


class _Choking(ScriptedChatModel):
    """Cannot read what is strange to it."""

    choke: AssistantError | None = PromptTooLong(tokens=9, window=1)
    strange: str = "strange"
    choked: int = 0

    async def _agenerate(self, messages: list[BaseMessage], *rest: Any, **options: Any) -> ChatResult:
        if options.get("priority") == "background" and self.strange in messages[-1].text and self.choke is not None:
            self.choked += 1
            raise self.choke
        return await super()._agenerate(messages, *rest, **options)


class _Overtaken(ScriptedChatModel):
    """Something happens while it reads a message in the background."""

    meanwhile: Callable[[], Awaitable[object]] | None = None

    async def _agenerate(self, messages: list[BaseMessage], *rest: Any, **options: Any) -> ChatResult:
        if options.get("priority") == "background" and self.meanwhile is not None:
            await self.meanwhile()
        return await super()._agenerate(messages, *rest, **options)


@asynccontextmanager
async def _open(paths: Paths, model: ScriptedChatModel, **memory: object) -> AsyncGenerator[Assistant, None]:
    settings = Settings(memory=MemorySettings(**memory))  # type: ignore[arg-type]
    async with build(paths, settings, models=FakeModels(model)) as assistant:
        assistant.memory._noting.quiet_s = 0
        yield assistant


async def _ask(
    assistant: Assistant,
    text: str,
    conversation_id: str = "",
    *,
    face: Face = "page",
    person_id: str | None = None,
    temporary: bool = False,
) -> tuple[str, list[Reminded]]:
    """The conversation, and what the answer was reminded of."""
    if not conversation_id:
        conversation_id = (await assistant.new_conversation(temporary=temporary)).id
    events = await assistant.reply(conversation_id, text, face=face, person_id=person_id)
    reminded = [event async for event in events if isinstance(event, Reminded)]
    return conversation_id, reminded


async def test_an_answer_is_reminded_of_another_conversation_and_says_so(paths: Paths) -> None:
    model = ScriptedChatModel(answers=["I see."])
    async with _open(paths, model, facts=False) as assistant:
        told, _ = await _ask(assistant, "My sister Lena moved to Porto in spring")
        here, (reminded,) = await _ask(assistant, "Where does my sister Lena live?")
        assert reminded.remembered[0].conversation_id == told
        assert reminded.remembered[0].text == "My sister Lena moved to Porto in spring"
        assert "words" in reminded.remembered[0].why
        asked = model.calls[-1][-1].text
        assert asked.index("moved to Porto") < asked.index("Where does my sister")
        (turn,) = await assistant.history(here)
        assert [one.text for one in turn.recalled] == [one.text for one in reminded.remembered]
        await assistant.delete(told)
        (turn,) = await assistant.history(here)
        assert turn.recalled == ()


async def test_the_front_of_the_prompt_stays_as_it_was(paths: Paths) -> None:
    model = ScriptedChatModel(answers=["I see."])
    async with _open(paths, model, facts=False) as assistant:
        await _ask(assistant, "My sister Lena moved to Porto in spring")
        here, _ = await _ask(assistant, "Tell me about bees")
        await _ask(assistant, "Where does my sister Lena live?", here)
        first = [message.text for message in model.calls[-1]]
        await _ask(assistant, "And where does Lena work?", here)
        second = [message.text for message in model.calls[-1]]
    assert second[: len(first) - 1] == first[:-1]
    assert second[len(first) - 1] == "Where does my sister Lena live?", "what was recalled stands with the newest only"


async def test_what_has_nothing_to_do_with_the_question_is_not_recalled(paths: Paths) -> None:
    model = ScriptedChatModel(answers=["I see."])
    async with _open(paths, model, facts=False) as assistant:
        await _ask(assistant, "My sister Lena moved to Porto in spring")
        _, reminded = await _ask(assistant, "Write a function that sorts numbers")
        assert reminded == []


@pytest.mark.parametrize(
    ("form", "things", "answer", "again"),
    [
        (
            "How is {} related to everyday life?",
            ("frost", "insurance", "copper", "the tide", "a comet"),
            "{} is not directly related to everyday life.",
            "What did you say of frost?",
        ),
        (
            "{}和日常生活有什么关系？",
            ("霜冻", "保险", "铜", "潮汐", "彗星"),
            "{}和日常生活没有直接的关系。",
            "霜冻和生活的关系你怎么说的？",
        ),
    ],
)
async def test_what_was_asked_of_other_things_in_the_same_form_is_not_said_again(
    paths: Paths, form: str, things: tuple[str, ...], answer: str, again: str
) -> None:
    model = ScriptedChatModel(answers=[answer.format(thing) for thing in things])
    async with _open(paths, model, facts=False) as assistant:
        for thing in things:
            _, reminded = await _ask(assistant, form.format(thing))
            assert reminded == [], thing
        _, (reminded_of,) = await _ask(assistant, again)
        assert answer.format(things[0]) in [one.text for one in reminded_of.remembered]


async def test_nothing_is_recalled_when_switched_off_or_from_others_or_temporary_conversations(paths: Paths) -> None:
    model = ScriptedChatModel(answers=["I see."])
    question = "Where does my sister Lena live?"
    async with _open(paths, model, facts=False) as assistant:
        ann = await assistant.people.pair("telegram", "1", "Ann", (await assistant.people.new_code("telegram")).code)
        await _ask(assistant, "My sister Lena moved to Porto", face="telegram", person_id=ann.id)
        await _ask(assistant, "My sister Lena moved to Rome", temporary=True)
        assert (await _ask(assistant, question))[1] == []
        assert len((await _ask(assistant, question, face="telegram", person_id=ann.id))[1]) == 1
        assert (await _ask(assistant, question, temporary=True))[1] == []
        await assistant.memory.switch_recall(on=False)
        assert (await _ask(assistant, question, face="telegram", person_id=ann.id))[1] == []


async def test_the_owners_own_messenger_belongs_to_the_owner(paths: Paths) -> None:
    model = ScriptedChatModel(answers=["I see."])
    async with _open(paths, model, facts=False, mine=("42",)) as assistant:
        me = await assistant.people.pair("telegram", "42", "Me", (await assistant.people.new_code("telegram")).code)
        await _ask(assistant, "My sister Lena moved to Porto", face="telegram", person_id=me.id)
        _, (reminded,) = await _ask(assistant, "Where does my sister Lena live?")
        assert reminded.remembered[0].text == "My sister Lena moved to Porto"


async def test_an_instruction_holds_from_the_next_question_on(paths: Paths) -> None:
    model = ScriptedChatModel(answers=["[]"])
    async with _open(paths, model) as assistant:
        await _ask(assistant, "From now on answer in German. How high is Mount Everest?")
        await assistant.memory._noting.done()
        (fact,) = await assistant.memory.facts()
        assert (fact.text, fact.kind, fact.pinned) == ("From now on answer in German.", "instruction", True)
        _, (reminded,) = await _ask(assistant, "What is the tallest tree?")
        assert len(reminded.facts) == 1
        assert "From now on answer in German." in model.calls[-1][-1].text
        await assistant.memory.pause()
        assert (await _ask(assistant, "What is the deepest lake?"))[1] == []


async def test_facts_are_noted_with_the_words_they_come_from(paths: Paths) -> None:
    found = [
        {"about": "Home", "fact": "The person moved to Bonn.", "quote": "we moved to Bonn"},
        {"about": "pet", "fact": "The person has a dog called Rex.", "quote": "a dog called Rex"},
        {"about": "age", "fact": "The person is 40 years old.", "quote": "we moved to Bonn"},
    ]
    model = ScriptedChatModel(answers=["Nice!", json.dumps(found), "Oh", json.dumps([])])
    async with _open(paths, model) as assistant:
        conversation, _ = await _ask(assistant, "I am happy: we moved to Bonn in May!")
        await assistant.memory._noting.done()
        (fact,) = await assistant.memory.facts()
        assert (fact.text, fact.quote, fact.key) == ("The person moved to Bonn.", "we moved to Bonn", "home")
        assert fact.turn_id == (await assistant.history(conversation))[0].id
        asked = model.calls[-1][-1].text
        assert "Nice!" not in asked, "only the person's own words are read"
        calls = len(model.calls)
        await _ask(assistant, "How high is Mount Everest?")
        await assistant.memory._noting.done()
        assert len(model.calls) == calls + 1, "a message that says nothing of its author asks no model"
        assert json.loads((await assistant.memory.export()).splitlines()[0])["quote"] == "we moved to Bonn"


async def test_a_day_has_its_budget(paths: Paths) -> None:
    model = ScriptedChatModel(answers=["Nice!"])
    async with _open(paths, model, calls_a_day=0) as assistant:
        await _ask(assistant, "I am happy: we moved to Bonn in May!")
        await assistant.memory._noting.done()
        assert len(model.calls) == 1


async def test_what_a_day_has_no_budget_for_is_read_another_day(paths: Paths) -> None:
    found = [{"about": "home", "fact": "The person moved to Bonn.", "quote": "we moved to Bonn"}]
    model = ScriptedChatModel(answers=["Nice!", "Well.", json.dumps(found)])
    async with _open(paths, model, calls_a_day=0) as assistant:
        await _ask(assistant, "I am happy: we moved to Bonn in May!")
        await assistant.memory._noting.done()
        assert await assistant.memory.facts() == []
        assistant.memory._noting._allowance = Allowance(5)
        await _ask(assistant, "Hm")
        await assistant.memory._noting.done()
        assert [one.text for one in await assistant.memory.facts()] == ["The person moved to Bonn."]


async def test_what_is_forgotten_stays_forgotten_while_there_is_no_budget_to_read_it(paths: Paths) -> None:
    model = ScriptedChatModel(answers=["Fine."])
    async with _open(paths, model, calls_a_day=0) as assistant:
        await _ask(assistant, "From now on call me Max.")
        await assistant.memory._noting.done()
        (fact,) = await assistant.memory.facts()
        await assistant.memory.forget(fact.id)
        await _ask(assistant, "How high is Mount Everest?")
        await assistant.memory._noting.done()
        assert await assistant.memory.facts() == []
    async with _open(paths, model, calls_a_day=0) as assistant:
        await _ask(assistant, "What is the tallest tree?")
        await assistant.memory._noting.done()
        assert await assistant.memory.facts() == []
        await _ask(assistant, "From now on answer in German.")
        await assistant.memory._noting.done()
        assert [one.text for one in await assistant.memory.facts()] == ["From now on answer in German."]


async def test_nothing_that_was_said_before_all_was_forgotten_is_noted_later(paths: Paths) -> None:
    found = [{"about": "home", "fact": "The person moved to Bonn.", "quote": "we moved to Bonn"}]
    model = ScriptedChatModel(answers=["Nice!", "Well.", json.dumps(found)])
    async with _open(paths, model, calls_a_day=0) as assistant:
        await _ask(assistant, "From now on call me Max. I am happy: we moved to Bonn in May!")
        await assistant.memory._noting.done()
        await assistant.memory.forget_all()
        assistant.memory._noting._allowance = Allowance(5)
        await _ask(assistant, "How high is Mount Everest?")
        await assistant.memory._noting.done()
        assert await assistant.memory.facts() == []


@pytest.mark.parametrize("how", ["forgotten", "paused", "deleted"])
async def test_nothing_is_noted_of_what_is_not_to_be_known_any_more_when_the_model_has_read_it(
    paths: Paths, how: str
) -> None:
    found = [{"about": "home", "fact": "The person moved to Bonn.", "quote": "we moved to Bonn"}]
    model = _Overtaken(answers=["Nice!", json.dumps(found), "Well.", json.dumps(found)])
    async with _open(paths, model) as assistant:
        told = (await assistant.new_conversation()).id
        ways: dict[str, Callable[[], Awaitable[object]]] = {
            "forgotten": assistant.memory.forget_all,
            "paused": assistant.memory.pause,
            "deleted": partial(assistant.delete, told),
        }
        model.meanwhile = ways[how]
        await _ask(assistant, "I am happy: we moved to Bonn in May!", told)
        await assistant.memory._noting.done()
        model.meanwhile = None
        await assistant.memory.pause(on=False)
        assert await assistant.memory.facts() == []
        await _ask(assistant, "As I said, we moved to Bonn in May.")
        await assistant.memory._noting.done()
        assert [one.text for one in await assistant.memory.facts()] == ["The person moved to Bonn."]


async def test_an_instruction_holds_at_once_behind_any_number_of_unread_turns(paths: Paths) -> None:
    model = ScriptedChatModel(answers=["[]"])
    async with _open(paths, model, facts=False) as assistant:
        conversation = ""
        for number in range(20):
            conversation, _ = await _ask(assistant, f"question {number}", conversation)
        await assistant.memory.switch_facts(on=True)
        assistant.memory._noting.quiet_s = 60
        await _ask(assistant, "From now on answer in German.", conversation)
        for ruling in list(assistant.memory._noting._ruling):
            await ruling
        assert [one.text for one in await assistant.memory.facts()] == ["From now on answer in German."]


async def test_a_turn_that_cannot_be_read_holds_up_none_behind_it(paths: Paths) -> None:
    found = [{"about": "home", "fact": "The person moved to Bonn.", "quote": "we moved to Bonn"}]
    model = _Choking(answers=["a", "b", json.dumps(found)])
    async with _open(paths, model, facts=False) as assistant:
        await _ask(assistant, "I am a strange message for a model")
        await assistant.memory.switch_facts(on=True)
        await _ask(assistant, "I am happy: we moved to Bonn in May!")
        await assistant.memory._noting.done()
        assert [one.text for one in await assistant.memory.facts()] == ["The person moved to Bonn."]


async def test_what_was_said_while_the_model_was_out_of_order_is_read_when_it_is_well_again(paths: Paths) -> None:
    model = _Choking(answers=["[]"], choke=EngineDied(exit_code=-9), strange="my")
    async with _open(paths, model) as assistant:
        for number in range(6):
            await _ask(assistant, f"This is my message number {number}")
            await assistant.memory._noting.done()
            await _ask(assistant, "How high is Mount Everest?")
            await assistant.memory._noting.done()
        before = len(model.calls)
        model.choke = None
        await _ask(assistant, "This is my message number 6")
        await assistant.memory._noting.done()
        read = [asked[-1].text for asked in model.calls[before + 1 :]]
        assert [[str(number) in text for text in read].count(True) for number in range(7)] == [1] * 7


async def test_a_turn_that_the_model_breaks_down_at_is_given_up_once_it_has_read_another(paths: Paths) -> None:
    model = _Choking(answers=["[]"], choke=EngineDied(exit_code=-9))
    async with _open(paths, model) as assistant:
        for number in range(4):
            await _ask(assistant, f"I am strange message {number}")
            await assistant.memory._noting.done()
        for number in range(2):
            await _ask(assistant, f"This is my message number {number}")
            await assistant.memory._noting.done()
        before = model.choked
        await _ask(assistant, "This is my last message")
        await assistant.memory._noting.done()
        assert model.choked == before


async def test_the_owners_own_messenger_shows_the_owners_memory(paths: Paths) -> None:
    async with _open(paths, ScriptedChatModel(answers=["[]"]), mine=("42",)) as assistant:
        me = await assistant.people.pair("telegram", "42", "Me", (await assistant.people.new_code("telegram")).code)
        await _ask(assistant, "From now on answer in German.", face="telegram", person_id=me.id)
        await assistant.memory._noting.done()
        assert [one.text for one in await assistant.memory.facts(me.id)] == ["From now on answer in German."]
        await assistant.memory.pause(me.id)
        assert (await assistant.memory.standing()).paused
        with pytest.raises(NotFound):
            await assistant.memory.facts("nobody")


async def test_a_fact_that_is_asked_about_is_given_and_kept_with_the_answer(paths: Paths) -> None:
    model = ScriptedChatModel(answers=["I see."])
    async with _open(paths, model, facts=False) as assistant:
        await assistant.memory.add("I live in Bonn", pinned=False)
        await assistant.memory.add("I keep bees", pinned=False)
        await assistant.memory.add("Use metric units", pinned=True)
        here, (reminded,) = await _ask(assistant, "In which town do I live?")
        assert [(one.text, one.why) for one in reminded.facts] == [
            ("Use metric units", "standing"),
            ("I live in Bonn", "asked"),
        ]
        asked = model.calls[-1][-1].text
        assert "I live in Bonn" in asked
        assert "I keep bees" not in asked
        (turn,) = await assistant.history(here)
        assert turn.known == reminded.facts
        (_, fact) = [one for one in await assistant.memory.facts() if one.text == "I live in Bonn"], reminded.facts[1]
        await assistant.memory.forget(fact.fact_id)
        (turn,) = await assistant.history(here)
        assert [one.text for one in turn.known] == ["Use metric units"]


async def test_what_was_superseded_is_given_to_no_answer(paths: Paths) -> None:
    model = ScriptedChatModel(answers=["I see."])
    async with _open(paths, model, facts=False) as assistant:
        old = await assistant.memory.add("I live in Bonn", pinned=False)
        assert old is not None
        await assistant.memory.edit(old.id, "I live in Rome")
        _, (reminded,) = await _ask(assistant, "In which town do I live?")
        assert [one.text for one in reminded.facts] == ["I live in Rome"]


async def test_a_group_remembers_in_all_its_conversations_and_says_who_said_it(paths: Paths) -> None:
    model = ScriptedChatModel(answers=["[]"])
    async with _open(paths, model) as assistant:

        async def person(number: str, name: str) -> str:
            code = (await assistant.people.new_code("telegram")).code
            return (await assistant.people.pair("telegram", number, name, code)).id

        async def begin(group: str) -> str:
            return (await assistant.new_conversation(shared=True, group=group)).id

        ann, wei, other = await person("1", "Wei"), await person("2", "Wei"), await person("3", "Bob")
        first = await begin("g")
        for who, text in ((ann, "From now on call me Annie."), (wei, "My sister Lena moved to Porto in spring")):
            await _ask(assistant, text, first, face="telegram", person_id=who)
            await assistant.memory._noting.done()
        question = "Where does the sister Lena live?"
        again, (reminded,) = await _ask(assistant, question, await begin("g"), face="telegram", person_id=ann)
        said = [(one.speaker, one.text) for one in reminded.remembered if one.role == "user"]
        assert said == [("Wei (2)", "My sister Lena moved to Porto in spring")]
        assert [(one.text, one.speaker) for one in reminded.facts] == [("From now on call me Annie.", "")]
        asked = model.calls[-1][-1].text
        assert "Wei (2): My sister Lena moved" in asked
        (turn,) = await assistant.history(again)
        assert [one.speaker for one in turn.recalled if one.role == "user"] == ["Wei (2)"]
        _, (reminded,) = await _ask(assistant, question, await begin("g"), face="telegram", person_id=wei)
        assert reminded.facts == (), "another's wish is no wish of theirs"
        assert {one.speaker for one in reminded.remembered} == {"", "Wei"}
        assert (await _ask(assistant, question, await begin("another"), face="telegram", person_id=other))[1] == []
        (group, *_) = [one for one in await assistant.memory.groups() if one.id == "shared g"]
        assert group.people == ("Wei", "Wei (2)")
        (fact,) = await assistant.memory.facts(group.id)
        assert (fact.speaker, fact.person_id) == ("Wei", ann)
        await assistant.memory.edit(fact.id, "Call me Anna.")
        assert "Call me Anna." in await assistant.people.export(ann)
        await assistant.people.forget(ann)
        assert await assistant.memory.facts(group.id, old=True) == []
        for nobody in ("shared ", "shared telegram -100"):
            with pytest.raises(NotFound):
                await assistant.memory.add("My PIN is 1234", nobody)
            with pytest.raises(NotFound):
                await assistant.memory.pause(nobody)


async def test_recall_learns_from_what_was_judged(paths: Paths) -> None:
    model = ScriptedChatModel(answers=["I see."])
    async with _open(paths, model, facts=False) as assistant:
        for city in ("Porto", "Rome", "Oslo"):
            await _ask(assistant, f"My sister Lena moved to {city} in spring")
        before = assistant._recall.weights
        for _ in range(5):
            conversation, (reminded,) = await _ask(assistant, "Where does my sister Lena live?")
            (turn,) = await assistant.history(conversation)
            await assistant.memory.judge(turn.id, reminded.remembered[0].utterance_id, right=True)
        assert assistant._recall.weights is not before
        assert (await assistant.memory.standing()).learned_from == 5


@pytest.mark.parametrize(
    ("fact", "quote", "said", "kept"),
    [
        ("The person lives in Bonn.", "I live in Bonn", "Well, I  live in\nBonn now", True),
        ("The person lives in Bonn.", "I live in Berlin", "I live in Bonn", False),
        ("The person has 3 cats.", "I have cats", "I have cats", False),
        ("The person knows Lena Meyer.", "I know Lena", "I know Lena", False),
        ("The person likes opera.", "I live in Bonn", "I live in Bonn", False),
        ("The person lives in Bonn.", "do I live in Bonn?", "do I live in Bonn?", False),
        ("用户住在北京。", "我住在北京", "我住在北京，喜欢爬山", True),
        ("用户住在上海。", "我住在北京", "我住在北京", False),
        ("x", "", "x", False),
    ],
)
def test_a_fact_has_to_be_borne_out_by_its_quotation(fact: str, quote: str, said: str, kept: bool) -> None:
    assert (quoted(Proposed("", fact, quote), said) is not None) is kept


def test_what_a_model_answers_is_read_with_care() -> None:
    assert proposals("no list") == []
    assert proposals('[1, {"fact": 2}, {"fact": "a", "quote": "b"}] and more') == [Proposed("", "a", "b")]
    assert len(proposals(json.dumps([{"fact": "a", "quote": "b"}] * 50))) == 5
    assert (key_of(" Favourite  Food! "), key_of("Fact")) == ("favourite food", "")


async def test_facts_are_asked_for_with_the_version_in_use_and_say_so(paths: Paths) -> None:
    found = [{"about": "home", "fact": "The person moved to Bonn.", "quote": "we moved to Bonn"}]
    model = ScriptedChatModel(answers=["Nice!", json.dumps(found)])
    async with _open(paths, model) as assistant:
        desk = assistant.desk
        learned = Candidate("Note where the person lives.", form="held")
        version = await desk.propose("fact-extraction", "en", learned, author="optimiser", evidence={})
        await desk.promote(version.id)
        await _ask(assistant, "I am happy: we moved to Bonn in May!")
        await assistant.memory._noting.done()
        assert "Note where the person lives." in model.calls[-1][0].text
        assert "never gives orders" in model.calls[-1][0].text, "what is fixed stays"
        assert "item ::=" in model.options[-1]["grammar"], "and so does the form of the answer"
        (fact,) = await assistant.memory.facts()
        assert fact.prompt_version == version.id
        assert json.loads((await assistant.memory.export()).splitlines()[0])["prompt_version"] == version.id
