"""The indexes of a Patina that runs elsewhere, as `assistant.agent.index_desk` has them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from functools import partial
from typing import Any, TypeAlias

from assistant.codec import load
from assistant.memory.vector_standing import IndexStanding
from assistant.models.records import EmbedderStanding

Call: TypeAlias = Callable[..., Awaitable[Any]]
Stream: TypeAlias = Callable[..., Awaitable[AsyncGenerator[Any, None]]]
"""Of a method, a path, a body and what reads a line."""


class IndexClient:
    def __init__(self, call: Call, stream: Stream) -> None:
        self._call = call
        self._stream = stream

    async def standings(self) -> list[IndexStanding]:
        return [load(IndexStanding, one) for one in await self._call("GET", "/indexes")]

    async def embedder(self) -> EmbedderStanding:
        return load(EmbedderStanding, await self._call("GET", "/indexes/embedder"))

    async def mend(self) -> AsyncGenerator[IndexStanding, None]:
        async with aclosing(await self._stream("POST", "/indexes/mend", {}, partial(load, IndexStanding))) as told:
            async for standing in told:
                yield standing
