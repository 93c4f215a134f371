from __future__ import annotations

from contextlib import aclosing

from assistant.agent.changes import Changes


async def test_everybody_hears_of_a_change_and_a_slow_follower_once() -> None:
    changes = Changes()
    async with aclosing(await changes.follow()) as first, aclosing(await changes.follow()) as second:
        changes.tell("a")
        assert [await anext(first), await anext(second)] == ["a", "a"]
        for conversation in ("b", "c", "b", "b"):
            changes.tell(conversation)
        assert [await anext(second), await anext(second)] == ["b", "c"]
        await first.aclose()
        changes.tell("d")
        assert await anext(second) == "d"


async def test_following_ends_with_the_end_of_it_all() -> None:
    changes = Changes()
    async with aclosing(await changes.follow()) as early:
        changes.tell("a")
        changes.close()
        assert [each async for each in early] == ["a"]
    assert [each async for each in await changes.follow()] == []
