"""Only paired people are heard. A stranger gets one short text for /start, and leaves no trace."""

from __future__ import annotations

from functools import partial

from assistant.paths import Paths
from tests.botapi import Chat, ManualClock, User
from tests.bots.telegram.conftest import Play, Scene


async def _heard(scene: Scene, user: User) -> None:
    """A question of somebody who is in has been answered, so everything sent before has been dealt with."""
    before = len(user.private.chat.answers)
    user.private.send("are you there?")
    await user.private.chat.wait_for_answers(before + 1)


async def test_a_code_from_the_desktop_lets_a_person_in(play: Play) -> None:
    async with play("Nice to meet you.") as scene:
        ann = scene.server.user(1001, "Ann")
        code = await scene.assistant.people.new_code("telegram")
        ann.private.send(f"/start {code.code}")
        welcome = await ann.private.chat.wait_for(lambda message: "You are in" in message.text)
        assert "/history" in welcome.text
        ann.private.send("Hi, I am Ann")
        await ann.private.chat.wait_for(lambda message: message.text == "Nice to meet you.")
        [person] = await scene.assistant.people.list()
        assert (person.face, person.external_id, person.name) == ("telegram", "1001", "Ann")


async def test_a_wrong_code_is_explained_and_lets_nobody_in(play: Play) -> None:
    async with play() as scene:
        eve = scene.server.user(6666, "Eve")
        eve.private.send("/start 00000000")
        await eve.private.chat.wait_for(lambda message: "the code is wrong" in message.text)
        assert await scene.assistant.people.list() == []


async def test_guessing_codes_is_answered_a_few_times_and_then_no_more(play: Play) -> None:
    async with play() as scene:
        ann = await scene.paired()
        eve = scene.server.user(6666, "Eve")
        for number in range(12):
            eve.private.send(f"/start GUESS{number:03d}")
        await eve.private.chat.wait_for(lambda message: "too many wrong codes" in message.text)
        await _heard(scene, ann)
        texts = [message.text for message in eve.private.chat.answers]
        assert sum("too many" in text for text in texts) == 1
        assert len(texts) <= 6


async def test_a_stranger_is_not_heard_and_nothing_of_theirs_is_kept(play: Play) -> None:
    async with play() as scene:
        ann = await scene.paired()
        eve = scene.server.user(6666, "Eve")
        eve.private.send("What did Ann ask you?")
        eve.private.send("/history")
        eve.private.send("/stop")
        eve.private.send_document("virus.txt", b"run me")
        eve.private.send_photo()
        await _heard(scene, ann)
        assert eve.private.chat.answers == []
        assert all(call.chat_id != 6666 for call in scene.server.calls)
        assert len(scene.model.calls) == 1, "only Ann's question reached the model"
        [conversation] = await scene.assistant.conversations()
        assert conversation.title == "are you there?"


async def test_a_stranger_is_told_once_a_minute_how_to_come_in(play: Play) -> None:
    clock = ManualClock()
    async with play(clock=clock) as scene:
        ann = await scene.paired()
        eve = scene.server.user(6666, "Eve")
        for _ in range(3):
            eve.private.send("/start")
        notice = await eve.private.chat.wait_for(lambda message: "private assistant" in message.text)
        assert "/start CODE" in notice.text
        await _heard(scene, ann)
        assert len(eve.private.chat.answers) == 1
        clock.advance(61)
        eve.private.send("/start")
        await eve.private.chat.wait_for_answers(2)
        assert await scene.assistant.people.list() != []
        assert len(scene.model.calls) == 1


async def test_a_stranger_cannot_press_buttons_or_stop_drafts(play: Play) -> None:
    async with play("An answer.") as scene:
        ann = await scene.paired()
        group = scene.server.group(-100, "Friends")
        eve = scene.server.user(6666, "Eve").in_chat(group)
        ann.in_chat(group).send("@patina_test_bot hello")
        answer = await group.wait_for(lambda message: "👍" in message.buttons)
        press = eve.press(answer, "👍")
        await _heard(scene, ann)
        assert press.answer is None
        [turn] = [
            turn
            for conversation in await scene.assistant.conversations()
            for turn in await scene.assistant.history(conversation.id)
            if turn.question == "hello"
        ]
        assert turn.rating is None


async def test_somebody_unpaired_on_the_desktop_is_a_stranger_again(play: Play) -> None:
    async with play() as scene:
        ann, bo = await scene.paired(), await scene.paired(1002, "Bo")
        await _heard(scene, ann)
        await scene.assistant.people.remove((await scene.person(ann)).id)
        ann.private.send("still there?")
        await _heard(scene, bo)
        assert len(ann.private.chat.answers) == 1


async def test_a_person_who_is_in_is_welcomed_back_by_start(play: Play) -> None:
    async with play() as scene:
        ann = await scene.paired()
        ann.private.send("/start")
        await ann.private.chat.wait_for(lambda message: "Welcome back" in message.text)
        ann.private.send("/help")
        shown = await ann.private.chat.wait_for(lambda message: "/new" in message.text)
        assert "/stop" in shown.text


async def test_a_thousand_updates_of_every_kind_from_strangers_leave_nothing_and_ask_nothing(
    play: Play, paths: Paths
) -> None:
    async with play() as scene:
        ann = await scene.paired()
        group = scene.server.group(-100, "Friends")
        buttons = {"inline_keyboard": [[{"text": "👍", "callback_data": "u"}]]}
        answer = group.add(scene.server.me, text="x", keyboard=buttons)
        for number in range(100):
            eve = scene.server.user(6000 + number, "Eve SECRET-NAME")
            seat = eve.in_chat(group)
            eve.private.send(f"SECRET-TEXT {number}")
            eve.private.send("/stop SECRET-TEXT")
            eve.private.forward("SECRET-TEXT")
            eve.private.send_document("SECRET-TEXT.txt", b"SECRET-TEXT")
            eve.private.send_photo("SECRET-TEXT")
            seat.send("@patina_test_bot SECRET-TEXT")
            seat.press(answer, "👍")
            push = partial(scene.server.updates.push, unasked=True)
            push("message_reaction", _reaction(eve, group))
            push("stopped_message_generation", {"chat": eve.private.chat.as_json(), "draft_id": 1})
            push("inline_query", {"id": "1", "from": eve.json, "query": "SECRET-TEXT", "offset": ""})
            push("telepathy", {"from": eve.json, "thought": "SECRET-TEXT"})
        await _heard(scene, ann)
        assert len(scene.model.calls) == 1
        assert all(call.chat_id in (None, 1001) for call in scene.server.calls)
        assert len(await scene.assistant.conversations()) == 1
    kept = b"".join(file.read_bytes() for file in paths.home.rglob("*") if file.is_file())
    assert b"are you there?" in kept
    assert b"SECRET" not in kept


def _reaction(user: User, chat: Chat) -> dict[str, object]:
    return {
        "chat": chat.as_json(),
        "message_id": 1,
        "user": user.json,
        "date": 1,
        "old_reaction": [],
        "new_reaction": [{"type": "emoji", "emoji": "👍"}],
    }
