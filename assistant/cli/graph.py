"""`patina kb graph`: the names in a person's documents, what stands with one of them, and where."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assistant.cli.home import open_assistant
from assistant.cli.terminal import Terminal

if TYPE_CHECKING:
    from assistant.knowledge.graph_desk import Neighbourhood, Spoken
    from assistant.memory.graph import Entity


def graph(
    ctx: typer.Context,
    name: Annotated[list[str] | None, typer.Argument(show_default=False)] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=60)] = 18,
) -> None:
    terminal: Terminal = ctx.obj
    query = " ".join(name or ())

    async def work() -> tuple[list[Entity], Neighbourhood | None, list[Spoken]]:
        async with open_assistant(terminal) as assistant:
            found = await assistant.graph.entities(query, limit)
            if not query or not found:
                return found, None, []
            chosen = next((one for one in found if one.name.casefold() == query.casefold()), found[0])
            around = await assistant.graph.around(chosen.id, limit)
            return found, around, await assistant.graph.passages(chosen.id, limit)

    found, around, passages = terminal.run(work())
    if not found:
        terminal.say("kb.no_names")
    if around is None:
        for one in found:
            terminal.write(terminal.text("kb.named", name=one.name, passages=one.passages, documents=one.documents))
        return
    terminal.write(
        terminal.text(
            "kb.named", name=around.entity.name, passages=around.entity.passages, documents=around.entity.documents
        )
    )
    names = {place.entity.id: place.entity.name for place in around.places}
    for line in around.relations:
        terminal.write(f"  {names[line.subject_id]} — {line.predicate} — {names[line.object_id]}")
        terminal.write(f"    “{line.quote}”")
    for pair in sorted(around.together, key=lambda one: -one.passages):
        if around.entity.id in (pair.a, pair.b):
            other = names[pair.b if pair.a == around.entity.id else pair.a]
            terminal.write(f"  {terminal.text('kb.beside', name=other, passages=pair.passages)}")
    for spoken in passages:
        terminal.write(f"  {Path(spoken.document.source).name}: {' '.join(spoken.chunk.text.split())[:160]}")
