"""`patina memory`: what is known about whom and from where, found, exported, pinned, forgotten and rested."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from assistant.cli.home import open_assistant
from assistant.cli.terminal import Terminal

if TYPE_CHECKING:
    from assistant.memory.records import Fact, Group, Recalled

Id = Annotated[str, typer.Argument(metavar="ID", show_default=False)]
PersonId = Annotated[str | None, typer.Option("--person", metavar="ID", show_default=False)]


def listed(
    ctx: typer.Context, person: PersonId = None, everything: Annotated[bool, typer.Option("--all", "-a")] = False
) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> tuple[list[Fact], bool]:
        async with open_assistant(terminal) as assistant:
            standing = await assistant.memory.standing(person)
            return await assistant.memory.facts(person, old=everything), standing.paused

    found, paused = terminal.run(work())
    if paused:
        terminal.say("memory.paused")
    if not found:
        terminal.say("memory.none")
    for fact in found:
        _tell(terminal, fact)


def search(
    ctx: typer.Context, query: Annotated[list[str], typer.Argument(show_default=False)], person: PersonId = None
) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> tuple[list[Fact], list[Recalled]]:
        async with open_assistant(terminal) as assistant:
            text = " ".join(query)
            return await assistant.memory.find_facts(text, person), await assistant.memory.search(text, person)

    facts, recalled = terminal.run(work())
    if not facts and not recalled:
        terminal.say("memory.not_found")
    for fact in facts:
        _tell(terminal, fact)
    for one in recalled:
        said = one.utterance
        terminal.write(
            f"{said.turn_id}  {_day(said.said_at)}  {said.speaker or said.role}: {' '.join(said.text.split())[:200]}"
        )


def groups(ctx: typer.Context) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> list[Group]:
        async with open_assistant(terminal) as assistant:
            return await assistant.memory.groups()

    found = terminal.run(work())
    if not found:
        terminal.say("memory.no_groups")
    for one in found:
        terminal.write(f"{one.id}  {', '.join(one.people)}  {one.title}")


def forget(
    ctx: typer.Context,
    fact: Annotated[str | None, typer.Argument(metavar="ID", show_default=False)] = None,
    everything: Annotated[bool, typer.Option("--all")] = False,
    person: PersonId = None,
    yes: Annotated[bool, typer.Option("--yes", "-y")] = False,
) -> None:
    terminal: Terminal = ctx.obj
    if (fact is None) != everything:
        raise typer.BadParameter(terminal.text("memory.which"))
    if everything and not yes:
        typer.confirm(terminal.text("memory.confirm"), abort=True, err=True)

    async def work() -> None:
        async with open_assistant(terminal) as assistant:
            if fact is None:
                await assistant.memory.forget_all(person)
            else:
                await assistant.memory.forget(fact)

    terminal.run(work())
    terminal.say("memory.forgotten")


def export(ctx: typer.Context, person: PersonId = None) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> str:
        async with open_assistant(terminal) as assistant:
            return await assistant.memory.export(person)

    for line in terminal.run(work()).splitlines():
        terminal.write(line)


def pin(ctx: typer.Context, fact: Id, off: Annotated[bool, typer.Option("--off")] = False) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> Fact:
        async with open_assistant(terminal) as assistant:
            return await assistant.memory.pin(fact, on=not off)

    _tell(terminal, terminal.run(work()))


def pause(ctx: typer.Context, off: Annotated[bool, typer.Option("--off")] = False, person: PersonId = None) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> None:
        async with open_assistant(terminal) as assistant:
            await assistant.memory.pause(person, on=not off)

    terminal.run(work())
    terminal.say("memory.goes_on" if off else "memory.paused")


def _tell(terminal: Terminal, fact: Fact) -> None:
    marks = [terminal.text(f"memory.{fact.kind}")]
    if fact.pinned:
        marks.append(terminal.text("memory.pinned"))
    if fact.valid_to is not None:
        marks.append(terminal.text("memory.until", day=_day(fact.valid_to)))
    whose = f"{fact.speaker}: " if fact.speaker else ""
    terminal.write(f"{fact.id}  {_day(fact.valid_from)}  {whose}{fact.text}  ({', '.join(marks)})")
    if fact.quote and fact.quote != fact.text:
        terminal.write(f"    “{' '.join(fact.quote.split())}”  {fact.turn_id}")


def _day(moment: float) -> str:
    return datetime.fromtimestamp(moment).astimezone().strftime("%Y-%m-%d %H:%M")
