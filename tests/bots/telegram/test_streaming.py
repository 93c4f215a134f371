"""What a person sees while an answer is being written, and how they end it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk

from assistant.errors import EngineDied
from bots.telegram.pacing import Pace
from tests.botapi import ManualClock
from tests.bots.telegram.conftest import Play
from tests.fakes.chat_model import ScriptedChatModel


async def test_an_answer_is_drafted_word_by_word_and_then_sent_once(play: Play) -> None:
    gate = asyncio.Event()
    async with play("**Bold** words in the end.", gate=gate) as scene:
        ann = await scene.paired()
        chat = ann.private.chat
        ann.private.send("Say it")
        first = await chat.wait_for_draft(lambda draft: draft.text == "**Bo")
        assert first.can_stop
        assert chat.answers == []
        gate.set()
        answer = await chat.wait_for(lambda message: message.text == "Bold words in the end.")
        assert answer.entities == [{"type": "bold", "offset": 0, "length": 4}]
        assert answer.buttons == ["👍", "👎", "🔁", "✏️"]
        await ann.private.press(answer, "👍").answered()
        assert chat.answers == [answer], "one answer, and no draft left behind"
        assert chat.draft is None
        assert {draft.id for draft in chat.draft_history} == {first.id}


async def test_the_stop_button_of_the_draft_ends_the_answer_and_keeps_what_there_is(play: Play) -> None:
    gate = asyncio.Event()
    async with play("This is going to be very long indeed.", gate=gate) as scene:
        ann = await scene.paired()
        ann.private.send("Tell me everything")
        await ann.private.chat.wait_for_draft(lambda draft: draft.text == "This")
        ann.private.stop_draft()
        answer = await ann.private.chat.wait_for(lambda message: "Stopped." in message.text)
        assert answer.text == "This\n\nStopped."
        assert scene.model.cancelled == 1, "the model is free again"
        [conversation] = await scene.assistant.conversations()
        [turn] = await scene.assistant.history(conversation.id)
        assert (turn.status, turn.answer, turn.finish_reason) == ("stopped", "This", "stopped")
        assert len(ann.private.chat.answers) == 1


async def test_stop_does_not_wait_behind_the_answer_it_ends(play: Play) -> None:
    gate = asyncio.Event()
    async with play("Never to be finished", "Next one", gate=gate) as scene:
        ann = await scene.paired()
        ann.private.send("Begin")
        await ann.private.chat.wait_for_draft(lambda draft: draft.text == "Neve")
        ann.private.send("and then this")
        ann.private.send("/stop")
        await ann.private.chat.wait_for(lambda message: message.text == "Neve\n\nStopped.")
        gate.set()
        await ann.private.chat.wait_for(lambda message: message.text == "Next one")


async def test_stop_with_nothing_to_stop_says_so(play: Play) -> None:
    async with play() as scene:
        ann = await scene.paired()
        ann.private.send("/stop")
        await ann.private.chat.wait_for(lambda message: "No answer is being written" in message.text)


class SlowStart(ScriptedChatModel):
    """Reports what a test puts into `steps`, and begins to answer after None."""

    steps: Any = None

    async def _astream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        while (step := await self.steps.get()) is not None:
            yield ChatGenerationChunk(message=AIMessageChunk("", additional_kwargs={"progress": [step]}))
        async for chunk in super()._astream(messages, *args, **kwargs):
            yield chunk


async def test_the_draft_shows_the_place_in_the_queue_and_how_much_was_read(play: Play) -> None:
    steps: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
    async with play(model=SlowStart(answers=["Done."], steps=steps)) as scene:
        ann = await scene.paired(language_code="zh")
        chat = ann.private.chat
        ann.private.send("读一下")
        await chat.wait_for_draft(lambda draft: draft.text == "思考中…")
        steps.put_nowait({"kind": "queued", "position": 2})
        await chat.wait_for_draft(lambda draft: draft.text == "等待模型，前面还有 2 个…")
        steps.put_nowait({"kind": "prefill", "done": 300, "total": 1000})
        await chat.wait_for_draft(lambda draft: draft.text == "正在阅读你的消息，30%…")
        steps.put_nowait(None)
        await chat.wait_for(lambda message: message.text == "Done.")
        assert len(chat.answers) == 1


async def test_a_draft_is_kept_alive_while_the_model_says_nothing(play: Play) -> None:
    gate, clock = asyncio.Event(), ManualClock()
    async with play("Slow answer", gate=gate, clock=clock, pace=Pace(first=0, grace=0.2)) as scene:
        ann = await scene.paired()
        chat = ann.private.chat
        ann.private.send("Take your time")
        await chat.wait_for_draft(lambda draft: draft.text == "Thinking…")
        await chat.wait_for_draft(lambda draft: draft.text == "Slow")
        for shown in (3, 4, 5):
            await clock.somebody_waits(20, 20)
            clock.advance(20)
            assert chat.draft is not None, "the preview never disappears"
            await chat.wait_for_draft(lambda _, shown=shown: len(chat.draft_history) == shown)
        gate.set()
        await chat.wait_for(lambda message: message.text == "Slow answer")
        times = [call.at for call in scene.server.calls_of("sendMessageDraft")]
        assert times == [0, 0, 20, 40, 60]


async def test_drafts_keep_to_one_a_second(play: Play) -> None:
    clock = ManualClock()
    gate = asyncio.Event()
    async with play("word " * 40, gate=gate, clock=clock, pace=Pace(first=0, grace=0.2)) as scene:
        ann = await scene.paired()
        ann.private.send("Go on and on")
        await ann.private.chat.wait_for_draft()
        gate.set()
        await ann.private.chat.wait_for_answers(1)
        assert len(scene.server.calls_of("sendMessageDraft")) <= 2, "the clock stood still"


async def test_where_drafts_are_unknown_a_message_is_edited_instead(play: Play) -> None:
    gate = asyncio.Event()
    async with play("Step by step it grows.", gate=gate) as scene:
        scene.server.faults.refuse("sendMessageDraft", 404, "Not Found", times=100)
        ann = await scene.paired()
        ann.private.send("Grow")
        growing = await ann.private.chat.wait_for(lambda message: message.text == "Step")
        gate.set()
        await ann.private.chat.wait_for(
            lambda message: bool(message.buttons) and message.text == "Step by step it grows."
        )
        assert ann.private.chat.answers == [growing]
        assert growing.buttons == ["👍", "👎", "🔁", "✏️"]


async def test_a_failed_answer_says_why_and_offers_to_try_again(play: Play) -> None:
    async with play(model=ScriptedChatModel(answers=["half an answer"], error=EngineDied(exit_code=-9))) as scene:
        ann = await scene.paired()
        ann.private.send("Hello?")
        answer = await ann.private.chat.wait_for(lambda message: "ended unexpectedly" in message.text)
        assert answer.text.startswith("half")
        assert answer.buttons == ["🔁"]
