"""Where archives arrive, and the tickets by which the page, which has no key, may bring one."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from assistant.archive.manifest import Kind
from assistant.errors import ArchiveRefused

_VALID_S: Final = 600.0
_PENDING: Final = 20


@dataclass(frozen=True, slots=True)
class Errand:
    """What is to be done with what comes: an export is taken in, `people` as in `ArchiveDesk.take`; a backup is offered
    to be restored."""

    kind: Kind
    people: bool
    made_at: float


class Inbox:
    """`folder` is emptied at every start."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._clock = clock
        self._tickets: dict[str, Errand] = {}

    def ticket(self, kind: Kind = "export", *, people: bool = False) -> str:
        """Lets one archive in within ten minutes."""
        for old in list(self._tickets)[: 1 - _PENDING]:
            del self._tickets[old]
        ticket = secrets.token_urlsafe(24)
        self._tickets[ticket] = Errand(kind, people, self._clock())
        return ticket

    def use(self, ticket: str) -> Errand:
        """What was to be brought; the ticket is worth nothing from now on. Raises ArchiveRefused."""
        errand = self._tickets.pop(ticket, None)
        if errand is None or self._clock() - errand.made_at > _VALID_S:
            raise ArchiveRefused(Path("patina.zip"), "gone")
        return errand

    def new(self) -> Path:
        """A file to write what arrives to."""
        return self._folder / f"{secrets.token_hex(12)}.zip"
