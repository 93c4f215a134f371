"""Order within a lane, none between lanes."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from bots.telegram.lanes import Lanes


async def test_one_lane_keeps_the_order_and_another_does_not_wait() -> None:
    lanes, done, gate = Lanes(), list[str](), asyncio.Event()

    async def slow(name: str) -> None:
        await gate.wait()
        done.append(name)

    async def quick(name: str) -> None:
        done.append(name)

    lanes.put("a", partial(slow, "first"))
    lanes.put("a", partial(quick, "second"))
    lanes.put("b", partial(quick, "elsewhere"))
    assert not await lanes.drain(0.01)
    assert done == ["elsewhere"]
    gate.set()
    assert await lanes.drain(30)
    assert done == ["elsewhere", "first", "second"]


async def test_what_fails_is_logged_and_the_next_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    lanes, done = Lanes(), list[str]()

    async def broken() -> None:
        raise ValueError("broken on purpose")

    async def fine() -> None:
        done.append("fine")

    lanes.put("a", broken)
    lanes.put("a", fine)
    assert await lanes.drain(30)
    assert done == ["fine"]
    assert "broken on purpose" in caplog.text


async def test_giving_up_says_how_much_had_not_begun() -> None:
    lanes = Lanes()
    for _ in range(3):
        lanes.put("a", asyncio.Event().wait)
    assert not await lanes.drain(0.01)
    assert await lanes.cancel() == 2
    assert await lanes.drain(0.01)
