"""An answer corrected in the chat, and why one was no good: asked for by nobody, in nobody's way."""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import replace

import pytest

from assistant.memory.mailbox import Mailbox
from assistant.memory.records import Person, Turn
from assistant.paths import Paths
from bots.telegram.answering import Reader
from bots.telegram.leftovers import Leftovers
from bots.telegram.receipts import Receipt
from bots.telegram.streaming import Target
from tests.botapi import BotApiServer, User
from tests.botapi.clock import ManualClock
from tests.botapi.world import Message
from tests.bots.telegram.conftest import Play, Scene

ROW = ["👍", "👎", "🔁", "✏️"]
MARKED = ["👍", "👎 ✓", "🔁", "✏️"]
LIKED = ["👍 ✓", "👎", "🔁", "✏️"]
WHY = ["It is wrong", "Not what I asked", "Too long", "Too short", "Wrong language"]


async def turns(scene: Scene) -> list[Turn]:
    [conversation] = await scene.assistant.conversations()
    return await scene.assistant.history(conversation.id)


async def answered_while_another_is_written(person: User, gate: asyncio.Event) -> Message:
    """The first answer; the second is held by the gate."""
    gate.set()
    person.private.send("One?")
    answer = await person.private.chat.wait_for(lambda message: message.buttons == ROW)
    gate.clear()
    person.private.send("Two?")
    await person.private.chat.wait_for_draft(lambda draft: draft.text.startswith("The"))
    return answer


async def test_the_next_message_is_the_answer_as_it_should_have_been(play: Play) -> None:
    async with play("Rust protects iron.", "The second.") as scene:
        ann = await scene.paired()
        ann.private.send("What does rust do?")
        answer = await ann.private.chat.wait_for(lambda message: message.buttons == ROW)
        await ann.private.press(answer, "✏️").answered()
        asked = await ann.private.chat.wait_for(lambda message: "as it should have been" in message.text)
        assert asked.buttons == ["Leave it as it is"]
        ann.private.send("Rust does not protect iron.")
        done = await ann.private.chat.wait_for(lambda message: "Your words are the answer" in message.text)
        [turn] = await turns(scene)
        assert (turn.answer, turn.original) == ("Rust does not protect iron.", "Rust protects iron.")
        await ann.private.chat.wait_for(lambda message: message.id == asked.id and not message.buttons)
        assert scene.model.calls[1:] == [], "it was no question"
        assert await ann.private.press(done, "Take it back").answered() == "My own words are the answer again"
        [turn] = await turns(scene)
        assert (turn.answer, turn.original) == ("Rust protects iron.", None)
        ann.private.send("And now?")
        await ann.private.chat.wait_for(lambda message: message.text == "The second.")


async def test_the_form_a_person_gives_their_words_stays(play: Play) -> None:
    async with play("Rust protects iron.") as scene:
        ann = await scene.paired()
        ann.private.send("What does rust do?")
        answer = await ann.private.chat.wait_for(lambda message: message.buttons == ROW)
        await ann.private.press(answer, "✏️").answered()
        await ann.private.chat.wait_for(lambda message: "as it should have been" in message.text)
        ann.private.send("It eats iron 🎉", formed=[{"type": "bold", "offset": 3, "length": 4}])
        await ann.private.chat.wait_for(lambda message: "Your words are the answer" in message.text)
        assert [turn.answer for turn in await turns(scene)] == ["It **eats** iron 🎉"]
        ann.private.send("/edit see x.y()", formed=[{"type": "code", "offset": 10, "length": 5}])
        await ann.private.chat.wait_for(
            lambda message: "Your words are the answer" in message.text and bool(message.buttons)
        )
        await until_edited(scene, "see `x.y()`")


async def until_edited(scene: Scene, answer: str) -> None:
    async with asyncio.timeout(30):
        while (await turns(scene))[0].answer != answer:
            pass


@pytest.mark.parametrize("way", ["leave", "command", "file"])
async def test_what_is_no_correction_is_a_question(play: Play, way: str) -> None:
    async with play("The first.", "The second.", "The third.") as scene:
        ann = await scene.paired()
        ann.private.send("Hi")
        answer = await ann.private.chat.wait_for(lambda message: message.buttons == ROW)
        await ann.private.press(answer, "✏️").answered()
        asked = await ann.private.chat.wait_for(lambda message: "as it should have been" in message.text)
        if way == "leave":
            assert await ann.private.press(asked, "Leave it").answered() == "The answer stays"
        elif way == "command":
            ann.private.send("/stop")
            await ann.private.chat.wait_for(lambda message: "No answer is being written" in message.text)
        else:
            ann.private.send_document("a.txt", b"text", "What is this?")
            await ann.private.chat.wait_for(lambda message: message.text == "The second.")
        ann.private.send("Something else?")
        last = "The third." if way == "file" else "The second."
        await ann.private.chat.wait_for(lambda message: message.text == last)
        assert not any(turn.original for turn in await turns(scene))


async def test_who_is_quicker_than_telegram_is_understood(play: Play, server: BotApiServer) -> None:
    """The request is in the chat, and its reader answers it, before the bot hears that it is."""
    async with play("The first.", "The second.") as scene:
        ann = await scene.paired()
        ann.private.send("Hi")
        answer = await ann.private.chat.wait_for(lambda message: message.buttons == ROW)
        heard = server.faults.hold("sendMessage")
        ann.private.press(answer, "✏️")
        asked = await ann.private.chat.wait_for(lambda message: "as it should have been" in message.text)
        ann.private.send("The very first.")
        async with asyncio.timeout(30):
            while (await turns(scene))[0].original is None:
                pass
        heard.set()
        await ann.private.chat.wait_for(lambda message: "Your words are the answer" in message.text)
        await ann.private.chat.wait_for(lambda message: message.id == asked.id and not message.buttons)
        ann.private.send("Something else?")
        await ann.private.chat.wait_for(lambda message: message.text == "The second.")
        assert [turn.answer for turn in await turns(scene)] == ["The very first.", "The second."]


def test_a_correction_is_not_waited_for_all_day() -> None:
    clock = ManualClock()
    leftovers = Leftovers(clock)
    ann = Person("p1", "telegram", "1001", "Ann", 0.0, None)
    here, elsewhere = (Reader(ann, "en", Target(chat, private=True)) for chat in (1, 2))
    first, none = leftovers.await_correction(here, "one")
    assert none is None
    assert leftovers.asked(here, first, 5)
    second, before = leftovers.await_correction(here, "two")
    assert (before.message_id if before else 0) == 5
    assert leftovers.take_correction(elsewhere) is None
    clock.advance(599)
    assert leftovers.take_correction(here) is second
    assert leftovers.take_correction(here) is None
    assert not leftovers.asked(here, second, 6)
    third, _ = leftovers.await_correction(here, "three")
    assert not leftovers.asked(here, third, None)
    assert leftovers.take_correction(here) is None
    leftovers.await_correction(here, "four")
    clock.advance(601)
    assert leftovers.take_correction(here) is None


async def test_a_reply_is_understood_after_a_restart_and_by_the_command(play: Play) -> None:
    async with play("The first.", "The second.") as scene:
        ann = await scene.paired()
        ann.private.send("/edit")
        await ann.private.chat.wait_for(lambda message: "no answer to correct" in message.text)
        for question, text in (("One?", "The first."), ("Two?", "The second.")):
            ann.private.send(question)
            await ann.private.chat.wait_for(lambda message, text=text: message.text == text and message.buttons == ROW)  # type: ignore[misc]
        first = next(message for message in ann.private.chat.answers if message.text == "The first.")
        ann.private.send("/edit", reply_to=first)
        asked = await ann.private.chat.wait_for(lambda message: "as it should have been" in message.text)
    async with play("The third.") as scene:
        ann.private.send("Mine.", reply_to=asked)
        await ann.private.chat.wait_for(lambda message: "Your words are the answer" in message.text)
        assert [turn.answer for turn in await turns(scene)] == ["Mine.", "The second."]
        before = len(ann.private.chat.answers)
        ann.private.send("/edit Shorter.")
        await ann.private.chat.wait_for_answers(before + 1)
        assert [turn.answer for turn in await turns(scene)] == ["Mine.", "Shorter."]
        ann.private.send("/edit The second.")
        await ann.private.chat.wait_for(lambda message: "my own words" in message.text)


async def test_in_a_group_only_a_reply_corrects_and_only_of_who_asked(play: Play) -> None:
    async with play("The first.", "The second.") as scene:
        ann, bob = await scene.paired(), await scene.paired(1002, "Bob")
        group = scene.server.group(-100, "Friends")
        ann.in_chat(group).send("@patina_test_bot hi")
        answer = await group.wait_for(lambda message: message.buttons == ROW)
        assert await bob.in_chat(group).press(answer, "✏️").answered() == "This button is not for you."
        await ann.in_chat(group).press(answer, "✏️").answered()
        asked = await group.wait_for(lambda message: "Reply to this message" in message.text)
        bob.in_chat(group).send("Bob's words.", reply_to=asked)
        await group.wait_for(lambda message: message.text == "The second.")
        ann.in_chat(group).send("I'll look it up first.")
        ann.in_chat(group).press(answer, "✏️")
        again = await group.wait_for(lambda message: "Reply to this" in message.text and message.id != asked.id)
        ann.in_chat(group).send("Where was it?")
        ann.in_chat(group).send("Ann's words.", reply_to=again)
        await group.wait_for(lambda message: "Your words are the answer" in message.text)
        assert (await turns(scene))[0].answer == "Ann's words."


async def test_a_thumb_down_may_be_explained_with_one_press(play: Play) -> None:
    async with play("Much too much.") as scene:
        ann = await scene.paired()
        ann.private.send("Hi")
        answer = await ann.private.chat.wait_for(lambda message: message.buttons == ROW)
        assert await ann.private.press(answer, "👎").answered() == "👎 noted"
        await ann.private.chat.wait_for(lambda message: message.buttons == MARKED + WHY)
        assert await ann.private.press(answer, "Too long").answered() == "Noted, thank you"
        await ann.private.chat.wait_for(lambda message: message.buttons == MARKED)
        [turn] = await turns(scene)
        assert turn.rating == "thumb_down"
        [rated] = await scene.assistant.desk.evidence()
        assert '"#too_long"' in rated


async def test_reasons_go_away_with_the_next_message_and_hold_up_nothing(play: Play) -> None:
    async with play("The first.", "The second.") as scene:
        ann = await scene.paired(language_code="zh-hans")
        ann.private.send("你好")
        answer = await ann.private.chat.wait_for(lambda message: message.buttons == ROW)
        await ann.private.press(answer, "👎").answered()
        await ann.private.chat.wait_for(lambda message: "答非所问" in message.buttons)
        ann.private.send("再来")
        await ann.private.chat.wait_for(lambda message: message.text == "The second.")
        await ann.private.chat.wait_for(lambda message: message.id == answer.id and message.buttons == MARKED)
        assert [turn.rating for turn in await turns(scene)] == ["thumb_down", None]


async def test_only_one_answer_has_its_reasons_open(play: Play) -> None:
    async with play("The first.", "The second.") as scene:
        ann = await scene.paired()
        shown: list[Message] = []
        for text in ("The first.", "The second."):
            ann.private.send("Hi")
            shown.append(await ann.private.chat.wait_for(lambda message, text=text: message.text == text))  # type: ignore[misc]
        for one in shown:
            await ann.private.press(one, "👎").answered()
            await ann.private.chat.wait_for(
                lambda message, one=one: message.id == one.id and message.buttons == MARKED + WHY  # type: ignore[misc]
            )
        await ann.private.chat.wait_for(lambda message: message.id == shown[0].id and message.buttons == MARKED)


async def test_a_question_that_was_sent_before_the_request_is_answered(play: Play) -> None:
    gate = asyncio.Event()
    async with play("The first.", "The second.", "The third.", gate=gate) as scene:
        ann = await scene.paired()
        answer = await answered_while_another_is_written(ann, gate)
        ann.private.send("Three?")
        await ann.private.press(answer, "✏️").answered()
        asked = await ann.private.chat.wait_for(lambda message: "as it should have been" in message.text)
        gate.set()
        await ann.private.chat.wait_for(lambda message: message.text == "The third.")
        assert asked.buttons == ["Leave it as it is"]
        ann.private.send("The very first.")
        await ann.private.chat.wait_for(lambda message: "Your words are the answer" in message.text)
        assert [turn.answer for turn in await turns(scene)] == ["The very first.", "The second.", "The third."]


async def test_a_stop_that_is_sent_after_the_correction_does_not_take_it_away(play: Play) -> None:
    gate = asyncio.Event()
    async with play("The first.", "The second.", "The third.", gate=gate) as scene:
        ann = await scene.paired()
        answer = await answered_while_another_is_written(ann, gate)
        await ann.private.press(answer, "✏️").answered()
        asked = await ann.private.chat.wait_for(lambda message: "as it should have been" in message.text)
        ann.private.send("The very first.")
        ann.private.send("/stop")
        await ann.private.chat.wait_for(lambda message: "Your words are the answer" in message.text)
        await ann.private.chat.wait_for(lambda message: message.id == asked.id and not message.buttons)
        gate.set()
        ann.private.send("Three?")
        await ann.private.chat.wait_for(lambda message: message.text == "The third.")
        assert [turn.question for turn in await turns(scene)] == ["One?", "Two?", "Three?"]
        assert (await turns(scene))[0].answer == "The very first."


def test_what_corrects_is_told_by_when_it_came_and_not_by_when_it_is_dealt_with(paths: Paths) -> None:
    clock = ManualClock()
    leftovers = Leftovers(clock)
    ann = Person("p1", "telegram", "1001", "Ann", 0.0, None)
    with closing(Mailbox.open(paths.mailbox, paths.backups, clock.time)) as mailbox:

        def came(update_id: int, after: float) -> Reader:
            receipt = Receipt(mailbox, 1, update_id, attempt=1, turn_id=None, received_at=ManualClock().time() + after)
            return Reader(ann, "en", Target(1, private=True, receipt=receipt))

        clock.advance(5)
        request, _ = leftovers.await_correction(came(20, 3), "one")
        assert leftovers.asked(came(20, 3), request, 5)
        assert leftovers.take_correction(came(18, 2)) is None, "it came before the request"
        assert leftovers.take_correction(came(19, 3)) is None, "of what came at once, the order counts"
        assert leftovers.end_correction(came(17, 2)) is None, "so did this command"
        clock.advance(700)
        assert leftovers.end_correction(came(30, 600)) is request
        assert leftovers.end_correction(came(31, 601)) is None
        assert not leftovers.asked(came(20, 3), request, 5)
        assert leftovers.take_correction(came(29, 600)) is request, "it waited while it could be one"
        leftovers.await_correction(came(40, 705), "two")
        leftovers.end_correction(came(41, 706))
        assert leftovers.take_correction(came(42, 706)) is None
        assert leftovers.take_correction(came(41, 705)) is None, "a message has settled it"


async def test_a_stale_leave_it_does_not_take_away_what_is_asked_for_now(play: Play) -> None:
    async with play("The first.", "The second.") as scene:
        ann = await scene.paired()
        shown: list[Message] = []
        for text in ("The first.", "The second."):
            ann.private.send("Hi")
            shown.append(await ann.private.chat.wait_for(lambda message, text=text: message.text == text))  # type: ignore[misc]
        asked: list[Message] = []
        for one in shown:
            ann.private.press(one, "✏️")
            found = await ann.private.chat.wait_for(lambda message: message.buttons == ["Leave it as it is"])
            asked.append(replace(found))
            if one is shown[0]:
                await ann.private.press(found, "Leave it").answered()
                await ann.private.chat.wait_for(lambda message, id=found.id: message.id == id and not message.buttons)  # type: ignore[misc]
        assert await ann.private.press(asked[0], "Leave it").answered() == "The answer stays"
        ann.private.send("The very second.")
        await ann.private.chat.wait_for(lambda message: "Your words are the answer" in message.text)
        assert [turn.answer for turn in await turns(scene)] == ["The first.", "The very second."]


async def test_a_reason_of_an_earlier_answer_leaves_open_those_of_another(play: Play) -> None:
    async with play("The first.", "The second.", "The third.") as scene:
        ann = await scene.paired()
        shown: list[Message] = []
        for text in ("The first.", "The second."):
            ann.private.send("Hi")
            shown.append(await ann.private.chat.wait_for(lambda message, text=text: message.text == text))  # type: ignore[misc]
        stale = list[Message]()
        for one in shown:
            await ann.private.press(one, "👎").answered()
            await ann.private.chat.wait_for(
                lambda message, one=one: message.id == one.id and message.buttons == MARKED + WHY  # type: ignore[misc]
            )
            stale.append(replace(one))
        await ann.private.chat.wait_for(lambda message: message.id == shown[0].id and message.buttons == MARKED)
        assert await ann.private.press(stale[0], "Too long").answered() == "Noted, thank you"
        ann.private.send("Go on")
        await ann.private.chat.wait_for(lambda message: message.id == shown[1].id and message.buttons == MARKED)


@pytest.mark.parametrize("then", ["message", "thumb"])
async def test_a_reaction_since_the_reasons_were_opened_stands(play: Play, then: str) -> None:
    async with play("The first.", "The second.") as scene:
        ann = await scene.paired()
        shown: list[Message] = []
        for text in ("The first.", "The second."):
            ann.private.send("Hi")
            shown.append(await ann.private.chat.wait_for(lambda message, text=text: message.text == text))  # type: ignore[misc]
        first, second = shown
        await ann.private.press(first, "👎").answered()
        await ann.private.chat.wait_for(lambda message: message.buttons == MARKED + WHY)
        ann.private.react(first, "👍")
        await ann.private.chat.wait_for(lambda message: message.buttons == LIKED)
        drawn = first.keyboard
        if then == "message":
            ann.private.send("Go on")
        else:
            await ann.private.press(second, "👎").answered()
        await ann.private.chat.wait_for(lambda message: message.id == first.id and message.keyboard != drawn)
        assert first.buttons == LIKED
