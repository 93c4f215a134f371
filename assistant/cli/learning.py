"""`patina learning`: what is learned in idle time, and its switch."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import typer

from assistant.cli.home import open_assistant
from assistant.cli.terminal import Terminal

if TYPE_CHECKING:
    from assistant.learning.chat_learning import ChatReport
    from assistant.learning.idle import IdleStanding
    from assistant.memory.learning_log import LearningEntry


def status(ctx: typer.Context) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> tuple[IdleStanding, list[LearningEntry]]:
        async with open_assistant(terminal) as assistant:
            return await assistant.idle.standing(), await assistant.idle.entries()

    standing, entries = terminal.run(work())
    terminal.write(terminal.text(f"learning.{'on' if standing.on else 'off'}"))
    if standing.on and standing.waiting is not None:
        terminal.write(terminal.text(f"learning.waiting.{standing.waiting}"))
    if standing.working is not None:
        terminal.write(terminal.text("learning.working", language=standing.working))
    terminal.write(terminal.text("learning.spent", calls=standing.calls_today, most=standing.calls_a_day))
    for report in standing.reports:
        terminal.write(told(terminal, report))
    for entry in entries:
        day = datetime.fromtimestamp(entry.began_at).astimezone().strftime("%Y-%m-%d %H:%M")
        outcome = terminal.text(f"learning.outcome.{entry.outcome or 'running'}", **_figures(entry.details))
        terminal.write(f"{day}  {entry.prompt}.{entry.language}  {entry.calls}  {outcome}")


def on(ctx: typer.Context) -> None:
    _switch(ctx.obj, on=True)


def off(ctx: typer.Context) -> None:
    _switch(ctx.obj, on=False)


def now(ctx: typer.Context) -> None:
    """Look at once."""
    terminal: Terminal = ctx.obj

    async def work() -> list[ChatReport]:
        async with open_assistant(terminal) as assistant:
            return list(await assistant.idle.look())

    for report in terminal.run(work()):
        terminal.write(told(terminal, report))


def told(terminal: Terminal, report: ChatReport) -> str:
    """A report as a sentence."""
    agreement = report.agreement
    figures = {
        "version": report.version,
        "missing": report.missing if report.missing is not None else "?",
        "ratings": agreement.ratings,
        "agreement": f"{agreement.area:.0%}",
        "questions": report.questions,
    }
    return f"chat.{report.language}: {terminal.text(f'learning.outcome.{report.outcome}', **figures)}"


def _figures(details: Any) -> dict[str, Any]:
    agreement = details.get("agreement", {})
    missing = details.get("missing")
    return {
        "version": details.get("version", ""),
        "missing": missing if missing is not None else "?",
        "ratings": agreement.get("ratings", 0),
        "agreement": f"{agreement.get('area', 0.5):.0%}",
        "questions": details.get("questions", 0),
    }


def _switch(terminal: Terminal, *, on: bool) -> None:
    async def work() -> None:
        async with open_assistant(terminal) as assistant:
            await assistant.idle.switch(on)

    terminal.run(work())
    terminal.say(f"learning.{'on' if on else 'off'}")
