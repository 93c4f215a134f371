"""Where exports arrive, and the tickets by which the page, which has no key, may bring one."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from assistant.errors import ArchiveRefused

_VALID_S: Final = 600.0
_PENDING: Final = 20


class Inbox:
    """`folder` is emptied at every start."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._clock = clock
        self._tickets: dict[str, tuple[float, bool]] = {}

    def ticket(self, *, people: bool = False) -> str:
        """Lets one export in within ten minutes; `people` as in `ArchiveDesk.take`."""
        for old in list(self._tickets)[: 1 - _PENDING]:
            del self._tickets[old]
        ticket = secrets.token_urlsafe(24)
        self._tickets[ticket] = (self._clock(), people)
        return ticket

    def use(self, ticket: str) -> bool:
        """Whether people are to be let in; the ticket is worth nothing from now on. Raises ArchiveRefused."""
        made_at, people = self._tickets.pop(ticket, (0.0, False))
        if self._clock() - made_at > _VALID_S:
            raise ArchiveRefused(Path("patina.zip"), "gone")
        return people

    def new(self) -> Path:
        """A file to write what arrives to."""
        return self._folder / f"{secrets.token_hex(12)}.zip"
