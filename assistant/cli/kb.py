"""`patina kb`: a person's own documents, added, listed, searched, read and thrown away."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assistant.cli.home import open_here
from assistant.cli.terminal import Terminal
from assistant.errors import DocumentUnreadable, ParameterRefused
from assistant.i18n import explain
from assistant.memory.document_records import Chunk, Document, Filter

if TYPE_CHECKING:
    from assistant.api import Assistant
    from assistant.events import DocumentProgress
    from assistant.knowledge.retriever import Answer, Found

Id = Annotated[str, typer.Argument(metavar="ID", show_default=False)]
Collection = Annotated[str, typer.Option("--collection", "-c", metavar="NAME", show_default=False)]


def add(
    ctx: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", show_default=False)],
    collection: Collection = "documents",
    wait: Annotated[bool, typer.Option("--wait/--no-wait")] = True,
) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> None:
        async with open_here(terminal) as assistant:
            added = await assistant.documents.add(paths, collection)
            if not added:
                terminal.say("kb.nothing")
                return
            terminal.say("kb.queued", count=len(added))
            await _told(terminal, assistant, wait=wait)

    try:
        terminal.run(work())
    except KeyboardInterrupt:
        terminal.say("kb.interrupted")


def listed(ctx: typer.Context, collection: Collection = "") -> None:
    terminal: Terminal = ctx.obj

    async def work() -> list[Document]:
        async with open_here(terminal) as assistant:
            return await assistant.documents.documents(collection)

    found = terminal.run(work())
    if not found:
        terminal.say("kb.none")
    for one in found:
        state = _why(terminal, one) if one.status == "failed" else terminal.text(f"kb.status.{one.status}")
        terminal.write(f"{one.id}  {one.embedded}/{one.chunks}  {state}  {one.source}")


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
        async with open_here(terminal) as assistant:
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
        async with open_here(terminal) as assistant:
            return await assistant.documents.chunks(document)

    for chunk in terminal.run(work()):
        terminal.write(f"── {chunk.ordinal + 1} · {_place(terminal, chunk)} · {chunk.header}")
        terminal.write(f"{chunk.text.rstrip()}\n")


def remove(ctx: typer.Context, document: Id, yes: Annotated[bool, typer.Option("--yes", "-y")] = False) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> None:
        async with open_here(terminal) as assistant:
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
        async with open_here(terminal) as assistant:
            await assistant.documents.reindex(document)
            terminal.say("kb.again" if document else "kb.rebuilt")
            await _told(terminal, assistant, wait=True)

    terminal.run(work())


async def _told(terminal: Terminal, assistant: Assistant, *, wait: bool) -> None:
    async for progress in await assistant.documents.follow():
        terminal.note(_line(terminal, progress))
    if wait:
        async for left in assistant.documents.embed_all():
            if left % 64 < 8:
                terminal.say("kb.embedding", left=left)


def _line(terminal: Terminal, progress: DocumentProgress) -> str:
    if progress.status == "failed":
        return _explained(terminal, progress.source, progress.reason)
    key = "kb.removed" if progress.status == "removed" else "kb.read"
    return terminal.text(key, source=progress.source, waiting=progress.waiting)


def _why(terminal: Terminal, document: Document) -> str:
    return f"{terminal.text('kb.status.failed')}: {_explained(terminal, document.source, document.reason)}"


def _explained(terminal: Terminal, source: str, reason: str) -> str:
    return explain(DocumentUnreadable(Path(source), reason), terminal.language)


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
