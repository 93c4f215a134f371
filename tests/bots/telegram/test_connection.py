"""A bot that starts late, loses the network, has a rival or a wrong token, and one that is told to end."""

from __future__ import annotations

import asyncio
import logging

import pytest

from assistant.errors import RemoteModelFailed
from assistant.memory.mailbox import report
from assistant.memory.records import Face, Person
from assistant.paths import Paths
from tests.botapi import TOKEN, BotApiServer, ManualClock
from tests.botapi.faults import Weather
from tests.bots.telegram.conftest import Play

WRONG = "123456789:AAE0another0token0that0nobody0knows00"


async def test_a_message_sent_before_the_bot_started_is_answered(play: Play, server: BotApiServer) -> None:
    async with play() as scene:
        ann = await scene.paired()
    ann.private.send("Are you awake?")
    async with play("Now I am.") as scene:
        await ann.private.chat.wait_for(lambda message: message.text == "Now I am.")


async def test_a_broken_network_is_waited_out(play: Play, server: BotApiServer) -> None:
    clock = ManualClock()
    server.faults.cut("getMe", times=1)
    server.faults.refuse("getUpdates", 502, "Bad Gateway")
    server.faults.cut("getUpdates", times=1)
    async with play("Back again.", clock=clock) as scene:
        ann = await scene.paired()
        ann.private.send("Hello?")
        await clock.somebody_waits(0.5, 1.5)
        assert not scene.bot.status.connected
        assert "cannot be reached" in scene.bot.status.last_error
        clock.advance(2)
        await clock.somebody_waits(0.5, 1.5)
        clock.advance(2)
        await clock.somebody_waits(1, 3)
        clock.advance(4)
        await ann.private.chat.wait_for(lambda message: message.text == "Back again.")
        assert scene.bot.status.connected
        assert scene.bot.status.username == "patina_test_bot"
        assert scene.bot.status.last_error == ""


async def test_a_wrong_token_is_said_once_and_the_bot_ends(play: Play, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        async with play(token=WRONG, language="zh") as scene:
            await asyncio.wait_for(asyncio.shield(scene.task), 30)
            assert not scene.bot.status.connected
            assert "Telegram 不认识这个机器人 token" in scene.bot.status.last_error
    said = [record.getMessage() for record in caplog.records if "does not know this bot token" in record.getMessage()]
    assert len(said) == 1
    assert WRONG not in caplog.text


async def test_something_that_is_no_token_at_all_is_said_too(play: Play) -> None:
    async with play(token="hunter2") as scene:
        await asyncio.wait_for(asyncio.shield(scene.task), 30)
        assert "does not know this bot token" in scene.bot.status.last_error


async def test_a_second_program_with_the_same_token_is_reported_once_and_outlived(
    play: Play, server: BotApiServer, caplog: pytest.LogCaptureFixture
) -> None:
    clock = ManualClock()
    server.faults.refuse("getUpdates", 409, "Conflict: terminated by other getUpdates request", times=2)
    async with play("Alone at last.", clock=clock) as scene:
        ann = await scene.paired()
        ann.private.send("Hello?")
        await clock.somebody_waits(10, 20)
        assert "Another program" in scene.bot.status.last_error
        clock.advance(15)
        await clock.somebody_waits(10, 20)
        clock.advance(15)
        await ann.private.chat.wait_for(lambda message: message.text == "Alone at last.")
        assert scene.bot.status.connected
    assert caplog.text.count("Another program") == 1


async def test_an_answer_being_written_arrives_before_the_bot_ends(play: Play) -> None:
    gate = asyncio.Event()
    async with play("Half of it is here", gate=gate) as scene:
        ann = await scene.paired()
        ann.private.send("Begin")
        await ann.private.chat.wait_for_draft(lambda draft: draft.text == "Half")
    assert [message.text for message in ann.private.chat.answers] == ["Half\n\nStopped."]
    async with play("again?") as scene:
        ann.private.send("/stop")
        await ann.private.chat.wait_for(lambda message: "No answer is being written" in message.text)
        assert scene.model.calls == [], "what was answered before the restart is not answered again"


async def test_the_menu_is_set_in_both_languages_and_only_when_it_changed(play: Play, server: BotApiServer) -> None:
    async with play("Hello.") as scene:
        ann = await scene.paired()
        ann.private.send("Hi")
        await ann.private.chat.wait_for_answers(1)
        menus = {call.params.get("language_code"): call.params["commands"] for call in server.calls_of("setMyCommands")}
        commands = ["new", "history", "switch", "stop", "regenerate", "continue", "undo", "branch", "edit", "why"]
        commands += [
            "compare",
            "format",
            "documents",
            "keep",
            "remind",
            "reminders",
            "quiet",
            "quota",
            "export",
            "forget",
            "help",
        ]
        assert [[command["command"] for command in menus[code]] for code in (None, "zh")] == [commands, commands]
        assert menus["zh"][0]["description"] == "开始新会话"
    async with play("Hello again."):
        ann.private.send("Hi")
        await ann.private.chat.wait_for(lambda message: message.text == "Hello again.")
    assert len(server.calls_of("setMyCommands")) == 2


async def test_an_update_nobody_can_read_does_not_hold_up_the_others(
    play: Play, caplog: pytest.LogCaptureFixture
) -> None:
    async with play("Still here.") as scene:
        ann = await scene.paired()
        await scene.server.wait_for_call(lambda call: call.method == "setMyCommands")
        scene.server.updates.push("message", {"message_id": "not a number", "chat": None})
        ann.private.send("Hello?")
        await ann.private.chat.wait_for(lambda message: message.text == "Still here.")
        assert scene.bot.status.connected
    assert "cannot be read and is left out" in caplog.text


async def test_the_token_is_in_no_log_line(play: Play, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        async with play() as scene:
            scene.server.faults.refuse("getFile", 400, "Bad Request: file is temporarily unavailable")
            ann = await scene.paired()
            ann.private.send_document("a.txt", b"text")
            await ann.private.chat.wait_for(lambda message: "it could not be read" in message.text)
            scene.server.faults.refuse("download", 404, "Not Found")
            ann.private.send_document("b.txt", b"text")
            await ann.private.chat.wait_for(lambda message: "b.txt" in message.text)
    assert TOKEN not in caplog.text


async def test_a_poll_that_is_never_answered_is_given_up_and_the_next_one_works(
    play: Play, server: BotApiServer, paths: Paths
) -> None:
    clock = ManualClock()
    server.faults.stall("getUpdates")
    async with play("Heard.", clock=clock) as scene:
        ann = await scene.paired()
        await clock.somebody_waits(30, 30)
        clock.advance(30)
        await server.wait_for_call(lambda call: call.method == "getUpdates")
        ann.private.send("Hello?")
        clock.advance(15)
        await ann.private.chat.wait_for(lambda message: message.text == "Heard.")
        assert scene.bot.status.connected
        told = report(paths.mailbox)
        assert told is not None
        assert (told.trouble, told.stalls) == ("", 1)


async def test_what_cannot_be_kept_is_not_acknowledged(play: Play) -> None:
    """The home of the people, on another machine maybe, cannot be asked who is in."""
    clock = ManualClock()
    away = True

    async def find(face: Face, external_id: str) -> Person | None:
        if away:
            raise RemoteModelFailed(url="http://patina", status=None, reason="away")
        return await real(face, external_id)

    async with play("Here I am.", clock=clock) as scene:
        ann = await scene.paired()
        real = scene.assistant.people.find
        scene.assistant.people.find = find  # type: ignore[method-assign]
        ann.private.send("Hello?")
        await clock.somebody_waits(0.5, 1.5)
        assert "cannot be kept" in scene.bot.status.last_error
        assert len(scene.server.updates.first(10)) == 1
        away = False
        clock.advance(2)
        await ann.private.chat.wait_for(lambda message: message.text == "Here I am.")


async def test_reordered_updates_of_a_chat_are_answered_in_the_order_they_were_sent(play: Play) -> None:
    async with play("1", "2", "3", "4") as scene:
        ann = await scene.paired()
        scene.server.faults.brew(Weather(shuffled=1.0), seed=1)
        for text in ("first", "second", "third", "fourth"):
            ann.private.send(text)
        await ann.private.chat.wait_for_answers(4)
        [conversation] = await scene.assistant.conversations()
        questions = [turn.question for turn in await scene.assistant.history(conversation.id)]
        assert questions == ["first", "second", "third", "fourth"]


async def test_a_conversation_of_a_group_goes_on_after_a_restart(play: Play, server: BotApiServer) -> None:
    group = server.group(-100, "Friends")
    async with play("One.") as scene:
        ann = (await scene.paired()).in_chat(group)
        ann.send("@patina_test_bot first")
        await group.wait_for(lambda message: message.text == "One." and bool(message.buttons))
    async with play("Two.") as scene:
        ann.send("@patina_test_bot second")
        await group.wait_for(lambda message: message.text == "Two." and bool(message.buttons))
        [conversation] = await scene.assistant.conversations()
        assert conversation.turns == 2
