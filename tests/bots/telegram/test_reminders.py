"""Reminders, quiet hours, and what is somebody's own."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from bots.telegram.reminding import is_within
from tests.botapi import BotApiServer, ManualClock, User
from tests.bots.telegram.conftest import Play, Scene


async def _say(user: User, text: str, answer: str) -> str:
    before = len(user.private.chat.answers)
    user.private.send(text)
    await user.private.chat.wait_for_answers(before + 1)
    said = user.private.chat.answers[-1].text
    assert answer in said
    return said


async def _pass(clock: ManualClock, seconds: float) -> None:
    """Until the bot waits to look what is due, and then so much later."""
    await clock.somebody_waits(1, 21)
    clock.advance(seconds)


async def test_a_reminder_comes_when_it_is_due_and_once(play: Play) -> None:
    clock = ManualClock()
    async with play(clock=clock) as scene:
        ann = await scene.paired()
        await _say(ann, "/remind in 10 minutes tea", "I will remind you at")
        await _pass(clock, 605)
        await ann.private.chat.wait_for(lambda message: message.text == "⏰ tea")
        await _say(ann, "/reminders", "No reminder is waiting")
        await _pass(clock, 100)
        assert [message.text for message in ann.private.chat.answers].count("⏰ tea") == 1


async def test_what_was_due_while_nothing_ran_comes_once_with_a_word_that_it_is_late(play: Play) -> None:
    clock = ManualClock()
    async with play(clock=clock) as scene:
        ann = await scene.paired(language_code="zh")
        await _say(ann, "/remind 十分钟后 喝茶", "我会在")
    clock.advance(7200)
    async with play(clock=clock):
        late = await ann.private.chat.wait_for(lambda message: "⏰ 喝茶" in message.text)
        assert "提醒晚了" in late.text
        await _say(ann, "你好", "Hello.")  # so that the bot, too, knows that it has arrived
    async with play(clock=clock):
        await _say(ann, "/remind 十分钟后 吃饭", "我会在")
        await _pass(clock, 605)
        await ann.private.chat.wait_for(lambda message: message.text == "⏰ 吃饭")  # and what was due before it, too
    assert sum("⏰ 喝茶" in message.text for message in ann.private.chat.answers) == 1


async def test_a_reminder_is_taken_away_with_its_button(play: Play) -> None:
    async with play() as scene:
        ann = await scene.paired()
        await _say(ann, "/remind tomorrow at 9 dentist", "dentist")
        await _say(ann, "/remind in 2 days rent", "rent")
        await _say(ann, "/reminders", "Your reminders")
        listed = ann.private.chat.answers[-1]
        assert len(listed.buttons) == 2
        await ann.private.press(listed, "dentist").answered()
        await ann.private.chat.wait_for(lambda message: message.id == listed.id and len(message.buttons) == 1)
        await _say(ann, "/remind nothing at all", "Say when and of what")


async def test_quiet_hours_are_waited_out(play: Play) -> None:
    clock = ManualClock()
    async with play(clock=clock) as scene:
        ann = await scene.paired()
        now = dt.datetime.fromtimestamp(clock.time())
        begin, end = (f"{now + dt.timedelta(hours=hours):%H:%M}" for hours in (-1, 2))
        await _say(ann, f"/quiet {begin}-{end}", f"From {begin}-{end}")
        await _say(ann, "/remind in 10 minutes tea", "I will remind you at")
        await _pass(clock, 700)
        await _say(ann, "/quiet", "From")
        assert not any("⏰" in message.text for message in ann.private.chat.answers)
        await _pass(clock, 7200)
        await ann.private.chat.wait_for(lambda message: "⏰ tea" in message.text)


@pytest.mark.parametrize(
    ("hours", "time", "quiet"),
    [("22:00-07:00", "23:00", True), ("22:00-07:00", "06:59", True), ("22:00-07:00", "07:00", False),
     ("13:00-14:00", "13:30", True), ("13:00-14:00", "12:59", False), ("", "03:00", False)],
)  # fmt: skip
def test_quiet_hours_may_go_over_midnight(hours: str, time: str, quiet: bool) -> None:
    assert is_within(hours, dt.time.fromisoformat(time)) is quiet


async def test_everything_of_somebodys_is_given_to_them_as_a_file(play: Play) -> None:
    async with play("For Ann.", "For Bo.") as scene:
        ann, bo = await scene.paired(), await scene.paired(1002, "Bo")
        await _say(ann, "my secret", "For Ann.")
        await _say(bo, "his secret", "For Bo.")
        ann.private.send("/export")
        sent = await ann.private.chat.wait_for(lambda message: "document" in (message.media or {}))
        file = scene.server.file(sent.media["document"]["file_id"])
        assert file is not None
        lines = [json.loads(line) for line in file.data.decode().splitlines()]
        assert [line["kind"] for line in lines] == ["person", "turn"]
        assert lines[1]["question"] == "my secret"
        assert b"his secret" not in file.data


async def test_everything_of_somebodys_is_deleted_when_they_confirm_it(play: Play) -> None:
    async with play("For Ann.", "For Bo.", "Anew.") as scene:
        ann, bo = await scene.paired(), await scene.paired(1002, "Bo")
        await _say(ann, "my secret", "For Ann.")
        await _say(bo, "his secret", "For Bo.")
        await _say(ann, "/remind tomorrow at 9 dentist", "dentist")
        await _say(ann, "/forget", "Shall I delete everything")
        asked = ann.private.chat.answers[-1]
        await ann.private.press(asked, "Leave it").answered()
        assert len(await _questions(scene)) == 2
        await _say(ann, "/forget", "Shall I delete everything")
        asked = ann.private.chat.answers[-1]
        await ann.private.press(asked, "Delete it all").answered()
        await ann.private.chat.wait_for(lambda message: "It is gone" in message.text)
        assert await _questions(scene) == ["his secret"]
        await _say(ann, "/reminders", "No reminder is waiting")
        await _say(ann, "hello again", "Anew.")


async def test_nothing_is_deleted_or_given_away_in_a_group(play: Play) -> None:
    async with play() as scene:
        ann = await scene.paired()
        group = scene.server.group(-100, "Friends")
        for number, command in enumerate(("/export", "/forget"), start=1):
            ann.in_chat(group).send(command)
            await group.wait_for_answers(number)
            assert "private chat only" in group.answers[-1].text


async def _questions(scene: Scene) -> list[str]:
    conversations = await scene.assistant.conversations()
    return [turn.question for one in conversations for turn in await scene.assistant.history(one.id)]


async def test_what_is_being_said_is_listed_no_more(play: Play, server: BotApiServer) -> None:
    clock = ManualClock()
    async with play(clock=clock) as scene:
        ann = await scene.paired()
        group = scene.server.group(-100, "Friends")
        ann.in_chat(group).send("/remind in 10 minutes tea")
        await group.wait_for_answers(1)
        heard = server.faults.hold("sendMessage")
        await _pass(clock, 605)
        await group.wait_for(lambda message: message.text == "⏰ tea")
        await _say(ann, "/reminders", "No reminder is waiting")
        heard.set()
