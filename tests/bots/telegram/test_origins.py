"""/why: which model and which prompt made an answer, and who may read what the prompt says."""

from __future__ import annotations

from contextlib import aclosing

import pytest

from assistant.memory.records import Role
from assistant.prompting.candidate import Candidate, Demo
from tests.botapi import User
from tests.botapi.world import Message
from tests.bots.telegram.conftest import Play


async def told(user: User, ask: str, answer: str) -> Message:
    user.private.send(ask)
    await user.private.chat.wait_for(lambda message: message.text == answer and bool(message.buttons))
    user.private.send("/why")
    return await user.private.chat.wait_for(lambda message: ".zh:v" in message.text or ".en:v" in message.text)


async def test_the_owner_reads_which_prompt_it_was_where_it_comes_from_and_what_it_says(play: Play) -> None:
    async with play("one", "一") as scene:
        version = await scene.assistant.desk.propose(
            "chat", "en", Candidate("- Rhyme."), author="optimiser", evidence={"items": 40, "gained": 9, "lost": 2}
        )
        await scene.assistant.desk.promote(version.id)
        ann = await scene.paired(role="owner")
        said = await told(ann, "What is a river?", "one")
        assert f"asked with the prompt {version.full_name}." in said.text
        assert "learned from ratings" in said.text
        assert "Of 40 questions" in said.text
        assert "- Rhyme." in said.text
        [quote] = [one for one in said.entities if one["type"] == "expandable_blockquote"]
        assert said.text.encode("utf-16-le")[quote["offset"] * 2 :].decode("utf-16-le").startswith("You are Patina")


async def test_it_is_said_in_chinese_of_the_answer_that_is_replied_to_and_not_where_there_is_none(play: Play) -> None:
    async with play("一", "二") as scene:
        ann = await scene.paired(language_code="zh-hans")
        ann.private.send("/why")
        await ann.private.chat.wait_for(lambda message: message.text == "这里还没有回答。")
        said = await told(ann, "河是什么？请说明", "一")
        assert "Patina 自带的" in said.text


async def test_of_a_version_that_was_removed_it_is_said_which_it_was(play: Play) -> None:
    async with play("one") as scene:
        version = await scene.assistant.desk.propose(
            "chat", "en", Candidate("- Rhyme.", (Demo("What is my name?", "Ann, like a fan."),)), author="optimiser",
            evidence={},
        )  # fmt: skip
        await scene.assistant.desk.promote(version.id)
        ann = await scene.paired(role="owner")
        ann.private.send("What is a river?")
        await ann.private.chat.wait_for(lambda message: message.text == "one" and bool(message.buttons))
        quoted = await scene.assistant.new_conversation()
        events = await scene.assistant.reply(quoted.id, "What is my name?", face="page")
        async with aclosing(events):
            async for _ in events:
                pass
        await scene.assistant.delete(quoted.id)
        ann.private.send("/why")
        said = await ann.private.chat.wait_for(lambda message: "chat.en:v2" in message.text)
        assert "has been removed since" in said.text


@pytest.mark.parametrize("role", ["member", "guest"])
async def test_others_read_which_prompt_it_was_and_not_what_it_says(play: Play, role: Role) -> None:
    async with play("one") as scene:
        eve = await scene.paired(1003, "Eve", role=role)
        said = await told(eve, "What is a river?", "one")
        assert "came with Patina" in said.text
        assert "You are Patina" not in said.text


async def test_in_a_group_nobody_reads_what_it_says(play: Play) -> None:
    async with play("one") as scene:
        ann = await scene.paired(role="owner")
        group = scene.server.group(-100, "Friends")
        ann.in_chat(group).send("@patina_test_bot what is a river?")
        answer = await group.wait_for(lambda message: message.text == "one" and bool(message.buttons))
        ann.in_chat(group).send("/why", reply_to=answer)
        said = await group.wait_for(lambda message: "asked with the prompt" in message.text)
        assert "came with Patina" in said.text
        assert "You are Patina" not in said.text
