"""`patina kb`: a person's own documents, added, listed, searched, read and thrown away."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assistant.cli.home import open_assistant
from assistant.cli.kb_progress import lacking, read_and_embedded, why
from assistant.cli.terminal import Terminal
from assistant.errors import FolderUnwatchable, ParameterRefused
from assistant.i18n import explain
from assistant.memory.document_records import Chunk, Document, Filter, WatchedFolder

if TYPE_CHECKING:
    from assistant.knowledge.desk import LibraryStanding
    from assistant.knowledge.retriever import Answer, Found

Id = Annotated[str, typer.Argument(metavar="ID", show_default=False)]
Collection = Annotated[str, typer.Option("--collection", "-c", metavar="NAME", show_default=False)]


def add(
    ctx: typer.Context,
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", show_default=False)],
    collection: Collection = "documents",
    wait: Annotated[bool, typer.Option("--wait/--no-wait")] = True,
) -> None:
    terminal: Terminal = ctx.obj
    files = [Path(one) for one in paths if not _is_address(one)]
    addresses = [one for one in paths if _is_address(one)]

    async def work() -> None:
        async with open_assistant(terminal) as assistant:
            documents, added = assistant.documents, list[Document]()
            try:
                added += await documents.add(files, collection) if files else []
                for address in addresses:
                    added.append(await documents.add_page(address, collection))
                if not added:
                    terminal.say("kb.nothing")
                    return
                terminal.say("kb.queued", count=len(added))
                await read_and_embedded(terminal, assistant, {one.id for one in added}, wait=wait)
            except asyncio.CancelledError:
                # Ctrl-C: what this command put in the queue and nobody has read yet goes out of it again.
                taken = await documents.cancel([one.id for one in added])
                terminal.say("kb.taken_back", count=taken)
                raise

    try:
        terminal.run(work())
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def listed(
    ctx: typer.Context, collection: Collection = "", as_json: Annotated[bool, typer.Option("--json")] = False
) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> tuple[list[Document], list[WatchedFolder], LibraryStanding]:
        async with open_assistant(terminal) as assistant:
            documents = assistant.documents
            return await documents.documents(collection), await documents.folders(), await documents.standing()

    found, folders, standing = terminal.run(work())
    if as_json:
        for one in found:
            typer.echo(json.dumps(asdict(one), ensure_ascii=False))
        return
    if not found:
        terminal.say("kb.none")
    for one in found:
        terminal.write(f"{one.id}  {one.embedded}/{one.chunks}  {_state(terminal, one)}  {one.source}")
    for folder in folders:
        if collection in {"", folder.collection}:
            terminal.write(_watched(terminal, folder))
    if standing.paused or standing.stopped:
        terminal.say("kb.paused" if standing.paused else f"kb.stopped.{standing.stopped}")


def search(
    ctx: typer.Context,
    query: Annotated[list[str], typer.Argument(show_default=False)],
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100)] = 8,
    collection: Collection = "",
    document: Annotated[str, typer.Option("--document", metavar="ID", show_default=False)] = "",
    types: Annotated[list[str] | None, typer.Option("--type", metavar="ENDING", show_default=False)] = None,
    since: Annotated[str, typer.Option("--since", metavar="DAY", show_default=False)] = "",
    until: Annotated[str, typer.Option("--until", metavar="DAY", show_default=False)] = "",
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    terminal: Terminal = ctx.obj
    endings = tuple(one.lower().lstrip(".") for one in types or ())
    limits = Filter(collection, document, endings, _day(terminal, "since", since), _day(terminal, "until", until))

    async def work() -> Answer:
        async with open_assistant(terminal) as assistant:
            return await assistant.documents.search(" ".join(query), limit, limits)

    answer = terminal.run(work())
    if not answer.passages:
        terminal.say("kb.not_found")
    elif not answer.is_answered:
        terminal.say("kb.not_answered")
    for number, found in enumerate(answer.passages, start=1):
        if as_json:
            terminal.write(json.dumps({"rank": number, "score": found.score, **_described(found)}, ensure_ascii=False))
            continue
        terminal.write(f"{number}. {Path(found.document.source).name}, {_place(terminal, found.chunk)}")
        if found.chunk.header:
            terminal.write(f"   {found.chunk.header}")
        terminal.write(f"   {' '.join(found.chunk.text.split())}\n")


def show(ctx: typer.Context, document: Id) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> list[Chunk]:
        async with open_assistant(terminal) as assistant:
            return await assistant.documents.chunks(document)

    for chunk in terminal.run(work()):
        terminal.write(f"── {chunk.ordinal + 1} · {_place(terminal, chunk)} · {chunk.header}")
        terminal.write(f"{chunk.text.rstrip()}\n")


def remove(ctx: typer.Context, document: Id, yes: Annotated[bool, typer.Option("--yes", "-y")] = False) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> None:
        async with open_assistant(terminal) as assistant:
            source = (await assistant.documents.document(document)).source
            if not yes:
                typer.confirm(terminal.text("kb.confirm", source=source), abort=True, err=True)
            await assistant.documents.remove(document)

    terminal.run(work())
    terminal.say("kb.gone")


def reindex(
    ctx: typer.Context, document: Annotated[str | None, typer.Argument(metavar="ID", show_default=False)] = None
) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> None:
        async with open_assistant(terminal) as assistant:
            await assistant.documents.reindex(document)
            terminal.say("kb.again" if document else "kb.rebuilt")
            await read_and_embedded(terminal, assistant, {document} if document else (), wait=True)

    terminal.run(work())


def _is_address(text: str) -> bool:
    return text.startswith(("http://", "https://"))


def _state(terminal: Terminal, document: Document) -> str:
    state = terminal.text(f"kb.status.{document.status}")
    if document.status == "failed":
        return f"{state}: {why(terminal, document.source, document.reason)}"
    if document.status == "ready" and document.reason:
        return f"{state} ({lacking(terminal, document.reason)})"
    return f"{state} ({terminal.text('kb.gone_file')})" if document.gone_s is not None else state


def _watched(terminal: Terminal, folder: WatchedFolder) -> str:
    facts = {"id": folder.id, "folder": folder.path, "collection": folder.collection, "files": folder.files}
    text = terminal.text("kb.watched", **facts)
    if not folder.problem:
        return text
    return f"{text}  {explain(FolderUnwatchable(Path(folder.path), folder.problem), terminal.language)}"


def _place(terminal: Terminal, chunk: Chunk) -> str:
    if not chunk.first_page:
        return terminal.text("kb.lines", first=chunk.first_line, last=chunk.last_line)
    key = "kb.page" if chunk.first_page == chunk.last_page else "kb.pages"
    return terminal.text(key, first=chunk.first_page, last=chunk.last_page)


def _described(found: Found) -> dict[str, object]:
    chunk = asdict(found.chunk)
    return {"source": found.document.source, "title": found.document.title, **chunk, "signals": asdict(found.signals)}


def _day(terminal: Terminal, name: str, day: str) -> float | None:
    if not day:
        return None
    try:
        return datetime.strptime(day, "%Y-%m-%d").astimezone().timestamp()
    except ValueError as error:
        raise ParameterRefused(name, terminal.text("kb.day", day=day)) from error
