"""What is left after a process is killed in the middle of an answer: everything that was shown as sent."""

from __future__ import annotations

import os
import signal
from contextlib import aclosing
from pathlib import Path

import psutil
import pytest

from assistant.client import AssistantClient
from assistant.errors import EngineDied
from assistant.events import Token, TurnFailed, TurnFinished, TurnStarted
from tests.e2e.served import Served

pytestmark = [pytest.mark.model, pytest.mark.timeout(180)]

GREEDY = {"PATINA_SAMPLING__TEMPERATURE": "0"}
LONG = "请写一篇很长的童话故事，至少一千字。"


async def test_after_kill_9_of_the_main_process_the_question_and_most_of_the_answer_are_there(
    tmp_path: Path, real_model: Path
) -> None:
    home, seen = tmp_path / "home", ""
    with Served(home, real_model, environment=GREEDY) as patina:
        async with AssistantClient(patina.address) as client:
            conversation = await client.new_conversation()
            async with aclosing(await client.reply(conversation.id, LONG, face="rest")) as events:
                async for event in events:
                    if isinstance(event, Token):
                        seen += event.text
                    if len(seen) > 40:
                        break
            children = psutil.Process(patina.pid).children(recursive=True)
            assert children, "the model has a process of its own"
            patina.kill()
            _, alive = psutil.wait_procs(children, timeout=10)
            assert not alive, "the engine ends with the process it belongs to"
    with Served(home, real_model, environment=GREEDY) as patina:
        async with AssistantClient(patina.address) as client:
            [turn] = await client.history(conversation.id)
            assert turn.question == LONG
            assert turn.status == "interrupted"
            assert turn.answer
            assert seen.startswith(turn.answer[: len(seen)])
            last = None
            async for event in await client.reply(conversation.id, "你好", face="rest"):
                last = event
            assert isinstance(last, TurnFinished)
            assert [turn.status for turn in await client.history(conversation.id)] == ["interrupted", "done"]


async def test_after_kill_9_of_the_engine_the_turn_fails_clearly_and_the_next_one_is_answered(
    tmp_path: Path, real_model: Path
) -> None:
    with Served(tmp_path / "home", real_model, environment=GREEDY) as patina:
        async with AssistantClient(patina.address) as client:
            conversation = await client.new_conversation()
            events = await client.reply(conversation.id, LONG, face="rest")
            started = await anext(events)
            assert isinstance(started, TurnStarted)
            seen, last = "", None
            async for event in events:
                last = event
                if isinstance(event, Token):
                    seen += event.text
                    if len(seen) > 40 and len(seen) - len(event.text) <= 40:
                        os.kill((await client.engine_info()).pid, signal.SIGKILL)
            assert isinstance(last, TurnFailed)
            assert isinstance(last.error, EngineDied)
            [turn] = await client.history(conversation.id)
            assert (turn.question, turn.status, turn.answer) == (LONG, "failed", seen)

            async for event in await client.reply(conversation.id, "你好", face="rest"):
                last = event
            assert isinstance(last, TurnFinished)
            assert [turn.status for turn in await client.history(conversation.id)] == ["failed", "done"]
