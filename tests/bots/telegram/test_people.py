"""What owners, members and guests may do in Telegram, and how a stranger is let in from there."""

from __future__ import annotations

from assistant.memory.records import Quota
from tests.botapi import ManualClock, User
from tests.bots.telegram.conftest import Play, Scene


async def _say(user: User, text: str, answer: str) -> None:
    before = len(user.private.chat.answers)
    user.private.send(text)
    await user.private.chat.wait_for_answers(before + 1)
    assert answer in user.private.chat.answers[-1].text


async def test_history_shows_a_member_their_own_conversations_and_an_owner_all(play: Play) -> None:
    async with play("For Ann.", "For Bo.") as scene:
        ann, bo = await scene.paired(role="owner"), await scene.paired(1002, "Bo")
        await _say(ann, "Ann asks about taxes", "For Ann.")
        await _say(bo, "Bo asks about cats", "For Bo.")
        bo.private.send("/history")
        listed = await bo.private.chat.wait_for(lambda message: "Which conversation" in message.text)
        assert listed.buttons == ["▸ Bo asks about cats"]
        ann.private.send("/history")
        listed = await ann.private.chat.wait_for(lambda message: "Which conversation" in message.text)
        assert len(listed.buttons) == 2


async def test_a_guest_asks_in_words_and_nothing_else(play: Play) -> None:
    async with play("An answer.") as scene:
        eve = await scene.paired(1003, "Eve", role="guest")
        await _say(eve, "hello", "An answer.")
        for refused in ("/history", "/documents always", "/compare on", "/edit no"):
            await _say(eve, refused, "You are a guest here")
        eve.private.send_document("notes.txt", b"read me")
        await eve.private.chat.wait_for_answers(6)
        assert "You are a guest here" in eve.private.chat.answers[-1].text
        answer = eve.private.chat.answers[0]
        assert "You are a guest" in await eve.private.press(answer, "✏️").answered()
        assert "noted" in await eve.private.press(answer, "👍").answered()
        assert len(scene.model.calls) == 1


async def test_a_member_without_documents_is_told_so(play: Play) -> None:
    async with play() as scene:
        bo = await scene.paired(1002, "Bo")
        await scene.assistant.people.change((await scene.person(bo)).id, documents=False)
        await _say(bo, "/documents", "Only the owner")


async def test_a_used_up_quota_is_explained_with_when_it_renews(play: Play) -> None:
    async with play("One.", "Two.") as scene:
        bo = await scene.paired(1002, "Bo", language_code="zh")
        await scene.assistant.people.change((await scene.person(bo)).id, quota=Quota(questions_a_day=1))
        await _say(bo, "一", "One.")
        await _say(bo, "二", "今天的 1 个问题已经用完")
        assert len(scene.model.calls) == 1


async def test_a_button_works_once_each_time_it_is_drawn(play: Play) -> None:
    async with play("First.", "Second.", "Third.") as scene:
        ann = await scene.paired()
        await _say(ann, "Hi", "First.")
        answer = ann.private.chat.answers[0]
        stale = answer.button("👍")["callback_data"]
        assert "noted" in await ann.private.press(answer, "👍").answered()
        await ann.private.chat.wait_for(lambda message: "👍 ✓" in message.buttons)
        answer.button("👍")["callback_data"] = stale
        assert "pressed already" in await ann.private.press(answer, "👍").answered()
        [conversation] = await scene.assistant.conversations()
        [turn] = await scene.assistant.history(conversation.id)
        assert turn.rating == "thumb_up", "a press that is repeated does not take it back"


async def test_an_owner_lets_a_stranger_in_with_a_button(play: Play) -> None:
    async with play("Welcome.") as scene:
        ann = await scene.paired(role="owner")
        eve = scene.server.user(6666, "Eve")
        eve.private.send("/start")
        told = await eve.private.chat.wait_for(lambda message: "private assistant" in message.text)
        [knock] = await scene.assistant.people.knocks()
        assert knock.code in told.text
        asked = await ann.private.chat.wait_for(lambda message: knock.code in message.text)
        assert asked.buttons == ["Let in as a member", "Let in as a guest", "Leave outside"]
        assert "Eve" not in asked.text
        assert "as a guest" in await ann.private.press(asked, "as a guest").answered()
        await eve.private.chat.wait_for(lambda message: "You are in" in message.text)
        await _say(eve, "Hi, it is Eve", "Welcome.")
        person = await scene.person(eve)
        assert (person.role, person.name) == ("guest", "Eve")


async def test_only_an_owner_is_asked_and_a_stranger_hears_the_same_when_refused(play: Play) -> None:
    clock = ManualClock()
    async with play(clock=clock) as scene:
        ann, bo = await scene.paired(role="owner"), await scene.paired(1002, "Bo")
        eve = scene.server.user(6666, "Eve")
        eve.private.send("/start")
        first = await eve.private.chat.wait_for(lambda message: "private assistant" in message.text)
        asked = await ann.private.chat.wait_for(lambda message: "let in" in message.text.lower())
        assert "They stay outside" in await ann.private.press(asked, "outside").answered()
        clock.advance(61)
        eve.private.send("/start")
        await eve.private.chat.wait_for_answers(2)
        assert eve.private.chat.answers[1].text == first.text
        await _heard(scene, bo)
        assert len(bo.private.chat.answers) == 1
        assert len(ann.private.chat.answers) == 1
        assert await scene.assistant.people.find("telegram", "6666") is None


async def _heard(scene: Scene, user: User) -> None:
    before = len(user.private.chat.answers)
    user.private.send("are you there?")
    await user.private.chat.wait_for_answers(before + 1)
