"""A button works for its person, in its chat, below its message."""

from __future__ import annotations

from pathlib import Path

from assistant.memory.mailbox import Mailbox
from bots.telegram.pacing import Pace
from tests.botapi import Message
from tests.bots.telegram.conftest import Play, Scene

ELSEWHERE = "This button belongs to another message"


async def _ratings(scene: Scene) -> list[str | None]:
    found = []
    for conversation in await scene.assistant.conversations():
        found += [turn.rating for turn in await scene.assistant.history(conversation.id)]
    return found


def _answer(message: Message) -> bool:
    return "👍" in message.buttons


async def test_a_button_replayed_below_another_message_or_in_another_chat_does_nothing(play: Play) -> None:
    async with play("first", "second", "in the group") as scene:
        ann = await scene.paired()
        ann.private.send("one")
        first = await ann.private.chat.wait_for(lambda message: message.text == "first" and _answer(message))
        ann.private.send("two")
        second = await ann.private.chat.wait_for(lambda message: message.text == "second" and _answer(message))
        assert (await ann.private.press(first, "👍", shown_by=second).answered()).startswith(ELSEWHERE)
        friends = scene.server.group(-1_000_000_000_100, "Friends")
        seat = ann.in_chat(friends)
        seat.send("@patina_test_bot three")
        there = await friends.wait_for(_answer)
        assert (await seat.press(first, "👍", shown_by=there).answered()).startswith(ELSEWHERE)
        assert (await ann.private.press(there, "👎", shown_by=second).answered()).startswith(ELSEWHERE)
        assert await _ratings(scene) == [None, None, None]
        assert await ann.private.press(first, "👍").answered() == "👍 noted", "where it belongs it still works"


async def test_what_is_drawn_anew_below_a_message_works_there(play: Play) -> None:
    async with play("first") as scene:
        ann = await scene.paired()
        ann.private.send("one")
        answer = await ann.private.chat.wait_for(_answer)
        assert await ann.private.press(answer, "👎").answered() == "👎 noted"
        await ann.private.chat.wait_for(lambda message: "Too long" in message.buttons)
        assert await ann.private.press(answer, "Too long").answered() == "Noted, thank you"


async def test_a_button_of_a_message_whose_answer_was_lost_works_once_that_is_found(play: Play) -> None:
    pace = Pace(first=0, draft=0.01, edit=0.01, join=0.05, grace=0.2, call=1)
    async with play("first", pace=pace) as scene:
        ann = await scene.paired()
        scene.server.faults.lose_response("sendMessage")
        ann.private.send("one")
        answer = await ann.private.chat.wait_for(_answer)
        assert await ann.private.press(answer, "👍").answered() == "👍 noted"
        assert len(ann.private.chat.answers) == 1


async def test_buttons_work_after_a_restart(play: Play) -> None:
    async with play("first") as scene:
        ann = await scene.paired()
        ann.private.send("one")
        answer = await ann.private.chat.wait_for(_answer)
    async with play() as scene:
        assert await ann.private.press(answer, "👍").answered() == "👍 noted"


def test_of_many_buttons_of_a_message_the_newest_are_kept_and_of_old_messages_none(tmp_path: Path) -> None:
    now = [0.0]
    mailbox = Mailbox.open(tmp_path / "telegram.db", tmp_path / "backups", lambda: now[0])
    for number in range(60):
        mailbox.drawn.note(7, 1, 2, [f"button {number}"])
    assert mailbox.drawn.has(7, 1, 2, "button 59")
    assert mailbox.drawn.has(7, 1, 2, "button 12")
    assert not mailbox.drawn.has(7, 1, 2, "button 11")
    assert not mailbox.drawn.has(7, 1, 3, "button 59")
    assert not mailbox.drawn.has(8, 1, 2, "button 59")
    now[0] = 91 * 86_400.0
    mailbox.tidy()
    assert not mailbox.drawn.has(7, 1, 2, "button 59")
    mailbox.close()
