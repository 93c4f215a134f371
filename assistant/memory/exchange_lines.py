"""The lines of an export: what is kept, one JSON object each, in the form that docs/export.md describes.

They name things as people do and not as the tables do, so that the schema may change and an export stays readable.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from assistant.events import FinishReason
from assistant.memory.records import Face, SignalKind, TitleSource, TurnSource, TurnStatus

Id: TypeAlias = Annotated[str, Field(pattern=r"^[0-9A-HJKMNP-TV-Z]{26}$")]
"""A ULID: its beginning is the time at which it was made."""
Digest: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Text: TypeAlias = Annotated[str, Field(max_length=4_000_000)]
Short: TypeAlias = Annotated[str, Field(max_length=100_000)]
Count: TypeAlias = Annotated[int, Field(ge=0, lt=2**53)]
Time: TypeAlias = Annotated[float, Field(ge=0, lt=1e11, allow_inf_nan=False)]
"""Seconds since the epoch."""
Millis: TypeAlias = Annotated[float, Field(ge=0, allow_inf_nan=False)]

LONGEST_LINE: Final = 64_000_000
"""Bytes of one line."""


class Line(BaseModel):
    """A line of one of the files; what a newer Patina adds is passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class PersonLine(Line):
    """Somebody who came in through a messenger."""

    id: Id
    face: Face
    external_id: Short
    name: Short
    paired_at: Time
    conversation: Id | None = None


class ConversationLine(Line):
    """`head` is the turn at the end of the branch that is shown."""

    id: Id
    title: Short = ""
    titled_by: TitleSource = "question"
    created_at: Time
    updated_at: Time
    head: Id | None = None
    shared: bool = False
    group: Short = ""
    """Shared ones of one group have it in common."""


class AttachmentLine(Line):
    """A file that came with a question; it lies in `attachments/` under its sha256. `media` and `text` are told of a
    picture."""

    id: Id
    name: Short
    size: Count
    sha256: Digest
    media: Short = ""
    text: Text = ""


class EditLine(Line):
    """What a person made of an answer; the newest one is shown."""

    id: Id
    text: Text
    face: Face
    person: Id | None = None
    created_at: Time


class TurnLine(Line):
    """A question and its answer. `parent` is the turn before it, `source_turn` the one that was asked again or edited,
    `copied_from` the one that a branch says again; `noted` says that what it tells of the person was noted already,
    `ruled` that its instructions were."""

    id: Id
    conversation: Id
    parent: Id | None = None
    source: TurnSource = "new"
    source_turn: Id | None = None
    face: Face
    person: Id | None = None
    status: TurnStatus
    question: Text
    answer: Text = ""
    reasoning: Text = ""
    attachments: tuple[AttachmentLine, ...] = ()
    edits: tuple[EditLine, ...] = ()
    error: Short | None = None
    model: Short = ""
    prompt_version: Short = ""
    intent: Short = ""
    finish_reason: FinishReason | None = None
    prompt_tokens: Count = 0
    completion_tokens: Count = 0
    cached_tokens: Count = 0
    queue_ms: Millis = 0
    first_token_ms: Millis = 0
    total_ms: Millis = 0
    tokens_per_second: Millis = 0
    dropped_turns: Count = 0
    created_at: Time
    finished_at: Time | None = None
    noted: bool = False
    ruled: bool = False
    copied_from: Id | Literal[""] = ""


class SignalLine(Line):
    """What a person did with an answer."""

    id: Id
    turn: Id
    kind: SignalKind
    face: Face
    person: Short | None = None
    reason: Short = ""
    measure: Annotated[float | None, Field(ge=0, le=1)] = None
    other_turn: Id | None = None
    citation: Annotated[int | None, Field(gt=0, lt=10_000)] = None
    created_at: Time


class FactLine(Line):
    """Something known about a person; `scope` is owner, the id of a person, or shared and a group. In a group,
    `person` is whose it is."""

    id: Id
    scope: Short
    kind: Literal["instruction", "fact"]
    key: Short = ""
    text: Annotated[str, Field(min_length=1, max_length=300)]
    quote: Text = ""
    turn: Id | None = None
    author: Literal["rule", "model", "person"]
    pinned: bool = False
    valid_from: Time
    valid_to: Time | None = None
    superseded_by: Id | None = None
    person: Id | None = None
    prompt_version: Short = ""


class DocumentLine(Line):
    """A document: `file` is its name in the export, where the file could be read; else `text` is what was read."""

    id: Id
    collection: Annotated[str, Field(min_length=1, max_length=200)]
    source: Annotated[str, Field(min_length=1, max_length=4000)]
    title: Short = ""
    type: Annotated[str, Field(max_length=20)] = ""
    size: Count = 0
    sha256: str = ""
    modified_at: Time = 0
    added_at: Time
    pasted: bool = False
    file: str | None = None
    text: Annotated[str | None, Field(max_length=50_000_000)] = None


class JudgementLine(Line):
    """A person said whether a passage is a right one for a question; `signals` is why it was found. To be read only:
    passages are cut anew where documents are taken in."""

    id: Id
    question: Text
    document: Id
    passage: Text
    right: bool
    signals: dict[str, float | None] = {}
    judged_at: Time


FILES: Final[dict[str, type[Line]]] = {
    "people": PersonLine,
    "conversations": ConversationLine,
    "turns": TurnLine,
    "signals": SignalLine,
    "facts": FactLine,
    "documents": DocumentLine,
}
"""In the order in which they are taken in: each points to those before it."""
