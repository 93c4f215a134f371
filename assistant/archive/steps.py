"""Work that takes a while, told step by step; whoever stops listening ends it, and nothing half-made stays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

Stage: TypeAlias = Literal["gathering", "packing", "checking", "unpacking", "taking", "fetching", "done"]

BLOCK: Final = 1 << 20
"""Bytes read and written in one go."""


@dataclass(frozen=True, slots=True)
class ArchiveStep:
    """How far it is, in bytes (of taking: in lines). The last one is `done`: `path` is then what was made, or where
    that which was in its place lies now, and `counts` says how many of what there were."""

    stage: Stage
    done: int = 0
    total: int = 0
    path: str = ""
    counts: dict[str, int] = field(default_factory=dict)


Work: TypeAlias = Generator[ArchiveStep, None, None]


async def told(work: Work) -> AsyncGenerator[ArchiveStep, None]:
    """The steps of work that blocks, each done in a thread. Closing this, or cancelling it, closes the work."""
    try:
        while True:
            step = asyncio.ensure_future(asyncio.to_thread(next, work, None))
            try:
                now = await asyncio.shield(step)
            except asyncio.CancelledError:
                await asyncio.wait([step])  # what runs in a thread cannot be closed before it comes back
                raise
            if now is None:
                return
            yield now
    finally:
        await asyncio.to_thread(work.close)
