"""The memory over REST and through the client that asks it."""

from __future__ import annotations

import pytest

from assistant.client import AssistantClient
from assistant.errors import NotFound
from tests.fakes.web import Running


async def test_the_memory_is_read_and_changed_from_elsewhere(server: Running) -> None:
    async with AssistantClient(server.address) as door:
        memory = door.memory
        added = await memory.add("I live in Bonn", pinned=False)
        assert added is not None
        assert await memory.add("i live in bonn") is None
        assert (await memory.pin(added.id)).pinned
        assert await memory.fact(added.id) == await memory.pin(added.id)
        edited = await memory.edit(added.id, "I live in Berlin")
        assert [one.id for one in await memory.facts()] == [edited.id]
        assert [one.id for one in await memory.facts(old=True)] == [edited.id, added.id]
        assert [one.id for one in await memory.find_facts("Berlin")] == [edited.id]
        assert len((await memory.export()).splitlines()) == 2
        await memory.pause()
        assert (await memory.standing()).paused
        await memory.pause(on=False)
        await memory.switch_recall(on=False)
        await memory.switch_facts(on=False)
        standing = await memory.standing()
        assert (standing.recall, standing.facts, standing.paused, standing.known) == (False, False, False, 1)
        await memory.forget(edited.id)
        assert await memory.forget_all() == 0
        with pytest.raises(NotFound):
            await memory.forget(edited.id)
        with pytest.raises(NotFound):
            await memory.judge("nothing", 1, right=True)


async def test_what_was_said_is_found_and_a_temporary_conversation_is_not(server: Running) -> None:
    async with AssistantClient(server.address) as door:
        for temporary, text in ((False, "I keep bees on the roof"), (True, "I keep cats on the roof")):
            conversation = await door.new_conversation(temporary=temporary)
            async for _ in await door.reply(conversation.id, text, face="rest"):
                pass
        found = [one.utterance.text for one in await door.memory.search("What do I keep on the roof?")]
        assert "I keep bees on the roof" in found
        assert "I keep cats on the roof" not in found


async def test_a_hit_is_judged_and_one_turn_or_person_is_deleted_from_elsewhere(server: Running) -> None:
    async with AssistantClient(server.address) as door:
        conversation = await door.new_conversation()
        for text in ("I keep bees on the roof", "The weather is fine"):
            async for _ in await door.reply(conversation.id, text, face="rest"):
                pass
        hit = (await door.memory.search("What do I keep on the roof?"))[0]
        assert "words" in hit.why
        await door.memory.judge_hit("What do I keep on the roof?", hit.utterance.id, right=True)
        assert (await door.memory.standing()).learned_from == 1
        with pytest.raises(NotFound):
            await door.memory.judge_hit("something else", 999, right=True)
        first, second = await door.history(conversation.id)
        await door.delete_turn(first.id)
        assert [one.id for one in await door.history(conversation.id)] == [second.id]
        assert (await door.memory.standing()).learned_from == 0
        with pytest.raises(NotFound):
            await door.delete_turn(first.id)
        code = await door.people.new_code("telegram")
        ann = await door.people.pair("telegram", "1", "Ann", code.code)
        hers = await door.new_conversation()
        async for _ in await door.reply(hers.id, "I keep cats", face="telegram", person_id=ann.id):
            pass
        await door.people.remove(ann.id, said=True)
        assert await door.people.list() == []
        with pytest.raises(NotFound):
            await door.conversation(hers.id)


async def test_a_newer_fact_that_was_wrong_gives_way_to_the_older_one(server: Running) -> None:
    async with AssistantClient(server.address) as door:
        added = await door.memory.add("I live in Bonn")
        assert added is not None
        edited = await door.memory.edit(added.id, "I live in Berlin")
        await door.memory.forget(edited.id, older=False)
        assert [(one.id, one.valid_to) for one in await door.memory.facts()] == [(added.id, None)]
