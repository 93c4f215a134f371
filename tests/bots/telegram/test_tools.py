"""Tools seen from a phone: a wish in plain words is kept, and only the owner's own button lets a call be made."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from assistant.api import Assistant
from assistant.config import Settings, ToolSettings
from assistant.errors import DiskFull, InternalFault
from assistant.i18n import Language
from assistant.learning.recorder import DECAYED
from assistant.memory.prompt_versions import PromptVersionRecord
from assistant.prompting.candidate import Candidate
from bots.telegram.answering import Answering
from bots.telegram.watching import shown
from tests.botapi import ManualClock, User
from tests.bots.telegram.conftest import Play
from tests.fakes.caller import CallingChatModel

ON = Settings(tools=ToolSettings(offered=True, pages=True))
PAGE = ("fetch_page", {"url": "http://127.0.0.1:9/secret"})


def wanting() -> CallingChatModel:
    return CallingChatModel(answers=["I go on."], wants=(PAGE,))


async def test_a_reminder_asked_for_in_plain_words_comes_once(play: Play) -> None:
    clock = ManualClock()
    async with play(clock=clock) as scene:
        ann = await scene.paired(language_code="zh")
        ann.private.send("10分钟后提醒我喝茶")
        await ann.private.chat.wait_for(lambda message: "到时候提醒你" in message.text)
        person = await scene.person(ann)
        [reminder] = await scene.assistant.tools.reminders(person.id)
        ann.private.send("/reminders")
        await ann.private.chat.wait_for(lambda message: any("喝茶" in label for label in message.buttons))
        await clock.somebody_waits(19, 20)
        clock.advance(reminder.due_at - clock.time() + 1)
        await ann.private.chat.wait_for(lambda message: message.text == "⏰ 喝茶")
        assert await scene.assistant.tools.reminders(person.id) == []
        assert scene.model.calls == []
        await _asks_and_is_answered(ann, 1)  # so that the bot, too, knows that the reminder has arrived
    async with play(clock=clock):
        await _asks_and_is_answered(ann, 2)
    assert sum("⏰ 喝茶" in message.text for message in ann.private.chat.answers) == 1


async def test_it_is_listed_with_the_others_and_taken_away_for_good(play: Play) -> None:
    async with play() as scene:
        ann = await scene.paired()
        ann.private.send("remind me tomorrow at 9 to see the dentist")
        await ann.private.chat.wait_for(lambda message: "I will remind you" in message.text)
        ann.private.send("/remind in 2 days rent")
        await ann.private.chat.wait_for(lambda message: "rent" in message.text)
        ann.private.send("/reminders")
        listed = await ann.private.chat.wait_for(lambda message: "Your reminders" in message.text)
        assert len(listed.buttons) == 2
        await ann.private.press(listed, "dentist").answered()
        await ann.private.chat.wait_for(lambda message: message.id == listed.id and len(message.buttons) == 1)
        assert await scene.assistant.tools.reminders((await scene.person(ann)).id) == []


async def test_the_owner_is_asked_privately_and_whoever_asked_sees_that_it_waits(play: Play) -> None:
    async with play(model=wanting(), settings=ON) as scene:
        boss = await scene.paired(1000, "Boss", role="owner")
        ann, bo = await scene.paired(), await scene.paired(1002, "Bo")
        ann.private.send("What does that page say?")
        asked = await boss.private.chat.wait_for(lambda message: "Ann asked something that needs you" in message.text)
        assert "http://127.0.0.1:9/secret" in asked.text
        assert asked.buttons == ["Allow once", "Do not allow"]
        for nobody in (ann, bo):
            nobody.in_chat(boss.private.chat).press(asked, "Allow once")
        bo.private.send("/quota")
        await bo.private.chat.wait_for_answers(1)
        assert len(await scene.assistant.tools.approvals()) == 1
        await boss.private.press(asked, "Do not allow").answered()
        answer = await ann.private.chat.wait_for(lambda message: "I go on." in message.text)
        assert "This was not allowed" in answer.text
        assert not any("needs you" in message.text for one in (ann, bo) for message in one.private.chat.answers)
        [approval] = await scene.assistant.tools.approvals(waiting=False)
        assert (approval.decision, approval.decided_by) == ("refused", (await scene.person(boss)).id)


async def test_an_allowed_call_is_made_once_and_a_second_press_does_nothing(play: Play) -> None:
    async with play(model=wanting(), settings=ON) as scene:
        boss = await scene.paired(1000, "Boss", role="owner")
        boss.private.send("What does that page say?")
        asked = await boss.private.chat.wait_for(lambda message: "May this be done" in message.text)
        presses = [boss.private.press(asked, "Allow once") for _ in range(2)]
        for press in presses:
            await press.answered()
        await boss.private.chat.wait_for(lambda message: "I go on." in message.text)
        [approval] = await scene.assistant.tools.approvals(waiting=False)
        assert approval.decision == "approved"
        [call] = (await scene.assistant.turn(approval.turn_id)).tool_calls
        assert (call.status, "private" in call.result) == ("failed", True)


async def _asks_and_is_answered(user: User, times: int) -> None:
    for _ in range(times):
        answers = len(user.private.chat.answers)
        user.private.send("Hello")
        await user.private.chat.wait_for_answers(answers + 1)


async def _learned(assistant: Assistant, words: str, language: Language = "en") -> PromptVersionRecord:
    """In use."""
    desk = assistant.desk
    await desk.versions()
    version = await desk.propose("chat", language, Candidate(words), author="optimiser", evidence={})
    return await desk.promote(version.id)


async def test_the_owner_is_told_once_that_a_prompt_was_taken_back_by_itself(play: Play) -> None:
    async with play() as scene:
        boss, ann = await scene.paired(1000, "Boss", role="owner"), await scene.paired()
        version = await _learned(scene.assistant, "Be brief.")
        await scene.assistant.desk.rollback("chat", "en", reason=DECAYED)
        await _asks_and_is_answered(ann, 2)
        told = await boss.private.chat.wait_for(lambda message: "was taken back by itself" in message.text)
        assert f"{version.called} of the prompt chat.en" in told.text
        assert "comes with Patina" in told.text
    async with play() as scene:
        later = await _learned(scene.assistant, "Be kind.")
        await scene.assistant.desk.rollback("chat", "en", reason=DECAYED)
        await _asks_and_is_answered(ann, 1)
        # Once it has told of this one, it has looked at the other as well.
        await boss.private.chat.wait_for(lambda message: f"{later.called} of the prompt" in message.text)
        await _asks_and_is_answered(boss, 2)
    for one in (version, later):
        assert sum(f"{one.called} of the prompt" in message.text for message in boss.private.chat.answers) == 1
    assert not any("taken back" in message.text for message in ann.private.chat.answers)


@pytest.mark.parametrize("fails", ["version", "post"])
async def test_the_owner_is_told_later_where_that_failed(
    play: Play, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    clock = ManualClock()
    async with play(clock=clock) as scene:
        boss, ann = await scene.paired(1000, "Boss", role="owner"), await scene.paired()
        await _learned(scene.assistant, "Be brief.")
        desk, failed = scene.assistant.desk, asyncio.Event()
        version, post = desk.version, Answering.post

        async def unreachable(beginning: str) -> PromptVersionRecord:
            if not failed.is_set():
                failed.set()
                raise InternalFault(reason="ConnectError")
            return await version(beginning)

        async def full(self: Answering, key: str, *rest: Any) -> None:
            if key.startswith("taken_back") and not failed.is_set():
                failed.set()
                raise DiskFull(Path("mailbox"), 1, 0)
            await post(self, key, *rest)

        if fails == "version":
            monkeypatch.setattr(desk, "version", unreachable)
        else:
            monkeypatch.setattr(Answering, "post", full)
        await desk.rollback("chat", "en", reason=DECAYED)
        await _asks_and_is_answered(ann, 1)
        await failed.wait()
        await clock.somebody_waits(19, 20)
        clock.advance(20)
        await boss.private.chat.wait_for(lambda message: "was taken back by itself" in message.text)


async def test_who_answers_now_is_said_and_not_who_answered_then(play: Play) -> None:
    async with play() as scene:
        boss, ann = await scene.paired(1000, "Boss", role="owner"), await scene.paired()
        desk = scene.assistant.desk
        wide = await _learned(scene.assistant, "Be brief.")
        special = await desk.propose("chat", "en", Candidate("Be kind."), author="optimiser", evidence={})
        await desk.promote(special.id, intent="small-talk")
        await desk.rollback("chat", "en", intent="small-talk", reason=DECAYED)
        await _asks_and_is_answered(ann, 1)
        told = await boss.private.chat.wait_for(lambda message: "was taken back by itself" in message.text)
        assert told.text.startswith(f"{special.called} of the prompt chat.en")
        assert told.text.endswith(f"Now {wide.called} answers.")


async def test_of_a_version_that_is_no_more_or_in_use_again_nothing_is_said(play: Play) -> None:
    async def moved(assistant: Assistant) -> None:
        """Before the bot runs, which would tell of what it sees taken back before that is in use again."""
        desk, conversation = assistant.desk, await assistant.new_conversation()
        async for _ in await assistant.reply(conversation.id, "What is the capital of France?", face="page"):
            pass
        quoting = await _learned(assistant, "Be brief. Who asks “What is the capital of France?” is told at once.")
        await desk.rollback("chat", "en", reason=DECAYED)
        await assistant.delete(conversation.id)
        assert quoting.id not in [one.id for one in await desk.versions()]
        again = await _learned(assistant, "Be kind.")
        await desk.rollback("chat", "en", reason=DECAYED)
        await desk.promote(again.id)
        await _learned(assistant, "友善一点。", "zh")
        await desk.rollback("chat", "zh", reason=DECAYED)

    async with play(prepare=moved) as scene:
        boss, ann = await scene.paired(1000, "Boss", role="owner"), await scene.paired()
        await _asks_and_is_answered(ann, 2)
        # Once it has told of this one, it has looked at the others as well.
        await boss.private.chat.wait_for(lambda message: "of the prompt chat.zh" in message.text)
        await _asks_and_is_answered(boss, 2)
        assert sum("taken back" in message.text for message in boss.private.chat.answers) == 1


async def test_while_the_core_cannot_be_reached_the_owner_may_press_again(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with play(model=wanting(), settings=ON) as scene:
        boss = await scene.paired(1000, "Boss", role="owner")
        boss.private.send("What does that page say?")
        asked = await boss.private.chat.wait_for(lambda message: "May this be done" in message.text)
        used = asked.button("Allow once")["callback_data"]

        async def unreachable(*_: Any, **__: Any) -> None:
            raise InternalFault(reason="ConnectError")

        with monkeypatch.context() as away:
            away.setattr(scene.assistant.tools, "approve", unreachable)
            await boss.private.press(asked, "Allow once").answered()
            await boss.private.chat.wait_for(
                lambda message: message.id == asked.id and message.button("Allow")["callback_data"] != used
            )
        await boss.private.press(asked, "Allow once").answered()
        await boss.private.chat.wait_for(lambda message: "I go on." in message.text)
        [approval] = await scene.assistant.tools.approvals(waiting=False)
        assert approval.decision == "approved"
        assert asked.buttons == []


async def test_an_owner_whose_chat_is_shut_holds_up_no_other(play: Play) -> None:
    async with play(model=wanting(), settings=ON) as scene:
        shut = await scene.paired(1000, "Boss", role="owner")
        other = await scene.paired(1001, "Chief", role="owner")
        ann = await scene.paired(1002, "Ann")
        scene.server.shut(shut.id, 3600)
        ann.private.send("What does that page say?")
        asked = await other.private.chat.wait_for(lambda message: "needs you" in message.text)
        assert "Read a web page" in asked.text
        await other.private.press(asked, "Do not allow").answered()
        await ann.private.chat.wait_for(lambda message: "I go on." in message.text)
        ann.private.send("remind me tomorrow at 9 to see the dentist")
        await ann.private.chat.wait_for(lambda message: "I will remind you" in message.text)
        ann.private.send("/reminders")
        await ann.private.chat.wait_for(lambda message: any("dentist" in label for label in message.buttons))


async def test_an_owner_is_asked_again_where_it_could_not_be_kept(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock()
    async with play(model=wanting(), settings=ON, clock=clock) as scene:
        boss = await scene.paired(1000, "Boss", role="owner")
        post, failures, failed = Answering.post, [DiskFull(Path("mailbox"), 1, 0)], asyncio.Event()

        async def failing(self: Answering, key: str, *rest: Any) -> None:
            if key.startswith("approval") and failures:
                failed.set()
                raise failures.pop()
            await post(self, key, *rest)

        monkeypatch.setattr(Answering, "post", failing)
        boss.private.send("What does that page say?")
        await failed.wait()
        clock.advance(20)
        await boss.private.chat.wait_for(lambda message: "May this be done" in message.text)


def test_what_is_shown_of_arguments_is_counted_as_telegram_counts() -> None:
    assert shown("short") == "short"
    assert len(shown("😀" * 4000).encode("utf-16-le")) // 2 == 3000
