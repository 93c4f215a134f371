"""Carrying everything away and taking it in again, from the memory page: made here, fetched there with a ticket."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final

from assistant.api import Assistant
from assistant.archive.manifest import Kind
from assistant.archive.pending import Restorable
from assistant.archive.steps import ArchiveStep
from assistant.errors import AssistantError
from assistant.i18n import Language, human_bytes
from ui.presenter import Presenter
from ui.visit import Visit

TAB: Final = "keep"
_DRAWN_EVERY_S: Final = 0.25
_HELD: Final = ("conversations", "turns", "facts", "documents", "people")
_KINDS: Final = ("conversations", "turns", "signals", "facts", "people", "documents", "prompts")


class ArchivePanel:
    """One archive at a time for all tabs; closing the tab that asked for it ends the work, as cancelling does."""

    def __init__(self, assistant: Assistant, presenter: Presenter) -> None:
        self._archives = assistant.archives
        self._restoring = assistant.archives.restoring
        self._presenter = presenter
        self._step: ArchiveStep | None = None
        self._cancelled = False

    async def panel(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        yield await self._drawn(visit.language)

    async def make(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        """A backup or an export, handed to the tab when it is whole."""
        if self._step is not None:
            yield await self._drawn(visit.language, error=self._presenter.text(visit.language, "memory.busy"))
            return
        kind: Kind = "backup" if visit.text("kind") == "backup" else "export"
        steps = self._archives.prepare(kind, secrets=visit.fields.get("secrets") is True)
        self._step, self._cancelled, drawn = ArchiveStep("gathering"), False, 0.0
        last: ArchiveStep | None = None
        error = ""
        try:
            yield await self._drawn(visit.language)
            async with aclosing(steps):
                async for self._step in steps:
                    last = self._step
                    if self._cancelled:
                        break
                    if time.monotonic() - drawn > _DRAWN_EVERY_S:
                        drawn = time.monotonic()
                        yield await self._drawn(visit.language)
        except AssistantError as failed:
            error = self._presenter.explain(failed, visit.language)
        finally:
            self._step = None
        if error or self._cancelled or last is None or last.stage != "done":
            message = "" if error else self._presenter.text(visit.language, "memory.cancelled")
            yield await self._drawn(visit.language, error=error, message=message)
            return
        counts = {name: last.counts.get(name, 0) for name in ("conversations", "turns", "facts", "documents")}
        message = self._presenter.text(visit.language, f"memory.made_{kind}", **counts)
        yield {
            **await self._drawn(visit.language, message=message),
            "download": {"url": f"download/{last.path}", "name": "", "number": visit.number("number")},
        }

    async def cancel(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        self._cancelled = True
        yield await self._drawn(visit.language)

    async def bring(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        """A ticket by which the tab may send an export, or a backup to be restored."""
        kind: Kind = "backup" if visit.text("kind") == "backup" else "export"
        ticket = self._archives.inbox.ticket(kind, people=visit.fields.get("people") is True)
        yield {"memory": {"ticket": ticket}}

    async def brought(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        """What the tab was told about an archive it sent; a backup stands there to be confirmed."""
        if visit.text("kind") == "backup":
            yield await self._drawn(visit.language, error=visit.text("error")[:500])
            return
        counts = visit.fields.get("counts")
        rows = self._rows(counts if isinstance(counts, dict) else {}, visit.language)
        nothing = "" if rows or visit.text("error") else self._presenter.text(visit.language, "memory.nothing_new")
        yield await self._drawn(visit.language, rows=rows, message=nothing, error=visit.text("error")[:500])

    async def confirm(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        """The backup that was looked at waits for the next start from now on."""
        error = ""
        try:
            await self._restoring.confirm(visit.text("id"))
        except AssistantError as failed:
            error = self._presenter.explain(failed, visit.language)
        yield await self._drawn(visit.language, error=error)

    async def withdraw(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        await self._restoring.withdraw()
        yield await self._drawn(visit.language, message=self._presenter.text(visit.language, "memory.restore_not"))

    async def restart(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        """The tab is told before the process ends, and comes back by itself."""
        standing = await self._restoring.standing()
        restarting = standing.waiting is not None and standing.can_restart
        message = self._presenter.text(visit.language, "memory.restarting") if restarting else ""
        view = await self._drawn(visit.language, message=message, restarting=restarting)
        view["memory"]["restarting"] = restarting
        yield view
        if restarting:
            await self._restoring.restart()

    def _rows(self, counts: dict[str, Any], language: Language) -> list[str]:
        rows = []
        for kind in _KINDS:
            new, known, left = (_count(counts.get(f"{kind}{how}")) for how in ("", "_known", "_left_out"))
            if new or known or left:
                name = self._presenter.text(language, f"memory.kind_{kind}")
                rows.append(self._presenter.text(language, "memory.taken", kind=name, new=new, known=known, left=left))
        if _count(counts.get("people_left_out")):
            rows.append(self._presenter.text(language, "memory.people_left_out"))
        return rows

    async def _drawn(
        self,
        language: Language,
        *,
        error: str = "",
        message: str = "",
        rows: list[str] | None = None,
        restarting: bool = False,
    ) -> dict[str, Any]:
        step = self._step
        percent = round(100 * step.done / step.total) if step and step.total else 0
        standing = await self._restoring.standing()
        html = self._presenter.memory(
            language,
            TAB,
            stage=self._presenter.text(language, f"memory.stage_{step.stage}") if step else "",
            percent=percent,
            error=error,
            message=message,
            rows=rows or [],
            offered=self._described(standing.offered, language),
            waiting=self._described(standing.waiting, language),
            can_restart=standing.can_restart,
            restarting=restarting,
        )
        return {"memory": {"html": html, "tab": TAB}}

    def _described(self, backup: Restorable | None, language: Language) -> dict[str, str] | None:
        """What to show of a backup; the time is this machine's."""
        if backup is None:
            return None
        counts = {name: backup.counts.get(name, 0) for name in _HELD}
        made = time.strftime("%Y-%m-%d %H:%M", time.localtime(backup.made_at)) if backup.made_at else "?"
        return {
            "id": backup.id,
            "made": self._presenter.text(
                language, "memory.restore_made", at=made, version=backup.version or "?", size=human_bytes(backup.size)
            ),
            "holds": self._presenter.text(language, "memory.restore_holds", **counts),
        }


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0
