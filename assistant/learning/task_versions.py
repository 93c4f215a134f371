"""Prompts of a person's own tasks as versions, apart from each other and from the prompts that Patina itself asks."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from assistant.errors import NotFound
from assistant.memory.prompt_versions import Author, PromptVersionRecord, PromptVersionStore
from assistant.prompting.candidate import Candidate
from assistant.prompting.library import PromptLibrary

MADE_WITH: Final = "model"
"""In the evidence of a version, the model it was found with; what is found with one says nothing of others."""
BEGAN: Final = "began"
"""In the evidence of a version, what it was found from, where that was several."""
PURPOSE: Final = "task"
_ID_DIGITS: Final = 12


def name_of(task: str, library: PromptLibrary) -> str:
    """What the versions of a task are called: another name where Patina has a prompt of that one, for a label is of a
    name, and the one of `chat` is for conversations."""
    taken = {name for one in library.all() for name in (one.name, f"{one.name}.{one.language}")}
    while task in taken:
        task = f"{task}-{PURPOSE}"
    return task


def keep(
    versions: PromptVersionStore,
    name: str,
    language: str,
    learned: Candidate,
    *,
    parent_id: str | None,
    author: Author,
    evidence: Mapping[str, Any],
) -> PromptVersionRecord:
    """A version of the task `name`, which says the same as that of another task and is another one all the same. One
    that is found again from another beginning has both."""
    digest = hashlib.sha256(f"{name}.{language} {learned.id}".encode()).hexdigest()[:_ID_DIGITS]
    with suppress(NotFound):
        known = versions.get(digest)
        began = [*known.evidence.get(BEGAN, ()), *filter(None, (known.parent_id, parent_id))]
        if len(set(began)) > 1:
            evidence = {**evidence, BEGAN: list(dict.fromkeys(began))}
    versions.remember(
        digest,
        name=name,
        language=language,
        purpose=PURPOSE,
        text=learned.instruction,
        content=learned.as_json(),
        parent_id=parent_id,
        author=author,
        evidence=evidence,
    )
    return versions.get(digest)
