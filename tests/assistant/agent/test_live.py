from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from assistant.agent.live import LiveTurn
from assistant.events import Event, Token, TurnFinished, TurnStarted
from assistant.memory.records import Turn

TURN = Turn(
    id="t",
    conversation_id="c",
    parent_id=None,
    source="new",
    source_turn_id=None,
    face="page",
    person_id=None,
    status="streaming",
    question="?",
    answer="",
    created_at=0.0,
)


async def _collect(events: AsyncGenerator[Event, None]) -> list[Event]:
    return [event async for event in events]


async def test_a_face_that_comes_late_sees_the_answer_from_its_beginning() -> None:
    gate = asyncio.Event()

    async def run() -> AsyncGenerator[Event, None]:
        yield Token("t", "one ")
        await gate.wait()
        yield Token("t", "two")
        yield TurnFinished("t", "stop", "m")

    ended: list[str] = []
    live = LiveTurn(TURN, run(), ended=lambda live: ended.append(live.turn_id))
    first = live.follow()
    assert await anext(first) == TurnStarted("t", "c")
    assert await anext(first) == Token("t", "one ")
    late = asyncio.create_task(_collect(live.follow()))
    gate.set()
    assert [type(event) for event in await late] == [TurnStarted, Token, Token, TurnFinished]
    assert [type(event) for event in await _collect(first)] == [Token, TurnFinished]
    assert ended == ["t"]


async def test_a_face_that_goes_away_does_not_end_the_answer() -> None:
    gate, finished = asyncio.Event(), asyncio.Event()

    async def run() -> AsyncGenerator[Event, None]:
        await gate.wait()
        yield TurnFinished("t", "stop", "m")

    live = LiveTurn(TURN, run(), ended=lambda live: finished.set())
    events = live.follow()
    await anext(events)
    await events.aclose()
    gate.set()
    await asyncio.wait_for(finished.wait(), 5)


async def test_stopping_at_once_still_lets_the_turn_say_how_it_ended() -> None:
    async def run() -> AsyncGenerator[Event, None]:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            yield TurnFinished("t", "stopped", "m")

    live = LiveTurn(TURN, run(), ended=lambda live: None)
    await asyncio.gather(live.stop(), live.stop())
    assert [type(event) for event in await _collect(live.follow())] == [TurnStarted, TurnFinished]
