"""`patina approvals` and `patina reminders`: what waits for the owner, and what somebody is to be reminded of."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import typer

from assistant.cli.home import open_assistant
from assistant.cli.terminal import Terminal
from assistant.events import Approval

Id = Annotated[str, typer.Argument(metavar="ID", show_default=False)]


def listed(ctx: typer.Context, all: Annotated[bool, typer.Option("--all")] = False) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> list[Approval]:
        async with open_assistant(terminal) as assistant:
            return await assistant.tools.approvals(waiting=not all)

    found = terminal.run(work())
    if not found:
        terminal.say("approvals.none")
    for one in found:
        facts = {"tool": one.tool, "arguments": one.arguments, "until": _time(one.expires_at)}
        terminal.write(f"{one.id}  {terminal.text(f'approvals.{one.decision}', **facts)}")


def approve(ctx: typer.Context, approval: Id) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> Approval:
        async with open_assistant(terminal) as assistant:
            return await assistant.tools.approve(approval)

    done = terminal.run(work())
    terminal.say("approvals.done_approved", tool=done.tool)


def refuse(ctx: typer.Context, approval: Id) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> Approval:
        async with open_assistant(terminal) as assistant:
            return await assistant.tools.refuse(approval)

    done = terminal.run(work())
    terminal.say("approvals.done_refused", tool=done.tool)


def reminders(ctx: typer.Context) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> list[tuple[str, float, str]]:
        async with open_assistant(terminal) as assistant:
            return [(one.id, one.due_at, one.text) for one in await assistant.tools.reminders()]

    found = terminal.run(work())
    if not found:
        terminal.say("reminders.none")
    for id, due_at, text in found:
        terminal.write(f"{id}  {_time(due_at)}  {text}")


def forget_reminder(ctx: typer.Context, reminder: Id) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> bool:
        async with open_assistant(terminal) as assistant:
            return await assistant.tools.remove_reminder(reminder)

    terminal.say("reminders.gone" if terminal.run(work()) else "reminders.unknown")


def _time(at: float) -> str:
    return dt.datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M")
