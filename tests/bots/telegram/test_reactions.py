"""👍 and 👎 as reactions rate the answer, like the buttons and the page."""

from __future__ import annotations

import asyncio

from assistant.memory.records import Turn
from bots.telegram.presenter import TEXT_LIMIT
from tests.botapi import BotApiServer, Message, User
from tests.bots.telegram.conftest import Play, Scene


async def turn(scene: Scene) -> Turn:
    [conversation] = await scene.assistant.conversations()
    return (await scene.assistant.history(conversation.id))[-1]


async def test_a_reaction_is_the_rating_and_the_buttons_show_it(play: Play) -> None:
    async with play("Paris.") as scene:
        ann = await scene.paired()
        ann.private.send("Capital?")
        answer = await ann.private.chat.wait_for(lambda message: bool(message.buttons))
        seat, chat = ann.private, ann.private.chat
        seat.react(answer, "👍")
        await chat.wait_for(lambda message: "👍 ✓" in message.buttons)
        assert (await turn(scene)).rating == "thumb_up"
        seat.react(answer, "👎")
        await chat.wait_for(lambda message: "👎 ✓" in message.buttons)
        assert (await turn(scene)).rating == "thumb_down"
        seat.react(answer, "")
        await chat.wait_for(lambda message: "👎" in message.buttons)
        assert (await turn(scene)).rating is None
        seat.react(answer, "🔥")
        seat.react(answer, "👍")
        await chat.wait_for(lambda message: "👍 ✓" in message.buttons)
        assert (await turn(scene)).rating == "thumb_up"


async def test_any_part_of_a_long_answer_can_be_reacted_to(play: Play) -> None:
    async with play("line\n\n" * 1200) as scene:
        ann = await scene.paired()
        ann.private.send("At length")
        last = await ann.private.chat.wait_for(lambda message: bool(message.buttons))
        first = ann.private.chat.answers[0]
        assert first.id != last.id
        assert len(first.text) <= TEXT_LIMIT
        ann.private.react(first, "👎")
        await ann.private.chat.wait_for(lambda message: "👎 ✓" in message.buttons)
        assert (await turn(scene)).rating == "thumb_down"


async def test_strangers_and_what_is_no_answer_rate_nothing(play: Play) -> None:
    async with play("Hello.", "Again.") as scene:
        ann = await scene.paired()
        group = scene.server.group(-100, "Friends")
        ann.in_chat(group).send("@patina_test_bot hello")
        answer = await group.wait_for(lambda message: bool(message.buttons))
        scene.server.user(6666, "Eve").in_chat(group).react(answer, "👎")
        ann.in_chat(group).react(group.messages[0], "👎")
        ann.in_chat(group).send("@patina_test_bot again")
        await group.wait_for(lambda message: message.text == "Again." and bool(message.buttons))
        [conversation] = await scene.assistant.conversations()
        assert [one.rating for one in await scene.assistant.history(conversation.id)] == [None, None]
        bo = await scene.paired(1002, "Bo")
        bo.in_chat(group).react(answer, "👍")
        ann.in_chat(group).react(group.answers[-1], "👎")
        await group.wait_for(lambda message: "👎 ✓" in message.buttons)
        ratings = {one.question: one.rating for one in await scene.assistant.history(conversation.id)}
        assert ratings["again"] == "thumb_down"


async def test_taking_a_reaction_away_leaves_what_a_button_said_since(play: Play) -> None:
    async with play("Paris.") as scene:
        ann = await scene.paired()
        ann.private.send("Capital?")
        answer = await ann.private.chat.wait_for(lambda message: bool(message.buttons))
        ann.private.react(answer, "👍")
        await ann.private.chat.wait_for(lambda message: "👍 ✓" in message.buttons)
        await ann.private.press(answer, "👎").answered()
        ann.private.react(answer, "")
        ann.private.send("/help")
        await ann.private.chat.wait_for(lambda message: "/regenerate" in message.text)
        assert (await turn(scene)).rating == "thumb_down"


async def rated(scene: Scene, *expected: tuple[User | None, str]) -> None:
    """Wait until these are the thumbs, the newest last."""
    people = [(None if user is None else (await scene.person(user)).id, thumb) for user, thumb in expected]
    async with asyncio.timeout(30):
        while list((await turn(scene)).ratings) != people:  # noqa: ASYNC110 - a thumb in a group is told to nobody
            await asyncio.sleep(0.01)


async def answered_in_group(scene: Scene, ann: User) -> Message:
    group = scene.server.group(-100, "Friends")
    ann.in_chat(group).send("@patina_test_bot hello")
    return await group.wait_for(lambda message: "👍" in message.buttons)


async def test_everybody_in_a_group_has_a_thumb_of_their_own(play: Play) -> None:
    async with play("Hello.") as scene:
        ann, bo = await scene.paired(), await scene.paired(1002, "Bo")
        answer = await answered_in_group(scene, ann)
        group = answer.chat
        bo.in_chat(group).react(answer, "👍")
        await rated(scene, (bo, "thumb_up"))
        ann.in_chat(group).react(answer, "👍")
        await rated(scene, (bo, "thumb_up"), (ann, "thumb_up"))
        ann.in_chat(group).react(answer, "👎")
        await rated(scene, (bo, "thumb_up"), (ann, "thumb_down"))
        exported = await scene.assistant.people.export((await scene.person(ann)).id)
        assert '"rating": "thumb_down"' in exported
        assert (await scene.person(bo)).id not in exported, "what others thought is theirs"
        bo.in_chat(group).react(answer, "")
        await rated(scene, (ann, "thumb_down"))
        person = await scene.person(ann)
        assert (await turn(scene)).rating_of(person) == "thumb_down"
        assert (await turn(scene)).rating_of(await scene.person(bo)) is None


async def test_a_button_takes_back_only_what_the_same_person_said(play: Play) -> None:
    async with play("Hello.") as scene:
        ann, bo = await scene.paired(), await scene.paired(1002, "Bo")
        answer = await answered_in_group(scene, ann)
        group = answer.chat
        bo.in_chat(group).react(answer, "👍")
        await rated(scene, (bo, "thumb_up"))
        assert await ann.in_chat(group).press(answer, "👍").answered() == "👍 noted"
        await group.wait_for(lambda message: "👍 ✓" in message.buttons)
        await rated(scene, (bo, "thumb_up"), (ann, "thumb_up"))
        assert await ann.in_chat(group).press(answer, "👍 ✓").answered() == "Taken back"
        await rated(scene, (bo, "thumb_up"))


async def test_the_owner_is_one_person_on_the_page_and_in_telegram(play: Play) -> None:
    async with play("Paris.") as scene:
        ann = await scene.paired(role="owner")
        ann.private.send("Capital?")
        answer = await ann.private.chat.wait_for(lambda message: bool(message.buttons))
        await scene.assistant.signal((await turn(scene)).id, "thumb_up", face="page")
        assert await ann.private.press(answer, "👍").answered() == "Taken back"
        await rated(scene)
        ann.private.react(answer, "👎")
        await rated(scene, (None, "thumb_down"))
        await scene.assistant.signal((await turn(scene)).id, "thumb_up", face="page")
        ann.private.react(answer, "")
        ann.private.send("/help")
        await ann.private.chat.wait_for(lambda message: "/regenerate" in message.text)
        assert (await turn(scene)).ratings == ((None, "thumb_up"),)


async def test_a_reaction_may_be_quicker_than_telegrams_word_that_the_answer_arrived(
    play: Play, server: BotApiServer
) -> None:
    async with play("Paris.") as scene:
        ann = await scene.paired()
        heard = server.faults.hold("sendMessage")
        ann.private.send("Capital?")
        answer = await ann.private.chat.wait_for(lambda message: bool(message.buttons))
        ann.private.react(answer, "👍")
        await ann.ask_inline("").answered()  # what came before it is being dealt with
        heard.set()
        await ann.private.chat.wait_for(lambda message: "👍 ✓" in message.buttons)
        assert (await turn(scene)).rating == "thumb_up"
