"""Who wants to know when a conversation changes: one face tells the others without knowing them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator


class Changes:
    """Belongs to one event loop. A follower that is slow hears of each conversation once, not of every change."""

    def __init__(self) -> None:
        self._followers: set[asyncio.Queue[str | None]] = set()
        self._closed = False

    def tell(self, conversation_id: str) -> None:
        for follower in self._followers:
            follower.put_nowait(conversation_id)

    def close(self) -> None:
        """End every follower, now and later."""
        self._closed = True
        for follower in self._followers:
            follower.put_nowait(None)

    async def follow(self) -> AsyncGenerator[str, None]:
        """Ids of conversations as they change from now on."""
        following = self._follow()
        await anext(following)  # begins to listen, so that nothing is missed and closing it ends that
        return following

    async def _follow(self) -> AsyncGenerator[str, None]:
        heard: asyncio.Queue[str | None] = asyncio.Queue()
        self._followers.add(heard)
        if self._closed:
            heard.put_nowait(None)
        try:
            yield ""
            while True:
                together = [await heard.get()]
                while not heard.empty():
                    together.append(heard.get_nowait())
                for conversation_id in dict.fromkeys(together):
                    if conversation_id is None:
                        return
                    yield conversation_id
        finally:
            self._followers.discard(heard)
