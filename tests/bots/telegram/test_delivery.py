"""One question, one visible answer: long ones, refused ones, lost ones, and what can be done with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest
from pydantic import SecretStr

from assistant.config import Settings, TelegramSettings
from assistant.events import Event, TurnFinished
from assistant.memory.inbox import Arrival
from assistant.memory.mailbox import Mailbox
from assistant.memory.records import Turn
from assistant.paths import Paths
from assistant.wiring import build
from bots.telegram.app import TelegramBot
from bots.telegram.pacing import Pace
from tests.botapi import TOKEN, BotApiServer, ManualClock
from tests.botapi.limits import units
from tests.bots.telegram.conftest import Play, Scene
from tests.fakes.chat_model import FakeModels, ScriptedChatModel


async def _turns(scene: Scene) -> list[Turn]:
    [conversation] = await scene.assistant.conversations()
    return await scene.assistant.history(conversation.id)


async def _being_written(scene: Scene) -> AsyncGenerator[Event, None]:
    [conversation] = await scene.assistant.conversations()
    turn_id = scene.assistant.running(conversation.id)
    assert turn_id is not None
    return await scene.assistant.follow(turn_id)


async def test_a_long_answer_comes_in_several_messages_without_losing_a_line(play: Play) -> None:
    lines = [f"{number}. 第 {number} 行 😀 of a long answer that goes on and on" for number in range(1, 301)]
    async with play("\n".join(lines), pace=Pace(draft=0.5, grace=0.2)) as scene:
        ann = await scene.paired()
        ann.private.send("Tell me everything")
        last = await ann.private.chat.wait_for(lambda message: "第 300 行" in message.text, 60)
        answers = ann.private.chat.answers
        assert len(answers) > 2
        assert all(units(message.text) <= 4096 for message in answers)
        received = [line.strip() for message in answers for line in message.text.splitlines() if line.strip()]
        numbers = [f"({number}/{len(answers)})" for number in range(1, len(answers) + 1)]
        assert [line for line in received if line.startswith("(")] == numbers
        assert [line for line in received if not line.startswith("(")] == lines
        assert [bool(message.buttons) for message in answers] == [False] * (len(answers) - 1) + [True]
        assert last.buttons == ["👍", "👎", "🔁", "✏️"]


async def test_a_wait_telegram_asks_for_is_kept_and_the_answer_still_comes_once(play: Play) -> None:
    gate, clock = asyncio.Event(), ManualClock()
    async with play("Patience is rewarded.", gate=gate, clock=clock) as scene:
        ann = await scene.paired()
        scene.server.faults.too_many("sendMessageDraft", retry_after=7)
        ann.private.send("Hurry")
        await scene.server.wait_for_call(lambda call: call.status == 429)
        written = await _being_written(scene)
        gate.set()
        assert isinstance([event async for event in written][-1], TurnFinished)
        await clock.somebody_waits(7, 7)
        clock.advance(6)
        assert ann.private.chat.answers == []
        clock.advance(1)
        await ann.private.chat.wait_for(lambda message: message.text == "Patience is rewarded.")
        in_the_chat = [call for call in scene.server.calls if call.chat_id == 1001]
        assert [(call.status, call.at) for call in in_the_chat] == [(429, 0), (200, 7)]


async def test_four_people_at_once_under_a_tight_limit_get_every_answer_once_and_no_wait_is_broken(
    paths: Paths,
) -> None:
    model = ScriptedChatModel(answers=["A sentence that is drafted in several pieces, one after the other."])
    async with (
        BotApiServer(per_second=4, burst=2) as server,
        build(paths, Settings(), models=FakeModels(model)) as assistant,
    ):
        settings = TelegramSettings(token=SecretStr(TOKEN), api_root=server.url)
        bot = TelegramBot(assistant, settings, "en", paths, pace=Pace(draft=0.02, grace=1))
        run = asyncio.create_task(bot.run())
        people = [server.user(number, f"Person {number}") for number in (1, 2, 3, 4)]
        for person in people:
            code = await assistant.people.new_code("telegram")
            await assistant.people.pair("telegram", str(person.id), "somebody", code.code)
            for question in ("one?", "two?", "three?"):
                person.private.send(question)
        for person in people:
            await person.private.chat.wait_for_answers(3, 60)
        run.cancel()
        await asyncio.wait({run})
        assert [len(person.private.chat.answers) for person in people] == [3, 3, 3, 3]
        assert {message.text for person in people for message in person.private.chat.answers} == set(model.answers)
        assert any(call.status == 429 for call in server.calls), "the limit was felt"
        assert server.asked_too_early == 0


async def test_formatting_telegram_refuses_is_left_out(play: Play) -> None:
    async with play("Some **bold** text.") as scene:
        scene.server.faults.refuse("sendMessage", 400, "Bad Request: can't parse entities")
        ann = await scene.paired()
        ann.private.send("Format it")
        answer = await ann.private.chat.wait_for(lambda message: "bold" in message.text)
        assert answer.entities == []
        assert len(ann.private.chat.answers) == 1


@pytest.mark.parametrize("fault", ["lose_response", "cut"])
async def test_an_answer_whose_fate_is_unknown_stands_in_the_chat_once(play: Play, fault: str) -> None:
    async with play("The one answer.") as scene:
        getattr(scene.server.faults, fault)("sendMessage")
        ann, bo = await scene.paired(), await scene.paired(1002, "Bo")
        ann.private.send("Ask")
        bo.private.send("Ask too")
        await bo.private.chat.wait_for(lambda message: message.text == "The one answer.")
        await ann.private.chat.wait_for(lambda message: message.text == "The one answer.")
        ann.private.send("/stop")
        await ann.private.chat.wait_for(lambda message: "No answer is being written" in message.text)
        texts = [message.text for message in ann.private.chat.answers]
        assert texts == ["The one answer.", "No answer is being written."]
        assert ann.private.chat.answers[0].buttons == ["👍", "👎", "🔁", "✏️"]


async def test_even_the_message_that_was_sent_to_look_for_an_answer_may_get_lost(play: Play) -> None:
    async with play("The one answer.") as scene:
        scene.server.faults.cut("sendMessage")
        scene.server.faults.lose_response("sendMessage", times=2)
        ann = await scene.paired()
        ann.private.send("Ask")
        await ann.private.chat.wait_for(lambda message: message.text == "The one answer.")
        ann.private.send("/stop")
        await ann.private.chat.wait_for(lambda message: "No answer is being written" in message.text)
        texts = [message.text for message in ann.private.chat.answers]
        assert texts == ["The one answer.", "No answer is being written."]


async def test_an_answer_that_arrived_after_much_else_did_is_found_and_what_looked_for_it_goes(play: Play) -> None:
    gate = asyncio.Event()
    async with play("The one answer.", gate=gate) as scene:
        ann = await scene.paired()
        others = [await scene.paired(2000 + number, "Somebody") for number in range(20)]
        ann.private.send("Ask")
        await ann.private.chat.wait_for_draft(lambda draft: draft.text == "The")
        # Numbers the bot knows nothing of: they lie between the answer and whatever is sent next.
        for other in others:
            other.private.chat.add(scene.server.me, text="from another program with this token")
        scene.server.faults.lose_response("sendMessage")
        gate.set()
        await scene.server.wait_for_call(lambda call: call.method == "deleteMessage", 60)
        assert [message.text for message in ann.private.chat.answers] == ["The one answer."]
        assert all(other.private.chat.answers[0].text.startswith("from another") for other in others)


async def test_where_an_answer_cannot_be_looked_for_it_can_be_asked_for(play: Play) -> None:
    gate = asyncio.Event()
    async with play("The one answer.", gate=gate) as scene:
        ann, bo = await scene.paired(), await scene.paired(1002, "Bo")
        ann.private.send("Ask")
        await ann.private.chat.wait_for_draft(lambda draft: draft.text == "The")
        for _ in range(60):
            bo.private.chat.add(scene.server.me, text="from another program with this token")
        scene.server.faults.lose_response("sendMessage")
        gate.set()
        offer = await ann.private.chat.wait_for(lambda message: "cannot tell whether" in message.text)
        texts = [message.text for message in ann.private.chat.answers]
        assert texts.count("The one answer.") == 1
        ann.private.press(offer, "Show it")
        await ann.private.chat.wait_for_answers(3)
        assert ann.private.chat.answers[-1].text == "The one answer."


async def test_a_text_that_waited_is_kept_no_longer_than_it_has_to_wait(play: Play, paths: Paths) -> None:
    async with play("A very private answer.") as scene:
        ann = await scene.paired()
        ann.private.send("A very private question")
        await ann.private.chat.wait_for_answers(1)
    assert b"very private" not in b"".join(file.read_bytes() for file in paths.home.glob("telegram.db*"))


async def test_an_answer_waits_out_a_long_refusal_over_a_restart(play: Play) -> None:
    gate, clock = asyncio.Event(), ManualClock()
    async with play("Patience is rewarded.", gate=gate, clock=clock, pace=Pace(first=0, grace=0)) as scene:
        ann = await scene.paired()
        scene.server.faults.too_many("sendMessageDraft", retry_after=200)
        ann.private.send("Hurry")
        await scene.server.wait_for_call(lambda call: call.status == 429)
        written = await _being_written(scene)
        gate.set()
        assert isinstance([event async for event in written][-1], TurnFinished)
        await clock.somebody_waits(199, 200)
        clock.advance(50)
    before = len(scene.server.calls)
    async with play("Not asked again.", clock=clock) as scene:
        await clock.somebody_waits(149, 150)
        clock.advance(149)
        assert [call for call in scene.server.calls[before:] if call.chat_id == 1001] == []
        clock.advance(1)
        await ann.private.chat.wait_for(lambda message: message.text == "Patience is rewarded.")
        assert scene.model.calls == []
        assert scene.server.asked_too_early == 0


async def test_an_answer_that_is_deleted_while_it_waits_is_not_sent(play: Play, paths: Paths) -> None:
    gate, clock = asyncio.Event(), ManualClock()
    async with play("Never mind.", gate=gate, clock=clock, pace=Pace(first=0)) as scene:
        ann = await scene.paired()
        scene.server.faults.too_many("sendMessageDraft", retry_after=200)
        ann.private.send("Hurry")
        await scene.server.wait_for_call(lambda call: call.status == 429)
        written = await _being_written(scene)
        gate.set()
        assert isinstance([event async for event in written][-1], TurnFinished)
        await clock.somebody_waits(199, 200)
        [conversation] = await scene.assistant.conversations()
        await scene.assistant.delete(conversation.id)
        clock.advance(200)
        ann.private.send("/stop")
        await ann.private.chat.wait_for(lambda message: "No answer is being written" in message.text)
        assert len(ann.private.chat.answers) == 1
    assert b"Never mind" not in b"".join(file.read_bytes() for file in paths.home.glob("telegram.db*"))


async def test_a_question_that_kills_the_process_every_time_is_given_up_and_said(play: Play, paths: Paths) -> None:
    bot_id = int(TOKEN.split(":")[0])
    async with play() as scene:
        ann = await scene.paired()
        await scene.server.wait_for_call(lambda call: call.method == "setMyCommands")
    question = ann.private.chat.add(ann.json, text="Kill it")
    mailbox = Mailbox.open(paths.mailbox, paths.backups)
    raw = {"update_id": 700_000_900, "message": question.as_json()}
    mailbox.inbox.keep(bot_id, [Arrival(700_000_900, raw, ann.id, question.id)])
    for _ in range(10):
        mailbox.inbox.begin(bot_id, 700_000_900)
    mailbox.close()
    async with play("Alive.") as scene:
        await ann.private.chat.wait_for(lambda message: "cut off again and again" in message.text)
        assert scene.model.calls == []
        ann.private.send("And now?")
        await ann.private.chat.wait_for(lambda message: message.text == "Alive.")
    async with play("Never asked.") as scene:
        ann.private.send("/stop")
        await ann.private.chat.wait_for(lambda message: "No answer is being written" in message.text)
        assert len(ann.private.chat.answers) == 3


async def test_a_question_whose_answer_had_not_begun_when_the_bot_ended_is_answered_at_the_next_start(
    play: Play,
) -> None:
    gate = asyncio.Event()
    model = ScriptedChatModel(answers=["never"], load_gate=gate)
    async with play(model=model) as scene:
        ann = await scene.paired()
        ann.private.send("Hello?")
        ann.private.send("And this?")
        await ann.private.chat.wait_for_draft(lambda draft: draft.text == "Thinking…")
    async with play("The answer.", "Another answer.") as scene:
        await ann.private.chat.wait_for_answers(2)
        assert [message.text for message in ann.private.chat.answers] == ["The answer.", "Another answer."]
        assert [turn.question for turn in await _turns(scene)] == ["Hello?", "And this?"]


async def test_a_thumb_is_kept_with_the_turn_and_marked_and_can_be_taken_back(play: Play) -> None:
    async with play("Rate me.") as scene:
        ann = await scene.paired()
        ann.private.send("Hi")
        answer = await ann.private.chat.wait_for(lambda message: message.text == "Rate me.")
        assert await ann.private.press(answer, "👍").answered() == "👍 noted"
        await ann.private.chat.wait_for(lambda message: "👍 ✓" in message.buttons)
        assert [turn.rating for turn in await _turns(scene)] == ["thumb_up"]
        await ann.private.press(answer, "👎").answered()
        await ann.private.chat.wait_for(lambda message: message.buttons[:4] == ["👍", "👎 ✓", "🔁", "✏️"])
        assert [turn.rating for turn in await _turns(scene)] == ["thumb_down"]
        assert await ann.private.press(answer, "👎").answered() == "Taken back"
        await ann.private.chat.wait_for(lambda message: message.buttons == ["👍", "👎", "🔁", "✏️"])
        assert [turn.rating for turn in await _turns(scene)] == [None]
        assert answer.text == "Rate me.", "the answer stays as it is"


async def test_a_thumb_pressed_too_long_ago_to_be_answered_still_counts(play: Play) -> None:
    async with play("Rate me.") as scene:
        ann = await scene.paired()
        ann.private.send("Hi")
        answer = await ann.private.chat.wait_for(lambda message: message.text == "Rate me.")
        scene.server.faults.refuse("answerCallbackQuery", 400, "Bad Request: query is too old")
        ann.private.press(answer, "👍")
        await ann.private.chat.wait_for(lambda message: "👍 ✓" in message.buttons)
        assert [turn.rating for turn in await _turns(scene)] == ["thumb_up"]
        assert len(ann.private.chat.answers) == 1, "and no complaint about it"


async def test_again_writes_a_second_answer_beside_the_first(play: Play) -> None:
    async with play("First try.", "Second try.") as scene:
        ann = await scene.paired()
        ann.private.send("Hi")
        answer = await ann.private.chat.wait_for(lambda message: message.text == "First try.")
        assert await ann.private.press(answer, "🔁").answered() == "I am writing it again"
        second = await ann.private.chat.wait_for(lambda message: message.text == "Second try.")
        assert second.buttons == ["👍", "👎", "🔁", "✏️", "↩ The one before was better"]
        [turn] = await _turns(scene)
        assert (turn.question, turn.answer, turn.source) == ("Hi", "Second try.", "regenerate")
        assert len(turn.siblings) == 2


async def test_buttons_still_work_after_a_restart(play: Play) -> None:
    async with play("Rate me later.") as scene:
        ann = await scene.paired()
        ann.private.send("Hi")
        answer = await ann.private.chat.wait_for(lambda message: message.text == "Rate me later.")
    async with play() as scene:
        await ann.private.press(answer, "👍").answered()
        assert [turn.rating for turn in await _turns(scene)] == ["thumb_up"]


async def test_a_button_of_a_deleted_conversation_says_so(play: Play) -> None:
    async with play("Gone soon.") as scene:
        ann = await scene.paired()
        ann.private.send("Hi")
        answer = await ann.private.chat.wait_for(lambda message: message.text == "Gone soon.")
        [conversation] = await scene.assistant.conversations()
        await scene.assistant.delete(conversation.id)
        assert "There is no such answer" in await ann.private.press(answer, "👍").answered()
        assert "There is no such answer" in await ann.private.press(answer, "🔁").answered()


async def test_an_update_delivered_twice_is_answered_once(play: Play) -> None:
    async with play("Once.") as scene:
        ann = await scene.paired()
        question = ann.private.send("Only once please")
        await ann.private.chat.wait_for(lambda message: message.text == "Once.")
        scene.server.updates.again({"update_id": 700_000_001, "message": question.as_json()})
        ann.private.send("/stop")
        await ann.private.chat.wait_for(lambda message: "No answer is being written" in message.text)
        assert [message.text for message in ann.private.chat.answers].count("Once.") == 1
        assert len(scene.model.calls) == 1


async def test_sentences_are_chinese_for_a_chinese_client(play: Play) -> None:
    async with play("你好！") as scene:
        stranger = scene.server.user(7, "王", "zh-hans")
        stranger.private.send("/start")
        await stranger.private.chat.wait_for(lambda message: "这是私人助手" in message.text)
        wang = await scene.paired(8, "王", "zh-hans")
        wang.private.send("/stop")
        await wang.private.chat.wait_for(lambda message: message.text == "没有正在写的回答。")
        wang.private.send_document("空.txt", b"", "读一下")
        await wang.private.chat.wait_for(lambda message: "没有接收文件 空.txt：文件是空的" in message.text)
        wang.private.send("你好")
        answer = await wang.private.chat.wait_for(lambda message: message.text == "你好！")
        assert await wang.private.press(answer, "👍").answered() == "已记下 👍"
        unnamed = await scene.paired(9, "Zoë", None)
        unnamed.private.send("/stop")
        await unnamed.private.chat.wait_for(lambda message: message.text == "No answer is being written.")
