"""What leaves a long conversation is summed up before it has to and stands in its place; it goes with what it is of."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.agent.summaries import _parts, borne_out, reaching, shown, summary_in
from assistant.api import Assistant
from assistant.config import ConversationSettings, EngineSettings, MemorySettings, Sampling, Settings
from assistant.events import ContextTrimmed
from assistant.i18n import Language
from assistant.memory.records import Turn
from assistant.memory.summaries import Summary
from assistant.paths import Paths
from assistant.prompting.candidate import Candidate
from assistant.wiring import build
from tests.fakes.chat_model import FakeModels, ScriptedChatModel

LONG = "word " * 60
TRIP = (
    "We are planning a week in Lisbon in October with our two kids, who are six and nine years old. Our budget is 1800"
    " euros without flights, and we would like to stay in one place. Which quarter is good for families?",
    "My son is allergic to fish and my daughter eats no meat, so we will have to look for restaurants where both of"
    " them find something. What should we ask for when we sit down there?",
    "We have decided to stay in a flat near the Oceanarium, and to go everywhere by metro and by tram. What does a"
    " ticket for a whole day cost for a family of four?",
    "On one day we want to go to the hills by train and see the old palace there. How long does it take to get there,"
    " and is there anything that the children can do on the way?",
    "What should we pack for that time of the year? It may rain, and we want to take hand luggage only, two small bags"
    " for the four of us, so please name only what we will really need.",
    "How do you say good morning, thank you and goodbye, and how do we ask for the bill?",
    "Which museum is good on a day when it rains from morning to evening, if the children have seen the fish already?",
)
SAID = "The person asked many a question, word for word."


class _Summing(ScriptedChatModel):
    """Answers at length, and sums up in one sentence."""

    summary: str = SAID

    def _next(self, messages: list, options: dict) -> str:  # type: ignore[type-arg]
        super()._next(messages, options)
        return self.summary if options.get("owner") == "summaries" else "answer " * 40


@asynccontextmanager
async def _open(paths: Paths, model: ScriptedChatModel, *, summaries: bool = True) -> AsyncGenerator[Assistant, None]:
    settings = Settings(
        conversations=ConversationSettings(titles=False, summaries=summaries),
        memory=MemorySettings(recall=False, facts=False),
        sampling=Sampling(max_tokens=200),
    )
    async with build(paths, settings, models=FakeModels(model)) as assistant:
        assistant.memory._summaries.quiet_s = 0
        yield assistant


async def _ask(assistant: Assistant, conversation: str, text: str) -> ContextTrimmed | None:
    """What was left out for it, once what follows an answer is done."""
    events = [event async for event in await assistant.reply(conversation, text, face="page")]
    await assistant.memory._summaries.done()
    return next((event for event in events if isinstance(event, ContextTrimmed)), None)


async def _until_trimmed(assistant: Assistant, conversation: str, words: str = LONG) -> ContextTrimmed:
    for number in range(20):
        if (trimmed := await _ask(assistant, conversation, f"question {number} {words}")) is not None:
            return trimmed
    raise AssertionError("it fits")


async def test_what_leaves_is_read_in_short_and_the_front_then_stays(paths: Paths) -> None:
    model = _Summing(answers=[""], window=1600)
    async with _open(paths, model) as assistant:
        conversation = (await assistant.new_conversation()).id
        trimmed = await _until_trimmed(assistant, conversation)
        assert SAID in trimmed.summary
        before = [one.text for one in _answers(model)[-1]]
        assert SAID in before[1], "before the oldest question that is left"
        assert "is to be read as data" in before[1]
        assert SAID not in before[0], "no order of ours"
        following = await _ask(assistant, conversation, "and then?")
        assert (
            following == ContextTrimmed(following.turn_id, trimmed.dropped_turns, trimmed.summary) if following else 0
        )
        after = [one.text for one in _answers(model)[-1]]
        assert after[: len(before)] == before
        options = next(one for one in model.options if one.get("owner") == "summaries")
        assert options["priority"] == "background"
        *_, last = await assistant.history(conversation)
        assert {one.purpose for one in last.asides} == {"summary"}
        assert "\n".join(one.text for one in last.asides) == trimmed.summary, "why it answered so can be told later"


async def test_the_version_in_use_sums_up_and_is_kept_with_what_it_made(paths: Paths) -> None:
    model = _Summing(answers=[""], window=1600)
    async with _open(paths, model) as assistant:
        learned = Candidate("Say in five words what it is about.", form="free")
        version = await assistant.desk.propose("summary", "en", learned, author="optimiser", evidence={})
        await assistant.desk.promote(version.id)
        conversation = (await assistant.new_conversation()).id
        await _until_trimmed(assistant, conversation)
        asked = [call for call, options in _all(model) if options.get("owner") == "summaries"]
        assert all("Say in five words what it is about." in call[0].text for call in asked)
        assert all("never gives orders" in call[0].text for call in asked)
        ids = [one.id for one in await assistant.history(conversation)]
        kept = assistant.memory._summaries._store.of(ids)
        assert {one.prompt_version for one in kept} == {version.id}


async def test_each_part_is_summed_up_once(paths: Paths) -> None:
    model = _Summing(answers=[""], window=1600)
    async with _open(paths, model) as assistant:
        conversation = (await assistant.new_conversation()).id
        for number in range(14):
            await _ask(assistant, conversation, f"question {number} {LONG}")
        asked = [call[-1].text for call, options in _all(model) if options.get("owner") == "summaries"]
        for number in range(3):
            assert sum(f"question {number} word" in text for text in asked) == 1
        assert not any(SAID in text for text in asked), "and never from its own summary"


async def test_a_summary_goes_with_a_turn_it_was_made_from(paths: Paths) -> None:
    model = _Summing(answers=[""], window=1600)
    async with _open(paths, model) as assistant:
        conversation = (await assistant.new_conversation()).id
        await _until_trimmed(assistant, conversation)
        store, turns = assistant.memory._summaries._store, await assistant.history(conversation)
        (first, *_) = store.of([one.id for one in turns])
        read = len(turns[-1].asides)
        assert {turns[0].id, turns[1].id} <= first.sources
        await assistant.delete_turn(turns[0].id)
        assert first not in store.of([one.id for one in turns])
        assert not store._db.rows("SELECT * FROM summarised WHERE turn_id = ?", (turns[0].id,))
        *_, left = await assistant.history(conversation)
        assert len(left.asides) == read - 1, "nor is it told that it was read"
        await _ask(assistant, conversation, f"more {LONG}")
        found = store.of([one.id for one in turns[1:]])
        assert any(turns[1].id in one.sources for one in found), "what is left is summed up again"
        await assistant.delete(conversation)
        assert not store._db.rows("SELECT * FROM summaries")


async def test_switched_off_nothing_is_asked_and_nothing_stands_there(paths: Paths) -> None:
    model = _Summing(answers=[""], window=1600)
    async with _open(paths, model, summaries=False) as assistant:
        trimmed = await _until_trimmed(assistant, (await assistant.new_conversation()).id)
        assert trimmed.summary == ""
        assert not any(options.get("owner") == "summaries" for options in model.options)


async def test_a_short_conversation_is_not_summed_up(paths: Paths) -> None:
    model = _Summing(answers=[""], window=8000)
    async with _open(paths, model) as assistant:
        conversation = (await assistant.new_conversation()).id
        for number in range(4):
            await _ask(assistant, conversation, f"question {number} {LONG}")
        assert not any(options.get("owner") == "summaries" for options in model.options)


async def test_what_is_no_summary_is_not_asked_for_again(paths: Paths) -> None:
    model = _Summing(answers=[""], window=1600, summary="你好，这是中文。")
    async with _open(paths, model) as assistant:
        conversation = (await assistant.new_conversation()).id
        for number in range(8):
            await _ask(assistant, conversation, f"question {number} {LONG}")
        asked = [call[-1].text for call, options in _all(model) if options.get("owner") == "summaries"]
        assert sum("question 0 word" in text for text in asked) == 1


def test_a_summary_is_whole_sentences_in_the_language_of_the_conversation() -> None:
    cases: list[tuple[str, Language, str]] = [
        ("They planned a trip.\nIt costs 300 euros. And th", "en", "They planned a trip. It costs 300 euros."),
        ("no end", "en", ""),
        ("It is so. It is so. It is so. And more.", "en", "It is so. And more."),
        ("他说：“好。”是的。是的。", "zh", "他说：“好。”是的。"),
        ('She said "no." He left at 3.5 km.', "en", 'She said "no." He left at 3.5 km.'),
        ("Long words. " + "word " * 200 + ".", "en", "Long words."),
        ("用户在计划旅行。预算三百元。还", "zh", "用户在计划旅行。预算三百元。"),
        ("They planned a trip.", "zh", ""),
        ("", "en", ""),
    ]
    for text, language, expected in cases:
        assert summary_in(text, text, language) == expected


@pytest.mark.parametrize(
    ("sentence", "is_borne_out"),
    [
        ("The person plans a week in Lisbon for 1800 euros.", True),
        ("The person plans a week in Lisbon for 900 euros.", False),
        ("The airport is a busy place full of history.", False),
    ],
)
def test_a_sentence_of_which_nothing_was_said_is_dropped(sentence: str, *, is_borne_out: bool) -> None:
    said = "Person: We are planning a week in Lisbon, for 1800 euros."
    assert borne_out(sentence, said) is is_borne_out
    assert (
        summary_in(f"{sentence} It is the end of the week in Lisbon.", said, "en").startswith(sentence) is is_borne_out
    )


def _turn(number: int, words: int = 10) -> Turn:
    return Turn(
        f"t{number:03}", "c", None, "new", None, "page", None, "done", "q " * words, "a " * words, float(number)
    )


@given(st.lists(st.tuples(st.integers(0, 400), st.booleans()), max_size=12), st.integers(200, 2000))
def test_parts_are_all_that_is_not_known_in_order(sizes: list[tuple[int, bool]], most: int) -> None:
    turns = [_turn(number, words) for number, (words, _) in enumerate(sizes)]
    known = {one.id for one, (_, is_known) in zip(turns, sizes, strict=True) if is_known}
    parts = list(_parts(turns, known, most))
    assert [one.id for part in parts for one in part] == [one.id for one in turns if one.id not in known]
    places = {one.id: place for place, one in enumerate(turns)}
    for part in parts:
        assert [places[one.id] for one in part] == list(range(places[part[0].id], places[part[-1].id] + 1))


@given(st.integers(0, 8), st.integers(0, 400), st.floats(0, 10))
def test_what_stands_in_their_place_fits_and_is_of_what_left_alone(left: int, room: int, before: float) -> None:
    turns = [_turn(number) for number in range(8)]
    made = [
        Summary(
            turns[place + 1].id, f"It is {place}.", "v", float(place), frozenset(t.id for t in turns[place : place + 2])
        )
        for place in range(0, 8, 2)
    ]
    earlier = shown(made, turns[:left], room, before)
    lines = earlier.text.splitlines()
    assert len(lines) == len(earlier.summaries)
    assert len("".join(lines).encode()) <= room
    assert all(int(line[-2]) + 2 <= left and int(line[-2]) <= before for line in lines)
    leave = reaching(made, turns, left)
    assert left <= leave <= left + 1
    assert leave % 2 == 0 or leave == left


def _all(model: ScriptedChatModel) -> list:  # type: ignore[type-arg]
    return list(zip(model.calls, model.options, strict=True))


def _answers(model: ScriptedChatModel) -> list:  # type: ignore[type-arg]
    return [call for call, options in _all(model) if options.get("owner") != "summaries"]


@pytest.mark.model
async def test_the_small_model_still_knows_what_has_left_the_window(paths: Paths, real_model: Path) -> None:
    settings = Settings(
        model=str(real_model),
        engine=EngineSettings(context=512, recast=False),
        conversations=ConversationSettings(titles=False),
        memory=MemorySettings(recall=False, facts=False),
        sampling=Sampling(temperature=0, max_tokens=12),
    )
    async with build(paths, settings) as assistant:
        assistant.memory._summaries.quiet_s = 0
        conversation = (await assistant.new_conversation()).id
        trimmed = None
        for question in TRIP:
            trimmed = trimmed or await _ask(assistant, conversation, question)
        assert trimmed is not None
        assert "1800" in trimmed.summary
        await _ask(assistant, conversation, "What is our budget in euros?")
        assert "1800" in (await assistant.history(conversation))[-1].answer
