"""What waits for a quiet moment waits as long as somebody asks, and a while longer."""

from __future__ import annotations

import asyncio

from assistant.agent.presence import Presence


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
