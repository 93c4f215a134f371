"""`patina people`: who comes in through a messenger, and to shut somebody out, with or without what they said."""

from __future__ import annotations

from typing import Annotated

import typer

from assistant.cli.home import open_assistant
from assistant.cli.terminal import Terminal
from assistant.memory.records import Person


def listed(ctx: typer.Context) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> list[Person]:
        async with open_assistant(terminal) as assistant:
            return await assistant.people.list()

    found = terminal.run(work())
    if not found:
        terminal.say("people.none")
    for one in found:
        terminal.write(f"{one.id}  {one.face} {one.external_id}  {one.name}")


def remove(
    ctx: typer.Context,
    person: Annotated[str, typer.Argument(metavar="ID", show_default=False)],
    said: Annotated[bool, typer.Option("--with-what-was-said")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y")] = False,
) -> None:
    terminal: Terminal = ctx.obj
    if not yes:
        question = "people.confirm_said" if said else "people.confirm"
        typer.confirm(terminal.text(question, person=person), abort=True, err=True)

    async def work() -> None:
        async with open_assistant(terminal) as assistant:
            await assistant.people.remove(person, said=said)

    terminal.run(work())
    terminal.say("people.gone")
