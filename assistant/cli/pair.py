"""`patina pair`: a code that lets one person in through Telegram, or the code of somebody who asks to be let in."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from assistant.cli.home import open_assistant
from assistant.cli.terminal import Terminal
from assistant.memory.records import PairingCode, Person, Role


def pair(
    ctx: typer.Context,
    code: Annotated[str | None, typer.Argument(metavar="CODE", show_default=False)] = None,
    role: Annotated[Role, typer.Option()] = "member",
    refuse: Annotated[bool, typer.Option("--refuse")] = False,
) -> None:
    terminal: Terminal = ctx.obj
    if code is None:
        made = terminal.run(_made(terminal, role))
        terminal.write(made.code)
        minutes = max(1, round((made.expires_at - time.time()) / 60))
        terminal.say("pair.how", code=made.code, minutes=minutes)
    elif refuse:
        terminal.run(_refused(terminal, code))
        terminal.say("pair.refused")
    else:
        person = terminal.run(_admitted(terminal, code, role))
        terminal.say("pair.admitted", id=person.id, role=terminal.text(f"people.{person.role}"))


async def _made(terminal: Terminal, role: Role) -> PairingCode:
    async with open_assistant(terminal) as assistant:
        return await assistant.people.new_code("telegram", role)


async def _admitted(terminal: Terminal, code: str, role: Role) -> Person:
    async with open_assistant(terminal) as assistant:
        return await assistant.people.admit(code, role)


async def _refused(terminal: Terminal, code: str) -> None:
    async with open_assistant(terminal) as assistant:
        await assistant.people.refuse(code)
