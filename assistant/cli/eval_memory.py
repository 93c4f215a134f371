"""`patina eval memory`: how well recall finds what was said, measured on questions with known evidence."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from assistant.cli.terminal import Terminal

_EVERY_S: Final = 10.0
"""Between two lines about how far embedding has come."""


def memory(
    ctx: typer.Context,
    beir: Annotated[Path, typer.Option("--beir", metavar="DIR", exists=True, file_okay=False, show_default=False)],
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    terminal: Terminal = ctx.obj
    from assistant.memory.recall_evaluation import measure, read
    from assistant.throwaway import throwaway_memory

    told = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal told
        if time.monotonic() - told >= _EVERY_S:
            told = time.monotonic()
            terminal.say("eval_memory.embedding", done=done, total=total)

    figures = _rounded(measure(read(beir), throwaway_memory, tell))
    if as_json:
        terminal.write(json.dumps(figures))
        return
    after, by_category = figures.pop("after"), figures.pop("by_category")
    for name, value in figures.items():
        learned = f"  {terminal.text('eval_memory.after')} {after[name]}" if name in after else ""
        terminal.write(f"{name:<14} {value}{learned}")
    for category, recalls in by_category.items():
        terminal.write(
            terminal.text("eval_memory.category", category=category, cold=recalls["cold"], after=recalls["after"])
        )


def _rounded(figures: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _rounded(value) if isinstance(value, dict) else round(value, 4) if isinstance(value, float) else value
        for name, value in figures.items()
    }
