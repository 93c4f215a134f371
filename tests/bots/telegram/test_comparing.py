"""Two answers to one question in a private chat: offered seldom, chosen with a button, never in anybody's way."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from assistant.api import Assistant
from assistant.config import LearningSettings, Settings
from assistant.memory.records import Turn
from assistant.prompting.candidate import Candidate
from tests.bots.telegram.conftest import Play, Scene

OFTEN = Settings(learning=LearningSettings(duels_every=1))


async def begin_trial(assistant: Assistant) -> None:
    for language in ("en", "zh"):
        version = await assistant.desk.propose(
            "chat",
            language,  # type: ignore[arg-type]
            Candidate("- Rhyme."),
            author="optimiser",
            evidence={},
        )
        await assistant.desk.begin_trial(version.id, 0.5)


async def shown(scene: Scene) -> Turn:
    [conversation] = await scene.assistant.conversations()
    return (await scene.assistant.history(conversation.id))[-1]


async def test_the_second_answer_comes_with_buttons_and_the_better_one_is_gone_on_from(play: Play) -> None:
    async with play("The first.", "The second.", "The third.", settings=OFTEN) as scene:
        await begin_trial(scene.assistant)
        ann = await scene.paired()
        ann.private.send("Tell me something")
        offered = await ann.private.chat.wait_for(lambda message: "The second." in message.text)
        assert offered.buttons == ["1 is better", "2 is better", "Both are good", "Neither", "Don't ask me this again"]
        assert ann.private.chat.answers[0].text == "The first."
        told = await ann.private.press(offered, "2 is better").answered()
        assert told == "Noted: we go on with answer 2"
        second = await shown(scene)
        assert second.answer == "The second."
        await ann.private.chat.wait_for(
            lambda message: message.buttons == ["👍", "👎", "🔁", "✏️"] and "second" in message.text
        )
        await ann.private.press(offered, "👍").answered()
        assert (await shown(scene)).rating == "thumb_up"
        duel = await scene.assistant.duels.of(second.id)
        assert duel is not None
        assert (duel.choice, duel.person) == ("second", (await scene.person(ann)).id)


async def test_a_chat_that_goes_on_is_on_a_trial_too_and_what_is_said_there_counts(play: Play) -> None:
    async with play("Before.", "Rhymed.", settings=Settings(learning=LearningSettings(duels=False))) as scene:
        desk = scene.assistant.desk
        ann = await scene.paired()
        ann.private.send("Tell me something")
        await ann.private.chat.wait_for(lambda message: message.text == "Before." and bool(message.buttons))
        version = await desk.propose("chat", "en", Candidate("- Rhyme."), author="optimiser", evidence={})
        await desk.begin_trial(version.id, 1.0)
        ann.private.send("And something more")
        answer = await ann.private.chat.wait_for(lambda message: message.text == "Rhymed." and bool(message.buttons))
        await ann.private.press(answer, "👍").answered()
        assert (await shown(scene)).prompt_version == version.id
        [standing] = await desk.trials()
        assert (standing.canary_labels, standing.production_labels) == (1, 0)


async def test_whoever_does_not_want_to_be_asked_is_not_asked_again(play: Play) -> None:
    async with play("一", "二", "三", "四", settings=OFTEN) as scene:
        await begin_trial(scene.assistant)
        ann = await scene.paired(language_code="zh-hans")
        ann.private.send("你好，请介绍一下自己")
        offered = await ann.private.chat.wait_for(lambda message: "二" in message.text and "2 更好" in message.buttons)
        assert await ann.private.press(offered, "以后不要再问").answered() == "以后不再问了"
        await ann.private.chat.wait_for(lambda message: "二" in message.text and not message.buttons)
        ann.private.send("那么天空为什么是蓝色的")
        await ann.private.chat.wait_for(lambda message: message.text == "三")
        assert await scene.assistant.duels.of((await shown(scene)).id) is None


async def test_a_question_does_not_wait_for_a_second_answer_and_ends_it(play: Play) -> None:
    gate = asyncio.Event()
    async with play("One.", "And on, in several pieces.", gate=gate, settings=OFTEN) as scene:
        await begin_trial(scene.assistant)
        ann = await scene.paired()
        ann.private.send("Tell me something")
        await ann.private.chat.wait_for(lambda message: message.text == "One.")
        async with aclosing(await scene.assistant.changes()) as changes:
            ann.private.send("And something else?")
            while (await shown(scene)).question != "And something else?":
                await anext(changes)
        gate.set()
        await ann.private.chat.wait_for(lambda message: message.text == "And on, in several pieces.")
        assert [message.text for message in ann.private.chat.answers] == ["One.", "And on, in several pieces."]
        [conversation] = await scene.assistant.conversations()
        first = (await scene.assistant.history(conversation.id))[0]
        assert first.siblings == (first.id,), "nothing of the second answer stays"


async def test_nobody_is_asked_in_a_group(play: Play) -> None:
    async with play("One.", "Two.", settings=OFTEN) as scene:
        await begin_trial(scene.assistant)
        ann = await scene.paired()
        group = scene.server.group(-100, "Friends")
        ann.in_chat(group).send("@patina_test_bot tell me something")
        await group.wait_for(lambda message: bool(message.buttons) and message.text == "One.")
        assert await scene.assistant.duels.of((await shown(scene)).id) is None


@pytest.mark.parametrize(
    ("language", "on", "off"), [("en", "Now and then", "not ask again"), ("zh-hans", "偶尔", "不再请")]
)
async def test_being_asked_is_switched_off_and_on_again(play: Play, language: str, on: str, off: str) -> None:
    async with play(settings=OFTEN) as scene:
        ann = await scene.paired(language_code=language)
        person = (await scene.person(ann)).id
        for said, word, wanted in (
            ("/compare", off, False),
            ("/compare", on, True),
            ("/compare on", on, True),
            ("/compare off", off, False),
            ("/compare OFF", off, False),
        ):
            count = len(ann.private.chat.answers)
            ann.private.send(said)
            await ann.private.chat.wait_for_answers(count + 1)
            assert word in ann.private.chat.answers[-1].text
            assert await scene.assistant.duels.wanted(person) is wanted


async def test_who_wants_to_be_asked_where_nobody_is_hears_so(play: Play) -> None:
    async with play(settings=Settings(learning=LearningSettings(duels=False))) as scene:
        ann = await scene.paired()
        ann.private.send("/compare on")
        await ann.private.chat.wait_for(lambda message: "switched comparisons off for everybody" in message.text)
