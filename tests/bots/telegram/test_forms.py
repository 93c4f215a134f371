"""Ordinary or rich: a person chooses, and what Telegram will not have comes the other way, once."""

from __future__ import annotations

import asyncio

import pytest
from langchain_core.messages import AIMessageChunk

from bots.telegram.pacing import Pace
from tests.botapi import ManualClock, Message, Seat, User
from tests.bots.telegram.conftest import Play, Scene
from tests.fakes.chat_model import ScriptedChatModel

TABLE = "The cities:\n\n| city | km |\n|---|--:|\n| 北京 | 12 |\n\nThat is all."
LONG = TABLE + "\n\n" + "\n\n".join(f"Paragraph {number} of a long answer." for number in range(300))


async def _chooses(scene: Scene, ann: User, word: str = "rich") -> None:
    ann.private.send(f"/format {word}")
    await ann.private.chat.wait_for(lambda message: "From now on" in message.text)


async def _rich(seat: Seat, kind: str = "table") -> Message:
    return await seat.chat.wait_for(lambda message: kind in {block["type"] for block in message.rich})


async def test_whoever_says_nothing_gets_ordinary_messages_and_a_button_for_the_other_layout(play: Play) -> None:
    async with play(TABLE) as scene:
        ann = await scene.paired()
        ann.private.send("Which cities?")
        answer = await ann.private.chat.wait_for(lambda message: "That is all." in message.text)
        assert answer.buttons == ["👍", "👎", "🔁", "✏️", "Other layout"]
        await ann.private.press(answer, "Other layout").answered()
        assert [block["type"] for block in answer.rich] == ["paragraph", "table", "paragraph"]
        assert answer.buttons == ["👍", "👎", "🔁", "✏️", "Other layout"], "the same ones, in the same message"
        await ann.private.press(answer, "Other layout").answered()
        assert (answer.rich, "北京" in answer.text) == ([], True), "and back"
        assert len(ann.private.chat.answers) == 1


async def test_a_person_chooses_with_buttons_and_another_one_is_not_affected(play: Play) -> None:
    async with play(TABLE, TABLE, "Just words.") as scene:
        ann, bob = await scene.paired(), await scene.paired(1002, "Bob")
        ann.private.send("/format")
        asked = await ann.private.chat.wait_for(lambda message: "How shall I draw" in message.text)
        assert asked.buttons == ["✓ Ordinary messages", "Rich messages"]
        assert "rich messages" in await ann.private.press(asked, "Rich").answered()
        await ann.private.chat.wait_for(lambda message: any("✓ Rich" in label for label in message.buttons))
        ann.private.send("Which cities?")
        assert "Other layout" in (await _rich(ann.private)).buttons
        bob.private.send("Which cities?")
        assert (await bob.private.chat.wait_for(lambda message: "北京" in message.text)).rich == []
        ann.private.send("And in words?")
        await ann.private.chat.wait_for(lambda message: message.text == "Just words.")


async def test_the_draft_is_rich_as_soon_as_that_shows_more(play: Play) -> None:
    gate = asyncio.Event()
    model = ScriptedChatModel(answers=["all. Indeed."], chunks=(AIMessageChunk(content=TABLE[:-4]),), gate=gate)
    async with play(model=model) as scene:
        ann = await scene.paired()
        await _chooses(scene, ann)
        ann.private.send("Which cities?")
        draft = await ann.private.chat.wait_for_draft(lambda draft: bool(draft.rich))
        assert [block["type"] for block in draft.rich] == ["paragraph", "table", "paragraph"]
        assert draft.can_stop
        gate.set()
        answer = await _rich(ann.private)
        assert answer.rich[-1]["text"] == "That is all. Indeed."
        assert len([message for message in ann.private.chat.answers if message.rich]) == 1


async def test_rich_drafts_that_are_refused_are_ordinary_drafts(play: Play) -> None:
    gate = asyncio.Event()
    model = ScriptedChatModel(answers=["all. Indeed."], chunks=(AIMessageChunk(content=TABLE[:-4]),), gate=gate)
    async with play(model=model) as scene:
        ann = await scene.paired()
        await _chooses(scene, ann)
        scene.server.faults.refuse("sendRichMessageDraft", 404, "Not Found", times=50)
        ann.private.send("Go")
        await ann.private.chat.wait_for_draft(lambda draft: "北京" in draft.text)
        gate.set()
        await _rich(ann.private)
        assert scene.server.faults.met["404"] == 1, "it is tried once for an answer"


async def test_the_stop_button_of_a_rich_draft_keeps_what_there_is_in_either_layout(play: Play) -> None:
    gate = asyncio.Event()
    model = ScriptedChatModel(answers=["all. Indeed."], chunks=(AIMessageChunk(content=TABLE[:-4]),), gate=gate)
    async with play(model=model) as scene:
        ann = await scene.paired()
        await _chooses(scene, ann)
        ann.private.send("Which cities?")
        await ann.private.chat.wait_for_draft(lambda draft: bool(draft.rich))
        ann.private.stop_draft()
        answer = await _rich(ann.private)
        assert "Stopped." in str(answer.rich[-1])
        assert answer.buttons == ["👍", "👎", "🔁", "✏️", "Other layout", "▶️ Go on"]
        await ann.private.press(answer, "👎").answered()
        await ann.private.chat.wait_for(lambda message: "Too long" in message.buttons)
        assert "▶️ Go on" in answer.buttons, "it does not go away with a thumb"
        await ann.private.press(answer, "Other layout").answered()
        assert answer.text.endswith("Stopped.")
        assert len(ann.private.chat.answers) == 2


async def test_a_rich_answer_that_waits_is_rich_after_a_restart_and_there_once(play: Play) -> None:
    clock = ManualClock()
    async with play(TABLE, clock=clock) as scene:
        ann = await scene.paired()
        await _chooses(scene, ann)
        scene.server.faults.too_many("sendRichMessage", 100)
        ann.private.send("Which cities?")
        await clock.somebody_waits(90, 100)
    async with play(clock=clock) as scene:
        await clock.somebody_waits(90, 100)
        clock.advance(101)
        answer = await _rich(ann.private)
        assert "Other layout" in answer.buttons
        assert len([message for message in ann.private.chat.answers if message.rich]) == 1


@pytest.mark.parametrize(("status", "why"), [(400, "Bad Request: RICH_MESSAGE_INVALID"), (404, "Not Found")])
async def test_what_telegram_will_not_have_comes_as_an_ordinary_message_once(play: Play, status: int, why: str) -> None:
    async with play(TABLE, LONG) as scene:
        ann = await scene.paired()
        await _chooses(scene, ann)
        scene.server.faults.refuse("sendRichMessage", status, why)
        ann.private.send("Which cities?")
        answer = await ann.private.chat.wait_for(lambda message: "That is all." in message.text)
        assert "北京" in answer.text
        assert answer.buttons
        scene.server.faults.refuse("sendRichMessage", status, why)
        ann.private.send("More")
        await ann.private.chat.wait_for(lambda message: "Paragraph 299" in message.text)
        parts = ann.private.chat.answers[2:]
        assert len(parts) > 2
        said = "\n".join(message.text for message in parts)
        assert all(said.count(f"Paragraph {number} of") == 1 for number in range(300))
        assert [bool(message.buttons) for message in parts] == [False] * (len(parts) - 1) + [True]


async def test_a_long_answer_with_a_table_is_one_rich_message_and_a_very_long_one_is_numbered(play: Play) -> None:
    longer = TABLE + "\n\n" + "\n\n".join(f"Paragraph {number} of it." for number in range(1100))
    async with play(LONG, longer) as scene:
        ann = await scene.paired()
        await _chooses(scene, ann)
        ann.private.send("Tell me")
        answer = await _rich(ann.private)
        assert answer.rich[-1]["text"] == "Paragraph 299 of a long answer."
        ann.private.send("Tell me more")
        last = await ann.private.chat.wait_for(lambda message: "(3/3)" in str(message.rich), 60)
        parts = ann.private.chat.answers[2:]
        said = [block["text"] for message in parts for block in message.rich if block["type"] == "paragraph"]
        assert said[2:] == [f"Paragraph {number} of it." for number in range(1100)]
        assert [bool(message.buttons) for message in parts] == [False, False, True]
        assert last is parts[-1]
        before = len(ann.private.chat.answers)
        await ann.private.press(last, "Other layout").answered()
        shown = await ann.private.chat.wait_for(lambda message: "Paragraph 1099 of it." in message.text, 60)
        assert shown.id > last.id
        assert len(ann.private.chat.answers) > before + 3, "several ordinary messages, below the rich ones"


async def test_a_later_part_that_is_refused_comes_in_words_and_nothing_twice(play: Play) -> None:
    longer = TABLE + "\n\n" + "\n\n".join(f"Paragraph {number} of it." for number in range(1100))
    async with play(longer) as scene:
        ann = await scene.paired()
        await _chooses(scene, ann)
        scene.server.faults.spare("sendRichMessage")
        scene.server.faults.refuse("sendRichMessage", 400, "Bad Request: no")
        ann.private.send("Tell me")
        await ann.private.chat.wait_for(lambda message: "Paragraph 1099 of it." in message.text, 60)
        parts = ann.private.chat.answers[1:]
        said = "\n".join(f"{message.text}\n{message.rich}" for message in parts)
        assert all(said.count(f"Paragraph {number} of") == 1 for number in range(1100))


@pytest.mark.parametrize("fault", ["lose_response", "cut"])
async def test_a_rich_answer_whose_fate_is_unknown_is_there_once(play: Play, fault: str) -> None:
    async with play(TABLE, pace=Pace(first=0, draft=0.01, edit=0.01, join=0.05, grace=0.2, call=2)) as scene:
        ann = await scene.paired()
        await _chooses(scene, ann)
        getattr(scene.server.faults, fault)("sendRichMessage")
        ann.private.send("Which cities?")
        answer = await _rich(ann.private)
        await scene.server.wait_for_call(lambda call: call.method == "editMessageText" and call.status != 0)
        ann.private.send("/quota")
        await ann.private.chat.wait_for(lambda message: message.text.startswith("Today"))
        shown = [message for message in ann.private.chat.answers if message.rich]
        assert shown == [answer]
        assert len(ann.private.chat.answers) == 3, "the choice, the answer, the quota"


async def test_in_a_group_the_message_that_is_edited_ends_as_a_rich_one(play: Play) -> None:
    gate = asyncio.Event()
    async with play(TABLE, gate=gate) as scene:
        ann = await scene.paired()
        await _chooses(scene, ann)
        friends = scene.server.group(-1_000_000_000_100, "Friends")
        seat = ann.in_chat(friends)
        seat.send("@patina_test_bot which cities?")
        preview = await friends.wait_for(lambda message: message.text.startswith("The"))
        gate.set()
        answer = await _rich(seat)
        assert answer is preview
        assert len(friends.answers) == 1


async def test_forget_forgets_the_choice_too(play: Play) -> None:
    async with play(TABLE) as scene:
        ann = await scene.paired()
        await _chooses(scene, ann)
        ann.private.send("/forget")
        asked = await ann.private.chat.wait_for(lambda message: "cannot be undone" in message.text)
        await ann.private.press(asked, "Delete it all").answered()
        await ann.private.chat.wait_for(lambda message: message.text.startswith("It is gone"))
        ann.private.send("Which cities?")
        assert (await ann.private.chat.wait_for(lambda message: "北京" in message.text)).rich == []


async def test_every_answer_is_there_once_in_bad_weather(play: Play) -> None:
    answers = [f"Answer {number}.\n\n| n |\n|---|\n| {number} |" for number in range(4)]
    pace = Pace(first=0, draft=0.01, edit=0.01, join=0.05, grace=0.2, call=1)
    async with play(*answers, pace=pace) as scene:
        ann = await scene.paired()
        await _chooses(scene, ann)
        for _ in range(2):
            scene.server.faults.lose_response("sendRichMessage")
            scene.server.faults.spare("sendRichMessage")
        for number in range(4):
            ann.private.send(f"Question {number}")
        await ann.private.chat.wait_for(lambda message: "Answer 3." in str(message.rich), 60)
        said = [message.rich[0]["text"] for message in ann.private.chat.answers if message.rich]
        assert said == [f"Answer {number}." for number in range(4)]


@pytest.mark.parametrize("word", ["text", "rich"])
async def test_below_an_old_answer_the_other_layout_comes_in_a_new_message_and_nothing_is_lost(
    play: Play, word: str
) -> None:
    async with play(TABLE) as scene:
        ann = await scene.paired()
        await _chooses(scene, ann, word)
        ann.private.send("Which cities?")
        answer = await ann.private.chat.wait_for(lambda message: "Other layout" in message.buttons)
        before, was_rich = answer.buttons, bool(answer.rich)
        await ann.private.press(answer, "Other layout", old=True).answered()
        new = await ann.private.chat.wait_for(
            lambda message: message.id > answer.id and "Other layout" in message.buttons
        )
        assert (bool(new.rich), bool(answer.rich), answer.buttons) == (not was_rich, was_rich, before)
