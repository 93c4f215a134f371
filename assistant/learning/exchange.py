"""Prompts on their way out of this home, and on their way in.

What comes in is another's word: it is checked, kept as a version, and never put in use by itself. Its evidence stays
outside, for it was not seen here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assistant.errors import ImportRefused
from assistant.i18n import Language
from assistant.learning.redaction import redacted_within
from assistant.memory.prompt_versions import Labelled, LabelMove, PromptVersionRecord
from assistant.prompting.candidate import Candidate, Demo
from assistant.prompting.library import PromptLibrary
from assistant.prompting.orders import orders_within, oversteps_within
from assistant.prompting.template import PromptVersion

_LONGEST: Final = 20_000
"""Characters of an instruction with its examples."""


class _Demo(BaseModel):
    model_config = ConfigDict(extra="forbid")

    input: str
    output: str


class _Content(BaseModel):
    """What was learned, as `Candidate.as_json` writes it."""

    model_config = ConfigDict(extra="forbid")

    instruction: Annotated[str, Field(min_length=1)]
    demos: tuple[_Demo, ...] = ()
    nearest: Annotated[int, Field(ge=0, le=16)] = 0
    layout: Literal["turns", "text"] = "turns"
    form: Literal["free", "line", "held"] = "free"
    parameters: dict[str, float] = {}


class _Version(BaseModel):
    id: Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]
    name: Annotated[str, Field(min_length=1, max_length=120)]
    language: Language
    purpose: str
    content: _Content
    parent_id: str | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """A version that may be kept. `seed` is the prompt here that it teaches, None for a task of its own;
    `exported_id` and `exported_parent` are what it and its parent were called where it comes from."""

    name: str
    language: Language
    learned: Candidate
    seed: PromptVersion | None
    exported_id: str
    exported_parent: str | None


def version_lines(
    versions: Iterable[PromptVersionRecord], labels: Iterable[Labelled], moves: Iterable[LabelMove], *, redact: bool
) -> list[str]:
    """Lines of JSON: every version with its evidence, then every label and every move."""
    rows: list[dict[str, Any]] = []
    for version in versions:
        told = {"kind": "version", **asdict(version)}
        if redact:
            told |= {key: redacted_within(told[key]) for key in ("name", "text", "content", "evidence")}
        rows.append(told)
    moved = [{"kind": "label", **asdict(one)} for one in labels] + [{"kind": "move", **asdict(one)} for one in moves]
    if redact:
        moved = [row | {key: redacted_within(row[key]) for key in {"scope", "reason"} & set(row)} for row in moved]
    rows += moved
    return [json.dumps(row, ensure_ascii=False) for row in rows]


def read_versions(text: str, library: PromptLibrary) -> list[Taken]:
    """The versions that were learned or written, in the order of the text, labels and what came with Patina left out.
    ImportRefused names the first line that cannot be taken, and then nothing is."""
    found: list[Taken] = []
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if line.strip():
            taken = _taken(line, number, library)
            found += [taken] if taken else []
    if not found:
        raise ImportRefused(line=1, reason="empty")
    return found


def _taken(line: str, number: int, library: PromptLibrary) -> Taken | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ImportRefused(line=number, reason="not_json") from error
    if not isinstance(row, dict) or row.get("kind") not in ("version", "label", "move"):
        raise ImportRefused(line=number, reason="not_a_version")
    if row["kind"] != "version" or not row.get("content"):
        return None
    try:
        told = _Version.model_validate(row)
    except ValidationError as error:
        raise ImportRefused(line=number, reason="not_a_version") from error
    content = told.content
    demos = tuple(Demo(one.input, one.output) for one in content.demos)
    try:
        learned = Candidate(
            content.instruction, demos, content.nearest, content.layout, content.form, content.parameters
        )
    except ValueError as error:  # parameters beyond their range, or not for learning to set
        raise ImportRefused(line=number, reason="not_a_version") from error
    if learned.length > _LONGEST:
        raise ImportRefused(line=number, reason="too_long")
    seed = None if told.purpose == "task" else _seed(told, number, library)
    # What came with Patina was looked at: there a person may say "answer me in English" for it to be noted.
    brought = [one for one in demos if seed is None or one not in seed.examples]
    if oversteps_within(learned.instruction) or any(map(orders_within, (told.name, *_words(brought)))):
        raise ImportRefused(line=number, reason="order")
    return Taken(told.name, told.language, learned, seed, told.id, told.parent_id)


def _words(demos: Sequence[Demo]) -> list[str]:
    return [text for demo in demos for text in (demo.input, demo.output)]


def _seed(told: _Version, number: int, library: PromptLibrary) -> PromptVersion:
    here = next((one for one in library.all() if (one.name, one.language) == (told.name, told.language)), None)
    if here is None or not here.instruction:
        raise ImportRefused(line=number, reason="no_such_prompt")
    return here
