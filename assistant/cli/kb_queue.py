"""`patina kb pause|resume|cancel|watch|unwatch`: the queue of documents, and the folders that are followed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assistant.cli.home import open_assistant
from assistant.cli.kb_progress import read_and_embedded
from assistant.cli.terminal import Terminal
from assistant.errors import NotFound
from assistant.instance import find_running

if TYPE_CHECKING:
    from assistant.memory.document_records import WatchedFolder


def pause(ctx: typer.Context) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> None:
        async with open_assistant(terminal) as assistant:
            await assistant.documents.pause()

    terminal.run(work())
    terminal.say("kb.paused")


def resume(ctx: typer.Context, wait: Annotated[bool, typer.Option("--wait/--no-wait")] = True) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> None:
        async with open_assistant(terminal) as assistant:
            await assistant.documents.resume()
            waiting = {one.id for one in await assistant.documents.documents(status="waiting")}
            terminal.say("kb.queued", count=len(waiting))
            await read_and_embedded(terminal, assistant, waiting, wait=wait)

    try:
        terminal.run(work())
    except KeyboardInterrupt:
        terminal.say("kb.interrupted")


def cancel(ctx: typer.Context) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> int:
        async with open_assistant(terminal) as assistant:
            return await assistant.documents.cancel()

    terminal.say("kb.cancelled", count=terminal.run(work()))


def watch(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", show_default=False)],
    collection: Annotated[str, typer.Option("--collection", "-c", metavar="NAME", show_default=False)] = "documents",
    keep: Annotated[bool, typer.Option("--keep")] = False,
) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> WatchedFolder:
        async with open_assistant(terminal) as assistant:
            return await assistant.documents.watch(folder, collection, keep=keep)

    added = terminal.run(work())
    serving = find_running(terminal.paths) is not None
    terminal.say("kb.watching" if serving else "kb.watching_later", folder=added.path, collection=added.collection)


def unwatch(ctx: typer.Context, folder: Annotated[str, typer.Argument(metavar="FOLDER", show_default=False)]) -> None:
    terminal: Terminal = ctx.obj
    path = str(Path(folder).expanduser().absolute())

    async def work() -> None:
        async with open_assistant(terminal) as assistant:
            for one in await assistant.documents.folders():
                if folder == one.id or path == one.path:
                    await assistant.documents.unwatch(one.id)
                    return
            raise NotFound("folder", folder)

    terminal.run(work())
    terminal.say("kb.unwatched")
