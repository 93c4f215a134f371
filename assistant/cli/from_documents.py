"""The options that say whether a conversation in the terminal is answered from documents, and from which."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from assistant.cli.home import Door
from assistant.memory.records import DocumentMode

Documents: TypeAlias = Annotated[
    DocumentMode | None, typer.Option("--documents", "-d", metavar="auto|always|never", show_default=False)
]
Collection: TypeAlias = Annotated[str, typer.Option("--collection", metavar="NAME", show_default=False)]


async def choose(assistant: Door, conversation_id: str, mode: DocumentMode | None, collection: str) -> None:
    """Keep what was asked for with the conversation; nothing changes where nothing was. A collection alone is looked
    in always."""
    if mode is not None or collection:
        await assistant.citations.choose(conversation_id, mode or "always", collection)
