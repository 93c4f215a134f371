"""`patina prompts trials`: what is on trial and how it stands."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from assistant.cli.home import open_assistant
from assistant.cli.terminal import Terminal

if TYPE_CHECKING:
    from assistant.learning.recorder import TrialStanding
    from assistant.memory.prompt_versions import LabelMove, Scope


def trials(ctx: typer.Context, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """What is on trial, and what moved so far."""
    terminal: Terminal = ctx.obj

    async def work() -> tuple[list[TrialStanding], list[LabelMove], dict[str | None, str]]:
        async with open_assistant(terminal) as assistant:
            desk = assistant.desk
            called: dict[str | None, str] = {one.id: one.called for one in await desk.versions()}
            return await desk.trials(), await desk.moves(), called

    running, moves, called = terminal.run(work())
    if as_json:
        told = {"trials": [asdict(one) for one in running], "moves": [asdict(move) for move in moves]}
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    if not running:
        terminal.say("prompts.no_trials")
    for one in running:
        place = place_of(one.scope)
        counts = {"ratings": one.canary_labels, "others": one.production_labels, "share": f"{one.share:.0%}"}
        version = called.get(one.canary, one.canary)
        terminal.write(terminal.text("prompts.standing", version=version, name=place, **counts))
        if not (one.canary_labels and one.production_labels):
            continue
        terminal.write(f"    {chances(terminal, one)}")
        terminal.write(f"    {pleased(terminal, one)}")
    for move in moves:
        day = datetime.fromtimestamp(move.moved_at).astimezone().strftime("%Y-%m-%d %H:%M")
        label = terminal.text(f"prompts.label.{move.label}")
        way = f"{called.get(move.from_id, '–')} → {called.get(move.to_id, '–')}"
        known = terminal.sentences.find(terminal.language, f"prompts.why.{move.reason.removeprefix('#')}")
        why = known if known is not None and move.reason.startswith("#") else move.reason
        terminal.write(f"{day}  {place_of(move.scope)}  {label}  {way}  {why}".rstrip())


def chances(terminal: Terminal, standing: TrialStanding) -> str:
    """How probable it is to be better, and about how much is missing until that is known."""
    missing = "prompts.missing_unknown" if standing.missing is None else "prompts.missing"
    if standing.many_missing:
        missing = "prompts.missing_many"
    return terminal.text(missing, count=standing.missing, better=f"{standing.chance:.0%}")


def pleased(terminal: Terminal, standing: TrialStanding) -> str:
    """How pleased people are with either version."""
    ours, theirs = standing.canary_satisfaction, standing.production_satisfaction
    shares = {"mean": ours.mean, "low": ours.low, "high": ours.high}
    others = {"other": theirs.mean, "other_low": theirs.low, "other_high": theirs.high}
    return terminal.text("prompts.pleased", **{name: f"{share:.0%}" for name, share in {**shares, **others}.items()})


def only_for(scope: Scope) -> str:
    of = ", ".join(part for part in (scope.intent, scope.model) if part)
    return f" ({of})" if of else ""


def place_of(scope: Scope) -> str:
    return f"{scope.name}.{scope.language}{only_for(scope)}"
