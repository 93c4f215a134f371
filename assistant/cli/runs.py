"""`patina prompts runs`: runs that were begun in the lab or over REST, seen, held and ended from a terminal.

A run goes on in the Patina that serves the page; without one there are only those that are over.
"""

from __future__ import annotations

import json
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from assistant.cli.home import Door, open_assistant
from assistant.cli.run_report import drawn, print_report
from assistant.cli.terminal import Terminal
from assistant.i18n import explain

if TYPE_CHECKING:
    from assistant.learning.run_order import Run

Which = Annotated[str | None, typer.Argument(metavar="ID", show_default=False)]
"""Without one it is the run that goes on, or else the latest."""
AsJson = Annotated[bool, typer.Option("--json")]


def listed(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option(min=1)] = 50,
    before: Annotated[str | None, typer.Option(metavar="ID", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> list[Run]:
        async with open_assistant(terminal) as assistant:
            moment = (await assistant.runs.run(before)).began_at if before is not None else None
            return await assistant.runs.list(limit + 1, moment)

    found = terminal.run(work())
    shown = found[:limit]
    if as_json:
        from assistant.learning.run_order import dump_run

        typer.echo(json.dumps([dump_run(run) for run in shown], ensure_ascii=False))
        return
    if not found:
        terminal.say("runs.none" if before is None else "runs.none_earlier")
    for run in shown:
        day = datetime.fromtimestamp(run.began_at).astimezone().strftime("%Y-%m-%d %H:%M")
        terminal.write(f"{run.id}  {day}  {run.order.task.name}  {_outcome(terminal, run)}")
    if len(found) > limit:
        terminal.say("runs.earlier", id=shown[-1].id)


def show(
    ctx: typer.Context,
    run: Which = None,
    follow: Annotated[bool, typer.Option("--follow", "-f")] = False,
    as_json: AsJson = False,
) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> Run:
        async with open_assistant(terminal) as assistant:
            found = await _found(terminal, assistant, run)
            return await _followed(terminal, assistant, found, silent=as_json) if follow else found

    found = terminal.run(work())
    if as_json:
        from assistant.learning.run_order import dump_run

        typer.echo(json.dumps(dump_run(found), ensure_ascii=False))
    else:
        _print(terminal, found)


def pause(ctx: typer.Context, run: Which = None) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> Run:
        async with open_assistant(terminal) as assistant:
            found = await _found(terminal, assistant, run)
            await assistant.runs.pause(found.id)
            return await assistant.runs.run(found.id)

    _say(terminal, terminal.run(work()), "paused")


def resume(ctx: typer.Context, run: Which = None) -> None:
    """One that is over is begun again; where no other process works on it, this one does, to its end."""
    terminal: Terminal = ctx.obj

    async def work() -> tuple[Run, bool]:
        from assistant.client import AssistantClient

        async with open_assistant(terminal) as assistant:
            found = await _found(terminal, assistant, run)
            if not found.over:
                await assistant.runs.resume(found.id)
            elif found.status != "done":
                await assistant.runs.begin_again(found.id)
            found = await assistant.runs.run(found.id)
            if found.over or isinstance(assistant, AssistantClient):
                return found, False
            return await _followed(terminal, assistant, found, silent=False), True

    found, is_ended = terminal.run(work())
    if is_ended:
        _print(terminal, found)
    else:
        _say(terminal, found, "running")


def cancel(ctx: typer.Context, run: Which = None) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> Run:
        async with open_assistant(terminal) as assistant:
            found = await _found(terminal, assistant, run)
            await assistant.runs.cancel(found.id)
            return await assistant.runs.run(found.id)

    _say(terminal, terminal.run(work()), "cancelled")


async def _found(terminal: Terminal, assistant: Door, id: str | None) -> Run:
    if id is not None:
        return await assistant.runs.run(id)
    runs = await assistant.runs.list()
    if not runs:
        terminal.say("runs.none")
        raise typer.Exit(1)
    return next((run for run in runs if not run.over), runs[0])


async def _followed(terminal: Terminal, assistant: Door, run: Run, *, silent: bool) -> Run:
    with drawn(terminal, silent=silent) as tell:
        async with aclosing(assistant.runs.follow(run.id)) as steps:
            async for run in steps:
                if run.steps:
                    tell(run.steps[-1].progress)
    return run


def _say(terminal: Terminal, run: Run, wanted: str) -> None:
    terminal.say(f"runs.now_{run.status}", name=run.order.task.name)
    if run.status != wanted:
        raise typer.Exit(1)


def _print(terminal: Terminal, run: Run) -> None:
    terminal.write(f"{run.order.task.name}  {_outcome(terminal, run)}")
    for progress in (run.searched, run.tested) if run.report is None else ():
        if progress is None:
            continue
        said = terminal.text(f"prompts.stage.{progress.stage}") if progress is run.tested or not run.over else ""
        terminal.write(terminal.text("runs.spent", calls=progress.calls, budget=progress.budget, stage=said).rstrip())
        for standing in progress.standings if not run.over else ():
            terminal.write(
                f"    {standing.candidate}  {standing.mean:.0%} ± {standing.deviation:.0%}  ({standing.tried})"
            )
    if run.error is not None:
        terminal.write(explain(run.error, terminal.language))
    if run.report is not None:
        print_report(terminal, run.report)
        if run.over and run.status != "done":
            terminal.say("runs.test_unfinished")


def _outcome(terminal: Terminal, run: Run) -> str:
    said = [] if run.status == "done" else [terminal.text(f"runs.status.{run.status}")]
    if run.report is not None:
        said.append(terminal.text(f"prompts.verdict.{run.report.result.verdict}"))
    return "  ".join(said)
