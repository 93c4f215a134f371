"""Archives that were made for somebody elsewhere: fetched once, under a name that nobody can guess, within the hour."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from assistant.archive.writer import discard
from assistant.errors import ArchiveRefused

_KEPT_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """`name` is what the file is to be called where it goes."""

    path: Path
    name: str
    made_at: float


class Outbox:
    """`folder` is emptied at every start."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._clock = clock
        self._waiting: dict[str, Outgoing] = {}

    def new(self, name: str) -> str:
        """A ticket; what it stands for is written to `path`. What nobody fetched in time goes."""
        for ticket, old in list(self._waiting.items()):
            if self._clock() - old.made_at > _KEPT_S:
                self.drop(ticket)
        ticket = secrets.token_urlsafe(24)
        self._waiting[ticket] = Outgoing(self._folder / f"{ticket}.zip", name, self._clock())
        return ticket

    def path(self, ticket: str) -> Path:
        return self._waiting[ticket].path

    def take(self, ticket: str) -> Outgoing:
        """What a ticket stands for, which is worth nothing from now on. Raises ArchiveRefused."""
        found = self._waiting.pop(ticket, None)
        if found is None or not found.path.is_file() or self._clock() - found.made_at > _KEPT_S:
            raise ArchiveRefused(Path("patina.zip"), "gone")
        return found

    def drop(self, ticket: str) -> None:
        found = self._waiting.pop(ticket, None)
        if found is not None:
            discard(found.path)
