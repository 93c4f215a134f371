"""`patina people`: who comes in through a messenger, as what and for how much, and to shut somebody out."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Annotated, Any

import typer

from assistant.cli.home import open_assistant
from assistant.cli.terminal import Terminal
from assistant.memory.records import Allowance, Knock, Person, Role

Id = Annotated[str, typer.Argument(metavar="ID", show_default=False)]
Limit = Annotated[int | None, typer.Option(min=0, metavar="N", show_default=False)]


def listed(ctx: typer.Context) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> tuple[list[tuple[Person, Allowance]], list[Knock]]:
        async with open_assistant(terminal) as assistant:
            people = [(one, await assistant.people.allowance(one.id)) for one in await assistant.people.list()]
            return people, await assistant.people.knocks()

    found, waiting = terminal.run(work())
    if not found:
        terminal.say("people.none")
    for one, used in found:
        terminal.write(f"{one.id}  {one.face} {one.external_id}  {one.name}  {_standing(terminal, one, used)}")
    for knock in waiting:
        facts = {"code": knock.code, "face": knock.face, "external_id": knock.external_id}
        terminal.write(terminal.text("people.waiting", **facts))


def role(ctx: typer.Context, person: Id, role: Annotated[Role, typer.Argument(show_default=False)]) -> None:
    async def work(terminal: Terminal) -> None:
        async with open_assistant(terminal) as assistant:
            await assistant.people.change(person, role=role)

    _done(ctx, work)


def quota(
    ctx: typer.Context,
    person: Id,
    questions: Limit = None,
    tokens: Limit = None,
    at_once: Limit = None,
    documents: Annotated[bool | None, typer.Option("--documents/--no-documents", show_default=False)] = None,
) -> None:
    async def work(terminal: Terminal) -> None:
        async with open_assistant(terminal) as assistant:
            before = next((one.quota for one in await assistant.people.list() if one.id == person), None)
            given = {"questions_a_day": questions, "tokens_a_day": tokens, "at_once": at_once}
            wanted = {name: value for name, value in given.items() if value is not None}
            limits = None if before is None else replace(before, **wanted)
            await assistant.people.change(person, documents=documents, quota=limits)

    _done(ctx, work)


def remove(
    ctx: typer.Context,
    person: Id,
    said: Annotated[bool, typer.Option("--with-what-was-said")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y")] = False,
) -> None:
    terminal: Terminal = ctx.obj
    if not yes:
        question = "people.confirm_said" if said else "people.confirm"
        typer.confirm(terminal.text(question, person=person), abort=True, err=True)

    async def work(terminal: Terminal) -> None:
        async with open_assistant(terminal) as assistant:
            await assistant.people.remove(person, said=said)

    _done(ctx, work)


def _done(ctx: typer.Context, work: Callable[[Terminal], Coroutine[Any, Any, None]]) -> None:
    terminal: Terminal = ctx.obj
    terminal.run(work(terminal))
    terminal.say("people.gone")


def _standing(terminal: Terminal, person: Person, used: Allowance) -> str:
    """What they are, whether documents are open to them, and what of today is used."""
    limits = used.limits
    return terminal.text(
        "people.standing",
        role=terminal.text(f"people.{person.role}"),
        documents=terminal.text("people.documents" if person.reads_documents else "people.no_documents"),
        questions=f"{used.questions}/{limits.questions_a_day or '∞'}",
        tokens=f"{used.tokens}/{limits.tokens_a_day or '∞'}",
    )
