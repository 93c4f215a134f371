from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest
from langchain_core.messages import AIMessageChunk, HumanMessage

from assistant.api import Assistant, CompletionRequest
from assistant.config import MemorySettings, Sampling, Settings
from assistant.errors import ConversationBusy, EmptyMessage, EngineDied, MessageTooLong, NotFound
from assistant.events import (
    ContextTrimmed,
    Event,
    Progress,
    Queued,
    Reasoning,
    Token,
    ToolCalled,
    TurnFailed,
    TurnFinished,
    TurnStarted,
)
from assistant.memory.records import NewAttachment
from assistant.models.shelf import Shelf
from assistant.paths import Paths
from assistant.prompting.candidate import Candidate
from assistant.wiring import build
from tests.fakes.chat_model import FakeModels, ScriptedChatModel


def _assistant(paths: Paths, model: ScriptedChatModel) -> Assistant:
    return build(paths, Settings(), models=FakeModels(model))


async def _collect(events: AsyncGenerator[Event, None]) -> list[Event]:
    return [event async for event in events]


def _text(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Token))


async def test_a_question_is_answered_and_both_are_kept_with_what_made_the_answer(paths: Paths) -> None:
    model = ScriptedChatModel(answers=["Rayleigh scattering."])
    async with _assistant(paths, model) as assistant:
        conversation = await assistant.new_conversation()
        events = await _collect(await assistant.reply(conversation.id, "Why is the sky blue?", face="terminal"))
        assert isinstance(events[0], TurnStarted)
        assert _text(events) == "Rayleigh scattering."
        last = events[-1]
        assert isinstance(last, TurnFinished)
        [turn] = await assistant.history(conversation.id)
        assert (turn.question, turn.answer, turn.status) == ("Why is the sky blue?", "Rayleigh scattering.", "done")
        assert turn.model == "scripted"
        assert turn.prompt_version == last.prompt_version != ""
        assert turn.usage.completion_tokens > 0
        assert turn.timings.first_token_ms == 12.0
        assert turn.face == "terminal"
        assert (await assistant.conversation(conversation.id)).title == "Why is the sky blue?"
        assert b'patina_turns_total{face="terminal"' in assistant.metrics.render()


async def test_the_conversation_is_there_after_a_restart_and_goes_on(paths: Paths) -> None:
    model = ScriptedChatModel(answers=["第一答", "第二答"])
    async with _assistant(paths, model) as assistant:
        conversation = await assistant.new_conversation()
        await _collect(await assistant.reply(conversation.id, "第一问", face="page"))
    async with _assistant(paths, model) as assistant:
        await _collect(await assistant.reply(conversation.id, "第二问", face="telegram"))
        assert [turn.answer for turn in await assistant.history(conversation.id)] == ["第一答", "第二答"]
    assert [message.text for message in model.calls[1][1:]] == ["第一问", "第一答", "第二问"]


async def test_answers_are_drawn_as_was_learned_unless_a_turn_says_how(paths: Paths) -> None:
    model = ScriptedChatModel(answers=["Yes."])
    async with _assistant(paths, model) as assistant:
        desk = assistant.desk
        drawn = Candidate("Be brief.", parameters={"temperature": 0.2})
        learned = await desk.propose("chat", "en", drawn, author="person", evidence={})
        await desk.promote(learned.id)
        conversation = await assistant.new_conversation()
        await _collect(await assistant.reply(conversation.id, "Is it?", face="page"))
        own = Sampling(temperature=1.5)
        await _collect(await assistant.reply(conversation.id, "Is it?", face="page", sampling=own))
    assert [options["sampling"].temperature for options in model.options] == [0.2, 1.5]


@pytest.mark.parametrize(("text", "error"), [("  \n", EmptyMessage), ("x" * 1_100_000, MessageTooLong)])
async def test_what_cannot_be_taken_is_refused_and_nothing_is_kept(
    paths: Paths, text: str, error: type[Exception]
) -> None:
    async with _assistant(paths, ScriptedChatModel(answers=["-"])) as assistant:
        conversation = await assistant.new_conversation()
        with pytest.raises(error):
            await assistant.reply(conversation.id, text, face="page")
        assert await assistant.history(conversation.id) == []
        with pytest.raises(NotFound):
            await assistant.reply("nowhere", "hello", face="page")


async def test_the_question_is_on_disk_before_the_model_says_anything(paths: Paths) -> None:
    gate = asyncio.Event()
    model = ScriptedChatModel(answers=["one two three"], gate=gate)
    async with _assistant(paths, model) as assistant:
        conversation = await assistant.new_conversation()
        events = await assistant.reply(conversation.id, "count", face="page")
        await anext(events)
        [turn] = await assistant.history(conversation.id)
        assert (turn.question, turn.status) == ("count", "streaming")
        gate.set()
        await _collect(events)


async def test_the_first_words_are_on_disk_before_more_of_them_come(paths: Paths) -> None:
    gate = asyncio.Event()
    model = ScriptedChatModel(answers=["one two three"], gate=gate)
    async with _assistant(paths, model) as assistant:
        conversation = await assistant.new_conversation()
        events = await assistant.reply(conversation.id, "count", face="page")
        assert [type(await anext(events)) for _ in range(2)] == [TurnStarted, Token]
        async with asyncio.timeout(10):
            while not (turn := (await assistant.history(conversation.id))[0]).answer:
                pass
        assert (turn.answer, turn.status) == ("one ", "streaming")
        gate.set()
        await _collect(events)


async def test_deleting_a_conversation_removes_what_models_had_computed_of_any(paths: Paths) -> None:
    async with _assistant(paths, ScriptedChatModel(answers=["-"])) as assistant:
        gone, kept = await assistant.new_conversation(), await assistant.new_conversation()
        shelf = Shelf(paths.states, 1000, "a model")
        for conversation in (gone, kept):
            shelf.save(conversation.id, [1, 2, 3], b"keys and values")
        await assistant.delete(gone.id)
        assert Shelf(paths.states, 1000, "a model").kept == [], "it may have been recalled in the other one"


async def test_stop_keeps_what_was_written_and_frees_the_model(paths: Paths) -> None:
    model = ScriptedChatModel(answers=["one two three four"], gate=asyncio.Event())
    async with _assistant(paths, model) as assistant:
        conversation = await assistant.new_conversation()
        events = await assistant.reply(conversation.id, "count", face="page")
        started = await anext(events)
        assert isinstance(started, TurnStarted)
        assert isinstance(await anext(events), Token)
        assert assistant.running(conversation.id) == started.turn_id
        assert await assistant.stop(started.turn_id, face="page")
        last = (await _collect(events))[-1]
        assert isinstance(last, TurnFinished)
        assert last.finish_reason == "stopped"
        [turn] = await assistant.history(conversation.id)
        assert (turn.status, turn.answer) == ("stopped", "one ")
        assert model.cancelled == 1
        assert assistant.running(conversation.id) is None
        assert not await assistant.stop(started.turn_id)


async def test_a_face_that_leaves_loses_nothing_and_may_come_back(paths: Paths) -> None:
    gate = asyncio.Event()
    async with _assistant(paths, ScriptedChatModel(answers=["one two three"], gate=gate)) as assistant:
        conversation = await assistant.new_conversation()
        events = await assistant.reply(conversation.id, "count", face="page")
        started = await anext(events)
        assert isinstance(started, TurnStarted)
        await events.aclose()
        again = await assistant.follow(started.turn_id)
        gate.set()
        assert _text(await _collect(again)) == "one two three"
        with pytest.raises(NotFound):
            await assistant.follow(started.turn_id)


async def test_one_answer_at_a_time_in_a_conversation_and_many_beside_each_other(paths: Paths) -> None:
    gate = asyncio.Event()
    async with _assistant(paths, ScriptedChatModel(answers=["one two"], gate=gate)) as assistant:
        first, second = await assistant.new_conversation(), await assistant.new_conversation()
        running = await assistant.reply(first.id, "a", face="page")
        with pytest.raises(ConversationBusy):
            await assistant.reply(first.id, "b", face="page")
        beside = await assistant.reply(second.id, "c", face="telegram")
        gate.set()
        assert _text(await _collect(running)) == _text(await _collect(beside)) == "one two"
        assert len(await assistant.history(first.id)) == 1


async def test_of_two_questions_at_the_same_moment_one_is_taken(paths: Paths) -> None:
    async with _assistant(paths, ScriptedChatModel(answers=["yes"])) as assistant:
        conversation = await assistant.new_conversation()
        outcomes = await asyncio.gather(
            *(assistant.reply(conversation.id, text, face="page") for text in "ab"), return_exceptions=True
        )
        refused = [outcome for outcome in outcomes if isinstance(outcome, ConversationBusy)]
        assert len(refused) == 1
        for outcome in outcomes:
            if not isinstance(outcome, BaseException):
                await _collect(outcome)
        assert len(await assistant.history(conversation.id)) == 1


async def test_an_engine_that_dies_ends_the_turn_in_a_clear_error_and_the_next_one_works(paths: Paths) -> None:
    model = ScriptedChatModel(answers=["half an answer"], error=EngineDied(exit_code=-9))
    async with _assistant(paths, model) as assistant:
        conversation = await assistant.new_conversation()
        last = (await _collect(await assistant.reply(conversation.id, "go", face="page")))[-1]
        assert isinstance(last, TurnFailed)
        assert isinstance(last.error, EngineDied)
        [turn] = await assistant.history(conversation.id)
        assert (turn.status, turn.error_code, turn.answer) == ("failed", "engine_died", "half")
        model.error = None
        last = (await _collect(await assistant.reply(conversation.id, "again", face="page")))[-1]
        assert isinstance(last, TurnFinished)


async def test_regenerating_puts_a_second_answer_beside_the_first(paths: Paths) -> None:
    model = ScriptedChatModel(answers=["first", "second"])
    async with _assistant(paths, model) as assistant:
        conversation = await assistant.new_conversation()
        file = NewAttachment("notes.txt", b"some notes")
        await _collect(await assistant.reply(conversation.id, "go", face="page", attachments=[file]))
        [before] = await assistant.history(conversation.id)
        await _collect(await assistant.regenerate(before.id, face="page"))
        [after] = await assistant.history(conversation.id)
        assert (after.answer, after.question, after.source) == ("second", "go", "regenerate")
        assert after.siblings == (before.id, after.id)
        assert [message.text for message in model.calls[0]] == [message.text for message in model.calls[1]]
        await assistant.select_branch(before.id)
        assert [turn.answer for turn in await assistant.history(conversation.id)] == ["first"]


async def test_editing_an_earlier_question_branches_and_keeps_the_old_path(paths: Paths) -> None:
    model = ScriptedChatModel(answers=["a1", "a2", "b1"])
    async with _assistant(paths, model) as assistant:
        conversation = await assistant.new_conversation()
        await _collect(await assistant.reply(conversation.id, "q1", face="page"))
        await _collect(await assistant.reply(conversation.id, "q2", face="page"))
        old_path = await assistant.history(conversation.id)
        await _collect(await assistant.edit(old_path[0].id, "q1 better", face="page"))
        assert [turn.question for turn in await assistant.history(conversation.id)] == ["q1 better"]
        await assistant.select_branch(old_path[0].id)
        assert [turn.id for turn in await assistant.history(conversation.id)] == [turn.id for turn in old_path]


async def test_thumbs_are_kept_and_shown_again(paths: Paths) -> None:
    async with _assistant(paths, ScriptedChatModel(answers=["yes"])) as assistant:
        conversation = await assistant.new_conversation()
        await _collect(await assistant.reply(conversation.id, "go", face="page"))
        [turn] = await assistant.history(conversation.id)
        await assistant.signal(turn.id, "thumb_down", face="page", reason="too short")
        assert (await assistant.turn(turn.id)).rating == "thumb_down"
        await assistant.signal(turn.id, "thumb_cleared", face="page")
        assert (await assistant.turn(turn.id)).rating is None


async def test_the_oldest_turns_leave_a_full_window_and_the_face_is_told(paths: Paths) -> None:
    model = ScriptedChatModel(answers=["word " * 300], window=1200)
    async with _assistant(paths, model) as assistant:
        conversation = await assistant.new_conversation()
        told: list[Event] = []
        for number in range(4):
            told += await _collect(await assistant.reply(conversation.id, f"question {number}", face="page"))
        assert any(isinstance(event, ContextTrimmed) for event in told)
        assert (await assistant.history(conversation.id))[-1].dropped_turns > 0


async def test_waiting_reading_and_thinking_are_told(paths: Paths) -> None:
    chunks = (
        AIMessageChunk("", additional_kwargs={"progress": [{"kind": "queued", "position": 2}]}),
        AIMessageChunk("", additional_kwargs={"progress": [{"kind": "prefill", "done": 5, "total": 9}]}),
        AIMessageChunk("", additional_kwargs={"reasoning_content": "hm"}),
    )
    async with _assistant(paths, ScriptedChatModel(answers=["yes"], chunks=chunks)) as assistant:
        conversation = await assistant.new_conversation()
        events = await _collect(await assistant.reply(conversation.id, "go", face="page"))
        [turn] = await assistant.history(conversation.id)
        assert events[1:4] == [
            Queued(turn.id, 2),
            Progress(turn.id, "prefill", 5, 9),
            Reasoning(turn.id, "hm"),
        ]
        assert turn.reasoning == "hm"


async def test_deleting_a_conversation_stops_its_answer_and_leaves_nothing_to_find(paths: Paths) -> None:
    model = ScriptedChatModel(answers=["one two three"], gate=asyncio.Event())
    async with _assistant(paths, model) as assistant:
        conversation = await assistant.new_conversation()
        events = await assistant.reply(conversation.id, "蓝色的鲸鱼", face="page")
        await anext(events)
        assert [hit.conversation_id for hit in await assistant.search("鲸鱼")] == [conversation.id]
        await assistant.delete(conversation.id)
        assert await assistant.search("鲸鱼") == []
        with pytest.raises(NotFound):
            await assistant.conversation(conversation.id)


async def test_messages_a_client_brings_are_answered_without_a_trace(paths: Paths) -> None:
    call = {"name": "add", "args": '{"a": 1}', "id": "call_1", "index": 0, "type": "tool_call_chunk"}
    chunk = AIMessageChunk("", tool_call_chunks=[call])
    model = ScriptedChatModel(answers=["hi"], chunks=(chunk,))
    async with _assistant(paths, model) as assistant:
        request = CompletionRequest((HumanMessage("hello"),), sampling=Sampling(temperature=0))
        events = await _collect(await assistant.complete(request))
        assert _text(events) == "hi"
        called = [event for event in events if isinstance(event, ToolCalled)]
        assert [(call.name, call.arguments) for call in called] == [("add", '{"a": 1}')]
        assert [message.text for message in model.calls[0]] == ["hello"]
        assert await assistant.conversations() == []


async def test_closing_a_clients_completion_frees_the_model(paths: Paths) -> None:
    model = ScriptedChatModel(answers=["one two three"], gate=asyncio.Event())
    async with _assistant(paths, model) as assistant:
        events = await assistant.complete(CompletionRequest((HumanMessage("hello"),)))
        await anext(events)
        await events.aclose()
        await asyncio.sleep(0)
        assert model.cancelled == 1


async def test_closing_the_assistant_keeps_the_answer_so_far(paths: Paths) -> None:
    model = ScriptedChatModel(answers=["one two three"], gate=asyncio.Event())
    assistant = _assistant(paths, model)
    await assistant.start()
    conversation = await assistant.new_conversation()
    events = await assistant.reply(conversation.id, "count", face="page")
    await anext(events)
    await anext(events)
    await assistant.close()
    async with _assistant(paths, model) as again:
        [turn] = await again.history(conversation.id)
        assert (turn.status, turn.answer) == ("stopped", "one ")


async def test_how_far_a_slow_loading_is_comes_before_the_answer(paths: Paths) -> None:
    gate = asyncio.Event()
    model = ScriptedChatModel(answers=["Ready."], loads=(("recasting", 40), ("loading", 80)), load_gate=gate)
    async with _assistant(paths, model) as assistant:
        conversation = await assistant.new_conversation()
        told = []
        async for event in await assistant.reply(conversation.id, "Are you there?", face="page"):
            if isinstance(event, Progress):
                told.append((event.stage, event.done, event.total))
                if event.stage == "loading" and event.done == 80:
                    gate.set()
        assert told == [("loading", 0, 100), ("recasting", 40, 100), ("loading", 80, 100)]
        assert (await assistant.history(conversation.id))[0].answer == "Ready."


async def test_what_a_person_brought_into_the_library_goes_with_them_unless_others_brought_it_too(paths: Paths) -> None:
    async def pieces(data: bytes) -> AsyncGenerator[bytes, None]:
        yield data

    async with _assistant(paths, ScriptedChatModel(answers=["-"])) as assistant:
        ann, bo = [
            await assistant.people.pair("telegram", name, name, (await assistant.people.new_code("telegram")).code)
            for name in ("Ann", "Bo")
        ]
        upload = assistant.documents.upload
        await upload("anns.txt", pieces(b"only hers"), person_id=ann.id)
        for person in (ann, bo):
            await upload("both.txt", pieces(b"of both"), person_id=person.id)
        await upload("owners.txt", pieces(b"hers first"), person_id=ann.id)
        await upload("owners.txt", pieces(b"hers first"))
        with pytest.raises(NotFound):
            await upload("nobodys.txt", pieces(b"-"), person_id="nobody")
        assert len(list(paths.documents.iterdir())) == 3, "nothing of it stays"
        async for _ in assistant.documents.progress():
            pass

        async def left() -> list[str]:
            return [one.source for one in await assistant.documents.documents()]

        await assistant.people.forget(ann.id)
        assert await left() == ["both.txt", "owners.txt"]
        assert len(list(paths.documents.iterdir())) == 2
        await assistant.people.remove(bo.id)
        assert "both.txt" in await left(), "who is only shut out takes nothing along"
        carl = await assistant.people.pair("telegram", "c", "C", (await assistant.people.new_code("telegram")).code)
        await upload("both.txt", pieces(b"of both"), person_id=carl.id)
        await assistant.people.remove(carl.id, said=True)
        assert await left() == ["both.txt", "owners.txt"], "what was the library's stays the library's"


async def test_whoever_brings_what_is_there_already_is_noted_without_reading_it_again(paths: Paths) -> None:
    async def pieces(data: bytes) -> AsyncGenerator[bytes, None]:
        yield data

    async with _assistant(paths, ScriptedChatModel(answers=["-"])) as assistant:
        documents, people = assistant.documents, assistant.people
        ann, bo = [
            await people.pair("telegram", one, one, (await people.new_code("telegram")).code) for one in ("Ann", "Bo")
        ]
        theirs = await documents.upload("theirs.txt", pieces(b"of both"), person_id=ann.id)
        mine = await documents.upload("mine.txt", pieces(b"the library's"))
        async for _ in documents.progress():
            pass
        for one in (theirs, mine):
            await documents.note_bringer(one.id, bo.id)
            assert (await documents.document(one.id)).status == "ready"
        for nowhere in ((theirs.id, "nobody"), ("nothing", bo.id)):
            with pytest.raises(NotFound):
                await documents.note_bringer(*nowhere)
        await people.forget(ann.id)
        assert [one.source for one in await documents.documents()] == ["mine.txt", "theirs.txt"]
        await people.forget(bo.id)
        assert [one.source for one in await documents.documents()] == ["mine.txt"]


@pytest.mark.parametrize("how", ["changed", "paired as one", "named in the settings"])
async def test_what_an_owner_brought_before_they_were_one_stays(paths: Paths, how: str) -> None:
    async def pieces() -> AsyncGenerator[bytes, None]:
        yield b"text"

    async with _assistant(paths, ScriptedChatModel(answers=["-"])) as assistant:
        people = assistant.people
        ann, bo = [
            await people.pair("telegram", one, one, (await people.new_code("telegram")).code) for one in ("Ann", "Bo")
        ]
        for one in (ann, bo):
            await assistant.documents.upload("a.txt", pieces(), person_id=one.id)
        if how == "changed":
            await people.change(ann.id, role="owner")
            await people.change(ann.id, role="member")
        elif how == "paired as one":
            await people.pair("telegram", "Ann", "Ann", (await people.new_code("telegram", role="owner")).code)
    named = Settings(memory=MemorySettings(mine=("Ann",) if how == "named in the settings" else ()))
    async with build(paths, named, models=FakeModels(ScriptedChatModel(answers=["-"]))) as assistant:
        for one in (ann, bo):
            await assistant.people.forget(one.id)
            assert [one.source for one in await assistant.documents.documents()] == ["a.txt"]
