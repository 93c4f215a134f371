"""`patina backup`, `restore`, `export` and `import`: everything that is kept, carried away and taken in again."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from assistant.cli.home import open_assistant
from assistant.cli.terminal import Terminal
from assistant.instance import InstanceLock, find_running

if TYPE_CHECKING:
    from assistant.archive.steps import ArchiveStep

Target = Annotated[Path | None, typer.Argument(metavar="FILE", show_default=False)]
_KINDS: Final = ("conversations", "turns", "signals", "facts", "people", "documents", "prompts")
Yes = Annotated[bool, typer.Option("--yes", "-y")]


def backup(
    ctx: typer.Context, file: Target = None, secrets: Annotated[bool, typer.Option("--with-secrets")] = False
) -> None:
    terminal: Terminal = ctx.obj
    target = _target(file, "patina-backup")

    async def work() -> ArchiveStep:
        async with open_assistant(terminal) as assistant:
            return await _shown(terminal, assistant.archives.backup(target, secrets=secrets))

    _tell(terminal, "archives.backed_up", terminal.run(work()))
    terminal.say("archives.secrets" if secrets else "archives.no_secrets")


def restore(
    ctx: typer.Context, file: Annotated[Path, typer.Argument(metavar="FILE", show_default=False)], yes: Yes = False
) -> None:
    from assistant.archive.restore import restore as restored
    from assistant.archive.set_aside import DAYS
    from assistant.archive.steps import told

    terminal: Terminal = ctx.obj
    paths, archive = terminal.paths, file.expanduser().absolute()

    async def work() -> ArchiveStep:
        with InstanceLock(paths):
            return await _shown(terminal, told(restored(paths, archive)))

    if not yes and paths.database.exists():
        typer.confirm(terminal.text("archives.confirm", home=paths.home), abort=True, err=True)
    running = find_running(paths)
    if running is not None and running.address is not None:
        terminal.say("archives.restarts" if terminal.run(_through(terminal, archive)) else "archives.waits")
        return
    last = terminal.run(work())
    terminal.say("archives.restored", **_counts(last))
    if last.path:
        terminal.say("archives.set_aside", path=last.path, days=DAYS)


async def _through(terminal: Terminal, archive: Path) -> bool:
    """Restored by the Patina that uses the home; whether it begins anew at once, to do that."""
    async with open_assistant(terminal) as assistant:
        restoring = assistant.archives.restoring
        last = await _shown(terminal, restoring.offer(archive))
        await restoring.confirm(last.path)
        return await restoring.restart()


def export(ctx: typer.Context, target: Annotated[Path | None, typer.Argument(show_default=False)] = None) -> None:
    terminal: Terminal = ctx.obj
    given = _target(target, "patina-export") if target is None else target.expanduser().absolute()

    async def work() -> ArchiveStep:
        async with open_assistant(terminal) as assistant:
            return await _shown(terminal, assistant.archives.export(given))

    _tell(terminal, "archives.exported", terminal.run(work()))


def take(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", show_default=False)],
    people: Annotated[bool, typer.Option("--people")] = False,
) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> ArchiveStep:
        async with open_assistant(terminal) as assistant:
            return await _shown(terminal, assistant.archives.take(file.expanduser().absolute(), people=people))

    counts = terminal.run(work()).counts
    for kind in _KINDS:
        new, known, left = (counts.get(f"{kind}{how}", 0) for how in ("", "_known", "_left_out"))
        if new or known or left:
            told = terminal.text(f"archives.kind.{kind}")
            terminal.write(terminal.text("archives.taken", kind=told, new=new, known=known, left=left))
    if counts.get("people_left_out"):
        terminal.say("archives.people")
    if not any(counts.get(kind) for kind in _KINDS):
        terminal.say("archives.nothing_new")


def _target(given: Path | None, name: str) -> Path:
    """Where to write, as an absolute path: a name made of the day where only a folder is given, or nothing."""
    called = f"{name}-{time.strftime('%Y-%m-%d-%H%M%S')}.zip"
    if given is None:
        return Path(called).absolute()
    given = given.expanduser().absolute()
    return given / called if given.is_dir() else given


async def _shown(terminal: Terminal, steps: AsyncGenerator[ArchiveStep, None]) -> ArchiveStep:
    """The last step; the ones before are a bar where there is a terminal."""
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=terminal.err,
        transient=True,
        disable=not terminal.err.is_terminal,
    )
    task = bar.add_task("", total=None)
    with bar:
        async with aclosing(steps):
            async for step in steps:
                bar.update(
                    task,
                    description=terminal.text(f"archives.stage.{step.stage}"),
                    completed=step.done,
                    total=step.total or None,
                )
    return step


def _tell(terminal: Terminal, key: str, last: ArchiveStep) -> None:
    terminal.write(last.path)
    terminal.say(key, **_counts(last))


def _counts(last: ArchiveStep) -> dict[str, int]:
    names = ("conversations", "turns", "signals", "facts", "people", "documents", "prompt_versions", "files")
    return {name: last.counts.get(name, 0) for name in names}
