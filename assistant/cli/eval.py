"""`patina eval`: how good search is, measured on questions with known answers."""

from __future__ import annotations

import json
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from assistant.cli.terminal import Terminal

_EVERY_S: Final = 10.0
"""Between two lines about how far embedding has come."""
_COUNTS: Final = frozenset({"empty_lexical"})


class Way(StrEnum):
    BOTH = "both"
    WORDS = "words"
    MEANING = "meaning"


def retrieval(
    ctx: typer.Context,
    beir: Annotated[Path, typer.Option("--beir", metavar="DIR", exists=True, file_okay=False, show_default=False)],
    as_json: Annotated[bool, typer.Option("--json")] = False,
    way: Annotated[Way, typer.Option("--way")] = Way.BOTH,
) -> None:
    terminal: Terminal = ctx.obj
    from assistant.knowledge.evaluation import measure, read
    from assistant.throwaway import throwaway_shelf

    asked = read(beir)
    told = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal told
        if time.monotonic() - told >= _EVERY_S:
            told = time.monotonic()
            terminal.say("eval.embedding", done=done, total=total)

    with throwaway_shelf() as (shelf, folder):
        measured = measure(shelf, asked, way=way.value, size=lambda: _size(folder), tell=tell)
    figures = {name: int(value) if name in _COUNTS else round(value, 4) for name, value in measured.items()}
    if as_json:
        terminal.write(json.dumps(figures))
        return
    for name, value in figures.items():
        terminal.write(f"{name:<14} {value}")


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
