"""`patina learning`: what is learned in idle time, and its switch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import typer

from assistant.cli.home import open_assistant
from assistant.cli.run_report import drawn
from assistant.cli.terminal import Terminal

if TYPE_CHECKING:
    from assistant.learning.chat_learning import ChatReport
    from assistant.learning.idle_standing import IdleStanding
    from assistant.learning.judge import JudgeStanding
    from assistant.memory.learning_log import LearningEntry
    from assistant.prompting.progress import RunProgress

_UNTIL_IT_BEGINS_S: Final = 0.2


def status(ctx: typer.Context) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> tuple[IdleStanding, list[LearningEntry], list[JudgeStanding]]:
        async with open_assistant(terminal) as assistant:
            idle = assistant.idle
            return await idle.standing(), await idle.entries(), await assistant.judge.standings()

    standing, entries, judges = terminal.run(work())
    terminal.write(terminal.text(f"learning.{'on' if standing.on else 'off'}"))
    if standing.on and standing.waiting is not None:
        terminal.write(terminal.text(f"learning.waiting.{standing.waiting}"))
    if standing.working is not None:
        language = terminal.text(f"learning.language_{standing.working}")
        terminal.write(terminal.text("learning.working", language=language))
    terminal.write(terminal.text("learning.spent", calls=standing.calls_today, most=standing.calls_a_day))
    for report in standing.reports:
        terminal.write(told(terminal, report))
    for one in judges:
        terminal.write(_judged(terminal, one))
    for entry in entries:
        day = datetime.fromtimestamp(entry.began_at).astimezone().strftime("%Y-%m-%d %H:%M")
        outcome = _sentence(terminal, entry.outcome, entry.details)
        terminal.write(f"{day}  {entry.prompt}.{entry.language}  {entry.calls}  {outcome}")


def on(ctx: typer.Context) -> None:
    _switch(ctx.obj, on=True)


def off(ctx: typer.Context) -> None:
    _switch(ctx.obj, on=False)


def now(ctx: typer.Context) -> None:
    """Look at once."""
    terminal: Terminal = ctx.obj

    async def work(tell: Callable[[RunProgress], None]) -> list[ChatReport]:
        async with open_assistant(terminal) as assistant:
            looking = asyncio.ensure_future(assistant.idle.look())
            while not looking.done():
                async for standing in assistant.idle.follow():
                    if standing.progress is not None:
                        tell(standing.progress)
                await asyncio.wait({looking}, timeout=_UNTIL_IT_BEGINS_S)
            return list(await looking)

    with drawn(terminal, silent=False) as tell:
        reports = terminal.run(work(tell))
    for report in reports:
        terminal.write(told(terminal, report))


def cancel(ctx: typer.Context) -> None:
    """End the look that is under way in the Patina that runs."""
    terminal: Terminal = ctx.obj

    async def work() -> bool:
        async with open_assistant(terminal) as assistant:
            looking = (await assistant.idle.standing()).looking
            await assistant.idle.cancel()
            return looking

    terminal.say("learning.cancelled" if terminal.run(work()) else "learning.nothing_to_cancel")


def judge(ctx: typer.Context) -> None:
    """Ask the model about the pairs the owner decided."""
    terminal: Terminal = ctx.obj

    async def work() -> list[JudgeStanding]:
        async with open_assistant(terminal) as assistant:
            return list(await assistant.judge.look())

    for one in terminal.run(work()):
        terminal.write(_judged(terminal, one))


def _judged(terminal: Terminal, standing: JudgeStanding) -> str:
    """How far a judge agrees with the owner, as a sentence."""
    from assistant.learning.judge import figures_of

    how, figures = figures_of(standing)
    return f"{standing.language}: {terminal.text(f'learning.judge.{how}', **figures)}"


def told(terminal: Terminal, report: ChatReport) -> str:
    """A report as a sentence."""
    from assistant.learning.chat_learning import evidence_of

    return f"chat.{report.language}: {_sentence(terminal, report.outcome, evidence_of(report))}"


def _sentence(terminal: Terminal, outcome: str, evidence: Mapping[str, Any]) -> str:
    from assistant.learning.chat_learning import figures_of

    return terminal.text(f"learning.outcome.{outcome or 'running'}", **figures_of(evidence))


def _switch(terminal: Terminal, *, on: bool) -> None:
    async def work() -> None:
        async with open_assistant(terminal) as assistant:
            await assistant.idle.switch(on)

    terminal.run(work())
    terminal.say(f"learning.{'on' if on else 'off'}")
