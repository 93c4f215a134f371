"""How far the library is, told while a command waits: a bar in a terminal, lines in a log."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from assistant.cli.home import Door
from assistant.cli.terminal import Terminal
from assistant.errors import DocumentUnreadable
from assistant.i18n import explain, explain_reason

if TYPE_CHECKING:
    from assistant.events import DocumentProgress

_LINE_EVERY: Final = 64
"""Passages between two lines where no bar can be drawn."""


async def read_and_embedded(terminal: Terminal, door: Door, ids: Collection[str], *, wait: bool) -> None:
    """Tell of these documents until they are read, and with `wait` until all is found by meaning as well."""
    told: set[str] = set()
    show = _Bar(terminal, len(ids)) if terminal.err.is_terminal else _Lines(terminal)
    with show:
        async with aclosing(await door.documents.follow()) as through:
            async for progress in through:
                told.add(progress.document_id)
                show.read(progress)
        # Some may have been through before anybody listened.
        for document in await door.documents.documents(status="failed"):
            if document.id in ids and document.id not in told:
                terminal.note(why(terminal, document.source, document.reason))
        standing = await door.documents.standing()
        if standing.paused or standing.stopped:
            terminal.say("kb.paused" if standing.paused else f"kb.stopped.{standing.stopped}")
        elif wait:
            async with aclosing(door.documents.embed_all()) as counts:
                async for left in counts:
                    show.embedded(left)


def why(terminal: Terminal, source: str, reason: str) -> str:
    """Why a document could not be read."""
    return explain(DocumentUnreadable(Path(source), reason), terminal.language)


def lacking(terminal: Terminal, reason: str) -> str:
    """What is missing of a document that could be read otherwise."""
    return explain_reason(DocumentUnreadable(Path(), reason).code, reason, terminal.language)


class _Lines:
    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._told: int | None = None

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def read(self, progress: DocumentProgress) -> None:
        if progress.status == "failed":
            self._terminal.note(why(self._terminal, progress.source, progress.reason))
        else:
            key = "kb.removed" if progress.status == "removed" else "kb.read"
            self._terminal.say(key, source=progress.source, waiting=progress.waiting)
            self._lacking(progress)

    def _lacking(self, progress: DocumentProgress) -> None:
        if progress.status == "ready" and progress.reason:
            reason = lacking(self._terminal, progress.reason)
            self._terminal.note(self._terminal.text("kb.failed", source=progress.source, reason=reason))

    def embedded(self, left: int) -> None:
        if self._told is None or self._told - left >= _LINE_EVERY:
            self._told = left
            self._terminal.say("kb.embedding", left=left)


class _Bar(_Lines):
    """One bar, redrawn; what cannot be read is a line above it."""

    def __init__(self, terminal: Terminal, documents: int) -> None:
        super().__init__(terminal)
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=terminal.err,
        )
        self._task = self._bar.add_task(terminal.text("kb.reading"), total=documents)
        self._passages = 0

    def __enter__(self) -> _Bar:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def read(self, progress: DocumentProgress) -> None:
        if progress.status == "failed":
            self._terminal.note(why(self._terminal, progress.source, progress.reason))
        self._lacking(progress)
        self._bar.update(self._task, advance=1, description=Path(progress.source).name)

    def embedded(self, left: int) -> None:
        if not self._passages:
            self._passages = left
            self._bar.reset(self._task, total=left, description=self._terminal.text("kb.making_found"))
        self._bar.update(self._task, completed=max(0, self._passages - left))
