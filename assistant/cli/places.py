"""For what a version answers once somebody has put it there, and for what it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assistant.cli.home import Door

if TYPE_CHECKING:
    from assistant.desk_client import DeskClient
    from assistant.learning.prompt_desk import PromptDesk
    from assistant.memory.prompt_versions import Label, PromptVersionRecord, Scope


def own_words(reason: str) -> str:
    """What a person gives as a reason."""
    from assistant.memory.prompt_versions import in_own_words

    return in_own_words(reason)


async def still_answering(
    desk: PromptDesk | DeskClient, record: PromptVersionRecord, scope: Scope
) -> list[tuple[str, Scope]]:
    """What goes on answering for less than that: what is for one model or one intent comes before what is for all."""
    called = {one.id: one.called for one in await desk.versions()}
    return [
        (called.get(one.version_id, one.version_id), one.scope)
        for one in await desk.labels()
        if one.label == "production" and one.version_id != record.id and scope in one.scope.widened()[1:]
    ]


async def waits(assistant: Door, scope: Scope) -> bool:
    """Whether it is for a model that is not here: a mistyped one, or one that is still to come."""
    return bool(scope.model) and all(one.name != scope.model for one in await assistant.models())


async def where(desk: PromptDesk | DeskClient, record: PromptVersionRecord, label: Label) -> Scope:
    """For what the version wears a label since just now."""
    worn = [one for one in await desk.labels() if (one.label, one.version_id) == (label, record.id)]
    return max(worn, key=lambda one: one.moved_at).scope
