"""`patina conversations`: what was said, listed, read, searched and deleted."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from assistant.cli.home import open_assistant
from assistant.cli.terminal import Terminal
from assistant.memory.records import Conversation, SearchHit, Turn

Id = Annotated[str, typer.Argument(metavar="ID", show_default=False)]


def listed(ctx: typer.Context, limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000)] = 20) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> list[Conversation]:
        async with open_assistant(terminal) as assistant:
            return await assistant.conversations(limit)

    found = terminal.run(work())
    if not found:
        terminal.say("conversations.none")
    for one in found:
        title = one.title or terminal.text("conversations.untitled")
        terminal.write(f"{one.id}  {_day(one.updated_at)}  {title}")


def show(ctx: typer.Context, conversation: Id, ids: Annotated[bool, typer.Option("--ids")] = False) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> list[Turn]:
        async with open_assistant(terminal) as assistant:
            return await assistant.history(conversation)

    for turn in terminal.run(work()):
        if ids:
            terminal.write(turn.id)
        terminal.write(f"› {turn.question}\n")
        terminal.write(f"{turn.answer}\n")


def search(ctx: typer.Context, query: Annotated[list[str], typer.Argument(show_default=False)]) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> list[SearchHit]:
        async with open_assistant(terminal) as assistant:
            return await assistant.search(" ".join(query))

    found = terminal.run(work())
    if not found:
        terminal.say("conversations.not_found")
    for hit in found:
        terminal.write(f"{hit.conversation_id}  {_day(hit.created_at)}  {hit.title}")
        terminal.write(f"    {' '.join(hit.snippet.split())}")


def delete(
    ctx: typer.Context,
    conversation: Id,
    yes: Annotated[bool, typer.Option("--yes", "-y")] = False,
) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> None:
        async with open_assistant(terminal) as assistant:
            title = (await assistant.conversation(conversation)).title
            if not yes:
                typer.confirm(terminal.text("conversations.confirm", title=title or conversation), abort=True, err=True)
            await assistant.delete(conversation)

    terminal.run(work())
    terminal.say("conversations.deleted")


def delete_turn(ctx: typer.Context, turn: Id, yes: Annotated[bool, typer.Option("--yes", "-y")] = False) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> None:
        async with open_assistant(terminal) as assistant:
            question = " ".join((await assistant.turn(turn)).question.split())[:60]
            if not yes:
                typer.confirm(terminal.text("conversations.confirm_turn", question=question), abort=True, err=True)
            await assistant.delete_turn(turn)

    terminal.run(work())
    terminal.say("conversations.turn_deleted")


def _day(moment: float) -> str:
    return datetime.fromtimestamp(moment).astimezone().strftime("%Y-%m-%d %H:%M")
