"""Messages between the engine and its process: one JSON line each, `{"id": …, "kind": …, "body": {…}}`.

`id` is chosen by the parent for each request and repeated in every answer to it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, TypeAlias

from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError, from_json

from assistant.errors import (
    AssistantError,
    DeadlinePassed,
    EngineBusy,
    InvalidGrammar,
    ModelLoadFailed,
    NotEnoughMemory,
    PromptTooLong,
)
from assistant.models.protocol import (
    Advanced,
    Completed,
    Embedded,
    Embedding,
    Generation,
    LoadedModel,
    ModelSpec,
    Occupancy,
    Piece,
    PromptPart,
    Scored,
    Scoring,
    Waiting,
)


@dataclass(frozen=True, slots=True)
class Load:
    """Have this model ready."""

    spec: ModelSpec


@dataclass(frozen=True, slots=True)
class Generate:
    """Complete a prompt. `received_at` is the engine's `time.perf_counter()`, which both processes share."""

    spec: ModelSpec
    generation: Generation
    received_at: float


@dataclass(frozen=True, slots=True)
class Score:
    spec: ModelSpec
    scoring: Scoring
    received_at: float


@dataclass(frozen=True, slots=True)
class Embed:
    spec: ModelSpec
    embedding: Embedding
    received_at: float


@dataclass(frozen=True, slots=True)
class Count:
    spec: ModelSpec
    prompt: tuple[PromptPart, ...]


@dataclass(frozen=True, slots=True)
class Describe:
    """Say what is loaded."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Forget the request with the same id; not answered."""


@dataclass(frozen=True, slots=True)
class Forget:
    """Nothing of what was asked so far may stay in memory or be written to disk any more; answered when that is so."""


@dataclass(frozen=True, slots=True)
class Rest:
    """Compute nothing in the background from now on, or go on with it; not answered."""

    on: bool


@dataclass(frozen=True, slots=True)
class Ready:
    """The process's first line, under id 0; `failure` says why it cannot work."""

    version: str
    system_info: str
    gpu_offload: bool
    devices: tuple[str, ...]
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Nothing is left of what was asked before."""


@dataclass(frozen=True, slots=True)
class Counted:
    tokens: int


@dataclass(frozen=True, slots=True)
class Described:
    model: str | None
    loaded: LoadedModel | None
    occupancy: Occupancy = field(default_factory=Occupancy)


@dataclass(frozen=True, slots=True)
class Failed:
    """An error of ours by class name, with its facts."""

    error: str
    facts: dict[str, Any]


Request: TypeAlias = Load | Generate | Score | Embed | Count
"""What waits in the queue, each for a model."""
Command: TypeAlias = Request | Describe | Cancel | Forget | Rest
Answer: TypeAlias = (
    Ready
    | Waiting
    | Advanced
    | Piece
    | Completed
    | Scored
    | Embedded
    | LoadedModel
    | Counted
    | Described
    | Forgotten
    | Failed
)

_KINDS: Final[Mapping[str, type]] = {
    kind.__name__: kind
    for kind in (
        *(Load, Generate, Score, Embed, Count, Describe, Cancel, Forget, Rest),
        *(Ready, Waiting, Advanced, Piece, Completed, Scored, Embedded, LoadedModel, Counted, Described),
        *(Forgotten, Failed),
    )
}
_ERRORS: Final[Mapping[str, type[AssistantError]]] = {
    error.__name__: error
    for error in (PromptTooLong, InvalidGrammar, ModelLoadFailed, NotEnoughMemory, EngineBusy, DeadlinePassed)
}


def encode(request: int, message: Command | Answer) -> bytes:
    """The message as a line. Half a surrogate pair, which is no text, becomes a question mark."""
    kind = type(message).__name__
    adapter = _adapter(kind)
    try:
        body = adapter.dump_json(message)
    except PydanticSerializationError:
        body = json.dumps(adapter.dump_python(message), ensure_ascii=False, default=_plain).encode("utf-8", "replace")
    return b'{"id":%d,"kind":"%s","body":%s}\n' % (request, kind.encode(), body)


def decode(line: bytes) -> tuple[int, Any]:
    """The request's id and the message; ValueError when the line is none of ours."""
    envelope = from_json(line)
    try:
        return int(envelope["id"]), _adapter(envelope["kind"]).validate_python(envelope["body"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a message of the engine: {line[:80]!r}") from error


def failed(error: AssistantError) -> Failed:
    """An error made ready to travel; KeyError for one that is not meant to."""
    return Failed(_ERRORS[type(error).__name__].__name__, error.facts)


def error_of(message: Failed) -> AssistantError:
    """The error that travelled."""
    return _ERRORS[message.error](**message.facts)


@cache
def _adapter(kind: str) -> TypeAdapter[Any]:
    return TypeAdapter(_KINDS[kind])


def _plain(value: object) -> object:
    return value.model_dump() if hasattr(value, "model_dump") else str(value)
