"""The checks of `patina doctor` that look at the indexes, and mend them with `--fix`."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import asdict
from typing import TYPE_CHECKING

from assistant.cli.checks import Finding
from assistant.cli.home import Door
from assistant.cli.terminal import Terminal
from assistant.i18n import human_bytes

if TYPE_CHECKING:
    from assistant.memory.vector_standing import IndexStanding


async def indexes(terminal: Terminal, assistant: Door, *, fix: bool) -> AsyncGenerator[Finding, None]:
    """One line each; with `fix`, what is not whole is made so first."""
    if fix:
        told: dict[str, int] = {}
        async for step in assistant.indexes.mend():
            percent = 100 * step.held // step.wanted if step.wanted else 100
            if percent // 10 != told.get(step.name, -1):
                told[step.name] = percent // 10
                terminal.say("doctor.mending", index=terminal.text(f"doctor.index.{step.name}"), percent=percent)
    yield await _embedder(terminal, assistant)
    for standing in await assistant.indexes.standings():
        yield _finding(terminal, standing)


async def _embedder(terminal: Terminal, assistant: Door) -> Finding:
    standing = await assistant.indexes.embedder()
    text = terminal.text(f"doctor.embedder.{standing.state}", name=standing.name)
    if standing.state == "missing":
        advice = terminal.text("doctor.embedder.pull", name=standing.fetched_as)
        return Finding("warning", "embedder", text, advice, asdict(standing))
    return Finding("ok", "embedder", text, facts=asdict(standing))


def _finding(terminal: Terminal, standing: IndexStanding) -> Finding:
    facts = {"held": standing.held, "wanted": standing.wanted, "dead": standing.dead, "size": standing.size}
    name = terminal.text(f"doctor.index.{standing.name}")
    told = {**facts, "size": human_bytes(standing.size), "index": name}
    key = standing.state if standing.size or standing.state != "sound" else "sound_within"
    text = terminal.text(f"doctor.index_state.{key}", **told)
    match standing.state:
        case "none" | "sound":
            return Finding("ok", "indexes", text, facts=facts)
        case "damaged":
            return Finding("problem", "indexes", text, terminal.text("doctor.index_fix"), facts)
        case state:
            return Finding("warning", "indexes", text, terminal.text(f"doctor.index_{state}"), facts)
