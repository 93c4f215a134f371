"""An edited question is answered again when its writer asks for it."""

from __future__ import annotations

import asyncio

from tests.bots.telegram.conftest import Play


async def test_the_edited_message_is_answered_when_the_button_is_pressed(play: Play) -> None:
    async with play("Lyon.", "Paris.", "Rome.") as scene:
        ann = await scene.paired()
        seat, chat = ann.private, ann.private.chat
        question = seat.send("Capital of Frence?")
        await chat.wait_for(lambda message: message.text == "Lyon." and bool(message.buttons))
        seat.edit(question, "Capital of France?")
        offer = await chat.wait_for(lambda message: "You have edited this message" in message.text)
        assert offer.reply_to == question
        assert len(scene.model.calls) == 1, "nothing is answered by itself"
        seat.edit(question, "The capital of France?")
        await seat.press(offer, "Answer the edited message").answered()
        await chat.wait_for(lambda message: message.text == "Paris." and bool(message.buttons))
        [conversation] = await scene.assistant.conversations()
        [turn] = await scene.assistant.history(conversation.id)
        assert (turn.question, turn.source) == ("The capital of France?", "edit")
        assert len(turn.siblings) == 2
        assert offer.buttons == []
        assert sum("You have edited" in message.text for message in chat.answers) == 1, "offered once"
        seat.edit(question, "Capital of Italy?")
        again = await chat.wait_for(lambda message: "Answer the edited message" in message.buttons)
        await seat.press(again, "Answer").answered()
        await chat.wait_for(lambda message: message.text == "Rome." and bool(message.buttons))


async def test_edits_that_change_no_question_offer_nothing(play: Play) -> None:
    async with play("Hello.", "Bye.") as scene:
        ann = await scene.paired()
        eve = scene.server.user(6666, "Eve")
        question = ann.private.send("Hi")
        await ann.private.chat.wait_for(lambda message: message.text == "Hello." and bool(message.buttons))
        command = ann.private.send("/help")
        await ann.private.chat.wait_for(lambda message: "/regenerate" in message.text)
        ann.private.edit(question, "Hi")
        ann.private.edit(command, "help")
        eve.private.edit(eve.private.send("let me in"), "let me in now")
        ann.private.send("Bye")
        await ann.private.chat.wait_for(lambda message: message.text == "Bye.")
        assert not any("edited" in message.text for message in ann.private.chat.answers)
        assert eve.private.chat.answers == []


async def test_in_a_group_only_the_writer_can_have_it_answered(play: Play) -> None:
    async with play("one", "two") as scene:
        ann, bo = await scene.paired(), await scene.paired(1002, "Bo")
        group = scene.server.group(-100, "Friends")
        question = ann.in_chat(group).send("@patina_test_bot first")
        await group.wait_for(lambda message: message.text == "one" and bool(message.buttons))
        ann.in_chat(group).edit(question, "@patina_test_bot second")
        offer = await group.wait_for(lambda message: "You have edited" in message.text)
        assert await bo.in_chat(group).press(offer, "Answer").answered() == "This button is not for you."
        await ann.in_chat(group).press(offer, "Answer").answered()
        answer = await group.wait_for(lambda message: message.text == "two" and bool(message.buttons))
        assert answer.reply_to == question
        assert scene.model.calls[1][-1].text == "second"


async def test_a_button_that_is_tapped_twice_answers_once(play: Play) -> None:
    async with play("Lyon.", "Paris.", "Rome.") as scene:
        ann = await scene.paired()
        seat, chat = ann.private, ann.private.chat
        question = seat.send("Capital of Frence?")
        await chat.wait_for(lambda message: message.text == "Lyon." and bool(message.buttons))
        seat.edit(question, "Capital of France?")
        offer = await chat.wait_for(lambda message: "You have edited this message" in message.text)
        taps = [seat.press(offer, "Answer"), seat.press(offer, "Answer")]
        assert [await tap.answered() for tap in taps] == ["I am writing it again"] * 2
        seat.send("Capital of Italy?")
        await chat.wait_for(lambda message: message.text == "Rome.")
        assert scene.model.calls[2][-1].text == "Capital of Italy?"


async def test_an_edit_of_a_question_that_waits_is_offered_once_it_is_answered(play: Play) -> None:
    gate = asyncio.Event()
    async with play("Berne.", "Lyon.", "Paris.", gate=gate) as scene:
        ann = await scene.paired()
        seat, chat = ann.private, ann.private.chat
        seat.send("Capital of Switzerland?")
        await chat.wait_for_draft(lambda draft: draft.text.startswith("Bern"))
        question = seat.send("Capital of Frence?")
        seat.edit(question, "Capital of France?")
        await ann.ask_inline("").answered()  # what came before it is being dealt with
        gate.set()
        offer = await chat.wait_for(lambda message: "You have edited this message" in message.text)
        assert offer.reply_to == question
        assert [message.text for message in chat.answers[:2]] == ["Berne.", "Lyon."]
        await seat.press(offer, "Answer the edited message").answered()
        await chat.wait_for(lambda message: message.text == "Paris." and bool(message.buttons))
        assert scene.model.calls[2][-1].text == "Capital of France?"
