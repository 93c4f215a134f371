"""An export: what is kept as lines of JSON that anybody can read, beside the files it speaks of."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from ulid import ULID

from assistant.archive.backup import file_of, is_as_read, linked_files, own_files
from assistant.archive.manifest import FileEntry, Manifest, safe_part
from assistant.archive.steps import ArchiveStep, Work
from assistant.archive.writer import Member, discard, write
from assistant.memory.database import Database, explained
from assistant.memory.exchange_lines import FILES, DocumentLine, Line
from assistant.memory.exporting import Exporting
from assistant.memory.schema import STEPS
from assistant.paths import Paths

PROMPTS: Final = "prompts.jsonl"
JUDGEMENTS: Final = "passage_judgements"
"""Is in no import: see JudgementLine."""
_TOLD_EVERY: Final = 500
"""Lines."""


def export(paths: Paths, db: Database, target: Path, version: str, prompts: Sequence[str]) -> Work:
    """Write an export to `target`: a zip where its name ends so, else a folder. `prompts` are the versions, labels and
    moves of prompts as the prompt desk tells them. There are never any tokens or keys in it."""
    yield ArchiveStep("gathering")
    drafts = paths.drafts / str(ULID())
    try:
        with explained(paths.drafts):
            drafts.mkdir(mode=0o700, parents=True)
        reading = Exporting(db)
        members: list[Member] = []
        counts: dict[str, int] = {}
        for name in FILES:
            lines = _with_files(paths, reading, members) if name == "documents" else reading.lines(name)
            yield from _written(drafts / f"{name}.jsonl", lines, counts, name)
        with (drafts / PROMPTS).open("w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in prompts)
        counts["prompts"] = len(prompts)
        yield from _written(drafts / f"{JUDGEMENTS}.jsonl", reading.judgements(), counts, JUDGEMENTS)
        members += [Member(f"{name}.jsonl", drafts / f"{name}.jsonl") for name in (*FILES, JUDGEMENTS)]
        members.append(Member(PROMPTS, drafts / PROMPTS))
        with db.held():
            members += linked_files(paths.attachments, reading.attachments(), drafts)
        members += own_files(paths, drafts, secrets=False)

        def describe(files: tuple[FileEntry, ...]) -> Manifest:
            return Manifest(
                kind="export",
                database=STEPS[-1].number,
                version=version,
                made_at=time.time(),
                counts=counts,
                files=files,
            )

        yield from write(target, members, describe, folder=target.suffix.lower() != ".zip")
        yield ArchiveStep("done", path=str(target), counts=counts)
    finally:
        discard(drafts)


def _written(path: Path, lines: Iterable[Line], counts: dict[str, int], name: str) -> Work:
    counts[name] = 0
    with explained(path), path.open("w", encoding="utf-8") as file:
        for line in lines:
            file.write(line.model_dump_json(exclude_defaults=True) + "\n")
            counts[name] += 1
            if not counts[name] % _TOLD_EVERY:
                yield ArchiveStep("gathering", counts[name])


def _with_files(paths: Paths, reading: Exporting, members: list[Member]) -> Iterable[Line]:
    """Documents whose file is as it was read carry that, the others what was read."""
    for line in reading.lines("documents"):
        if not isinstance(line, DocumentLine) or line.pasted:
            yield line
            continue
        lies = file_of(paths, line.source, reading.stored(line.id))
        if is_as_read(lies, line.sha256):
            file = f"documents/{line.id}/{safe_part(Path(line.source).name)}"
            members.append(Member(file, lies))
            yield line.model_copy(update={"file": file, "text": None})
        else:
            yield line
