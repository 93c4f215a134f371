"""Prompts on their way out of this home, and on their way in.

What comes in is another's word: it is checked, kept as a version, and never put in use by itself. Its evidence stays
outside, for it was not seen here. What a person wrote for a task of their own comes in as it is: it answers that task
alone, without tools, once a person has put it in use.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assistant.errors import ImportRefused
from assistant.i18n import Language
from assistant.learning.redaction import redacted_within
from assistant.learning.task_versions import PURPOSE
from assistant.memory.prompt_versions import Labelled, LabelMove, PromptVersionRecord
from assistant.prompting.candidate import Candidate, Demo
from assistant.prompting.library import PromptLibrary
from assistant.prompting.orders import orders_within, oversteps_within
from assistant.prompting.template import PromptVersion

_LONGEST: Final = 20_000
"""Characters of an instruction with its examples."""
_LONGEST_NAME: Final = 120
_ID: Final = re.compile(r"^[0-9a-f]{12}$")


class _Demo(BaseModel):
    model_config = ConfigDict(extra="forbid")

    input: str
    output: str


class _Content(BaseModel):
    """What was learned, as `Candidate.as_json` writes it."""

    model_config = ConfigDict(extra="forbid")

    instruction: str
    demos: tuple[_Demo, ...] = ()
    nearest: Annotated[int, Field(ge=0, le=16)] = 0
    layout: Literal["turns", "text"] = "turns"
    form: Literal["free", "line", "held"] = "free"
    parameters: dict[str, float] = {}


class _Version(BaseModel):
    id: Annotated[str, Field(pattern=_ID.pattern)]
    name: Annotated[str, Field(min_length=1)]
    language: Language
    purpose: str
    content: _Content
    parent_id: str | None = None
    author: str = ""

    @property
    def task(self) -> tuple[str, str] | None:
        return (self.name, self.language) if self.purpose == PURPOSE else None


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
    typed: dict[tuple[str, str] | None, list[str]] = {}
    """For each task what persons wrote for it, which stands before what was learned from there on."""
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        told = _told(line, number) if line.strip() else None
        if told is None:
            continue
        if told.task and told.author == "person":
            typed.setdefault(told.task, []).append(told.content.instruction)
        found.append(_taken(told, number, library, typed.get(told.task, ())))
    if not found:
        raise ImportRefused(line=1, reason="empty")
    return found


def read_absent(text: str, library: PromptLibrary) -> list[tuple[str, str, Language]]:
    """Id, name and language of the versions of prompts here that `read_versions` leaves out: texts of another Patina,
    or a person's own. What is no line of such a version is passed over."""
    places = {f"{one.name}.{one.language}": one for one in library.all()}
    found = []
    for line in text.removeprefix("\ufeff").split("\n"):
        with suppress(ImportRefused, ValueError, RecursionError):
            row = json.loads(line) if line.strip() and _told(line, 0) is None else {}
            place = places.get(f"{row.get('name')}.{row.get('language')}")
            if row.get("kind") == "version" and place is not None and _ID.fullmatch(str(row.get("id"))):
                found.append((str(row["id"]), place.name, place.language))
    return found


def _told(line: str, number: int) -> _Version | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ImportRefused(line=number, reason="not_json") from error
    if not isinstance(row, dict) or row.get("kind") not in ("version", "label", "move"):
        raise ImportRefused(line=number, reason="not_a_version")
    if row["kind"] != "version" or not row.get("content"):
        return None
    try:
        return _Version.model_validate(row)
    except ValidationError as error:
        raise ImportRefused(line=number, reason="not_a_version") from error


def _taken(told: _Version, number: int, library: PromptLibrary, typed: Sequence[str]) -> Taken:
    """`typed` is what persons wrote for the task, empty where that is not known; the rest is judged."""
    learned = _learned(told.content, number)
    if not typed and not (learned.instruction and len(told.name) <= _LONGEST_NAME):
        raise ImportRefused(line=number, reason="not_a_version")
    added = replace(learned, instruction=_without(typed, learned.instruction))
    if added.length > _LONGEST:
        raise ImportRefused(line=number, reason="too_long")
    seed = None if told.task else _seed(told, number, library)
    # What came with Patina was looked at: there a person may say "answer me in English" for it to be noted.
    brought = [one for one in learned.demos if seed is None or one not in seed.examples]
    name = () if typed else (told.name,)
    if oversteps_within(added.instruction) or any(map(orders_within, (*name, *_words(brought)))):
        raise ImportRefused(line=number, reason="order")
    return Taken(told.name, told.language, learned, seed, told.id, told.parent_id)


def _learned(content: _Content, number: int) -> Candidate:
    demos = tuple(Demo(one.input, one.output) for one in content.demos)
    try:
        "".join([content.instruction, *_words(demos)]).encode()  # half a sign is no text
        return Candidate(content.instruction, demos, content.nearest, content.layout, content.form, content.parameters)
    except ValueError as error:  # parameters beyond their range, or not for learning to set
        raise ImportRefused(line=number, reason="not_a_version") from error


def _without(typed: Sequence[str], instruction: str) -> str:
    """What was put around the words of a person, the longest first, for one may hold another."""
    for words in sorted(filter(None, typed), key=len, reverse=True):
        instruction = instruction.replace(words, " ")
    return instruction


def _words(demos: Sequence[Demo]) -> list[str]:
    return [text for demo in demos for text in (demo.input, demo.output)]


def _seed(told: _Version, number: int, library: PromptLibrary) -> PromptVersion:
    here = next((one for one in library.all() if (one.name, one.language) == (told.name, told.language)), None)
    if here is None or not here.instruction:
        raise ImportRefused(line=number, reason="no_such_prompt")
    return here
