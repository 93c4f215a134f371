"""Another answer, the rest of one, another way from here, one step back; as commands, in both languages."""

from __future__ import annotations

import asyncio

import pytest

from assistant.api import Assistant
from assistant.memory.database import Database
from assistant.memory.inbox import Arrival
from assistant.memory.mailbox import Mailbox
from assistant.memory.records import Turn
from assistant.memory.signals import SignalStore
from assistant.paths import Paths
from tests.botapi import TOKEN, User
from tests.botapi.world import Message
from tests.bots.telegram.conftest import Play, Scene


async def ask(user: User, text: str, answer: str) -> Message:
    user.private.send(text)
    return await user.private.chat.wait_for(lambda message: message.text == answer and bool(message.buttons))


async def shown(scene: Scene, user: User) -> list[Turn]:
    person = await scene.person(user)
    assert person.conversation_id is not None
    return await scene.assistant.history(person.conversation_id)


async def test_regenerate_answers_the_replied_to_question_again(play: Play) -> None:
    async with play("one", "two", "one again") as scene:
        ann = await scene.paired()
        await ask(ann, "first", "one")
        question = ann.private.chat.messages[0]
        await ask(ann, "second", "two")
        ann.private.send("/regenerate", reply_to=question)
        await ann.private.chat.wait_for(lambda message: message.text == "one again" and bool(message.buttons))
        [turn] = await shown(scene, ann)
        assert (turn.question, turn.answer, turn.source) == ("first", "one again", "regenerate")
        assert len(turn.siblings) == 2


async def test_regenerate_without_a_reply_is_for_the_last_answer_and_needs_one(play: Play) -> None:
    async with play("one", "one again") as scene:
        ann = await scene.paired(language_code="zh-hans")
        ann.private.send("/regenerate")
        await ann.private.chat.wait_for(lambda message: message.text == "还没有可以重写的回答。")
        await ask(ann, "first", "one")
        ann.private.send("/regenerate")
        await ann.private.chat.wait_for(lambda message: message.text == "one again")


async def test_of_two_answers_the_earlier_one_can_be_gone_on_from_and_that_is_heard(play: Play, paths: Paths) -> None:
    async with play("one", "one again", "two", "three") as scene:
        ann = await scene.paired()
        first = await ask(ann, "first", "one")
        assert first.buttons == ["👍", "👎", "🔁", "✏️"]
        await ann.private.press(first, "🔁").answered()
        second = await ann.private.chat.wait_for(lambda message: message.text == "one again" and bool(message.buttons))
        assert second.buttons == ["👍", "👎", "🔁", "✏️", "↩ The one before was better"]
        ann.private.react(second, "👎")
        await ann.private.chat.wait_for(lambda message: "👎 ✓" in message.buttons)
        assert await ann.private.press(second, "↩").answered() == "We go on from the answer before this one"
        await ann.private.chat.wait_for(lambda message: message.buttons == ["↪ This one after all"])
        assert [turn.answer for turn in await shown(scene, ann)] == ["one"]
        assert await ann.private.press(second, "↪").answered() == "We go on from this answer"
        await ann.private.chat.wait_for(lambda message: "👎 ✓" in message.buttons)
        assert [turn.answer for turn in await shown(scene, ann)] == ["one again"]
        await ann.private.press(second, "↩").answered()
        await ann.private.chat.wait_for(lambda message: message.buttons == ["↪ This one after all"])
        await ask(ann, "second", "two")
        assert [message.text for message in scene.model.calls[2]][-3:] == ["first", "one", "second"]
        kept, _ = await shown(scene, ann)
        passed_over = next(id for id in kept.siblings if id != kept.id)
        database = Database.open(paths.database, paths.backups)
        heard = [(one.kind, one.other_turn_id) for one in SignalStore(database).of_turn(kept.id)]
        database.close()
        assert ("kept", passed_over) in heard
        assert "has gone on since" in await ann.private.press(second, "↪").answered()
        assert [turn.answer for turn in await shown(scene, ann)] == ["one", "two"]


async def test_an_answer_after_another_question_or_after_none_has_no_earlier_one(play: Play) -> None:
    async with play("", "one", "one again") as scene:
        ann = await scene.paired(language_code="zh-hans")
        ann.private.send("first")
        nothing = await ann.private.chat.wait_for(lambda message: message.buttons == ["🔁"])
        await ann.private.press(nothing, "🔁").answered()
        one = await ann.private.chat.wait_for(lambda message: message.text == "one" and bool(message.buttons))
        assert one.buttons == ["👍", "👎", "🔁", "✏️"], "there was no answer before it"
        await ann.private.press(one, "🔁").answered()
        again = await ann.private.chat.wait_for(lambda message: message.text == "one again" and bool(message.buttons))
        assert again.buttons == ["👍", "👎", "🔁", "✏️", "↩ 用前一个回答"]


@pytest.mark.parametrize("by", ["command", "button"])
async def test_an_answer_that_was_stopped_is_gone_on_with(play: Play, by: str) -> None:
    gate = asyncio.Event()
    async with play("A long answer indeed", "and its end", "more", gate=gate) as scene:
        ann = await scene.paired()
        ann.private.send("Tell me")
        await ann.private.chat.wait_for_draft(lambda draft: draft.text == "A lo")
        ann.private.send("/stop")
        cut = await ann.private.chat.wait_for(lambda message: "Stopped." in message.text)
        assert "▶️ Go on" in cut.buttons
        ann.private.react(cut, "👎")
        await ann.private.chat.wait_for(lambda message: "👎 ✓" in message.buttons)
        assert "▶️ Go on" in cut.buttons, "a thumb takes no other button away"
        gate.set()
        if by == "command":
            ann.private.send("/continue")
        else:
            await ann.private.press(cut, "Go on").answered()
        await ann.private.chat.wait_for(lambda message: message.text == "and its end" and bool(message.buttons))
        read = [message.text for message in scene.model.calls[1]]
        assert read[-1] == "Go on exactly where your answer broke off."
        assert any(text == "A lo" for text in read)
        ann.private.send("/continue")
        whole = await ann.private.chat.wait_for(lambda message: "is whole" in message.text)
        ann.private.press(cut, "Go on")
        await ann.private.chat.wait_for(lambda message: "is whole" in message.text and message.id > whole.id)
        assert len(scene.model.calls) == 2, "what has gone on already is not gone on with again"


async def test_a_branch_begins_with_the_turns_up_to_the_replied_to_message(play: Play) -> None:
    async with play("one", "two", "other two") as scene:
        ann = await scene.paired()
        first = await ask(ann, "first", "one")
        await ask(ann, "second", "two")
        before = (await scene.person(ann)).conversation_id
        ann.private.send("/branch", reply_to=first)
        told = await ann.private.chat.wait_for(lambda message: "A conversation of its own" in message.text)
        assert "first (branch)" in told.text
        await ask(ann, "differently", "other two")
        person = await scene.person(ann)
        assert person.conversation_id != before
        assert before is not None
        assert [turn.question for turn in await shown(scene, ann)] == ["first", "differently"]
        assert [turn.question for turn in await scene.assistant.history(before)] == ["first", "second"]
        assert [message.text for message in scene.model.calls[2]][-3:] == ["first", "one", "differently"]
        await scene.assistant.delete(before)
        assert [turn.answer for turn in await shown(scene, ann)] == ["one", "other two"], "the copy is its own"


async def test_undo_takes_the_last_turn_back_and_brings_it_again(play: Play) -> None:
    async with play("one", "two", "three") as scene:
        ann = await scene.paired()
        await ask(ann, "first", "one")
        await ask(ann, "second", "two")
        ann.private.send("/undo")
        undone = await ann.private.chat.wait_for(lambda message: "Taken back: second" in message.text)
        assert "The last question is now: first" in undone.text
        assert [turn.question for turn in await shown(scene, ann)] == ["first"]
        assert await ann.private.press(undone, "Bring it back").answered() == "It is back"
        assert [turn.question for turn in await shown(scene, ann)] == ["first", "second"]
        ann.private.send("/undo")
        await ann.private.chat.wait_for(lambda message: "Taken back" in message.text and message.id > undone.id)
        await ask(ann, "third", "three")
        assert "two" not in [message.text for message in scene.model.calls[2]]
        for said in ("third", "first"):
            ann.private.send("/undo")
            await ann.private.chat.wait_for(lambda message, said=said: f"Taken back: {said}" in message.text)
        ann.private.send("/undo")
        await ann.private.chat.wait_for(lambda message: message.text == "There is nothing to take back.")


async def test_what_a_process_died_over_is_done_once(play: Play, paths: Paths) -> None:
    bot_id = int(TOKEN.split(":")[0])
    async with play("one", "two") as scene:
        ann = await scene.paired()
        await ask(ann, "first", "one")
        await ask(ann, "second", "two")
        second = (await shown(scene, ann))[-1]
        await scene.assistant.branches.take_back(second.id)  # and then the process dies
    undo = ann.private.chat.add(ann.json, text="/undo")
    mailbox = Mailbox.open(paths.mailbox, paths.backups)
    raw = {"update_id": 700_000_900, "message": undo.as_json()}
    mailbox.inbox.keep(bot_id, [Arrival(700_000_900, raw, ann.id, undo.id)])
    mailbox.inbox.begin(bot_id, 700_000_900)
    mailbox.inbox.link(bot_id, 700_000_900, second.id)
    mailbox.close()
    async with play() as scene:
        await ann.private.chat.wait_for(lambda message: "Taken back: second" in message.text)
        assert [turn.question for turn in await shown(scene, ann)] == ["first"]
        [conversation] = await scene.assistant.conversations()
        await scene.server.wait_for_call(lambda call: call.method == "setMyCommands")
    branch = ann.private.chat.add(ann.json, text="/branch")
    mailbox = Mailbox.open(paths.mailbox, paths.backups)
    raw = {"update_id": 700_000_901, "message": branch.as_json()}
    mailbox.inbox.keep(bot_id, [Arrival(700_000_901, raw, ann.id, branch.id)])
    mailbox.inbox.begin(bot_id, 700_000_901)
    mailbox.close()

    async def branched(assistant: Assistant) -> None:
        [turn] = await assistant.history(conversation.id)
        await assistant.branches.begin(turn.id, "first (branch)")  # and then the process dies

    async with play(prepare=branched) as scene:
        await ann.private.chat.wait_for(lambda message: "A conversation of its own" in message.text)
        assert len(await scene.assistant.conversations()) == 2


async def test_switch_goes_where_the_title_says(play: Play) -> None:
    async with play("one") as scene:
        ann = await scene.paired(role="owner")
        for title in ("Family matters", "Family trip", "钓鱼"):
            await scene.assistant.new_conversation(title)
        ann.private.send("/switch 钓鱼")
        await ann.private.chat.wait_for(lambda message: message.text == "We go on with: 钓鱼")
        ann.private.send("/switch family")
        several = await ann.private.chat.wait_for(lambda message: "Family trip" in message.buttons)
        assert "▸ 钓鱼" not in several.buttons
        ann.private.send("/switch nothing like it")
        await ann.private.chat.wait_for(lambda message: "No conversation has these words" in message.text)
        ann.private.send("/switch")
        await ann.private.chat.wait_for(lambda message: "▸ 钓鱼" in message.buttons)


async def test_switch_tells_a_member_nothing_of_other_peoples_conversations(play: Play) -> None:
    async with play("one") as scene:
        bob = await scene.paired(role="member")
        for title in ("Family matters", "Family trip"):
            await scene.assistant.new_conversation(title)
        bob.private.send("/switch family")
        await bob.private.chat.wait_for(lambda message: "No conversation has these words" in message.text)
