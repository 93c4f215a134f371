"""👍 and 👎 as reactions rate the answer, like the buttons and the page."""

from __future__ import annotations

from assistant.memory.records import Turn
from bots.telegram.presenter import TEXT_LIMIT
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
