from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk

from assistant.config import Settings
from assistant.errors import AttachmentRefused, EmptyMessage
from assistant.memory.records import Role
from assistant.paths import Paths
from assistant.wiring import build
from tests.fakes.chat_model import FakeModels, ScriptedChatModel
from tests.ui.conftest import Rooms, drawn, rooms_of, visit


class PausingChatModel(ScriptedChatModel):
    """Waits for `pause` after everything it sends, its progress too."""

    pause: Any = None

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        async for chunk in super()._astream(messages, stop, run_manager, **kwargs):
            yield chunk
            await self.pause.wait()


@pytest.fixture
def answers() -> Sequence[str]:
    return ["First **answer**.", "Second answer."]


async def test_a_question_is_drawn_while_it_is_answered_and_ends_with_the_stored_answer(rooms: Rooms) -> None:
    views = await drawn(rooms.chat.send(visit(text="Hello there")))
    live = [each["live"] for each in views if "live" in each]
    assert not live[0]["done"]
    assert live[-1]["done"]
    assert "First <strong>answer</strong>." in live[-1]["html"]
    assert "Hello there" in views[0]["sidebar"]["html"]
    assert {each["conversation"] for each in live} == {(await rooms.assistant.conversations())[0].id}


async def test_a_refused_question_leaves_no_empty_conversation(rooms: Rooms) -> None:
    with pytest.raises(EmptyMessage):
        await drawn(rooms.chat.send(visit(text="   ")))
    assert await rooms.assistant.conversations() == []


async def test_a_file_that_is_not_base64_is_refused_by_name(rooms: Rooms) -> None:
    with pytest.raises(AttachmentRefused) as refused:
        await drawn(rooms.chat.send(visit(text="Read", files=[{"name": "a.txt", "data": "%%%"}])))
    assert refused.value.name == "a.txt"
    assert await rooms.assistant.conversations() == []


async def test_an_attached_file_is_part_of_the_turn(rooms: Rooms, model: ScriptedChatModel) -> None:
    data = base64.b64encode("蓝鲸很大。".encode()).decode()
    views = await drawn(rooms.chat.send(visit(text="总结", files=[{"name": "笔记.txt", "data": data}])))
    assert "笔记.txt" in views[-1]["live"]["html"]
    assert "蓝鲸很大。" in "".join(message.text for message in model.calls[0])


async def test_answering_again_and_editing_make_branches_that_can_be_switched(rooms: Rooms) -> None:
    first = (await drawn(rooms.chat.send(visit(text="One"))))[-1]["live"]
    again = (await drawn(rooms.chat.regenerate(visit(first["conversation"], turn=first["turn"]))))[-1]["live"]
    assert "2 / 2" in again["html"]
    assert again["parent"] is None
    edited = (await drawn(rooms.chat.edit(visit(first["conversation"], turn=first["turn"], text="Uno"))))[-1]["live"]
    assert "3 / 3" in edited["html"]
    [back] = await drawn(rooms.chat.branch(visit(first["conversation"], turn=first["turn"])))
    assert "1 / 3" in back["thread"]["html"]
    assert "Uno" not in back["thread"]["html"]


async def test_opening_a_conversation_that_is_gone_shows_the_start(rooms: Rooms) -> None:
    [views] = await drawn(rooms.chat.open(visit("01NOSUCH", "zh")))
    assert views["thread"]["conversation"] is None
    assert "想聊点什么？" in views["thread"]["html"]
    assert views["thread"]["language"] == "zh-CN"


async def test_opening_a_search_hit_on_another_branch_shows_that_branch(rooms: Rooms) -> None:
    first = (await drawn(rooms.chat.send(visit(text="One"))))[-1]["live"]
    await drawn(rooms.chat.edit(visit(first["conversation"], turn=first["turn"], text="Two")))
    [views] = await drawn(rooms.chat.open(visit(first["conversation"], turn=first["turn"])))
    assert ">One<" in views["thread"]["html"]
    assert views["thread"]["target"] == first["turn"]


async def test_a_long_conversation_shows_its_end_first(rooms: Rooms) -> None:
    conversation = await rooms.assistant.new_conversation("Long")
    for number in range(45):
        async for _ in await rooms.assistant.reply(conversation.id, f"Question {number}.", face="page"):
            pass
    [views] = await drawn(rooms.chat.open(visit(conversation.id)))
    assert "Question 44." in views["thread"]["html"]
    assert "Question 0." not in views["thread"]["html"]
    assert views["thread"]["earlier"]
    [whole] = await drawn(rooms.chat.open(visit(conversation.id, all=True)))
    assert "Question 0." in whole["thread"]["html"]
    assert not whole["thread"]["earlier"]


async def test_a_thumb_is_kept_with_its_reason(rooms: Rooms) -> None:
    live = (await drawn(rooms.chat.send(visit(text="Rate me"))))[-1]["live"]
    await drawn(rooms.chat.rate(visit(live["conversation"], turn=live["turn"], kind="thumb_down", reason="dull")))
    assert (await rooms.assistant.turn(live["turn"])).rating == "thumb_down"
    await drawn(rooms.chat.rate(visit(live["conversation"], turn=live["turn"], kind="thumb_cleared")))
    assert (await rooms.assistant.turn(live["turn"])).rating is None


async def test_a_thumb_on_the_page_is_the_owners_wherever_they_gave_it(rooms: Rooms) -> None:
    conversation = (await rooms.assistant.new_conversation("Friends", shared=True)).id
    live = (await drawn(rooms.chat.send(visit(conversation, text="Rate me"))))[-1]["live"]
    bo, owner = [await let_in(rooms, number, role) for number, role in (("1", "member"), ("2", "owner"))]

    async def pressed() -> list[str]:
        [views] = await drawn(rooms.chat.open(visit(conversation)))
        return re.findall(r'data-kind="(\w+)" aria-pressed="true"', views["thread"]["html"])

    await rooms.assistant.signal(live["turn"], "thumb_up", face="telegram", person_id=bo)
    assert await pressed() == []
    await rooms.assistant.signal(live["turn"], "thumb_down", face="telegram", person_id=owner)
    await rooms.assistant.signal(live["turn"], "thumb_up", face="telegram", person_id=bo)
    assert await pressed() == ["thumb_down"]
    await rooms.assistant.signal(live["turn"], "thumb_cleared", face="page")
    assert await pressed() == []


async def let_in(rooms: Rooms, number: str, role: Role) -> str:
    code = await rooms.assistant.people.new_code("telegram", role)
    return (await rooms.assistant.people.pair("telegram", number, number, code.code)).id


@pytest.mark.parametrize(
    ("progress", "sentence"),
    [
        ({"kind": "queued", "position": 2}, "2 ahead of you"),
        ({"kind": "loading", "done": 40, "total": 100}, "Loading the model · 40%"),
        ({"kind": "recasting", "done": 70, "total": 100}, "quicker on this machine, once · 70%"),
        ({"kind": "prefill", "done": 128, "total": 512}, "Reading · 25%"),
    ],
)
async def test_waiting_is_told_in_words(paths: Paths, progress: dict[str, Any], sentence: str) -> None:
    gate = asyncio.Event()
    waiting = AIMessageChunk(content="", additional_kwargs={"progress": [progress]})
    model = PausingChatModel(answers=["Done."], chunks=(waiting,), pause=gate)
    async with build(paths, Settings(), models=FakeModels(model)) as assistant:
        views = []
        async for each in rooms_of(assistant, paths).chat.send(visit(text="Wait")):
            views.append(each)
            if sentence in each["live"]["html"]:
                gate.set()
        assert gate.is_set()
        assert sentence not in views[-1]["live"]["html"]


async def test_another_visit_follows_the_answer_that_is_being_written(paths: Paths) -> None:
    gate = asyncio.Event()
    model = ScriptedChatModel(answers=["Half and the other half."], gate=gate)
    async with build(paths, Settings(), models=FakeModels(model)) as assistant:
        rooms = rooms_of(assistant, paths)
        sending = rooms.chat.send(visit(text="Go"))
        first = (await anext(aiter(sending)))["live"]
        await sending.aclose()
        following = aiter(rooms.chat.open(visit(first["conversation"])))
        assert (await anext(following))["thread"]["running"] == first["turn"]
        gate.set()
        rest = [each async for each in following]
        assert rest[-1]["live"]["done"]
        assert "Half and the other half." in rest[-1]["live"]["html"]


async def test_stopping_keeps_what_was_written(paths: Paths) -> None:
    model = ScriptedChatModel(answers=["Part of a whole."], gate=asyncio.Event())
    async with build(paths, Settings(), models=FakeModels(model)) as assistant:
        rooms = rooms_of(assistant, paths)
        sending = aiter(rooms.chat.send(visit(text="Go")))
        live = (await anext(sending))["live"]
        while "Part" not in live["html"]:
            live = (await anext(sending))["live"]
        await drawn(rooms.chat.stop(visit(live["conversation"])))
        rest = [each async for each in sending]
        assert "Stopped." in rest[-1]["live"]["html"]
        assert (await assistant.turn(live["turn"])).answer == "Part"


async def test_an_answer_that_was_written_over_is_drawn_with_what_the_model_wrote(rooms: Rooms) -> None:
    await drawn(rooms.chat.send(visit(text="Hello there")))
    [conversation] = await rooms.assistant.conversations()
    [turn] = await rooms.assistant.history(conversation.id)
    [views] = await drawn(rooms.chat.fix(visit(conversation.id, turn=turn.id, text="Mine <b>is</b> better.")))
    html = views["thread"]["html"]
    assert "Mine &lt;b&gt;is&lt;/b&gt; better." in html
    assert "First <strong>answer</strong>." in html
    assert "Restore it" in html
