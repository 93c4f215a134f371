"""What people do with answers, through the door: edits, what the next message says, and duels."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from assistant.api import Assistant
from assistant.client import AssistantClient
from assistant.config import LearningSettings, Settings
from assistant.errors import ImportRefused, NotFound, ParameterRefused
from assistant.events import Event, Token, TurnFinished
from assistant.learning.duels import arm_first
from assistant.memory.database import Database
from assistant.memory.records import Duel, NewAttachment, Turn
from assistant.memory.signals import SignalStore
from assistant.paths import Paths
from assistant.prompting.candidate import Candidate
from assistant.wiring import build
from tests.fakes.chat_model import FakeModels, ScriptedChatModel
from tests.fakes.web import serving

QUESTIONS = ("Why is the sky blue?", "Who was Ada Lovelace?", "Name three rivers.", "What is rust?", "How far is Mars?")


def made(paths: Paths, *answers: str, gate: asyncio.Event | None = None, **learning: Any) -> Assistant:
    model = ScriptedChatModel(answers=list(answers) or [f"Answer {number}." for number in range(40)], gate=gate)
    settings = Settings(learning=LearningSettings(**{"duels_every": 1, "duels_a_day": 50, **learning}))
    return build(paths, settings, models=FakeModels(model))


async def everything(events: AsyncGenerator[Event, None]) -> str:
    told = [event async for event in events]
    assert isinstance(told[-1], TurnFinished)
    return "".join(event.text for event in told if isinstance(event, Token))


async def test_what_is_done_with_a_citation_is_kept_with_its_number(paths: Paths) -> None:
    async with made(paths, "Pets need written leave of the owner. The rent is due on the third day.") as assistant:
        await assistant.documents.add_text("pets.md", "Pets need written leave of the owner of the house.")
        await assistant.documents.add_text("rent.md", "The rent is due on the third day of every month.")
        async for _ in await assistant.documents.follow():
            pass
        conversation = (await assistant.new_conversation()).id
        await assistant.citations.choose(conversation, "always")
        turn = await asked(assistant, conversation, "Do pets need written leave, and what day is the rent due?")
        assert turn.grounds is not None
        assert len(turn.grounds.passages) == 2
        opened = await assistant.citation(turn.id, 2, wrong=False, face="page")
        assert (opened.kind, opened.citation) == ("citation_opened", 2)
        await assistant.citation(turn.id, 2, wrong=False, face="page")
        with pytest.raises(NotFound):
            await assistant.citation(turn.id, 3, wrong=True, face="page")
        models = FakeModels(ScriptedChatModel(answers=[]))
        async with serving(paths, models) as running, AssistantClient(running.address) as client:
            wrong = await client.citation(turn.id, 1, wrong=True, face="telegram", reason="it says cats")
        assert (wrong.kind, wrong.citation, wrong.reason) == ("citation_wrong", 1, "it says cats")
        [told] = [json.loads(line) for line in await assistant.desk.evidence(redact=False)]
        assert told["signals"] == ["citation_opened", "citation_wrong"], "once for each"
        assert told["label"] == 0.1, "the word that weighs more"


async def asked(assistant: Assistant, conversation: str, question: str, *, duel: bool = False, **more: Any) -> Turn:
    await everything(await assistant.reply(conversation, question, face="page", duel=duel, **more))
    return (await assistant.history(conversation))[-1]


async def on_trial(assistant: Assistant) -> str:
    version = await assistant.desk.propose("chat", "en", Candidate("- Rhyme."), author="optimiser", evidence={})
    await assistant.desk.begin_trial(version.id, 0.5)
    return version.id


def kinds(paths: Paths, turn_id: str) -> list[str]:
    database = Database.open(paths.database, paths.backups)
    found = [signal.kind for signal in SignalStore(database).of_turn(turn_id)]
    database.close()
    return found


async def test_later_turns_read_the_edited_answer(paths: Paths) -> None:
    model = ScriptedChatModel(answers=["Made of bronze.", "Yes."])
    async with build(paths, Settings(), models=FakeModels(model)) as assistant:
        conversation = (await assistant.new_conversation()).id
        turn = await asked(assistant, conversation, "What is it made of?")
        edited = await assistant.edit_answer(turn.id, "Made of brass.", face="page")
        assert (edited.answer, edited.original) == ("Made of brass.", "Made of bronze.")
        await asked(assistant, conversation, "Does it rust?")
        assert [message.text for message in model.calls[1]][-2] == "Made of brass."
    assert kinds(paths, turn.id) == ["answer_edited"]


async def test_the_next_message_says_what_the_answer_was_worth(paths: Paths) -> None:
    async with made(paths) as assistant:
        conversation = (await assistant.new_conversation()).id
        first = await asked(assistant, conversation, "How do I sort a list of words in Python?")
        again = await asked(assistant, conversation, "How can I sort a list of words in Python quickly?")
        wrong = await asked(assistant, conversation, "That's wrong, I need the other order.")
        await asked(assistant, conversation, "Thanks, works!")
    assert [kinds(paths, turn.id) for turn in (first, again, wrong)] == [["rephrased"], ["corrected"], ["thanked"]]


async def test_going_back_to_the_first_answer_and_on_from_it_is_a_preference(paths: Paths) -> None:
    async with made(paths, "first", "second") as assistant:
        conversation = (await assistant.new_conversation()).id
        first = await asked(assistant, conversation, "Why?")
        await everything(await assistant.regenerate(first.id, face="page"))
        await assistant.select_branch(first.id)
        await asked(assistant, conversation, "And what follows from that?")
    database = Database.open(paths.database, paths.backups)
    told = [(one.kind, one.better, one.worse) for one in SignalStore(database).preferences()]
    database.close()
    assert told == [("kept", "first", "second")]


async def fought(assistant: Assistant, turn: Turn) -> Duel:
    await everything(await assistant.duels.rival(turn.id))
    duel = await assistant.duels.of(turn.id)
    assert duel is not None
    return duel


async def test_a_duel_has_one_answer_by_either_version_and_the_chosen_one_is_gone_on_from(paths: Paths) -> None:
    async with made(paths) as assistant:
        canary = await on_trial(assistant)
        for question in QUESTIONS:
            conversation = (await assistant.new_conversation()).id
            turn = await asked(assistant, conversation, question, duel=True)
            duel = await fought(assistant, turn)
            assert (await assistant.history(conversation))[-1].id == turn.id, "nothing is shown in its place before"
            assert duel.second_turn_id is not None
            second = await assistant.turn(duel.second_turn_id)
            assert (turn.prompt_version == canary) != (second.prompt_version == canary)
            assert (turn.prompt_version == canary) == (duel.first_arm == "canary")
            chosen = await assistant.duels.choose(turn.id, "second", face="page")
            assert chosen == await assistant.duels.choose(second.id, "first", face="page"), "the first choice stays"
            assert (await assistant.history(conversation))[-1].id == second.id
        (standing,) = await assistant.desk.trials()
        assert standing.canary_labels == standing.production_labels == len(QUESTIONS)
    assert (kinds(paths, turn.id), kinds(paths, second.id)) == (["duel_lost"], ["duel_won"])


def test_either_version_comes_first_about_as_often() -> None:
    canaries = sum(arm_first(f"turn {number}") == "canary" for number in range(1000))
    assert 440 < canaries < 560


async def test_a_conversation_goes_on_with_the_version_it_began_with_whichever_won(paths: Paths) -> None:
    async with made(paths, duels_every=2) as assistant:
        canary = await on_trial(assistant)
        conversation = (await assistant.new_conversation()).id
        began = (await asked(assistant, conversation, QUESTIONS[0], duel=True)).prompt_version
        turn = await asked(assistant, conversation, QUESTIONS[1], duel=True)
        duel = await fought(assistant, turn)
        assert duel.second_turn_id is not None
        other = turn if turn.prompt_version != began else await assistant.turn(duel.second_turn_id)
        await assistant.duels.choose(turn.id, "first" if other.id == turn.id else "second", face="page")
        after = await asked(assistant, conversation, QUESTIONS[2])
        assert (after.parent_id, after.prompt_version) == (other.id, began)
        assert canary in (began, other.prompt_version)


async def test_nobody_is_asked_without_a_trial_too_often_amid_files_or_after_saying_no(paths: Paths) -> None:
    async def planned(conversation: str, question: str, **more: Any) -> bool:
        turn = await asked(assistant, conversation, question, duel=True, **more)
        return await assistant.duels.of(turn.id) is not None

    async with made(paths, duels_every=3, duels_a_day=2) as assistant:
        conversation = (await assistant.new_conversation()).id
        assert not [question for question in QUESTIONS if await planned(conversation, question)]
        await on_trial(assistant)
        told = [await planned(conversation, f"{question} {n}") for n in range(2) for question in QUESTIONS]
        assert told == [False, False, True, False, False, True, *[False] * 4], "every third, and twice a day"
    async with made(paths) as assistant:
        conversation = (await assistant.new_conversation()).id
        assert await planned(conversation, QUESTIONS[0])
        assert not await planned(conversation, "Read this.", attachments=[NewAttachment("a.txt", b"words")])
        assert not await planned(conversation, "And now?"), "the file is still being worked with"
        turn = await asked(assistant, conversation, QUESTIONS[1])
        assert await assistant.duels.of(turn.id) is None, "a face that cannot show two answers"
        other = (await assistant.new_conversation()).id
        await assistant.duels.ask(False)
        assert not await planned(other, QUESTIONS[2])
        await assistant.duels.ask(True)
        assert await planned(other, QUESTIONS[3])
    async with made(paths, duels=False) as assistant:
        conversation = (await assistant.new_conversation()).id
        assert not await planned(conversation, QUESTIONS[0])


async def test_whoever_leaves_two_duels_unanswered_is_left_alone(paths: Paths) -> None:
    async with made(paths) as assistant:
        await on_trial(assistant)
        conversation = (await assistant.new_conversation()).id
        for question in QUESTIONS[:2]:
            await fought(assistant, await asked(assistant, conversation, question, duel=True))
        turn = await asked(assistant, conversation, QUESTIONS[2], duel=True)
        assert await assistant.duels.of(turn.id) is None


async def test_a_question_ends_the_second_answer_and_nothing_of_it_stays(paths: Paths) -> None:
    gate = asyncio.Event()
    gate.set()
    async with made(paths, "first answer", "second answer", "third answer", gate=gate) as assistant:
        await on_trial(assistant)
        conversation = (await assistant.new_conversation()).id
        first = await asked(assistant, conversation, QUESTIONS[0], duel=True)
        gate.clear()
        rival = await assistant.duels.rival(first.id)
        while not isinstance(await anext(rival), Token):
            pass
        assert assistant.running(conversation) is None, "one may ask"
        events = await assistant.reply(conversation, "Never mind, what about clouds?", face="page", duel=True)
        gate.set()
        await everything(events)
        path = await assistant.history(conversation)
        assert [turn.question for turn in path] == [QUESTIONS[0], "Never mind, what about clouds?"]
        assert path[0].siblings == (first.id,)
        with pytest.raises(NotFound):
            await assistant.duels.choose(first.id, "first", face="page")


async def test_nobody_is_asked_to_choose_between_two_equal_answers(paths: Paths) -> None:
    async with made(paths, "42.", " 42.\n", "And so on.") as assistant:
        await on_trial(assistant)
        conversation = (await assistant.new_conversation()).id
        turn = await asked(assistant, conversation, QUESTIONS[0], duel=True)
        duel = await fought(assistant, turn)
        assert duel.second_turn_id is None
        assert await assistant.duels.pending(turn.id) is None
        with pytest.raises(NotFound):
            await assistant.duels.rival(turn.id)
        assert (await assistant.turn(turn.id)).siblings == (turn.id,)


async def test_two_tabs_that_wait_for_the_second_answer_get_the_same_one(paths: Paths) -> None:
    async with made(paths, "first answer", "second answer", "third answer") as assistant:
        await on_trial(assistant)
        conversation = (await assistant.new_conversation()).id
        turn = await asked(assistant, conversation, QUESTIONS[0], duel=True)
        both = await asyncio.gather(assistant.duels.rival(turn.id), assistant.duels.rival(turn.id))
        assert [await everything(events) for events in both] == ["second answer"] * 2
        with pytest.raises(NotFound):
            await assistant.duels.rival(turn.id)


async def test_a_question_that_comes_while_a_second_answer_begins_is_answered(paths: Paths) -> None:
    async with made(paths, "an answer") as assistant:
        await on_trial(assistant)
        conversation = (await assistant.new_conversation()).id
        turn = await asked(assistant, conversation, QUESTIONS[0], duel=True)
        rival = asyncio.create_task(assistant.duels.rival(turn.id))
        await asyncio.sleep(0)
        assert (await asked(assistant, conversation, QUESTIONS[1])).question == QUESTIONS[1]
        await asyncio.wait({rival})


async def test_a_choice_made_after_going_on_does_not_take_the_person_back(paths: Paths) -> None:
    async with made(paths) as assistant:
        await on_trial(assistant)
        conversation = (await assistant.new_conversation()).id
        turn = await asked(assistant, conversation, QUESTIONS[0], duel=True)
        await fought(assistant, turn)
        after = await asked(assistant, conversation, QUESTIONS[1])
        await assistant.duels.choose(turn.id, "second", face="page")
        assert [one.id for one in await assistant.history(conversation)] == [turn.id, after.id]


@contextmanager
def broken_at(paths: Paths, kind: str) -> Iterator[None]:
    """As if the process ended where a signal of this kind is to be kept."""
    database = Database.open(paths.database, paths.backups)
    with database.transaction() as tables:
        tables.execute(f"CREATE TRIGGER broken BEFORE INSERT ON signals WHEN NEW.kind = '{kind}'"
                       " BEGIN SELECT RAISE(ABORT, 'broken off'); END")  # fmt: skip
    try:
        yield
    finally:
        with database.transaction() as tables:
            tables.execute("DROP TRIGGER broken")
        database.close()


async def test_a_choice_that_is_broken_off_is_not_half_kept_and_can_be_made_again(paths: Paths) -> None:
    async with made(paths) as assistant:
        await on_trial(assistant)
        conversation = (await assistant.new_conversation()).id
        turn = await asked(assistant, conversation, QUESTIONS[0], duel=True)
        duel = await fought(assistant, turn)
        with broken_at(paths, "duel_won"), pytest.raises(sqlite3.IntegrityError):
            await assistant.duels.choose(turn.id, "second", face="page")
        assert (await assistant.duels.pending(turn.id)) == duel, "it is asked about as before"
        assert (await assistant.history(conversation))[-1].id == turn.id
        await assistant.duels.choose(turn.id, "second", face="page")
        assert duel.second_turn_id is not None
        assert [kinds(paths, id) for id in (turn.id, duel.second_turn_id)] == [["duel_lost"], ["duel_won"]]


async def test_two_choices_at_a_time_are_one(paths: Paths) -> None:
    async with made(paths) as assistant:
        await on_trial(assistant)
        conversation = (await assistant.new_conversation()).id
        turn = await asked(assistant, conversation, QUESTIONS[0], duel=True)
        duel = await fought(assistant, turn)
        choices = [assistant.duels.choose(turn.id, choice, face="page") for choice in ("first", "second")]
        one, other = await asyncio.gather(*choices)
        assert one == other
        assert duel.second_turn_id is not None
        assert [len(kinds(paths, id)) for id in (turn.id, duel.second_turn_id)] == [1, 1]


async def test_an_edit_that_is_broken_off_leaves_the_answer_as_it_was(paths: Paths) -> None:
    async with made(paths, "Made of bronze.") as assistant:
        turn = await asked(assistant, (await assistant.new_conversation()).id, "What is it made of?")
        with broken_at(paths, "answer_edited"), pytest.raises(sqlite3.IntegrityError):
            await assistant.edit_answer(turn.id, "Made of brass.", face="page")
        assert (await assistant.turn(turn.id)).answer == "Made of bronze."
        assert (await assistant.edit_answer(turn.id, "Made of brass.", face="page")).answer == "Made of brass."
    assert kinds(paths, turn.id) == ["answer_edited"]


async def test_a_duel_is_for_the_person_who_was_asked(paths: Paths) -> None:
    async with made(paths) as assistant:
        await on_trial(assistant)
        code = await assistant.people.new_code("telegram")
        eve = await assistant.people.pair("telegram", "66", "Eve", code.code)
        conversation = (await assistant.new_conversation()).id
        turn = await asked(assistant, conversation, QUESTIONS[0], duel=True)
        with pytest.raises(NotFound):
            await assistant.duels.choose(turn.id, "first", face="telegram", person_id=eve.id)
        await fought(assistant, turn)
        with pytest.raises(NotFound):
            await assistant.duels.choose(turn.id, "first", face="telegram", person_id=eve.id)


async def test_edits_and_duels_over_http_are_those_of_the_door(paths: Paths) -> None:
    model = ScriptedChatModel(answers=["one", "two"])
    settings = Settings(learning=LearningSettings(duels_every=1))
    async with (
        serving(paths, FakeModels(model), settings) as server,
        AssistantClient(server.address) as client,
    ):
        await on_trial(server.assistant)
        conversation = (await client.new_conversation()).id
        await everything(await client.reply(conversation, QUESTIONS[0], face="page", duel=True))
        (turn,) = await client.history(conversation)
        assert await everything(await client.duels.rival(turn.id)) == "two"
        assert await client.duels.pending(turn.id) == await client.duels.of(turn.id) is not None
        chosen = await client.duels.choose(turn.id, "second", face="page")
        assert chosen == await client.duels.of(turn.id)
        assert await client.duels.pending(turn.id) is None
        (shown,) = await client.history(conversation)
        assert shown.id == chosen.second_turn_id
        edited = await client.edit_answer(shown.id, "two and a half", face="rest")
        assert (edited.answer, edited.original) == ("two and a half", "two")
        assert await client.turn(shown.id) == edited
        origin = await client.desk.origin(shown.id)
        assert origin == await server.assistant.desk.origin(shown.id)
        assert origin.version is not None
        assert (origin.version.id, origin.model) == (shown.prompt_version, shown.model)
        with pytest.raises(NotFound):
            await client.desk.origin("nothing")
        lines = await client.desk.evidence(redact=False)
        assert lines == await server.assistant.desk.evidence(redact=False)
        elsewhere = "\n".join(lines).replace(QUESTIONS[0], "Why is it blue?")
        told = await client.desk.take_evidence(elsewhere)
        assert (told.taken, told.known, told.others) == (2, 0, 0)
        assert await client.desk.evidence_taken() == 2
        assert await client.desk.forget_evidence() == 2
        with pytest.raises(ImportRefused):
            await client.desk.take_evidence("{}")
        await client.signal(turn.id, "corrected", face="rest")
        await client.duels.ask(False)
        await everything(await client.reply(conversation, QUESTIONS[1], face="page", duel=True))
        assert await client.duels.of((await client.history(conversation))[-1].id) is None
        with pytest.raises(ParameterRefused):
            await client.signal(turn.id, "duel_won", face="rest")


@pytest.mark.parametrize(("trusted", "counted"), [((), 2), (("66",), 1), (("nobody",), 0)])
async def test_with_trusted_people_named_only_they_and_the_owner_count(
    paths: Paths, trusted: tuple[str, ...], counted: int
) -> None:
    async with made(paths, trusted=trusted) as assistant:
        await on_trial(assistant)
        for number, name in (("66", "Ada"), ("67", "Eve")):
            code = await assistant.people.new_code("telegram")
            person = await assistant.people.pair("telegram", number, name, code.code)
            turn = await asked(assistant, (await assistant.new_conversation(shared=True)).id, QUESTIONS[0])
            await assistant.signal(turn.id, "thumb_up", face="telegram", person_id=person.id)
        (standing,) = await assistant.desk.trials()
        assert standing.canary_labels + standing.production_labels == counted
        await assistant.signal(turn.id, "thumb_up", face="page")
        (standing,) = await assistant.desk.trials()
        assert standing.canary_labels + standing.production_labels == counted + 1


async def test_a_prompt_for_one_intent_answers_what_wants_that_and_nothing_else(paths: Paths) -> None:
    async with made(paths) as assistant:
        version = await assistant.desk.propose("chat", "en", Candidate("- Comment it."), author="person", evidence={})
        await assistant.desk.promote(version.id, intent="code")
        with pytest.raises(ParameterRefused):
            await assistant.desk.promote(version.id, intent="poetry")
        had = {}
        for question in ("Hello!", "Who was Ada Lovelace?", "Write a function that adds two numbers"):
            conversation = (await assistant.new_conversation()).id
            had[question] = await asked(assistant, conversation, question)
        assert [(one.intent, one.prompt_version == version.id) for one in had.values()] == [
            ("small-talk", False),
            ("", False),
            ("code", True),
        ]
        again = await asked(assistant, conversation, "And who invented that?")
        assert (again.intent, again.prompt_version) == ("code", version.id), "it stays the same for a sitting"
        greeted = await asked(assistant, had["Hello!"].conversation_id, "Write a function that adds three numbers")
        assert greeted.prompt_version == version.id, "a greeting decides nothing"
        other = await assistant.desk.propose("chat", "en", Candidate("- Test it."), author="person", evidence={})
        await assistant.desk.begin_trial(other.id, 1.0, intent="code")
        conversation = (await assistant.new_conversation()).id
        tried = await asked(assistant, conversation, "Write a function that adds four numbers")
        await assistant.signal(tried.id, "thumb_up", face="page")
        conversation = (await assistant.new_conversation()).id
        await asked(assistant, conversation, "Hello!")
        behind = await asked(assistant, conversation, "Write a function that adds five numbers")
        assert behind.prompt_version == other.id, "it was not drawn for with the greeting"
        [standing] = await assistant.desk.trials()
        assert (standing.scope.intent, standing.canary_labels, standing.production) == ("code", 1, version.id)
