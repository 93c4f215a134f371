"""Takes an export in, beside what is here. Nothing in it is run, put in use or let in unasked; twice is once."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import ValidationError
from ulid import ULID

from assistant.archive.export import PROMPTS
from assistant.archive.manifest import own_name
from assistant.archive.reader import ArchiveReader
from assistant.archive.steps import ArchiveStep, Work
from assistant.archive.writer import discard
from assistant.errors import ArchiveRefused
from assistant.memory.database import explained
from assistant.memory.exchange_lines import FILES, LONGEST_LINE, AttachmentLine, DocumentLine, Line
from assistant.memory.importing import Importing
from assistant.paths import Paths

L = TypeVar("L", bound=Line)
_BATCH: Final = 100


def take(paths: Paths, archive: Path, into: Importing) -> Generator[ArchiveStep, None, str]:
    """The lines about prompts, which are the prompt desk's to judge, come back when the rest is in.

    All lines are read once before the first is taken: one that is not as it should be changes nothing. What is taken is
    taken in batches, so that one that was broken off is simply begun again. Raises ArchiveRefused.
    """
    reader = ArchiveReader(archive, "export")
    staged = paths.drafts / str(ULID())
    try:
        yield from reader.unpacked(staged)
        total = 0
        for name, kind in FILES.items():
            for _ in _lines(staged, name, kind):
                total += 1
                if not total % _BATCH:
                    yield ArchiveStep("checking", total)
        yield from _taken(paths, staged, into, total)
        prompts = staged / PROMPTS
        return prompts.read_text("utf-8", "replace") if prompts.is_file() else ""
    finally:
        discard(staged)


def _taken(paths: Paths, staged: Path, into: Importing, total: int) -> Work:
    def attached(line: AttachmentLine) -> bytes | None:
        file = staged / "attachments" / line.sha256
        return file.read_bytes() if file.is_file() else None

    def documents(lines: list[Any]) -> None:
        into.put_documents([(line, _placed(paths, staged, line, into)) for line in lines])

    takes: dict[str, Callable[[list[Any]], None]] = {
        "people": into.put_people,
        "conversations": into.put_conversations,
        "turns": lambda lines: into.put_turns(lines, attached),
        "signals": into.put_signals,
        "facts": into.put_facts,
        "documents": documents,
    }
    done = 0
    for name, kind in FILES.items():
        lines = _lines(staged, name, kind)
        while batch := list(islice(lines, _BATCH)):
            with explained(paths.home):
                takes[name](batch)
            done += len(batch)
            yield ArchiveStep("taking", done, total)
        if name == "turns":
            into.put_rest(attached)
    into.end()


def _placed(paths: Paths, staged: Path, line: DocumentLine, into: Importing) -> str | None:
    """What a document's file is called in this home's own folder from now on."""
    if line.file is None or into.knows_document(line.id):
        return None
    file = staged / line.file
    if not line.file.startswith(f"documents/{line.id}/") or not file.is_file():
        return None
    stored = own_name(line.id, file.name)
    paths.documents.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.replace(paths.documents / stored)
    return stored


def _lines(staged: Path, name: str, kind: type[L]) -> Iterator[L]:
    path = staged / f"{name}.jsonl"
    if not path.is_file():
        return
    with path.open("rb") as file:
        number = 0
        while text := file.readline(LONGEST_LINE + 1):
            number += 1
            if not text.strip():
                continue
            try:
                if len(text) > LONGEST_LINE:
                    raise ValueError("too long")  # noqa: TRY301 - one sentence for all that is wrong with a line
                yield kind.model_validate(json.loads(text))
            except (ValidationError, ValueError, RecursionError) as error:
                raise ArchiveRefused(path.relative_to(staged) / str(number), "lines") from error
