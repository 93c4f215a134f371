"""What a face may ask of archives: a backup of this home, an export of what is kept, and to take an export in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

from assistant.archive.backup import backup
from assistant.archive.export import export
from assistant.archive.importing import take
from assistant.archive.inbox import Inbox
from assistant.archive.manifest import Kind
from assistant.archive.outbox import Outbox
from assistant.archive.pending import RestoreDesk
from assistant.archive.steps import ArchiveStep, told
from assistant.errors import ImportRefused
from assistant.memory.database import Database
from assistant.memory.importing import Importing
from assistant.paths import Paths, version


class ArchiveDesk:
    """Every call tells its steps; closing what it returns ends the work, and nothing half-made stays.

    `prompts` gives the lines about prompts, `take_prompts` judges and keeps such lines and says how many are new;
    `taken` is called when something was taken in. A home is restored into while nothing of it is open, so that what is
    asked for here waits in `restoring` for the next start.
    """

    def __init__(
        self,
        paths: Paths,
        db: Database,
        prompts: Callable[[], Awaitable[list[str]]],
        take_prompts: Callable[[str], Awaitable[int]],
        taken: Callable[[], None],
        mine: frozenset[str] = frozenset(),
    ) -> None:
        self._paths = paths
        self._db = db
        self._prompts = prompts
        self._take_prompts = take_prompts
        self._taken = taken
        self._mine = mine
        self.outbox = Outbox(paths.drafts / "outgoing")
        self.inbox = Inbox(paths.drafts / "incoming")
        self.restoring = RestoreDesk(paths)
        self._taking = asyncio.Lock()

    def backup(self, target: Path, *, secrets: bool = False) -> AsyncGenerator[ArchiveStep, None]:
        """Everything but models, indexes, logs and programs, into one new file; tokens and keys only on request."""
        return told(backup(self._paths, self._db, target, version(), secrets=secrets))

    async def export(self, target: Path) -> AsyncGenerator[ArchiveStep, None]:
        """What is kept as lines of JSON beside its files, into a new zip or, where its name ends otherwise, folder."""
        prompts = await self._prompts()
        async with aclosing(told(export(self._paths, self._db, target, version(), prompts))) as steps:
            async for step in steps:
                yield step

    async def take(self, archive: Path, *, people: bool = False) -> AsyncGenerator[ArchiveStep, None]:
        """Take an export in, beside what is here; `people` lets in who is in it and not yet here."""
        async with self._taking:
            into = Importing(self._db, self._paths.attachments, people=people, mine=self._mine)
            prompts = ""

            def work() -> Generator[ArchiveStep, None, None]:
                nonlocal prompts
                prompts = yield from take(self._paths, archive, into)

            async with aclosing(told(work())) as steps:
                async for step in steps:
                    yield step
            try:
                into.counts["prompts"] = await self._take_prompts(prompts) if prompts.strip() else 0
            except ImportRefused as refused:
                into.counts["prompts_left_out"] = int(refused.reason != "empty")
            self._taken()
            yield ArchiveStep("done", counts={name: count for name, count in into.counts.items() if count})

    async def prepare(self, kind: Kind, *, secrets: bool = False) -> AsyncGenerator[ArchiveStep, None]:
        """Make an archive for somebody elsewhere; the last step's `path` is the ticket that `outbox.take` wants."""
        ticket = self.outbox.new(f"patina-{kind}-{time.strftime('%Y-%m-%d-%H%M%S')}.zip")
        path = self.outbox.path(ticket)
        made = False
        try:
            async with aclosing(self.backup(path, secrets=secrets) if kind == "backup" else self.export(path)) as steps:
                async for step in steps:
                    made = step.stage == "done"
                    yield replace(step, path=ticket) if made else step
        finally:
            if not made:
                self.outbox.drop(ticket)
