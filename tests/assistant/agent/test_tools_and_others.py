"""Tools where several people talk in one conversation, and beside documents: whose wish it is stays whose it was."""

from __future__ import annotations

from functools import partial

import pytest

from assistant.config import Settings
from assistant.errors import EngineDied, NotFound
from assistant.events import ToolCalled, ToolFinished
from assistant.memory.records import DocumentMode, Turn
from assistant.paths import Paths
from assistant.tools.builtin.remind import MOST
from tests.assistant.agent import test_grounding as grounding
from tests.assistant.agent.test_tools import REMIND, SUM, ask, calling, home, member, of, told

WISH = "remind me in 20 minutes to call mum"


async def test_asked_again_by_somebody_else_a_reminder_stays_with_whom_it_was_set_for(paths: Paths) -> None:
    async with home(paths, calling(REMIND), Settings()) as assistant:
        ann, bo = await member(assistant), await member(assistant, number="8")
        group = await assistant.new_conversation(shared=True)
        turn, _ = await told(assistant, await assistant.reply(group.id, WISH, face="telegram", person_id=ann))
        for somebody in (bo, None):
            again, events = await told(
                assistant, await assistant.regenerate(turn.id, face="telegram", person_id=somebody)
            )
            assert of(ToolCalled, events) + of(ToolFinished, events) == []
            assert again.answer == turn.answer, "what was set for Ann still stands"
            assert await assistant.tools.reminders(somebody) == []
            assert [one.text for one in await assistant.tools.reminders(ann)] == ["call mum"]
        assert (await assistant.turn(turn.id)).tool_calls[0].status == "done"


async def test_a_model_sets_nothing_for_somebody_who_only_asks_again(paths: Paths) -> None:
    model = calling(REMIND, REMIND, answer="As you wish.")
    async with home(paths, model) as assistant:
        ann, bo = await member(assistant), await member(assistant, number="8")
        group = await assistant.new_conversation(shared=True)
        asked = await assistant.reply(group.id, "Do not let me forget mum", face="telegram", person_id=ann)
        turn, _ = await told(assistant, asked)
        again = partial(assistant.regenerate, turn.id, face="telegram", person_id=bo)
        repeated, _ = await told(assistant, await again())
        assert repeated.answer == turn.answer
        assert len(await assistant.tools.reminders(ann)) == 1
        await assistant.tools.undo(turn.tool_calls[0].id, person_id=ann)
        await told(assistant, await again())
        assert model.offers[-1] == ["calculate", "today", "answer"]
        assert await assistant.tools.reminders(bo) == []


async def test_in_a_group_nobody_takes_back_what_was_done_for_another(paths: Paths) -> None:
    async with home(paths, calling(), Settings()) as assistant:
        ann, bo = await member(assistant), await member(assistant, number="8")
        boss = await member(assistant, "owner", "9")
        group = await assistant.new_conversation(shared=True)
        turns: list[Turn] = []
        for text in (WISH, "remind me in 30 minutes to call dad"):
            events = await assistant.reply(group.id, text, face="telegram", person_id=ann)
            turns.append((await told(assistant, events))[0])
        [mum], [dad] = (one.tool_calls for one in turns)
        with pytest.raises(NotFound):
            await assistant.tools.undo(mum.id, person_id=bo)
        assert len(await assistant.tools.reminders(ann)) == 2
        await assistant.tools.undo(mum.id, person_id=ann)
        await assistant.tools.undo(dad.id, person_id=boss)
        assert await assistant.tools.reminders(ann) == []


async def test_what_the_owner_asked_in_a_messenger_and_asks_differently_on_the_page_is_not_done_twice(
    paths: Paths,
) -> None:
    async with home(paths, calling(), Settings()) as assistant:
        boss, other = await member(assistant, "owner"), await member(assistant, "owner", "8")
        turn, _ = await ask(assistant, "remind me tomorrow at 9 to call mum", person_id=boss)
        turn, _ = await told(
            assistant, await assistant.edit(turn.id, "remind me tomorrow at 10 to call mum", face="page")
        )
        assert await assistant.tools.reminders(boss) == []
        assert len(await assistant.tools.reminders()) == 1
        assert "10:00" in turn.answer
        back = await assistant.edit(turn.id, "remind me tomorrow at 11 to call mum", face="telegram", person_id=boss)
        turn, _ = await told(assistant, back)
        assert (await assistant.tools.reminders(), len(await assistant.tools.reminders(boss))) == ([], 1)
        await told(assistant, await assistant.regenerate(turn.id, face="telegram", person_id=other))
        assert (await assistant.tools.reminders(other), len(await assistant.tools.reminders(boss))) == ([], 1)


async def test_the_owner_has_all_tools_for_what_they_asked_in_a_messenger_themselves(paths: Paths) -> None:
    model = calling()
    async with home(paths, model) as assistant:
        turn, _ = await ask(assistant, "Read it to me", person_id=await member(assistant, "owner"))
        offered = model.offers[-1]
        assert "fetch_page" in offered
        await told(assistant, await assistant.regenerate(turn.id, face="page"))
        assert model.offers[-1] == offered


async def test_the_words_of_somebody_removed_are_not_the_owners(paths: Paths) -> None:
    model = calling()
    async with home(paths, model) as assistant:
        ann = await member(assistant)
        group = await assistant.new_conversation(shared=True)
        asked = await assistant.reply(group.id, "Read it to me", face="telegram", person_id=ann)
        turn, _ = await told(assistant, asked)
        await assistant.people.remove(ann)
        assert (await assistant.turn(turn.id)).person_id is None
        for _ in range(2):
            # The second time it is the owner's own answer that is asked for again, and still not the owner's words.
            turn, _ = await told(assistant, await assistant.regenerate(turn.id, face="page"))
            assert model.offers[-1] == ["calculate", "today", "answer"]
        await told(assistant, await assistant.edit(turn.id, "Read it to me, please", face="page"))
        assert "fetch_page" in model.offers[-1], "now they are the owner's"


async def test_asked_again_by_several_a_wish_is_done_once_and_for_whom_it_was_set(paths: Paths) -> None:
    async with home(paths, calling(), Settings()) as assistant:
        ann = await member(assistant)
        group = await assistant.new_conversation(shared=True)
        turn, _ = await told(assistant, await assistant.reply(group.id, WISH, face="telegram", person_id=ann))
        said = turn.answer
        for _ in range(2):
            turn, _ = await told(assistant, await assistant.regenerate(turn.id, face="page"))
            assert turn.answer == said
        assert (await assistant.tools.reminders(), len(await assistant.tools.reminders(ann))) == ([], 1)
        later = await assistant.edit(turn.id, "remind me in 30 minutes to call dad", face="page")
        await told(assistant, later)
        assert [one.text for one in await assistant.tools.reminders(ann)] == ["call mum"]
        turn, _ = await told(assistant, await assistant.regenerate(turn.id, face="telegram", person_id=ann))
        assert [one.text for one in await assistant.tools.reminders(ann)] == ["call mum"]


@pytest.mark.parametrize("mode", ["auto", "always"])
async def test_a_plain_wish_is_done_whatever_the_documents_say_of_it(paths: Paths, mode: DocumentMode) -> None:
    model = calling(answer="Sure, I will.")
    async with home(paths, model, Settings()) as assistant:
        await grounding.put(assistant, "lease.md", grounding.LEASE)
        await grounding.put(
            assistant, "rent.md", "Remind me tomorrow at 9 to pay the rent. 17.5 % of 2480 is the deposit."
        )
        for text, answer in (
            ("Remind me tomorrow at 9 to pay the rent", "I will remind you: "),
            ("What is 17.5 % of 2480?", "17.5% * 2480 = 434"),
        ):
            turn, _ = await grounding.ask(assistant, text, mode=mode)
            assert turn.answer.startswith(answer)
            assert (turn.grounds, len(turn.tool_calls)) == (None, 1)
        assert [one.text for one in await assistant.tools.reminders()] == ["pay the rent"]
        turn, _ = await grounding.ask(assistant, "When is the rent due?", mode=mode)
        assert turn.grounds is not None


async def test_asked_differently_and_answered_from_documents_the_old_wish_is_taken_back(paths: Paths) -> None:
    async with home(paths, calling(answer="On the third day of each month."), Settings()) as assistant:
        await grounding.put(assistant, "lease.md", grounding.LEASE)
        turn, _ = await grounding.ask(assistant, WISH)
        edited, _ = await told(assistant, await assistant.edit(turn.id, "When is the rent due?", face="page"))
        assert edited.grounds is not None
        assert await assistant.tools.reminders() == []


@pytest.mark.parametrize(
    ("text", "said"), [(WISH, "too many reminders are waiting"), ("20分钟后提醒我关火", "提醒已经太多")]
)
async def test_why_something_did_not_work_is_said_in_words(paths: Paths, text: str, said: str) -> None:
    async with home(paths, calling(answer="I could not."), Settings()) as assistant:
        conversation = await assistant.new_conversation()
        for number in range(MOST):
            wish = f"remind me in {number + 30} minutes to rest"
            await told(assistant, await assistant.reply(conversation.id, wish, face="page"))
        turn, _ = await told(assistant, await assistant.reply(conversation.id, text, face="page"))
        [call] = turn.tool_calls
        assert (call.status, said in call.result) == ("failed", True)
        assert not {"remind", "tool_failed", "too_many"} & set(call.result.replace(":", " ").split())


async def test_what_choosing_a_tool_took_is_counted_however_the_answer_ends(paths: Paths) -> None:
    model = calling(REMIND, ("answer", {}), SUM)
    model.choosing = 1000
    async with home(paths, model) as assistant:
        ann = await member(assistant)
        told_of, _ = await ask(assistant, "Do not let me forget mum", person_id=ann)
        assert told_of.usage.prompt_tokens == 2000, "no model said it, and two choices were made"
        model.error = EngineDied(exit_code=9)
        failed, _ = await ask(assistant, "What do 348 tickets at 17.5 come to?", person_id=ann)
        assert (failed.status, failed.usage.prompt_tokens) == ("failed", 2000)
        assert (await assistant.people.allowance(ann)).tokens >= 4000
