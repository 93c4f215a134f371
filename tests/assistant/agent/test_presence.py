"""What waits for a quiet moment waits as long as somebody asks, and a while longer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from assistant.agent.presence import Presence
from assistant.agent.running import RunningTurns
from assistant.events import Event, TurnFinished
from assistant.memory.records import Turn
from tests.assistant.agent.test_live import TURN


async def test_it_is_quiet_when_nobody_ever_asked() -> None:
    await asyncio.wait_for(Presence().quiet(0), 1)


async def test_whoever_waits_waits_until_the_last_one_has_gone() -> None:
    presence = Presence(clock=lambda: 0.0)
    waiting: asyncio.Task[None]
    with presence.asking():
        with presence.asking():
            assert presence.is_anybody
            waiting = asyncio.create_task(presence.quiet(0))
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not waiting.done()
    await asyncio.wait_for(waiting, 1)
    assert not presence.is_anybody


async def test_somebody_who_comes_meanwhile_begins_the_wait_anew() -> None:
    now = 0.0
    presence = Presence(clock=lambda: now)
    waiting = asyncio.create_task(presence.quiet(3600))
    await asyncio.sleep(0)
    with presence.asking():
        now = 3601.0
        await asyncio.sleep(0)
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waiting.done(), "an hour has passed, but not since the last one left"
    waiting.cancel()


async def test_whoever_is_told_hears_once_that_somebody_came_and_once_that_all_have_gone() -> None:
    told: list[bool] = []
    presence = Presence(tell=told.append)
    with presence.asking(), presence.asking():
        assert told == [True]
    assert told == [True, False]


async def test_whoever_comes_just_as_the_last_one_goes_is_not_overlooked() -> None:
    presence = Presence(clock=lambda: 0.0)
    with presence.asking():
        waiting = asyncio.create_task(presence.quiet(0))
        await asyncio.sleep(0)
    with presence.asking():  # before whoever waits has run again
        for _ in range(5):
            await asyncio.sleep(0)
        assert not waiting.done()
    await asyncio.wait_for(waiting, 1)


async def test_somebody_waits_already_while_a_question_is_taken() -> None:
    presence, seen = Presence(), []
    running = RunningTurns(lambda _: None, lambda _: None, presence.asking)

    async def events() -> AsyncGenerator[Event, None]:
        yield TurnFinished("t", "stop", "m")

    async def run(turn: Turn) -> AsyncGenerator[Event, None]:
        seen.append(presence.is_anybody)
        return events()

    def store() -> Turn:
        """Pictures are read here."""
        seen.append(presence.is_anybody)
        return TURN

    async for _ in await running.begin("c", store, run):
        pass
    assert seen == [True, True]
    assert not presence.is_anybody
