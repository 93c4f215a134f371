"""A model's way onto this machine, told while it goes on: bytes, rate and what remains."""

from __future__ import annotations

from contextlib import aclosing
from typing import Final

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from assistant.cli.home import Door
from assistant.cli.terminal import Terminal
from assistant.i18n import human_bytes
from assistant.models.records import DownloadProgress

_LINE_EVERY: Final = 10
"""Percent between two lines where no bar can be drawn."""


async def pull_with_progress(terminal: Terminal, assistant: Door, name: str | None) -> str:
    """Fetch a model (None: what this machine needs) and return what was fetched."""
    fetched: list[str] = []
    show = _Bar(terminal) if terminal.err.is_terminal else _Lines(terminal)
    with show:
        async with aclosing(assistant.pull_model(name)) as steps:
            async for step in steps:
                show.step(step)
                if step.stage == "done":
                    fetched.append(step.model)
    return ", ".join(fetched)


class _Lines:
    """A line now and then, for a log."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._told: tuple[str, str, int] | None = None

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def step(self, step: DownloadProgress) -> None:
        percent = 100 * step.received // max(step.total, 1)
        told = (step.model, step.stage, percent // _LINE_EVERY if step.stage == "downloading" else 0)
        if told != self._told:
            self._told = told
            self._terminal.note(
                f"{step.model}: {self._terminal.text(f'pull.{step.stage}')} "
                f"{human_bytes(step.received)} / {human_bytes(step.total)} ({percent} %, "
                f"{human_bytes(step.bytes_per_second)}/s)"
            )


class _Bar(_Lines):
    """One bar, redrawn."""

    def __init__(self, terminal: Terminal) -> None:
        super().__init__(terminal)
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=terminal.err,
        )
        self._task = self._bar.add_task("", total=None)

    def __enter__(self) -> _Bar:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def step(self, step: DownloadProgress) -> None:
        said = self._terminal.text(f"pull.{step.stage}")
        self._bar.update(
            self._task, description=f"{step.model}  {said}", completed=step.received, total=step.total or None
        )
