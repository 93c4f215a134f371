"""@the_bot in any chat offers the person's last answers, and a stranger nothing."""

from __future__ import annotations

from assistant.paths import Paths
from tests.botapi.clock import ManualClock
from tests.bots.telegram.conftest import Play


async def test_a_paired_person_is_offered_their_last_answers_and_a_stranger_nothing(play: Play, paths: Paths) -> None:
    clock = ManualClock()
    async with play("**Paris** it is.", "Rome.", clock=clock) as scene:
        ann, eve = await scene.paired(), scene.server.user(6666, "Eve")
        for question, answer in (("Capital of France?", "Paris it is."), ("Of Italy?", "Rome.")):
            ann.private.send(question)
            await ann.private.chat.wait_for(lambda message, answer=answer: message.text == answer)
        stranger = eve.ask_inline("capital")
        found = await ann.ask_inline("").answered()
        assert [one["title"] for one in found] == ["Of Italy?", "Capital of France?"]
        assert found[1]["input_message_content"]["message_text"] == "Paris it is."
        assert found[1]["input_message_content"]["entities"][0]["type"] == "bold"
        hurried = ann.ask_inline("c")
        ann.private.send("/help")
        await ann.private.chat.wait_for(lambda message: "/regenerate" in message.text)
        assert hurried.results is None, "a query a letter is not looked up"
        clock.advance(1)
        asked = ann.ask_inline("paris france")
        assert [one["title"] for one in await asked.answered()] == ["Capital of France?"]
        assert str(asked.params["is_personal"]).lower() == "true"
        assert str(asked.params["cache_time"]) == "0"
        clock.advance(1)
        nothing = ann.ask_inline("no such words")
        assert await nothing.answered() == []
        assert "Nothing found" in str(nothing.params["button"])
        assert stranger.results is None
        assert eve.private.chat.answers == []
        assert b"no such words" not in b"".join(
            file.read_bytes() for file in scene.bot._paths.home.glob("telegram.db*")
        )


async def test_what_the_bot_offered_is_no_question_to_it(play: Play) -> None:
    async with play("Yes.") as scene:
        ann = await scene.paired()
        ann.private.send_through(scene.server.me, "Paris it is.")
        ann.private.send("Are you there?")
        await ann.private.chat.wait_for(lambda message: message.text == "Yes.")
        assert len(scene.model.calls) == 1
