"""`patina approvals` and `patina reminders`: what waits for the owner, and what somebody is to be reminded of."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Final, Literal

import typer

from assistant.cli.answer import named
from assistant.cli.home import Door, open_assistant
from assistant.cli.terminal import Terminal
from assistant.errors import ApprovalClosed
from assistant.events import Approval
from assistant.i18n import explain
from assistant.knowledge.framing import visible

_YES: Final = frozenset({"y", "yes", "是", "好", "可以", "允许"})
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
        facts = {"tool": named(terminal, one.tool), "arguments": visible(one.arguments)}
        facts["until"] = _time(one.expires_at)
        terminal.write(f"{one.id}  {terminal.text(f'approvals.{one.decision}', **facts)}")


def approve(ctx: typer.Context, approval: Id) -> None:
    _decide(ctx.obj, approval, "approved")


def refuse(ctx: typer.Context, approval: Id) -> None:
    _decide(ctx.obj, approval, "refused")


def _decide(terminal: Terminal, approval: str, decision: Literal["approved", "refused"]) -> None:
    async def work() -> Approval:
        async with open_assistant(terminal) as assistant:
            decide = assistant.tools.approve if decision == "approved" else assistant.tools.refuse
            return await decide(approval)

    done = terminal.run(work())
    terminal.say(f"approvals.done_{decision}", tool=named(terminal, done.tool))


def reminders(ctx: typer.Context) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> list[tuple[str, float, str]]:
        async with open_assistant(terminal) as assistant:
            return [(one.id, one.due_at, one.text) for one in await assistant.tools.reminders()]

    found = terminal.run(work())
    if not found:
        terminal.say("reminders.none")
    for id, due_at, text in found:
        terminal.write(f"{id}  {_time(due_at)}  {visible(text)}")


def forget_reminder(ctx: typer.Context, reminder: Id) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> bool:
        async with open_assistant(terminal) as assistant:
            return await assistant.tools.remove_reminder(reminder)

    terminal.say("reminders.gone" if terminal.run(work()) else "reminders.unknown")


def decider(terminal: Terminal, assistant: Door) -> Callable[[Approval], Awaitable[None]] | None:
    """Who decides what one question needs: the owner who sits here; else the server's other faces, for which None
    waits; where there are none, nobody, and waiting would be for nothing."""
    if sys.stdin.isatty() and terminal.out.is_terminal:
        return partial(ask_owner, terminal, assistant)

    from assistant.client import AssistantClient

    async def refuse_it(approval: Approval) -> None:
        await assistant.tools.refuse(approval.id)

    return None if isinstance(assistant, AssistantClient) else refuse_it


async def ask_owner(terminal: Terminal, assistant: Door, approval: Approval) -> None:
    """Whoever sits at the terminal is the owner; anything but a yes is a no."""
    from prompt_toolkit import PromptSession

    shown = visible(approval.arguments)
    terminal.write(terminal.text("chat.approve", tool=named(terminal, approval.tool), arguments=shown))
    try:
        # A prompt of its own: the answer is nothing to be found again with the arrow keys.
        said = (await PromptSession[str]().prompt_async("y/N › ")).strip().casefold()
    except (KeyboardInterrupt, EOFError):
        said = ""
    decide = assistant.tools.approve if said in _YES else assistant.tools.refuse
    try:
        await decide(approval.id)
    except ApprovalClosed as error:  # decided elsewhere, or too late
        terminal.note(explain(error, terminal.language))


def _time(at: float) -> str:
    return dt.datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M")
