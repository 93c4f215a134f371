"""Work that the model's process may die under: what was answered is kept, so that it goes on where it was."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, TypeVar

from assistant.errors import EngineDied

_DEATHS: Final = 2
"""That are outlived; a model under which a third process dies does not work here."""
T = TypeVar("T")


async def outlived(work: Callable[[], Awaitable[T]]) -> T:
    """What comes of `work`, which is begun anew where the process died; the next one is asked only what is left."""
    for _ in range(_DEATHS):
        with suppress(EngineDied):
            return await work()
    return await work()
