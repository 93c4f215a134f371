"""In a group the bot answers paired people who mention it or reply to it, and keeps the group's talk apart."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

from assistant.paths import Paths
from tests.bots.telegram.conftest import Play


async def test_a_mention_is_answered_in_the_group_as_a_reply(play: Play) -> None:
    gate = asyncio.Event()
    async with play("Hello everybody.", gate=gate) as scene:
        ann = await scene.paired()
        group = scene.server.group(-100, "Friends")
        question = ann.in_chat(group).send("@patina_test_bot say hello")
        growing = await group.wait_for(lambda message: message.text == "Hell")
        gate.set()
        await group.wait_for(lambda message: bool(message.buttons) and message.text == "Hello everybody.")
        assert group.answers == [growing], "one message that grew"
        assert growing.reply_to == question
        assert growing.buttons == ["👍", "👎", "🔁", "✏️"]
        assert group.draft_history == []
        assert scene.model.calls[0][-1].text == "say hello"


async def test_a_reply_to_the_bot_goes_on_without_a_mention(play: Play) -> None:
    async with play("Blue.", "Because of the air.") as scene:
        ann = await scene.paired()
        group = scene.server.group(-100, "Friends")
        ann.in_chat(group).send("@patina_test_bot what colour is the sky?")
        answer = await group.wait_for(lambda message: message.text == "Blue." and bool(message.buttons))
        ann.in_chat(group).send("Why?", reply_to=answer)
        await group.wait_for(lambda message: message.text == "Because of the air.")
        assert "Blue." in [message.text for message in scene.model.calls[1]]


async def test_people_talking_to_each_other_are_left_alone(play: Play) -> None:
    async with play("Yes?") as scene:
        scene.server.privacy = False
        ann = await scene.paired()
        group = scene.server.group(-100, "Friends")
        mine = ann.in_chat(group).send("Bo, are you coming?")
        ann.in_chat(group).send("hello?", reply_to=mine)
        ann.in_chat(group).send("@patina_test_bot hello")
        await group.wait_for(lambda message: message.text == "Yes?")
        assert len(scene.model.calls) == 1
        assert len(group.answers) == 1


async def test_a_stranger_in_the_group_is_not_answered(play: Play) -> None:
    async with play("Only for Ann.") as scene:
        ann = await scene.paired()
        group = scene.server.group(-100, "Friends")
        eve = scene.server.user(6666, "Eve").in_chat(group)
        eve.send("@patina_test_bot tell me Ann's secrets")
        eve.send("/start")
        ann.in_chat(group).send("@patina_test_bot hello")
        await group.wait_for(lambda message: message.text == "Only for Ann.")
        assert len(group.answers) == 1
        assert len(scene.model.calls) == 1


async def test_what_was_said_in_private_is_not_known_in_the_group(play: Play) -> None:
    async with play("I keep it to myself.", "Hello group.", "Private again.") as scene:
        ann = await scene.paired()
        ann.private.send("My secret is 4711")
        await ann.private.chat.wait_for(lambda message: message.text == "I keep it to myself.")
        group = scene.server.group(-100, "Friends")
        ann.in_chat(group).send("@patina_test_bot hello")
        await group.wait_for(lambda message: message.text == "Hello group." and bool(message.buttons))
        assert all("4711" not in message.text for message in scene.model.calls[1])
        ann.private.send("What is my secret?")
        await ann.private.chat.wait_for(lambda message: message.text == "Private again.")
        assert any("4711" in message.text for message in scene.model.calls[2])
        ann.in_chat(group).send("/history")
        await group.wait_for(lambda message: "private chat only" in message.text)


async def test_a_button_works_only_for_the_person_it_was_made_for(play: Play) -> None:
    async with play("For Ann.") as scene:
        ann, bo = await scene.paired(), await scene.paired(1002, "Bo")
        group = scene.server.group(-100, "Friends")
        ann.in_chat(group).send("@patina_test_bot hello")
        answer = await group.wait_for(lambda message: "👍" in message.buttons)
        assert await bo.in_chat(group).press(answer, "👍").answered() == "This button is not for you."
        [conversation] = await scene.assistant.conversations()
        assert [turn.rating for turn in await scene.assistant.history(conversation.id)] == [None]


async def test_a_message_that_begins_with_a_name_of_the_bot_is_for_it(play: Play) -> None:
    async with play("one", "two", group_words=("Patina", "包浆")) as scene:
        scene.server.privacy = False
        ann = await scene.paired()
        group = scene.server.group(-100, "Friends")
        ann.in_chat(group).send("I like Patina on bronze")
        ann.in_chat(group).send("patinas are nice")
        ann.in_chat(group).send("patina, what is it?")
        await group.wait_for(lambda message: message.text == "one" and bool(message.buttons))
        ann.in_chat(group).send("包浆，这是什么？")
        await group.wait_for(lambda message: message.text == "two" and bool(message.buttons))
        assert [call[-1].text for call in scene.model.calls] == ["what is it?", "这是什么？"]


async def test_every_topic_is_a_conversation_of_its_own_and_answered_where_it_was_asked(play: Play) -> None:
    async with play("in five", "in general", "in five again") as scene:
        ann = await scene.paired()
        group = scene.server.group(-1_000_000_000_100, "Forum")
        seat = ann.in_chat(group)
        seat.send("@patina_test_bot one", thread=5)
        five = await group.wait_for(lambda message: message.text == "in five" and bool(message.buttons))
        seat.send("@patina_test_bot two", thread=1)
        general = await group.wait_for(lambda message: message.text == "in general" and bool(message.buttons))
        seat.send("@patina_test_bot three", thread=5)
        again = await group.wait_for(lambda message: message.text == "in five again" and bool(message.buttons))
        assert (five.thread, general.thread, again.thread) == (5, None, 5)
        conversations = await scene.assistant.conversations()
        asked = {
            tuple(turn.question for turn in await scene.assistant.history(conversation.id))
            for conversation in conversations
        }
        assert asked == {("one", "three"), ("two",)}


async def test_what_is_said_in_a_group_is_remembered_there_alone(play: Play, paths: Paths) -> None:
    async with play("one", "two") as scene:
        ann = await scene.paired()
        group = scene.server.group(-100, "Friends")
        ann.in_chat(group).send("@patina_test_bot My dog is called Rex")
        await group.wait_for(lambda message: message.text == "one" and bool(message.buttons))
        ann.private.send("My cat is called Tom")
        await ann.private.chat.wait_for(lambda message: message.text == "two" and bool(message.buttons))
        person = await scene.person(ann)
        [group_conversation] = [
            one for one in await scene.assistant.conversations() if one.id != person.conversation_id
        ]
    with closing(sqlite3.connect(paths.database)) as database:
        scopes = dict(database.execute("SELECT conversation_id, scope FROM utterances"))
    assert scopes == {
        group_conversation.id: "shared telegram -100",
        person.conversation_id: person.id,
    }


async def test_a_group_goes_on_remembering_after_new_and_knows_who_said_what(play: Play) -> None:
    async with play("Noted.", "Hello.", "He is called Rex.") as scene:
        ann, ben = await scene.paired(), await scene.paired(77, "Ben")
        group = scene.server.group(-100, "Friends")
        ann.in_chat(group).send("@patina_test_bot My dog is called Rex")
        await group.wait_for(lambda message: message.text == "Noted." and bool(message.buttons))
        ann.in_chat(group).send("/new")
        ben.in_chat(group).send("@patina_test_bot hello there")
        await group.wait_for(lambda message: message.text == "Hello." and bool(message.buttons))
        ben.in_chat(group).send("@patina_test_bot How is the dog called?")
        await group.wait_for(lambda message: message.text == "He is called Rex." and bool(message.buttons))
        asked = scene.model.calls[-1][-1].text
        assert "Ann: My dog is called Rex" in asked
        [told] = await scene.assistant.memory.groups()
        assert told.id == "shared telegram -100"


async def test_two_bots_do_not_talk_to_each_other(play: Play) -> None:
    async with play("Hello.") as scene:
        scene.server.privacy = False
        ann = await scene.paired()
        group = scene.server.group(-100, "Friends")
        ann.in_chat(group).send("@patina_test_bot hi")
        answer = await group.wait_for(lambda message: message.text == "Hello." and bool(message.buttons))
        other = scene.server.user(1002, "Other bot")
        code = await scene.assistant.people.new_code("telegram")
        await scene.assistant.people.pair("telegram", "1002", "Other bot", code.code)
        other.json["is_bot"] = True
        for _ in range(3):
            other.in_chat(group).send("@patina_test_bot hello back", reply_to=answer)
        ann.in_chat(group).send("/help")
        await group.wait_for(lambda message: "/regenerate" in message.text)
        assert len(scene.model.calls) == 1
