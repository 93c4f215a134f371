"""`patina models`: what can answer here, and how to get more."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from assistant.cli.home import model_name, open_assistant
from assistant.cli.pull import pull_with_progress
from assistant.cli.terminal import Terminal
from assistant.i18n import human_bytes
from assistant.models.records import EmbedderStanding, ModelInfo
from assistant.models.speech.records import SpeechModel


def listed(ctx: typer.Context) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> tuple[list[ModelInfo], list[SpeechModel], EmbedderStanding]:
        async with open_assistant(terminal) as assistant:
            return await assistant.models(), await assistant.speech.models(), await assistant.indexes.embedder()

    table = Table(box=None, pad_edge=False)
    for column in ("name", "state", "size", "fit", "title"):
        table.add_column(terminal.text(f"models.{column}"), no_wrap=True, overflow="ellipsis")
    models, heard, embedder = terminal.run(work())
    for info in models:
        mark = "*" if info.current else " "
        size = human_bytes(info.size) if info.size else "-"
        table.add_row(f"{mark} {info.name}", _state(terminal, info), size, _fit(terminal, info), info.title)
    for one in heard:
        state = terminal.text("models.installed" if one.installed else "models.available")
        table.add_row(f"  {one.name}", state, human_bytes(one.size), "-", one.title)
    if embedder.state != "in_process":
        state = terminal.text("models.available" if embedder.state == "missing" else "models.installed")
        title = terminal.text("models.embedder")
        table.add_row(f"  {embedder.fetched_as}", state, human_bytes(embedder.size), "-", title)
    terminal.out.print(table)


def pull(ctx: typer.Context, name: Annotated[str | None, typer.Argument(show_default=False)] = None) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> str:
        async with open_assistant(terminal) as assistant:
            return await pull_with_progress(terminal, assistant, name)

    terminal.say("models.pulled", name=terminal.run(work()))


def use(ctx: typer.Context, name: Annotated[str, typer.Argument(show_default=False)]) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> ModelInfo:
        async with open_assistant(terminal) as assistant:
            return await assistant.use_model(model_name(name) or name)

    terminal.say("models.used", name=terminal.run(work()).name)


def remove(ctx: typer.Context, name: Annotated[str, typer.Argument(show_default=False)]) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> None:
        async with open_assistant(terminal) as assistant:
            await assistant.remove_model(name)

    terminal.run(work())
    terminal.say("models.removed", name=name)


def info(ctx: typer.Context, name: Annotated[str, typer.Argument(show_default=False)]) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> ModelInfo:
        async with open_assistant(terminal) as assistant:
            return await assistant.model(model_name(name) or name)

    found = terminal.run(work())
    lines = {
        "title": found.title,
        "state": _state(terminal, found),
        "size": human_bytes(found.size) if found.size else "-",
        "parameters": f"{found.parameters:g} B" if found.parameters else "-",
        "quantisation": found.quantisation or "-",
        "context": found.context or "-",
        "languages": ", ".join(found.languages) or "-",
        "licence": found.licence or "-",
        "fit": _fit(terminal, found),
        "place": found.path or found.url or "-",
    }
    for key, value in lines.items():
        terminal.write(f"{terminal.text(f'models.{key}')}: {value}")


def _state(terminal: Terminal, info: ModelInfo) -> str:
    if info.kind == "remote":
        return terminal.text("models.remote")
    return terminal.text("models.installed" if info.installed else "models.available")


def _fit(terminal: Terminal, info: ModelInfo) -> str:
    if info.fit is None:
        return "-"
    return terminal.text(
        f"models.{info.fit.fit}",
        needed=human_bytes(info.fit.needed),
        available=human_bytes(info.fit.available),
        speed=round(info.fit.tokens_per_second),
    )
