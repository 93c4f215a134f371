"""The pictures of a Patina that runs elsewhere, as `assistant.agent.picture_desk` has them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

Fetch: TypeAlias = Callable[[str], Awaitable[bytes]]
"""Of a path: what lies there as it is."""


class PictureClient:
    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch

    async def picture(self, turn_id: str, attachment_id: str) -> bytes:
        return await self._fetch(f"/turns/{turn_id}/pictures/{attachment_id}")
